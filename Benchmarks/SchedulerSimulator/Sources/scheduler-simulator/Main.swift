// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import LapwingCore
import SchedulerSimulation
import SystemPackage

/// Argument parsing and wiring of the scheduler simulator.
struct SchedulerSimulator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scheduler-simulator",
        abstract: "Runs Xen's schedulers and Lapwing's on simulated machines and compares energy and latency.",
        subcommands: [
            Compare.self, Record.self, StressVerb.self, CostVerb.self, CheckVerb.self, SensitivityVerb.self,
            ExplainVerb.self,
            Decode.self, Replay.self,
        ],
        defaultSubcommand: Compare.self)
}

@main
enum Main {
    static func main() async {
        var parsed = false
        do {
            var command = try SchedulerSimulator.parseAsRoot()
            parsed = true
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            let talk =
                error is ExitCode || error is CleanExit || error is ValidationError
                || SchedulerSimulator.exitCode(for: error) == .success
            if !parsed || talk { SchedulerSimulator.exit(withError: error) }
            exit(Program.report(error).rawValue)
        }
    }
}

/// Where the data and the shared object are.
struct DataOptions: ParsableArguments {
    @Option(help: "The shared object made by Harness/compile.") var image: String
    @Option(help: "Directory with Machines and Workloads.") var data = "Benchmarks/SchedulerSimulator"

    func machines(_ names: String) throws -> [Machine] {
        try expand(names, folder: "Machines").map(Machine.read).filter { names != "all" || !$0.heldOut }
    }

    func workloads(_ names: String) throws -> [Workload] {
        try expand(names, folder: "Workloads").map(Workload.read).filter { names != "all" || !$0.heldOut }
    }

    /// The emulator scenario's guests, with events that cost more or less.
    func mixes() throws -> [Workload] { try expand("all", folder: "Mixes").map(Workload.read) }

    private func expand(_ names: String, folder: String) throws -> [FilePath] {
        let directory = FilePath(data).appending(folder)
        if names == "all" || names == "everything" {
            return try Files.names(in: directory).filter { $0.hasSuffix(".json") }.sorted().map {
                directory.appending($0)
            }
        }
        return try WordList.split(names, of: folder.lowercased()).map { name in
            let file = directory.appending("\(name).json")
            let known = try Files.names(in: directory).filter { $0.hasSuffix(".json") }.map { $0.dropLast(5) }.sorted()
            guard known.contains(Substring(name)) else {
                throw LapwingError(
                    "unknown-name", exit: .usage, "there is no such file in \(folder)", subject: name,
                    hint: "there are all, everything, \(known.joined(separator: ", "))")
            }
            return file
        }
    }
}

/// Runs schedulers over machines and workloads and shows what came out.
struct Compare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Compare schedulers.")

    @OptionGroup var data: DataOptions
    @Option(help: "Schedulers, separated by spaces: NAME[:SETTINGS][@PARAMETER=VALUE,...]; the first is the base.")
    var schedulers = "credit2 lapwing:powersave lapwing:balanced lapwing:performance"
    @Option(help: "Machines, separated by spaces; `all` without the held-out ones, `everything` with them.")
    var machines = "all"
    @Option(help: "Workloads, separated by spaces; `all` without the held-out ones, `everything` with them.")
    var workloads = "all"
    @Option(help: "First seed.") var seed: UInt64 = 1
    @Option(help: "How many seeds; the table shows means, ratios are those of means.") var seeds: UInt64 = 8
    @Option(help: "Simulated seconds of each run at most.") var seconds: Double?
    @Flag(help: "Compute the oracle's and race-to-idle's energy too.") var bounds = false
    @Flag(help: "Show where the energy went, in percent of the first scheduler's.") var breakdown = false
    @Option(help: "Write results.json, table.txt and SVG plots into this directory.") var output: String?
    @Option(help: "Print this format: table or json.") var format: ListingFormat = .table

    func run() async throws {
        let machines = try data.machines(machines)
        let workloads = try data.workloads(workloads)
        let specs = try SchedulerSpec.list(schedulers)
        let comparison = try await Comparison.run(
            machines: machines, workloads: workloads, specs: specs, seeds: Array(seed..<(seed + max(1, seeds))),
            seconds: seconds, image: data.image,
            withBounds: bounds)
        if let output { try write(comparison, machines, to: FilePath(output)) }
        print(try comparison.listing.render(format), terminator: "")
        if format == .table { print(comparison.summary) }
        if breakdown { print("\n" + (try comparison.breakdown.render(format)), terminator: "") }
    }
}

extension Compare {
    private func write(_ comparison: Comparison, _ machines: [Machine], to directory: FilePath) throws {
        try Files.makeDirectory(directory)
        try Files.write(JSONText.encode(comparison), to: directory.appending("results.json"))
        try Files.write(
            comparison.listing.render(.table) + comparison.summary + "\n", to: directory.appending("table.txt"))
        try Files.write(
            Plot.bars(comparison, title: "Energy against the first scheduler", bounds: bounds) { $0.energy },
            to: directory.appending("energy.svg"))
        try Files.write(
            Plot.bars(comparison, title: "p99 wake-up latency of interactive vCPUs", bounds: false) { $0.p99 },
            to: directory.appending("latency.svg"))
        for machine in machines {
            for workload in Set(comparison.runs.map(\.workload)).sorted() {
                let runs = comparison.runs.filter { $0.machine == machine.name && $0.workload == workload }
                try Files.write(
                    Plot.residency(runs, order: machine.stripOrder, title: "\(machine.name), \(workload)"),
                    to: directory.appending("residency-\(machine.name)-\(workload).svg"))
            }
        }
    }
}

extension ListingFormat: ExpressibleByArgument {}
