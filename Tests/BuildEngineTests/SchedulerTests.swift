// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import LapwingCore
import Synchronization
import SystemPackage
import Testing

@Suite struct SchedulerTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    private func sleeper(
        _ id: StepID, _ milliseconds: Int, after: [StepID] = [], _ gauge: Gauge? = nil, version: Int = 1
    ) -> Step {
        var inputs: [String: StepInput] = [:]
        for id in after { inputs[id.name] = .output(id) }
        return Step(id, title: "sleep", version: version, inputs: inputs) { run in
            gauge?.enter(id)
            defer { gauge?.leave() }
            try await Task.sleep(for: .milliseconds(milliseconds))
            run.metric("slept", Double(milliseconds))
            try write("x", run.output.appending("x"))
        }
    }

    final class Gauge: Sendable {
        private let state = Mutex<(now: Int, most: Int, order: [StepID])>((0, 0, []))
        func enter(_ id: StepID) {
            state.withLock {
                $0.now += 1
                $0.most = max($0.most, $0.now)
                $0.order.append(id)
            }
        }
        func leave() { state.withLock { $0.now -= 1 } }
        var most: Int { state.withLock { $0.most } }
        var order: [StepID] { state.withLock { $0.order } }
    }

    @Test(arguments: [1, 3])
    func `no more steps run at once than allowed, and no fewer`(jobs: Int) async throws {
        let gauge = Gauge()
        let graph = try StepGraph((0..<7).map { sleeper(StepID("s\($0)"), 250, gauge) })
        let engine = place.engine()
        _ = try await engine.run(try engine.plan(graph, goals: graph.steps.map(\.id)), jobs: jobs)
        #expect(gauge.most == jobs)
    }

    @Test func `the longest way to the goal begins first once durations are known`() async throws {
        let engine = place.engine()
        // The second graph has steps of another version, so that all of them run again. Cleaning the
        // cache would not do: it passes over a result whose lock a child of another test still holds.
        func graph(_ gauge: Gauge?, version: Int) throws -> StepGraph {
            try StepGraph([
                sleeper("short", 1, gauge, version: version), sleeper("long1", 1, gauge, version: version),
                sleeper("long2", 1, after: ["long1"], gauge, version: version),
                sleeper("middle", 1, gauge, version: version),
            ])
        }
        let goals: [StepID] = ["short", "long2", "middle"]
        _ = try await engine.run(try engine.plan(graph(nil, version: 1), goals: goals), jobs: 1)
        // What the machine measured depends on its load: the durations to go by are set here.
        let memory = place("cache/last/default.json")
        var last = try JSONText.decode(JSONValue.self, from: Files.read(memory), file: "")
        for (step, seconds) in [("short", 0.5), ("long1", 150.5), ("long2", 150.5), ("middle", 90.5)] {
            guard case .object(var top) = last, case .object(var steps)? = top["steps"],
                case .object(var one)? = steps[step]
            else { return #expect(Bool(false), "the memory has another shape") }
            #expect(one["seconds"] != nil)
            one["seconds"] = .number(seconds)
            steps[step] = .object(one)
            top["steps"] = .object(steps)
            last = .object(top)
        }
        try Files.write(JSONText.encode(last), to: memory)
        let gauge = Gauge()
        let plan = try engine.plan(graph(gauge, version: 2), goals: goals)
        #expect(plan.entries.compactMap(\.expectedSeconds).sorted() == [0.5, 90.5, 150.5, 150.5])
        _ = try await engine.run(plan, jobs: 1)
        #expect(gauge.order == ["long1", "long2", "middle", "short"])
    }

    @Test func `a failing step cancels the others, is named, and finished work is kept`() async throws {
        let journal = Journal()
        let engine = place.engine(journal)
        let stopped = Mutex(false)
        let graph = try StepGraph([
            sleeper("quick", 1),
            Step("bad", title: "", version: 1, inputs: ["q": .output("quick")]) { _ in
                throw LapwingError("x.bad", exit: .badInput, "It broke.", subject: "thing", hint: "Mend it.")
            },
            Step("endless", title: "", version: 1, inputs: [:]) { _ in
                do {
                    try await Task.sleep(for: .seconds(600))
                } catch {
                    stopped.withLock { $0 = true }
                    throw error
                }
            },
            sleeper("never", 1, after: ["bad"]),
        ])
        let goals: [StepID] = ["never", "endless"]
        let plan = try engine.plan(graph, goals: goals)
        let error = await #expect(throws: LapwingError.self) { try await engine.run(plan, jobs: 4) }
        #expect(
            error
                == LapwingError(
                    "x.bad", exit: .badInput, "The step \"bad\" failed: It broke.", subject: "thing", hint: "Mend it."))
        #expect(stopped.withLock { $0 })
        #expect(try engine.plan(graph, goals: goals).entries.map(\.state) == [.cached, .run, .run, .run])
        #expect(try Files.names(in: place("cache/tmp")).isEmpty)
    }

    @Test func `a cancelled build stops programs, leaves nothing half-made and says so`() async throws {
        let engine = place.engine()
        let marker = place("started")
        let graph = try StepGraph([
            Step("s", title: "", version: 1, inputs: [:]) { run in
                try write("half", run.output.appending("half"))
                try await run.context.runner.require(
                    Command(
                        "sh",
                        [
                            "-c",
                            "echo $$ > \(marker.string).tmp; mv \(marker.string).tmp \(marker.string); exec sleep 600",
                        ]))
            }
        ])
        let plan = try engine.plan(graph, goals: ["s"])
        let task = Task { try await engine.run(plan, jobs: 1) }
        while !Files.exists(marker) { try await Task.sleep(for: .milliseconds(10)) }
        let process = try Files.text(marker).split(separator: "\n")[0]
        task.cancel()
        let error = await #expect(throws: LapwingError.self) { try await task.value }
        #expect(error?.code == "build.interrupted")
        #expect(!Files.exists(FilePath("/proc/\(process)/fd/0")))
        #expect(try Files.names(in: place("cache/tmp")).isEmpty)
        #expect(try Files.names(in: place("cache/steps")).isEmpty)
    }

    @Test func `a full disk is said plainly`() async throws {
        let engine = place.engine()
        let graph = try StepGraph([
            Step("s", title: "", version: 1, inputs: [:]) { _ in
                let full = try FileDescriptor.open("/dev/full", .writeOnly)
                try full.closeAfter { _ = try full.writeAll([1]) }
            }
        ])
        let plan = try engine.plan(graph, goals: ["s"])
        let error = await #expect(throws: LapwingError.self) { try await engine.run(plan, jobs: 1) }
        #expect(error?.code == "file.no-space" && error?.exit == .inputOutput && error?.hint != nil)
    }

    @Test func `an input changed while the build runs does not get into the cache`() async throws {
        let engine = place.engine()
        let source = place("source")
        try write("before", source)
        let graph = try StepGraph([
            Step("s", title: "", version: 1, inputs: ["in": .file(source)]) { run in
                try write("after", source)
                try write(try Files.text(run.input("in")), run.output.appending("out"))
            }
        ])
        let plan = try engine.plan(graph, goals: ["s"])
        let error = await #expect(throws: LapwingError.self) { try await engine.run(plan, jobs: 1) }
        #expect(error?.code == "build.input-changed")
        #expect(try engine.plan(graph, goals: ["s"]).running == ["s"])
    }

    @Test func `the report has times, metrics, programs and sizes, also of cached steps`() async throws {
        let engine = place.engine()
        let graph = try StepGraph([
            sleeper("a", 20),
            Step("b", title: "run", version: 1, inputs: ["a": .output("a")]) { run in
                let files = try await run.resultFiles("a")
                #expect(files.map(\.path) == ["x"] && files.map(\.size) == [1])
                try await run.context.runner.require(Command("/bin/sleep", ["0.05"]))
                try write("12345", run.output.appending("five"))
            },
        ])
        for outcome in [RunReport.Outcome.built, .cached] {
            let report = try await engine.run(try engine.plan(graph, goals: ["a", "b"]), jobs: 1)
            let (a, b) = (try #require(report.step("a")), try #require(report.step("b")))
            #expect(a.outcome == outcome && b.outcome == outcome)
            #expect(a.metrics == ["slept": 20] && (a.seconds ?? 0) >= 0.02)
            #expect(b.commands.map(\.program) == ["sleep"] && b.commands[0].seconds >= 0.05)
            #expect(b.bytes == 5 && b.files == 1)
            #expect((b.start != nil) == (outcome == .built))
            #expect(report.ownPeakBytes > 1 << 20)
        }
    }

    @Test func `two builds at once in one cache do the work once`() async throws {
        let journal = Journal()
        let graph = try StepGraph(
            (0..<6).map { index in
                let inputs: [String: StepInput] = index == 0 ? [:] : ["up": .output(StepID("s\(index - 1)"))]
                return Step(StepID("s\(index)"), title: "", version: 1, inputs: inputs) { run in
                    journal.add("s\(index)")
                    try await Task.sleep(for: .milliseconds(30))
                    try write("\(index)", run.output.appending("text"))
                }
            })
        let engine = place.engine()
        let plans = try (0..<3).map { try engine.plan(graph, goals: ["s5"], scope: "scope\($0)") }
        let reports = try await withThrowingTaskGroup(of: RunReport.self) { group in
            for plan in plans { group.addTask { try await engine.run(plan, jobs: 2) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(journal.all == ["s0", "s1", "s2", "s3", "s4", "s5"])
        let outcomes = reports.flatMap { $0.steps.map(\.outcome) }
        #expect(outcomes.count { $0 == .built } == 6 && outcomes.count { $0 == .shared } == 12)
    }
}
