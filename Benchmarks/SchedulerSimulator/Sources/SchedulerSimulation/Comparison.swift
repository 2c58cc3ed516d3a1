// SPDX-License-Identifier: Apache-2.0

import Dispatch
public import LapwingCore

/// Runs of several schedulers over the same machines and workloads.
public struct Comparison: Sendable, Codable {
    /// All runs; for each machine and workload the schedulers in the order they were asked for.
    public var runs: [RunResult]
    /// Bounds of the first scheduler's work; empty when they were not asked for.
    public var bounds: [Bound] = []

    /// Creates a comparison of runs that are there.
    public init(runs: [RunResult], bounds: [Bound] = []) {
        self.runs = runs
        self.bounds = bounds
    }

    /// Runs everything, as many runs at a time as there are CPUs.
    ///
    /// - Parameters:
    ///   - seeds: each run is made with each of these; what is kept is the mean. One seed alone is noise: where a virtual
    ///     CPU first happens to be placed can change a run's energy by a quarter.
    ///   - seconds: bound on the simulated time of a run; nil for what the workload says.
    ///   - withBounds: compute the bounds from the first scheduler's runs.
    /// - Throws: the first error of a run.
    public static func run(
        machines: [Machine], workloads: [Workload], specs: [SchedulerSpec], seeds: [UInt64], seconds: Double? = nil,
        image: String, withBounds: Bool = false
    ) async throws -> Comparison {
        var jobs: [Job] = []
        for machine in machines {
            for var workload in workloads {
                if let seconds { workload.seconds = min(seconds, workload.seconds) }
                for (index, spec) in specs.enumerated() {
                    jobs.append(
                        Job(machine: machine, workload: workload, spec: spec, bounded: withBounds && index == 0))
                }
            }
        }
        let all = jobs
        return try await withThrowingTaskGroup(of: (Int, RunResult, [Bound]).self) { group in
            var runs = [RunResult?](repeating: nil, count: all.count)
            var bounds = [[Bound]](repeating: [], count: all.count)
            for (index, job) in all.enumerated() {
                group.addTask {
                    let (result, bounds) = try job.run(seeds, image)
                    return (index, result, bounds)
                }
            }
            for try await (index, result, found) in group {
                runs[index] = result
                bounds[index] = found
            }
            return Comparison(runs: runs.compactMap { $0 }, bounds: bounds.flatMap { $0 })
        }
    }

    /// A machine, a workload and a scheduler.
    private struct Job: Sendable {
        var machine: Machine
        var workload: Workload
        var spec: SchedulerSpec
        var bounded: Bool

        /// The mean over the seeds, and the mean of the bounds.
        func run(_ seeds: [UInt64], _ image: String) throws -> (RunResult, [Bound]) {
            var results: [RunResult] = []
            var bounds: [[Bound]] = []
            for seed in seeds {
                let simulation = try Simulation(
                    machine: machine, workload: workload, spec: spec, seed: seed, image: image)
                simulation.keepsItems = bounded
                let result = try simulation.run()
                results.append(result)
                if bounded { bounds.append(simulation.bounds(limit: 1.5 * result.interactive.p99)) }
            }
            let mean = RunResult.mean(of: results)
            guard bounded else { return (mean, []) }
            var found: [Bound] = []
            for name in ["floor", "oracle", "oracle-clock", "race-to-idle"] {
                let one = bounds.compactMap { list in list.first { $0.name == name } }
                guard var bound = one.first, one.count == seeds.count else { continue }
                bound.joules = one.reduce(0) { $0 + $1.joules } / Double(one.count)
                bound.p99 = one.reduce(0) { $0 + $1.p99 } / Double(one.count)
                bound.parts = EnergyParts(meanOf: one.compactMap(\.parts))
                found.append(bound)
            }
            if let placement = try placement(seeds, image, mean) { found.append(placement) }
            return (mean, found)
        }

        /// The least energy the scheduler itself takes when it is confined to some of the CPUs for the whole run, with
        /// p99 latency at most 1.5 times what it is unconfined: what placement that does not change can gain under
        /// the same idle and frequency governors.
        private func placement(_ seeds: [UInt64], _ image: String, _ base: RunResult) throws -> Bound? {
            var best: RunResult?
            for list in machine.subsets {
                let confined = Job(
                    machine: machine, workload: workload, spec: SchedulerSpec("\(spec.text)/\(list)"), bounded: false)
                let run = try confined.run(seeds, image).0
                guard run.interactive.p99 <= max(1, 1.5 * base.interactive.p99), run.joules < best?.joules ?? .infinity
                else { continue }
                best = run
            }
            return best.map {
                Bound(
                    name: "placement", machine: machine.name, workload: workload.name, joules: $0.joules,
                    p99: $0.interactive.p99, choice: $0.scheduler)
            }
        }
    }

