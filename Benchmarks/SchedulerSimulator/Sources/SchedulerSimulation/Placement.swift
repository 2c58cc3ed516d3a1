// SPDX-License-Identifier: Apache-2.0

/// Where virtual CPUs ran: what a simulated run and a real trace can be compared by.
public struct Placement: Sendable, Codable {
    /// One physical CPU.
    public struct CPU: Sendable, Codable {
        /// Share of all guest run time that this CPU ran, 0 to 1.
        public var share: Double
        /// Wake-ups that ended in running here.
        public var wakeUps: Int
    }
    /// By CPU number.
    public var cpus: [CPU]
    /// Times a virtual CPU ran on another CPU than before.
    public var migrations: Int
    /// All wake-ups.
    public var wakeUps: Int
    /// Length in seconds.
    public var seconds: Double

    init(_ s: Simulation) {
        var runtime = [Int64](repeating: 0, count: s.cpus.count)
        var wakes = [Int](repeating: 0, count: s.cpus.count)
        for vcpu in s.vcpus {
            for cpu in s.cpus.indices {
                runtime[cpu] += vcpu.runtimeByCPU[cpu]
                wakes[cpu] += vcpu.wakeUpsByCPU[cpu]
            }
        }
        self.init(
            runtime: runtime, wakeUps: wakes, migrations: s.vcpus.reduce(0) { $0 + $1.migrations },
            seconds: Double(s.end) * 1e-9)
    }

    init(runtime: [Int64], wakeUps: [Int], migrations: Int, seconds: Double) {
        let total = max(1, runtime.reduce(0, +))
        cpus = zip(runtime, wakeUps).map { CPU(share: Double($0) / Double(total), wakeUps: $1) }
        self.migrations = migrations
        self.wakeUps = wakeUps.reduce(0, +)
        self.seconds = seconds
    }
}

extension Placement {
    /// How far two placements of one demand are apart. CPUs of one kind are interchangeable, so they are compared
    /// by rank: the busiest with the busiest.
    public struct Distance: Sendable, Codable {
        /// Largest difference of the ranked shares, 0 to 1.
        public var share: Double
        /// Largest difference of the ranked shares of wake-ups, 0 to 1.
        public var wakeUps: Double
        /// Migrations by wake-up of one against the other, as a difference.
        public var migrations: Double

        /// One line for people.
        public var line: String {
            "share \(Comparison.fixed(share, 3))  wake-ups \(Comparison.fixed(wakeUps, 3))"
                + "  migrations by wake-up \(Comparison.fixed(migrations, 3))"
        }
    }

    /// The distance to another placement of the same demand.
    public func distance(to other: Placement) -> Distance {
        func far(_ a: [Double], _ b: [Double]) -> Double {
            let count = max(a.count, b.count)
            func ranked(_ x: [Double]) -> [Double] {
                x.sorted(by: >) + Array(repeating: 0, count: count - x.count)
            }
            return zip(ranked(a), ranked(b)).map { abs($0 - $1) }.max() ?? 0
        }
        func wakes(_ p: Placement) -> [Double] { p.cpus.map { Double($0.wakeUps) / Double(max(1, p.wakeUps)) } }
        func rate(_ p: Placement) -> Double { Double(p.migrations) / Double(max(1, p.wakeUps)) }
        return Distance(
            share: far(cpus.map(\.share), other.cpus.map(\.share)), wakeUps: far(wakes(self), wakes(other)),
            migrations: abs(rate(self) - rate(other)))
    }

    /// One line for people.
    public var line: String {
        let shares = cpus.map { Comparison.fixed($0.share * 100, 1) + "%/\($0.wakeUps)" }.joined(separator: " ")
        return
            "share/wake-ups by CPU: \(shares); \(wakeUps) wake-ups, \(migrations) migrations in \(Comparison.fixed(seconds, 2)) s"
    }
}
