// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore
import SchedulerSimulation
import SystemPackage

/// The short run of `make test`: thresholds, repeatability, assertions, the recorded trace.
struct CheckVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check schedulers against thresholds.json; says ok or FAILED line by line.")

    @OptionGroup var data: DataOptions

    func run() async throws {
        let thresholds = try Thresholds.read(FilePath(data.data).appending("thresholds.json"))
        var failed = 0
        func say(_ line: String, _ kept: Bool) {
            print("\(kept ? "ok" : "FAILED"): \(line)")
            if !kept { failed += 1 }
        }
        let machines = try thresholds.limits.map(\.machine).uniqued.flatMap { try data.machines($0) }
        let specs = (["credit2"] + thresholds.limits.map(\.scheduler)).uniqued.map { SchedulerSpec($0) }
        let all = try await Comparison.run(
            machines: machines, workloads: data.workloads("all"), specs: specs, seeds: thresholds.seeds,
            seconds: thresholds.seconds, image: data.image)
        for (line, kept) in thresholds.judge(all.medians) { say(line, kept) }
        say("no more work is done than the cores' clocks allow", all.runs.allSatisfy { $0.work <= $0.workPossible })

        let placement = thresholds.placement
        let mixes = try await Comparison.run(
            machines: data.machines(placement.machine), workloads: data.mixes(),
            specs: ["credit2", placement.scheduler].map { SchedulerSpec($0) }, seeds: thresholds.seeds,
            image: data.image)
        for (line, kept) in placement.judge(mixes.runs) { say(line, kept) }

        if let machine = machines.first, let workload = try data.workloads("typing-and-browsing").first {
            let texts = try (0..<2).map { _ in
                try JSONText.string(
                    Simulation(
                        machine: machine, workload: workload, spec: SchedulerSpec("lapwing:powersave"), seed: 7,
                        image: data.image
                    )
                    .run())
            }
            say("the same seed gives the same numbers", texts[0] == texts[1])
        }
        for cpus in [1, 2, 4, 8, 24] {
            let stress = try Stress(
                scheduler: SchedulerSpec("lapwing:powersave"), cpus: cpus, seed: 3, image: data.image)
            do {
                _ = try stress.run(steps: 6000)
                say("random use of \(cpus) CPUs meets no assertion and starves nobody", true)
            } catch let error as LapwingError {
                say("random use of \(cpus) CPUs: \(error.message)", false)
            }
        }
        // Real time, so the limit is wider than what is promised: the object here has Xen's assertions in it.
        let modes = ["powersave", "balanced", "performance"].map { SchedulerSpec("lapwing:\($0)") }
        for cost in try DecisionCost.measure(
            specs: [SchedulerSpec("credit2")] + modes, cpus: [4, 16, 64], image: data.image, rounds: 3)
        where cost.scheduler != "credit2" {
            say(
                "\(cost.scheduler) on \(cost.cpus) CPUs: a wake-up and a decision cost x \(Comparison.fixed(cost.ratio, 2))"
                    + " (limit \(Comparison.fixed(thresholds.cost, 1)))", cost.ratio <= thresholds.cost)
        }
        for name in try Files.names(in: FilePath(data.data).appending("Traces")).sorted() where name.contains(".trace")
        {
            let trace = try await Recorded(FilePath(data.data).appending("Traces").appending(name), data)
            for measure in try trace.likeness(to: trace.scheduler).measures where measure.tolerance != nil {
                say("\(name), \(trace.scheduler): \(measure.line)", measure.kept)
            }
            // The comparison must be able to fail: other placement on the same demand is told apart. Ours packs with a long
            // wait: with its own, on processors as busy as these, it is within the limits.
            for other in ["credit", "credit2/0-2", "lapwing:powersave,pack=0,wait=20000"] {
                let measures = try trace.likeness(to: other).measures
                say(
                    "\(name): \(other) is told from \(trace.scheduler) by "
                        + measures.filter { !$0.kept }.map(\.name).joined(separator: ", "),
                    measures.contains { !$0.kept })
            }
        }
        if failed > 0 { throw ExitCode(1) }
    }
}

extension Array where Element: Hashable {
    /// Each element once, in order.
    var uniqued: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
