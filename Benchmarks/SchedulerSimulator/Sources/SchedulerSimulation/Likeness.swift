// SPDX-License-Identifier: Apache-2.0

public import XenTrace

/// How alike two traces of one demand are in where virtual CPUs ran: a real one and a simulated one.
///
/// What is judged is what the scheduler decides when a virtual CPU wakes and how many CPUs it keeps busy. Not judged is how
/// often a running one is exchanged for another: in software emulation a virtual CPU's time slice lasts as long as the
/// host lets it.
public struct Likeness: Sendable {
    /// One thing that is compared.
    public struct Measure: Sendable {
        /// What it is.
        public var name: String
        /// Recorded and simulated; several values where it is one by CPU or by count.
        public var recorded: [Double]
        /// As simulated.
        public var simulated: [Double]
        /// Largest difference that passes; nil is told, not judged.
        public var tolerance: Double?

        /// The largest difference of any value.
        public var difference: Double {
            let count = max(recorded.count, simulated.count)
            func whole(_ x: [Double]) -> [Double] { x + Array(repeating: 0, count: count - x.count) }
            return zip(whole(recorded), whole(simulated)).map { abs($0 - $1) }.max() ?? 0
        }
        /// Within the tolerance.
        public var kept: Bool { tolerance.map { difference <= $0 } ?? true }
        /// One line for people.
        public var line: String {
            func text(_ x: [Double]) -> String { x.map { Comparison.fixed($0, 3) }.joined(separator: " ") }
            let limit = tolerance.map { "limit \(Comparison.fixed($0, 2))" } ?? "not judged"
            return "\(name): recorded \(text(recorded)), simulated \(text(simulated)),"
                + " apart \(Comparison.fixed(difference, 3)) (\(limit))"
        }
    }

    /// All measures.
    public var measures: [Measure]

    /// Compares a trace with simulated ones of the same demand; of those the means count.
    ///
    /// The tolerances were set after a look at two captures of one mix of guests: between what simulated credit2 differs
    /// by there and what the nearest other scheduler, credit, does.
    ///
    /// - Parameter cpus: how many physical CPUs the machines have.
    public init(recorded: [TraceRecord], simulated: [[TraceRecord]], cpus: Int) {
        let real = Habits(recorded, cpus: cpus)
        let runs = simulated.map { Habits($0, cpus: cpus) }
        func measure(_ name: String, _ tolerance: Double?, _ value: (Habits) -> [Double]) -> Measure {
            let wanted = value(real)
            let values = runs.map(value)
            let means = wanted.indices.map { index in
                values.reduce(0) { $0 + $1[index] } / Double(max(1, values.count))
            }
            return Measure(name: name, recorded: wanted, simulated: means, tolerance: tolerance)
        }
        measures = [
            measure("share of the run time by CPU, ranked", 0.06) { $0.share.sorted(by: >) },
            measure("share of the wake-ups by CPU, ranked", 0.08) { $0.wakes.sorted(by: >) },
            measure("share of the time with so many CPUs busy", 0.12) { $0.busy },
            measure("wake-ups that moved to another CPU", 0.11) { [$0.moved] },
            measure("wake-ups on the home CPU when it was free", 0.2) { [$0.stayed] },
            measure("exchanges of a running virtual CPU by wake-up", nil) { [$0.exchanges] },
            measure("migrations by second", nil) { [$0.migrations] },
        ]
    }
}

/// What one trace says of a scheduler's habits.
struct Habits {
    /// By CPU.
    var share: [Double]
    /// By CPU.
    var wakes: [Double]
    /// By number of CPUs that run a guest at once.
    var busy: [Double]
    /// Of the wake-ups of a virtual CPU that had run before.
    var moved = 0.0
    /// Of the wake-ups while the CPU of the last run was idle.
    var stayed = 0.0
    var exchanges = 0.0
    var migrations = 0.0

    private static let idleDomain: UInt32 = 32767
    private static let runstateChange: UInt32 = 0x21001

    init(_ records: [TraceRecord], cpus: Int) {
        struct State {
            var home = -1
            var running = -1
            var since: Int64 = 0
            var waking = false
            var homeFree = false
        }
        var states: [UInt32: State] = [:]
        var runner = [UInt32?](repeating: nil, count: cpus)
        var run = [Int64](repeating: 0, count: cpus)
        var woken = [Int](repeating: 0, count: cpus)
        var time = [Int64](repeating: 0, count: cpus + 1)
        var (known, other, free, home, exchanged, migrated) = (0, 0, 0, 0, 0, 0)
        let first = records.first?.time ?? 0
        var last = first
        for record in records {
            guard record.event & ~0x330 == Self.runstateChange, let who = record.words.first, record.cpu < cpus,
                who >> 16 != Self.idleDomain
            else { continue }
            time[runner.count { $0 != nil }] += record.time - last
            last = record.time
            let (old, new) = (record.event >> 8 & 3, record.event >> 4 & 3)
            var state = states[who] ?? State()
            if old == 0, state.running >= 0 {
                run[state.running] += record.time - state.since
                if runner[state.running] == who { runner[state.running] = nil }
                if new == 1 { exchanged += 1 }
                state.running = -1
            }
            if old >= 2, new <= 1 {
                state.waking = true
                state.homeFree = state.home >= 0 && runner[state.home] == nil
            }
            if new == 0 {
                if state.home >= 0 {
                    if state.home != record.cpu { migrated += 1 }
                    if state.waking {
                        known += 1
                        if state.home != record.cpu { other += 1 }
                        if state.homeFree {
                            free += 1
                            if state.home == record.cpu { home += 1 }
                        }
                    }
                }
                if state.waking { woken[record.cpu] += 1 }
                state.waking = false
                state.home = record.cpu
                state.running = record.cpu
                state.since = record.time
                runner[record.cpu] = who
            }
            states[who] = state
        }
        func part(_ value: Int, _ of: Int) -> Double { of > 0 ? Double(value) / Double(of) : 0 }
        let total = run.reduce(0, +)
        share = run.map { total > 0 ? Double($0) / Double(total) : 0 }
        let wakeUps = woken.reduce(0, +)
        wakes = woken.map { part($0, wakeUps) }
        let length = max(1, last - first)
        busy = time.map { Double($0) / Double(length) }
        moved = part(other, known)
        stayed = part(home, free)
        exchanges = part(exchanged, wakeUps)
        migrations = Double(migrated) / (Double(length) * 1e-9)
    }
}
