// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

@Suite struct CacheTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    private func two(_ journal: Journal? = nil) throws -> StepGraph {
        try StepGraph([
            textStep("base", ["value": .value("v")], journal: journal),
            textStep("image", ["base": .output("base")], journal: journal),
        ])
    }

    private func build(_ journal: Journal? = nil, verify: Bool = false) async throws -> (Plan, RunReport) {
        let engine = place.engine(journal ?? SilentProgress())
        let plan = try engine.plan(try two(journal), goals: ["image"], verify: verify)
        return (plan, try await engine.run(plan, jobs: 2))
    }

    private func damage(_ path: FilePath, _ text: String) throws {
        try Files.setPermissions(path, 0o644)
        try write(text, path)
        try Files.setPermissions(path, 0o444)
    }

    @Test func `results are read-only whatever the umask`() async throws {
        let engine = place.engine()
        let graph = try StepGraph([
            Step("s", title: "", version: 1, inputs: [:]) { run in
                for (name, mode) in [("a", UInt32(0o600)), ("b", 0o777), ("c", 0o4755)] {
                    try write("x", run.output.appending(name))
                    try Files.setPermissions(run.output.appending(name), mode)
                }
                try Files.makeDirectory(run.output.appending("d"), permissions: [.ownerReadWriteExecute])
            }
        ])
        let report = try await engine.run(try engine.plan(graph, goals: ["s"]), jobs: 1)
        let modes = try ["a", "b", "c", "d"].map {
            try Files.status(report.output(of: "s").appending($0))?.permissions
        }
        #expect(modes == [0o444, 0o555, 0o555, 0o755])
    }

    @Test func `an edited result is noticed, reported and made again`() async throws {
        let (_, report) = try await build()
        let file = try report.output(of: "image").appending("text")
        let right = try Files.text(file)
        try damage(file, String(right.map { $0 == "v" ? "w" : $0 }))
        let journal = Journal()
        let (plan, _) = try await build(journal)
        #expect(plan.entries.map(\.reason) == [nil, "cache entry damaged: text"])
        #expect(journal.all.filter { !$0.contains(":") } == ["image"])
        #expect(journal.all.contains { $0.hasPrefix("warning: the kept result of image is damaged (text)") })
        #expect(try Files.text(file) == right)
    }

    @Test func `a touched result of the same content is kept and not read twice`() async throws {
        let (_, report) = try await build()
        let file = try report.output(of: "image").appending("text")
        try Files.touch(file)
        #expect(try await build().0.isUpToDate)
        // The second check goes by stamps alone: content changed under an unchanged stamp is found by `verify` only.
        let listing = file.removingLastComponent().removingLastComponent().appending("files")
        let written = try Files.status(listing)?.modified
        #expect(try await build().0.isUpToDate)
        #expect(try Files.status(listing)?.modified == written)
    }

    @Test func `verify reads what the stamps vouch for`() async throws {
        let (_, report) = try await build()
        let file = try report.output(of: "image").appending("text")
        try damage(file, String(try Files.text(file).map { $0 == "v" ? "w" : $0 }))
        // A list of files whose stamps agree with the damaged file.
        let listing = file.removingLastComponent().removingLastComponent().appending("files")
        let status = try #require(try Files.status(file))
        var fields = try Files.text(listing).split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        (fields[2], fields[3]) = (String(status.size), String(status.inode))
        (fields[4], fields[5]) = (String(status.modified), String(status.changed))
        try Files.write(fields.joined(separator: " "), to: listing)
        #expect(try await build().0.isUpToDate)
        #expect(try await build(verify: true).0.running == ["image"])
    }

    @Test(arguments: ["remove", "add", "record", "list", "directory", "link"])
    func `every other damage is noticed too`(kind: String) async throws {
        let (_, report) = try await build()
        let output = try report.output(of: "image")
        let entry = output.removingLastComponent()
        switch kind {
        case "remove": try Files.remove(output.appending("text"))
        case "add": try write("x", output.appending("zzz"))
        case "record": try damage(entry.appending("step.json"), "{")
        case "list": try damage(entry.appending("files"), "f 444 1\0")
        case "link":
            try Files.remove(output.appending("text"))
            try FileManager.default.createSymbolicLink(
                atPath: output.appending("text").string, withDestinationPath: "/etc/passwd")
        default: try Files.removeTree(output)
        }
        let (plan, again) = try await build()
        #expect(plan.running == ["image"])
        #expect(plan.entries.last?.reason?.hasPrefix("cache entry damaged: ") == true)
        #expect(try Files.text(again.output(of: "image").appending("text")).hasPrefix("image v1"))
    }

    @Test func `a result lost from the cache is made again only when something needs it`() async throws {
        let (_, report) = try await build()
        try Files.removeTree(try report.output(of: "base").removingLastComponent())
        let (plan, _) = try await build()
        #expect(plan.entries.map(\.state) == [.unneeded, .cached])
        try Files.removeTree(try report.output(of: "image").removingLastComponent())
        let (both, _) = try await build()
        #expect(both.entries.map(\.reason) == ["result no longer in the cache", "result no longer in the cache"])
    }

    @Test func `a device, pipe or socket in a result is refused`() async throws {
        let engine = place.engine()
        let graph = try StepGraph([
            Step("s", title: "", version: 1, inputs: [:]) { run in
                try await run.context.runner.require(Command("mkfifo", [run.output.appending("p").string]))
            }
        ])
        let plan = try engine.plan(graph, goals: ["s"])
        let error = await #expect(throws: LapwingError.self) { try await engine.run(plan, jobs: 1) }
        #expect(error?.code == "build.result-special")
        #expect(try engine.plan(graph, goals: ["s"]).running == ["s"])
    }

    @Test func `cleaning removes everything or only what the last builds do not need`() async throws {
        let engine = place.engine()
        func build(_ value: String) async throws {
            let graph = try StepGraph([textStep("s", ["v": .value(value)])])
            _ = try await engine.run(try engine.plan(graph, goals: ["s"], scope: "r"), jobs: 1)
        }
        try await build("old")
        try await build("new")
        #expect(try engine.planCleaning(.unused(seconds: 3600)).entries.isEmpty)
        let keep = try engine.planCleaning(.keepLast)
        #expect(keep.entries.count == 1)
        #expect(try await cleaned(engine, keep).removed == 1)
        let graph = try StepGraph([textStep("s", ["v": .value("new")])])
        #expect(try engine.plan(graph, goals: ["s"], scope: "r").isUpToDate)
        let all = try await cleaned(engine, engine.planCleaning(.all))
        #expect(all.removed == 1 && all.inUse == 0 && all.bytes > 0)
        #expect(!(try engine.plan(graph, goals: ["s"], scope: "r").isUpToDate))
        #expect(try Files.names(in: place("cache/steps")).isEmpty)
        #expect(try Files.names(in: place("cache/tmp")).isEmpty)
    }

    /// Cleans again for as long as something holds a result: tests that run at the same time start programs, and
    /// between fork and exec such a child shares every lock of this process. Nobody else uses this cache.
    private func cleaned(_ engine: Engine, _ plan: CleaningPlan) async throws -> CleaningReport {
        for _ in 0..<200 {
            let report = try await engine.clean(plan)
            if report.inUse == 0 { return report }
            try await Task.sleep(for: .milliseconds(50))
        }
        return try await engine.clean(plan)
    }

    @Test func `cleaning leaves alone what a plan counts on`() async throws {
        let engine = place.engine()
        let graph = try StepGraph([textStep("s")])
        _ = try await engine.run(try engine.plan(graph, goals: ["s"]), jobs: 1)
        let plan = try engine.plan(graph, goals: ["s"])
        let report = try await engine.clean(engine.planCleaning(.all))
        #expect(report == CleaningReport(removed: 0, bytes: 0, inUse: 1))
        #expect(try await engine.run(plan, jobs: 1).step("s")?.outcome == .cached)
    }

    @Test func `a result that differs from the same inputs is called not reproducible`() async throws {
        let journal = Journal()
        let engine = place.engine(journal)
        let graph = try StepGraph([
            Step("s", title: "", version: 1, inputs: [:]) { run in
                try write("\(UInt64.random(in: 0 ... .max))", run.output.appending("text"))
            }
        ])
        let report = try await engine.run(try engine.plan(graph, goals: ["s"]), jobs: 1)
        try Files.removeTree(try report.output(of: "s").removingLastComponent())
        _ = try await engine.run(try engine.plan(graph, goals: ["s"]), jobs: 1)
        #expect(journal.all.contains { $0.contains("it is not reproducible") })
    }
}
