// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore
import SchedulerSimulation
import SystemPackage

/// Turns a binary capture into text lines.
struct Decode: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Decode what xentrace wrote into text lines.",
        discussion: "Only scheduling records are kept. Format: docs in Benchmarks/SchedulerSimulator/README.md.")

    @Argument(help: "The capture.") var capture: String
    @Option(help: "Frequency of the time stamp counter in MHz (`xl dmesg` says `Detected ... MHz processor`).")
    var megahertz: Double
    @Option(help: "Number of CPUs, written into the text.") var cpus: Int?
    @Flag(help: "Keep runstate changes alone: all that placement needs.") var runstates = false

    func run() throws {
        let (records, lost) = try TraceFile.decode(Files.read(FilePath(capture)), megahertz: megahertz) { event in
            runstates ? event & ~0x330 == 0x21001 : event >> 12 & 0xf0 == 0x20
        }
        var facts = [("lost", "\(lost)")]
        if let cpus { facts.append(("cpus", "\(cpus)")) }
        print(TraceFile.text(records, facts: facts), terminator: "")
    }
}

/// Statistics of a recorded trace, and of the simulated schedulers given the same demand.
struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare a recorded trace's placement with a simulated scheduler's.")

    @OptionGroup var data: DataOptions
    @Argument(help: "Text trace, as `decode` writes it, packed by gzip or not.") var trace: String
    @Option(help: "Machine to simulate; the one the trace names when not given.") var machine: String?
    @Option(help: "Schedulers to simulate, separated by spaces.") var schedulers = "credit2"
    @Option(help: "How many seeds; means are compared.") var seeds: UInt64 = 4

    func run() async throws {
        let recorded = try await Recorded(FilePath(trace), data, machine: machine)
        for spec in try SchedulerSpec.list(schedulers) {
            print("\(spec.text) against the recorded \(recorded.scheduler):")
            for measure in try recorded.likeness(to: spec.text, seeds: 1...max(1, seeds)).measures {
                print("  \(measure.line)")
            }
        }
    }
}

/// Runs one workload and writes its scheduling records as text lines, as a real capture decodes to.
struct Record: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write the trace of a simulated run.")

    @OptionGroup var data: DataOptions
    @Option(help: "Scheduler.") var scheduler = "credit2"
    @Option(help: "Machine.") var machine = "laptop-4c8t"
    @Option(help: "Workload.") var workload = "idle-desktop"
    @Option(help: "Seed.") var seed: UInt64 = 1

    func run() throws {
        guard let machine = try data.machines(machine).first, let workload = try data.workloads(workload).first else {
            return
        }
        let simulation = try Simulation(
            machine: machine, workload: workload, spec: SchedulerSpec(scheduler), seed: seed, image: data.image,
            recording: true)
        _ = try simulation.run()
        print(
            TraceFile.text(
                simulation.recorded,
                facts: [("scheduler", scheduler), ("machine", machine.name), ("cpus", "\(machine.cpuCount)")]),
            terminator: "")
    }
}
