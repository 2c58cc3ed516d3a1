// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

@Suite struct GraphTests {
    private func codes(_ steps: [Step]) -> [String] {
        do {
            _ = try StepGraph(steps)
            return []
        } catch let errors as LapwingErrors {
            return errors.errors.map(\.code)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `duplicate and missing steps are reported together`() {
        let steps = [textStep("a"), textStep("a"), textStep("b", ["x": .output("nowhere")]), textStep("")]
        #expect(codes(steps) == ["build.duplicate-step", "build.no-name", "build.missing-step"])
    }

    @Test func `a cycle is named step by step`() {
        let error = #expect(throws: LapwingErrors.self) {
            try StepGraph([
                textStep("a", ["x": .output("b")]), textStep("b", ["x": .output("c")]),
                textStep("c", ["x": .output("b")]),
            ])
        }
        #expect(error?.errors.map(\.subject) == ["b -> c -> b"])
        #expect(codes([textStep("self", ["x": .output("self")])]) == ["build.cycle"])
    }

    @Test func `steps come after those they need and otherwise as given`() throws {
        let graph = try StepGraph([
            textStep("z"), textStep("end", ["x": .output("m")]), textStep("m", ["x": .output("z")]), textStep("a"),
        ])
        #expect(graph.steps.map(\.id) == ["z", "m", "end", "a"])
    }

    @Test func `an unknown goal and a missing input are errors that name them`() throws {
        let place = try Workplace()
        let engine = place.engine()
        let goal = #expect(throws: LapwingError.self) {
            try engine.plan(StepGraph([textStep("a")]), goals: ["b"])
        }
        #expect(goal?.code == "build.unknown-step" && goal?.hint == "Steps: a")
        for input in [StepInput.file(place("no")), .tree(place("no")), .file(place.path), .tree("/etc/hostname")] {
            let error = #expect(throws: LapwingError.self) {
                try engine.plan(StepGraph([textStep("a", ["in": input])]), goals: ["a"])
            }
            #expect(error?.code == "build.input-missing" && error?.exit == .unavailable)
        }
    }

    @Test func `content, names, links and execute bits of a tree count, times and places do not`() throws {
        let place = try Workplace()
        let engine = place.engine()
        func key(_ name: String, _ change: (FilePath) throws -> Void = { _ in }) throws -> Digest {
            let tree = place(name)
            try Files.makeDirectory(tree.appending("sub"))
            try write("one", tree.appending("sub/file"))
            try write("two", tree.appending("other"))
            try change(tree)
            return try engine.plan(StepGraph([textStep("s", ["t": .tree(tree)])]), goals: ["s"]).entries[0].key
        }
        let base = try key("a")
        #expect(try key("b") == base)
        #expect(try key("c") { try Files.touch($0.appending("other")) } == base)
        var keys: Set<Digest> = [base]
        #expect(keys.insert(try key("d") { try write("ONE", $0.appending("sub/file")) }).inserted)
        #expect(
            keys.insert(try key("e") { try Files.rename($0.appending("other"), to: $0.appending("else")) }).inserted)
        #expect(keys.insert(try key("f") { try Files.setPermissions($0.appending("other"), 0o755) }).inserted)
        #expect(keys.insert(try key("g") { try Files.makeDirectory($0.appending("empty")) }).inserted)
        for target in ["here", "there"] {
            let linked = try key("link-" + target) {
                try FileManager.default.createSymbolicLink(
                    atPath: $0.appending("link").string, withDestinationPath: target)
            }
            #expect(keys.insert(linked).inserted)
        }
    }

    @Test func `a step cannot read what it did not declare`() async throws {
        let place = try Workplace()
        let engine = place.engine()
        let graph = try StepGraph([
            Step("s", title: "", version: 1, inputs: ["v": .value("x")]) { run in _ = try run.input("v") }
        ])
        let plan = try engine.plan(graph, goals: ["s"])
        let error = await #expect(throws: LapwingError.self) { try await engine.run(plan, jobs: 1) }
        #expect(error?.code == "build.undeclared-input")
        #expect(error?.message.hasPrefix("The step \"s\" failed: ") == true)
    }
}
