// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What the CPUs did: time in C-states and P-states, mean clocks. Counted by Xen since the machine had started; `since`
/// gives what lies between two looks.
public struct ProcessorActivity: Sendable, Hashable, Codable {
    /// Time in one state.
    public struct Residency: Sendable, Hashable, Codable {
        /// The state: `C6`, `pc2` (package), `cc6` (core), `P0`.
        public var state: String
        /// Of a P-state: its clock in MHz.
        public var megahertz: Int?
        /// How often it was entered; nil where nobody counts.
        public var entries: Int?
        /// The time in it, in ms.
        public var milliseconds: Int
    }

    /// One CPU.
    public struct CPU: Sendable, Hashable, Codable {
        /// Its number in Xen.
        public var number: Int
        /// The time it was idle, in ms; nil when Xen knows no C-states.
        public var idleMilliseconds: Int?
        /// Time in C-states, its own, then its package's and core's; none when Xen knows none.
        public var idle: [Residency]
        /// Time in P-states; none where Xen does not choose the clock.
        public var clocks: [Residency]
        /// The mean clock in kHz since somebody asked before; nil when nobody knows.
        public var meanClock: Int?
    }

    /// The CPUs that run, by number.
    public var cpus: [CPU]

    /// Asks `xenpm`. Xen wakes each CPU for its answer, so this is for somebody who looks and not for a timer. Throws when
    /// it fails or cannot be understood; what the machine does not have is missing.
    public static func read(_ runner: any ProcessRunner) async throws -> ProcessorActivity {
        func ask(_ verb: String) async throws -> String {
            let command = Command(
                "xenpm", [verb], environment: ["LC_ALL": "C"], timeLimit: XenPowerMachine.limit)
            return try await runner.require(command, "Xen does not tell what its CPUs do.").text
        }
        let idle = try XenPM.idle(try await ask("get-cpuidle-states"))
        let speeds = try XenPM.speeds(try await ask("get-cpufreq-states"))
        let means = try XenPM.averages(try await ask("get-cpufreq-average"))
        return ProcessorActivity(idle: idle, speeds: speeds, means: means)
    }

    init(idle: XenPM.IdleStates, speeds: [Int: [XenPM.Speed]], means: [Int: Int]) {
        let states = Dictionary(idle.cpus.map { ($0.cpu, $0) }) { first, _ in first }
        let numbers = Set(states.keys).union(speeds.keys).union(means.keys)
        cpus = numbers.sorted().map { number in
            let cpu = states[number]
            var residencies = cpu?.states.map { Residency("C", $0) } ?? []
            residencies += cpu?.package.map { Residency("pc", $0) } ?? []
            residencies += cpu?.core.map { Residency("cc", $0) } ?? []
            let clocks = (speeds[number] ?? []).enumerated().map { index, speed in
                Residency(
                    state: "P\(index)", megahertz: speed.megahertz, entries: speed.entries,
                    milliseconds: speed.milliseconds)
            }
            // Xen answers 0 for a clock it does not know.
            let mean = means[number].flatMap { $0 > 0 ? $0 : nil }
            return CPU(
                number: number, idleMilliseconds: cpu?.milliseconds, idle: residencies, clocks: clocks, meanClock: mean)
        }
    }

    /// What lies between an earlier look and this one. A CPU that was not there, or a counter that went back because the
    /// CPU was off, counts from nothing.
    public func since(_ earlier: ProcessorActivity) -> ProcessorActivity {
        var result = self
        let before = Dictionary(earlier.cpus.map { ($0.number, $0) }) { first, _ in first }
        for index in result.cpus.indices {
            guard let old = before[cpus[index].number] else { continue }
            result.cpus[index].idleMilliseconds = cpus[index].idleMilliseconds.map {
                Self.difference($0, old.idleMilliseconds ?? 0)
            }
            result.cpus[index].idle = Self.difference(cpus[index].idle, old.idle)
            result.cpus[index].clocks = Self.difference(cpus[index].clocks, old.clocks)
        }
        return result
    }

    private static func difference(_ now: Int, _ before: Int) -> Int { now >= before ? now - before : now }

    private static func difference(_ now: [Residency], _ before: [Residency]) -> [Residency] {
        let old = Dictionary(before.map { ($0.state, $0) }) { first, _ in first }
        return now.map { residency in
            guard let before = old[residency.state], before.megahertz == residency.megahertz else { return residency }
            var residency = residency
            residency.milliseconds = difference(residency.milliseconds, before.milliseconds)
            residency.entries = residency.entries.map { difference($0, before.entries ?? 0) }
            return residency
        }
    }
}

extension ProcessorActivity.Residency {
    fileprivate init(_ prefix: String, _ residency: XenPM.Residency) {
        self.init(
            state: "\(prefix)\(residency.state)", megahertz: nil, entries: residency.entries,
            milliseconds: residency.milliseconds)
    }
}
