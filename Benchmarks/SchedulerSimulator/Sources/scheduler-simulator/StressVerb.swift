// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore
import SchedulerSimulation

/// Random use of a scheduler with Xen's assertions on.
struct StressVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stress", abstract: "Do random things to a scheduler until an assertion of Xen's fails or the end."
    )

    @OptionGroup var data: DataOptions
    @Option(help: "Scheduler.") var scheduler = "lapwing:powersave"
    @Option(help: "Numbers of CPUs, separated by spaces.") var cpus = "1 2 4 8 12 32"
    @Option(help: "Random things by run.") var steps = 20000
    @Option(help: "First seed.") var seed: UInt64 = 1
    @Option(help: "How many seeds.") var seeds: UInt64 = 1

    @Flag(help: "Leave CPU pools alone.") var noPools = false

    func run() throws {
        for count in try WordList.cpuCounts(cpus) {
            for seed in seed..<(seed + max(1, seeds)) {
                let stress = try Stress(scheduler: SchedulerSpec(scheduler), cpus: count, seed: seed, image: data.image)
                stress.withPools = !noPools
                do {
                    let counts = try stress.run(steps: steps)
                    let text = counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
                    print("\(scheduler) on \(count) CPUs, seed \(seed): \(text)")
                } catch var error as LapwingError {
                    error.subject = "\(scheduler) on \(count) CPUs, seed \(seed)"
                    throw error
                }
            }
        }
    }
}
