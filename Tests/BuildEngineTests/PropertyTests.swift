// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import LapwingCore
import SystemPackage
import Testing

/// Numbers that are the same on every run (SplitMix64, public domain, by Sebastiano Vigna).
private struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// A graph as plain data, with the obvious way to evaluate it.
private struct Model {
    struct Node {
        var version = 1
        var value: Int
        var upstream: [Int]
    }

    var nodes: [Node]

    init(count: Int, using numbers: inout Numbers) {
        nodes = (0..<count).map { index in
            let upstream = (0..<index).filter { _ in Int.random(in: 0..<4, using: &numbers) == 0 }
            return Node(value: Int.random(in: 0..<3, using: &numbers), upstream: upstream)
        }
    }

    func steps(_ journal: Journal?) -> [Step] {
        nodes.indices.map { index in
            var inputs: [String: StepInput] = ["value": .value("\(nodes[index].value)")]
            for up in nodes[index].upstream { inputs["up\(up)"] = .output(StepID("s\(up)")) }
            return textStep(StepID("s\(index)"), version: nodes[index].version, inputs, journal: journal)
        }
    }

    /// What `textStep` writes, by recursion instead of scheduling.
    func text(_ index: Int) -> String {
        let node = nodes[index]
        var inputs = ["value": "\(node.value)"]
        for up in node.upstream { inputs["up\(up)"] = "{" + text(up) + "}" }
        return "s\(index) v\(node.version)\n"
            + inputs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    }

    mutating func change(using numbers: inout Numbers) {
        let index = Int.random(in: nodes.indices, using: &numbers)
        switch Int.random(in: 0..<3, using: &numbers) {
        case 0: nodes[index].value += 1
        case 1: nodes[index].version += 1
        default:
            if nodes[index].upstream.isEmpty {
                nodes[index].value = 0
            } else {
                nodes[index].upstream.removeLast()
            }
        }
    }
}

@Suite struct PropertyTests {
    @Test(arguments: 1...8)
    func `random graphs give what evaluation in order gives, and run exactly what the plan says`(seed: UInt64)
        async throws
    {
        var numbers = Numbers(state: seed)
        var model = Model(count: Int.random(in: 3...14, using: &numbers), using: &numbers)
        let place = try Workplace()
        let engine = place.engine()
        for round in 0..<6 {
            let journal = Journal()
            let graph = try StepGraph(model.steps(journal).shuffled(using: &numbers))
            let goals = model.nodes.indices.filter { _ in Bool.random(using: &numbers) } + [model.nodes.count - 1]
            let plan = try engine.plan(graph, goals: goals.map { StepID("s\($0)") })
            #expect(plan.entries.allSatisfy { ($0.reason != nil) == ($0.state == .run) })
            let report = try await engine.run(plan, jobs: Int.random(in: 1...4, using: &numbers))
            #expect(journal.all.sorted() == plan.running.map(\.name).sorted(), "seed \(seed), round \(round)")
            for goal in goals {
                let text = try Files.text(report.output(of: StepID("s\(goal)")).appending("text"))
                #expect(text == model.text(goal), "seed \(seed), round \(round), goal \(goal)")
            }
            #expect(try engine.plan(graph, goals: goals.map { StepID("s\($0)") }).isUpToDate)
            switch round % 4 {
            case 0, 1: model.change(using: &numbers)
            case 2:
                // Something of the cache is lost.
                let keys = try Files.names(in: place("cache/steps"))
                try Files.removeTree(
                    place("cache/steps").appending(keys[Int.random(in: keys.indices, using: &numbers)]))
            default: break
            }
        }
    }
}
