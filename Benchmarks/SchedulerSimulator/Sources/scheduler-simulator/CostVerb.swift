// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore
import SchedulerSimulation

/// Measures what decisions cost in real time.
struct CostVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cost", abstract: "Measure nanoseconds by decision, against the first scheduler.",
        discussion: "Run it with ASSERTIONS=0, as a release build of Xen has none.")

    @OptionGroup var data: DataOptions
    @Option(help: "Schedulers, separated by spaces; the first is the base.")
    var schedulers = "credit2 lapwing:powersave lapwing:balanced lapwing:performance"
    @Option(help: "Numbers of CPUs, separated by spaces.") var cpus = "2 4 8 16 32 64"
    @Option(help: "Print this format: table or json.") var format: ListingFormat = .table

    func run() throws {
        let costs = try DecisionCost.measure(
            specs: SchedulerSpec.list(schedulers),
            cpus: WordList.cpuCounts(cpus), image: data.image)
        print(try DecisionCost.listing(costs).render(format), terminator: "")
    }
}
