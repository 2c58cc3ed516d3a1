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
