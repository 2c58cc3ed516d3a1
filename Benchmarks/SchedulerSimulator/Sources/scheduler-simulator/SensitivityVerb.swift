// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore
import SchedulerSimulation

/// Medians with one kind of the machines' figures changed at a time.
struct SensitivityVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sensitivity", abstract: "Show how much the result hangs on the figures that are estimates.")

    @OptionGroup var data: DataOptions
    @Option(help: "Schedulers, separated by spaces; the first is the base.") var schedulers =
        "credit2 lapwing:powersave"
    @Option(help: "Machines, separated by spaces.") var machines = "laptop-4c8t laptop-4p8e"
    @Option(help: "Workloads, separated by spaces.") var workloads = "all"
    @Option(help: "How many seeds.") var seeds: UInt64 = 4

    struct Row: Encodable, Sendable {
        var change: String
        var medians: Comparison.Medians
    }

    func run() async throws {
        let specs = try SchedulerSpec.list(schedulers)
        let machines = try data.machines(machines)
        var rows: [Row] = []
        for change in Sensitivity.allCases {
            let comparison = try await Comparison.run(
                machines: machines.map(change.apply(to:)), workloads: data.workloads(workloads), specs: specs,
                seeds: Array(1...max(1, seeds)),
                image: data.image)
            rows += comparison.medians.filter { $0.scheduler != specs.first?.text }.map {
                Row(change: change.rawValue, medians: $0)
            }
        }
        let listing = Listing(
            "sensitivity", rows,
            columns: [
                .init("change") { $0.change }, .init("machine") { $0.medians.machine },
                .init("scheduler") { $0.medians.scheduler },
                .init("energy", right: true) { Comparison.fixed($0.medians.energy, 3) },
                .init("p99", right: true) { Comparison.fixed($0.medians.p99, 3) },
            ])
        print(try listing.render(.table), terminator: "")
    }
}
