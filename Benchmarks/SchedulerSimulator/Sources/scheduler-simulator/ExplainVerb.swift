// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore
import SchedulerSimulation

/// Where the energy of runs went.
struct ExplainVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Show where each scheduler's energy goes, core by core.")

    @OptionGroup var data: DataOptions
    @Option(help: "Schedulers, separated by spaces.") var schedulers = "credit2 lapwing:powersave"
    @Option(help: "Machine.") var machine = "laptop-4c8t"
    @Option(help: "Workloads, separated by spaces.") var workload = "all"
    @Option(help: "How many seeds.") var seeds: UInt64 = 4

    struct Row: Encodable, Sendable {
        var workload: String
        var scheduler: String
        var strip: RunResult.Residency
        var states: String
    }

    func run() async throws {
        let specs = try SchedulerSpec.list(schedulers)
        let comparison = try await Comparison.run(
            machines: data.machines(machine), workloads: data.workloads(workload), specs: specs,
            seeds: Array(1...max(1, seeds)),
            image: data.image)
        let rows = comparison.runs.flatMap { run in
            (run.cores + run.groups).map { strip in
                let states = strip.percent.filter { $0.value >= 0.05 }.sorted { $0.value > $1.value }
                    .map { "\($0.key) \(Comparison.fixed($0.value, 1))" }
                return Row(
                    workload: run.workload, scheduler: run.scheduler, strip: strip,
                    states: states.joined(separator: ", "))
            }
        }
        let listing = Listing(
            "explanation", rows,
            columns: [
                .init("workload") { $0.workload }, .init("scheduler") { $0.scheduler }, .init("part") { $0.strip.name },
                .init("joules", right: true) { Comparison.fixed($0.strip.joules, 2) },
                .init("active J", right: true) { Comparison.fixed($0.strip.activeJoules, 2) },
                .init("MHz", right: true) { Comparison.fixed($0.strip.megahertz, 0) },
                .init("wake-ups", right: true) { "\($0.strip.wakeUps)" }, .init("percent") { $0.states },
            ])
        print(try listing.render(.table), terminator: "")
    }
}
