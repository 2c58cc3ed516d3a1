// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// What the short run of `make test` asks of the schedulers: `thresholds.json`.
public struct Thresholds: Sendable, Codable {
    /// Bounds on the medians over the workloads of one scheduler on one machine, against credit2.
    public struct Limit: Sendable, Codable {
        /// As for a comparison.
        public var scheduler: String
        /// The machine's name.
        public var machine: String
        /// Most energy.
        public var energy: Double
        /// Most p99 wake-up latency of interactive virtual CPUs.
        public var p99: Double
        /// Least throughput.
        public var throughput: Double
    }
    /// Bounds on what a scheduler does with the mixes of the emulator scenario (the directory `Mixes`), against credit2:
    /// counts, summed over the seeds of one mix.
    public struct Placement: Sendable, Codable {
        /// As for a comparison.
        public var scheduler: String
        /// The machine's name.
        public var machine: String
        /// Most migrations.
        public var migrations: Double
        /// Most wake-ups of cores.
        public var wakeUps: Double

        /// Compares the runs of both schedulers with the limits.
        ///
        /// - Returns: one line for each mix, and whether it is kept.
        public func judge(_ runs: [RunResult]) -> [(line: String, kept: Bool)] {
            if runs.isEmpty { return [("\(scheduler), mixes on \(machine): not run", false)] }
            return Set(runs.map(\.workload)).sorted().map { mix in
                func sums(_ name: String) -> (migrations: Int, wakeUps: Int) {
                    let found = runs.filter { $0.workload == mix && $0.scheduler == name }
                    return (
                        found.reduce(0) { $0 + $1.migrations },
                        found.reduce(0) { $0 + $1.cores.reduce(0) { $0 + $1.wakeUps } }
                    )
                }
                let (ours, theirs) = (sums(scheduler), sums("credit2"))
                let kept =
                    theirs.wakeUps > 0 && ours.wakeUps > 0
                    && Double(ours.migrations) <= migrations * Double(theirs.migrations)
                    && Double(ours.wakeUps) <= wakeUps * Double(theirs.wakeUps)
                return (
                    "\(scheduler), mix \(mix) on \(machine): migrations \(ours.migrations), credit2 \(theirs.migrations);"
                        + " wake-ups \(ours.wakeUps), credit2 \(theirs.wakeUps)", kept
                )
            }
        }
    }
    /// Simulated seconds of each run.
    public var seconds: Double
    /// Seeds; the median over all runs counts.
    public var seeds: [UInt64]
    /// The bounds.
    public var limits: [Limit]
    /// Most a wake-up and a decision may cost against credit2, real time.
    public var cost: Double
    /// The bounds for the mixes.
    public var placement: Placement

    /// The thresholds of a file.
    ///
    /// - Throws: ``LapwingError`` when it cannot be read.
    public static func read(_ file: FilePath) throws -> Thresholds {
        try JSONText.decode(Thresholds.self, from: Files.read(file), file: file.string)
    }

    /// Compares medians with the limits.
    ///
    /// - Returns: one line for each limit, and whether it is kept.
    public func judge(_ medians: [Comparison.Medians]) -> [(line: String, kept: Bool)] {
        limits.map { limit in
            guard let found = medians.first(where: { $0.machine == limit.machine && $0.scheduler == limit.scheduler })
            else {
                return ("\(limit.scheduler) on \(limit.machine): not run", false)
            }
            let kept = found.energy <= limit.energy && found.p99 <= limit.p99 && found.throughput >= limit.throughput
            func pair(_ name: String, _ value: Double, _ bound: Double) -> String {
                "\(name) x \(Comparison.fixed(value, 3)) (limit \(Comparison.fixed(bound, 3)))"
            }
            let parts = [
                pair("energy", found.energy, limit.energy), pair("p99", found.p99, limit.p99),
                pair("throughput", found.throughput, limit.throughput),
            ]
            return ("\(limit.scheduler) on \(limit.machine): " + parts.joined(separator: ", "), kept)
        }
    }
}