    /// A row of the table: a run against the first scheduler's run on the same machine and workload.
    public struct Row: Sendable, Codable {
        /// The run.
        public var run: RunResult
        /// Energy against the base, 1 is equal.
        public var energy: Double
        /// 99th percentile of interactive wake-ups against the base; 1 when there are none.
        public var p99: Double
        /// Throughput against the base; 1 without batch work.
        public var throughput: Double
    }

    /// The rows, in order.
    public var rows: [Row] {
        var base: RunResult?
        return runs.map { run in
            if base?.machine != run.machine || base?.workload != run.workload { base = run }
            let first = base ?? run
            func ratio(_ a: Double, _ b: Double) -> Double { b > 0 ? a / b : 1 }
            return Row(
                run: run, energy: ratio(run.joules, first.joules),
                p99: ratio(run.interactive.p99, first.interactive.p99),
                throughput: ratio(run.throughput, first.throughput))
        }
    }

    /// The table.
    public var listing: Listing<Row> {
        Listing(
            "runs", rows,
            columns: [
                .init("machine") { $0.run.machine },
                .init("workload") { $0.run.workload },
                .init("scheduler") { $0.run.scheduler },
                .init("joules", right: true) { Self.fixed($0.run.joules, 2) },
                .init("energy", right: true) { Self.percent($0.energy) },
                .init("mean us", right: true) { Self.fixed($0.run.interactive.mean, 0) },
                .init("p99 us", right: true) { Self.fixed($0.run.interactive.p99, 0) },
                .init("p99", right: true) { Self.fixed($0.p99, 2) },
                .init("missed", right: true) { "\($0.run.missedFrames)/\($0.run.frames)" },
                .init("throughput", right: true) { Self.fixed($0.throughput, 3) },
                .init("migrations", right: true) { "\($0.run.migrations)" },
                .init("wake-ups", right: true) { "\($0.run.coreWakeUps)" },
            ])
    }

    /// Medians over the workloads, by machine and scheduler.
    public struct Medians: Sendable, Codable {
        /// The machine.
        public var machine: String
        /// The scheduler.
        public var scheduler: String
        /// Median of the energy against the base.
        public var energy: Double
        /// Median of the p99 against the base.
        public var p99: Double
        /// Median of the throughput against the base.
        public var throughput: Double
    }

    /// Medians over the workloads, by machine and scheduler.
    public var medians: [Medians] {
        var order: [[String]] = []
        var groups: [[String]: [Row]] = [:]
        for row in rows {
            let key = [row.run.machine, row.run.scheduler]
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(row)
        }
        return order.map { key in
            let rows = groups[key] ?? []
            return Medians(
                machine: key[0], scheduler: key[1], energy: Self.median(rows.map(\.energy)),
                p99: Self.median(rows.filter { $0.run.interactive.count > 0 }.map(\.p99)),
                throughput: Self.median(rows.filter { $0.run.throughput > 0 }.map(\.throughput)))
        }
    }

    /// The medians as text.
    public var summary: String {
        let lines = medians.map { m in
            [
                m.machine, m.scheduler, "energy \(Self.percent(m.energy))", "p99 x \(Self.fixed(m.p99, 2))",
                "throughput x \(Self.fixed(m.throughput, 3))",
            ].joined(separator: "  ")
        }
        return (boundLines + ["", "medians over the workloads"] + lines).joined(separator: "\n")
    }

    /// Energy of a bound against the first scheduler's run.
    public func ratio(_ bound: Bound) -> Double {
        let base = runs.first { $0.machine == bound.machine && $0.workload == bound.workload }
        return base.map { $0.joules > 0 ? bound.joules / $0.joules : 1 } ?? 1
    }

    private var boundLines: [String] {
        guard !bounds.isEmpty else { return [] }
        let lines = bounds.map { bound in
            [
                bound.machine, bound.workload, bound.name, "\(Self.fixed(bound.joules, 2)) J",
                Self.percent(ratio(bound)),
                "p99 \(Self.fixed(bound.p99, 0)) us", bound.choice,
            ].joined(separator: "  ")
        }
        return ["", "bounds"] + lines
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 1 }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    static func percent(_ ratio: Double) -> String {
        let change = (ratio - 1) * 100
        return (change >= 0 ? "+" : "") + fixed(change, 1) + "%"
    }

    /// A number with so many digits after the point.
    public static func fixed(_ value: Double, _ digits: Int) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let whole = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && whole > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(whole)" }
        let text = String(whole)
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
        return "\(sign)\(padded.dropLast(digits)).\(padded.suffix(digits))"
    }
}
