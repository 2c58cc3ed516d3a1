// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import LapwingCore
import SystemPackage
import Testing

@Suite struct EngineTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    private func graph(_ value: String, version: Int = 1, journal: Journal? = nil) throws -> StepGraph {
        try StepGraph([
            textStep("end", ["middle": .output("middle")], journal: journal),
            textStep("middle", version: version, ["start": .output("start"), "other": .value("x")], journal: journal),
            textStep("start", ["value": .value(value)], journal: journal),
        ])
    }

    @Test func `a build gives the result of its last step`() async throws {
        let engine = place.engine()
        let report = try await engine.run(try engine.plan(graph("a"), goals: ["end"]), jobs: 2)
        let text = try Files.text(report.output(of: "end").appending("text"))
        #expect(text == "end v1\nmiddle={middle v1\nother=x\nstart={start v1\nvalue=a\n}\n}\n")
    }

    @Test func `nothing runs when nothing changed`() async throws {
        let engine = place.engine()
        _ = try await engine.run(try engine.plan(graph("a"), goals: ["end"]), jobs: 2)
        let journal = Journal()
        let plan = try engine.plan(graph("a", journal: journal), goals: ["end"])
        #expect(plan.isUpToDate)
        #expect(plan.entries.map(\.state) == [.cached, .cached, .cached])
        let report = try await engine.run(plan, jobs: 2)
        #expect(journal.all.isEmpty)
        #expect(report.steps.allSatisfy { $0.outcome == .cached })
    }

    @Test func `the plan says which input changed`() async throws {
        let engine = place.engine()
        let first = try engine.plan(graph("a"), goals: ["end"])
        #expect(first.entries.map(\.reason) == ["never built", "never built", "never built"])
        _ = try await engine.run(first, jobs: 1)
        let value = try engine.plan(graph("b"), goals: ["end"])
        #expect(
            value.entries.map(\.reason) == [
                "input \"value\" changed", "upstream start changed", "upstream middle changed",
            ])
        let version = try engine.plan(graph("a", version: 2), goals: ["end"])
        #expect(version.entries.map(\.reason) == [nil, "implementation changed", "upstream middle changed"])
    }
}
