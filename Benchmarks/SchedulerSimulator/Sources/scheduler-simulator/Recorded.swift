// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SchedulerSimulation
import SystemPackage

/// A real trace, and simulated runs of the same demand.
struct Recorded {
    /// The scheduler that ran.
    let scheduler: String
    private let records: [TraceRecord]
    private let machine: Machine
    private let workload: Workload
    private let image: String

    /// Reads a text trace, packed by gzip if its name ends in `.gz`.
    ///
    /// - Parameter machine: what to simulate; the machine the trace names when not given.
    init(_ file: FilePath, _ data: DataOptions, machine name: String? = nil) async throws {
        let text =
            file.string.hasSuffix(".gz")
            ? try await SubprocessRunner().require(Command("gzip", ["-dc", file.string])).text : try Files.text(file)
        let facts: [String: String]
        (records, facts) = try TraceFile.parse(text)
        scheduler = facts["scheduler"] ?? "credit2"
        guard let machine = try data.machines(name ?? facts["machine"] ?? "emulator-4c").first else {
            throw LapwingError("no-machine", exit: .badInput, "the trace's machine is not there", subject: file.string)
        }
        self.machine = machine
        workload = TraceAnalysis(records, cpus: machine.cpuCount).workload(
            named: "recorded", start: records.first?.time ?? 0)
        image = data.image
    }

    /// Simulates a scheduler with the trace's demand and compares where virtual CPUs ran.
    func likeness(to scheduler: String, seeds: ClosedRange<UInt64> = 1...4) throws -> Likeness {
        let runs = try seeds.map { seed in
            let simulation = try Simulation(
                machine: machine, workload: workload, spec: SchedulerSpec(scheduler), seed: seed, image: image,
                recording: true)
            _ = try simulation.run()
            return simulation.recorded
        }
        return Likeness(recorded: records, simulated: runs, cpus: machine.cpuCount)
    }
}
