// SPDX-License-Identifier: Apache-2.0

/// A piece of work as a run released it.
struct WorkItem: Sendable {
    /// When it could begin, in nanoseconds.
    var release: Int64
    /// Nanoseconds of the reference core.
    var work: Double
    /// A person feels its delay.
    var interactive: Bool
    /// Can be cut into slices.
    var batch: Bool
}

/// Energy that no scheduler of the recorded work needs to exceed, or that a simple strategy would take.
public struct Bound: Sendable, Codable {
    /// `oracle` or `race-to-idle`.
    public var name: String
    /// The machine's name.
    public var machine: String
    /// The workload's name.
    public var workload: String
    /// All energy.
    public var joules: Double
    /// 99th percentile of the delay of interactive work, in microseconds.
    public var p99: Double
    /// Which cores at which frequency, and how long work may wait for company.
    public var choice: String
    /// Where the joules went, if that is known.
    public var parts: EnergyParts?
}

/// Computes bounds from the work of a run.
///
/// The floor is a true lower bound, and out of reach: no sleep ever ends too early and all work meets company.
/// The oracle knows every release in advance: it wakes a core just in time, enters the idle state that is best for the
/// gap that follows, and takes the cheapest of all choices of core type, number of cores, frequency and batching window
/// that keeps the delay within the limit and gets all work done. Its releases are those of the run it is computed
/// from, its choice holds for the whole run, and it does not use SMT; a scheduler that changes them on the way could
/// do a little better. `oracle-clock` is the same with every type of core at one of the two frequencies next to its
/// mean in the run: the difference of the two is what the clock gains. Race-to-idle runs everything at once at the
/// highest frequency of the fastest cores, with the same perfect idle states.
struct BoundFinder {
    private static let slice = 2_000_000.0
    let machine: Machine
    let items: [WorkItem]
    let end: Int64
    /// Mean frequency of each type of core in the run, in MHz.
    var megahertz: [String: Double] = [:]

    /// Cores, each at an operating point, and how long work may wait for one that is awake.
    private struct Choice {
        var cores: [Int]
        var points: [Int]
        var window: Int64
        var text: String
    }

    private struct Outcome {
        var parts = EnergyParts()
        var joules: Double { parts.joules }
        var p99 = 0.0
        var finished: Int64 = 0
    }

    /// So many cores of a type at a point.
    private func part(_ type: String, _ count: Int, _ point: Int) -> Choice {
        let cores = machine.cores.indices.filter { machine.cores[$0].type == type }.prefix(count)
        let megahertz = machine.coreTypes[type]?.operatingPoints[point].megahertz ?? 0
        return Choice(
            cores: Array(cores), points: cores.map { _ in point }, window: 0,
            text: "\(count) x \(type) at \(Int(megahertz)) MHz")
    }

    /// The points of a type next to what it ran at: the fastest that is not above its mean and the one after.
    private func heldPoints(_ type: String) -> [Int] {
        guard let points = machine.coreTypes[type]?.operatingPoints else { return [] }
        let below = points.lastIndex { $0.megahertz <= megahertz[type] ?? 0 } ?? 0
        return [below, min(below + 1, points.count - 1)]
    }

    /// - Parameter held: every type of core stays at the frequency the governors gave it in the run.
    private func choices(held: Bool = false) -> [Choice] {
        var byType: [[Choice]] = []
        for type in machine.coreTypes.keys.sorted() {
            guard let points = machine.coreTypes[type]?.operatingPoints else { continue }
            let all = machine.cores.indices.filter { machine.cores[$0].type == type }
            guard let first = all.first else { continue }
            let fixed = machine.clocks[machine.cores[first].clock].governor.kind == "highest"
            byType.append(
                (1...all.count).flatMap { count in
                    points.indices.filter { point in
                        if held { return heldPoints(type).contains(point) }
                        return !fixed || point == points.count - 1
                    }.map { part(type, count, $0) }
                })
        }
        var found = byType.flatMap { $0 }
        if byType.count == 2 {
            // Mixed: every other operating point of each, all counts of the smaller side, all or half of the other.
            for a in byType[0] where (held || a.points[0].isMultiple(of: 2)) && a.cores.count <= 4 {
                for b in byType[1] where (held || b.points[0].isMultiple(of: 2)) && b.cores.count <= 4 {
                    found.append(
                        Choice(
                            cores: a.cores + b.cores, points: a.points + b.points, window: 0,
                            text: "\(a.text), \(b.text)"))
                }
            }
        }
        return found.flatMap { choice in
            ([0, 500_000, 2_000_000] as [Int64]).map { window in
                var copy = choice
                copy.window = window
                copy.text += ", window \(window / 1000) us"
                return copy
            }
        }
    }

    func find(limitMicroseconds: Double, workload: String) -> [Bound] {
        func cheapest(held: Bool) -> (Choice, Outcome)? {
            var best: (Choice, Outcome)?
            for choice in choices(held: held) {
                guard let outcome = evaluate(choice), outcome.p99 <= max(limitMicroseconds, 1),
                    outcome.finished <= end + 50_000_000
                else { continue }
                if best.map({ outcome.joules < $0.1.joules }) ?? true { best = (choice, outcome) }
            }
            return best
        }
        var bounds: [Bound] = []
        func add(_ name: String, _ text: String, _ joules: Double, _ p99: Double, _ parts: EnergyParts? = nil) {
            bounds.append(
                Bound(
                    name: name, machine: machine.name, workload: workload, joules: joules, p99: p99, choice: text,
                    parts: parts))
        }
        let (joules, text) = floor()
        add("floor", text, joules, 0)
        for (name, held) in [("oracle", false), ("oracle-clock", true)] {
            if let (choice, outcome) = cheapest(held: held) {
                add(name, choice.text, outcome.joules, outcome.p99, outcome.parts)
            }
        }
        let fastest = machine.coreTypes.max { ($0.value.capacity, $1.key) < ($1.value.capacity, $0.key) }
        if let fastest {
            let count = machine.cores.count { $0.type == fastest.key }
            let choice = part(fastest.key, count, fastest.value.operatingPoints.count - 1)
            if let outcome = evaluate(choice) {
                add("race-to-idle", choice.text, outcome.joules, outcome.p99, outcome.parts)
            }
        }
        return bounds
    }

    /// What no scheduler and no governor can go below: everything in its deepest state, and all work at the cheapest
    /// energy by work that any number of cores of one type at any point has, shared power split between them.
    private func floor() -> (joules: Double, text: String) {
        let work = items.reduce(0) { $0 + $1.work } * 1e-9
        let asleep = energy(Choice(cores: [], points: [], window: 0, text: ""), []).joules
        var cheapest = (Double.infinity, "")
        for choice in choices() where choice.window == 0 {
            var watts = 0.0
            var speed = 0.0
            var shared: Set<Int> = []
            for (core, point) in zip(choice.cores, choice.points) {
                guard let type = machine.coreTypes[machine.cores[core].type], let top = type.operatingPoints.last else {
                    continue
                }
                let threads = machine.cores[core].threads > 1 ? type.smt : nil
                watts += type.operatingPoints[point].watts * (threads?.power ?? 1) - (type.idleStates.last?.watts ?? 0)
                speed +=
                    machine.speed * type.capacity / 1024 * type.operatingPoints[point].megahertz / top.megahertz
                    * (threads.map { max(1, 2 * $0.throughputEach) } ?? 1)
                for group in machine.groups.indices where machine.groups[group].cores.contains(core) {
                    shared.insert(group)
                }
            }
            for group in shared {
                watts += machine.groups[group].activeWatts - (machine.groups[group].states.last?.watts ?? 0)
            }
            if speed > 0, watts / speed < cheapest.0 { cheapest = (watts / speed, choice.text) }
        }
        return (asleep + work * cheapest.0, "\(Comparison.fixed(work, 2)) s of work at \(cheapest.1)")
    }

    /// List scheduling: work goes to a core that is awake when that delays it by the window at most.
    private func evaluate(_ choice: Choice) -> Outcome? {
        let speeds = zip(choice.cores, choice.points).map { core, point -> Double in
            guard let type = machine.coreTypes[machine.cores[core].type], let top = type.operatingPoints.last else {
                return 1
            }
            return machine.speed * type.capacity / 1024 * type.operatingPoints[point].megahertz / top.megahertz
        }
        var busy = [[(Int64, Int64)]](repeating: [], count: choice.cores.count)
        var free = [Int64](repeating: 0, count: choice.cores.count)
        var delays: [Int64] = []
        var finished: Int64 = 0
        // Batch work waits behind everything released before its next slice ends.
        var batch: [(release: Int64, left: Double)] = []
        func place(_ release: Int64, _ work: Double) -> (start: Int64, end: Int64) {
            var server = 0
            var start = Int64.max
            for index in free.indices {
                // An awake core first: the one that is free soonest. Otherwise the one that slept least.
                let possible = free[index] > release ? free[index] : release
                let awake = free[index] > release && free[index] - release <= choice.window
                let rank = awake ? possible - choice.window : possible
                if rank < start || (rank == start && free[index] > free[server]) {
                    start = rank
                    server = index
                }
            }
            let begin = max(release, free[server])
            let done = begin + Int64((work / speeds[server]).rounded(.up))
            if let last = busy[server].last, last.1 >= begin {
                busy[server][busy[server].count - 1].1 = done
            } else {
                busy[server].append((begin, done))
            }
            free[server] = done
            finished = max(finished, done)
            return (begin, done)
        }
        func runBatch(until limit: Int64) {
            while let index = batch.indices.min(by: { batch[$0].release < batch[$1].release }),
                batch[index].release < limit
            {
                let work = min(batch[index].left, Self.slice)
                let (_, done) = place(batch[index].release, work)
                batch[index].left -= work
                batch[index].release = done
                if batch[index].left <= 0 { batch.remove(at: index) }
                if finished > end * 2 { return }
            }
        }
        for item in items {
            runBatch(until: item.release)
            if item.batch {
                batch.append((item.release, item.work))
            } else {
                let (begin, _) = place(item.release, item.work)
                if item.interactive { delays.append(begin - item.release) }
            }
        }
        runBatch(until: .max)
        guard finished <= end * 2 else { return nil }
        delays.sort()
        var outcome = Outcome()
        outcome.finished = finished
        outcome.p99 = delays.isEmpty ? 0 : Double(delays[min(delays.count - 1, delays.count * 99 / 100)]) / 1000
        outcome.parts = energy(choice, busy)
        return outcome
    }

    private func energy(_ choice: Choice, _ busy: [[(Int64, Int64)]]) -> EnergyParts {
        var parts = EnergyParts()
        for core in machine.cores.indices {
            guard let type = machine.coreTypes[machine.cores[core].type] else { continue }
            let states = machine.idleLimit.map { type.idleStates.prefix(max(1, $0)) } ?? type.idleStates[...]
            let table = states.map { ($0.watts, ($0.coreExitMicroseconds ?? $0.exitMicroseconds) * 1000) }
            let slot = choice.cores.firstIndex(of: core)
            let watts = type.operatingPoints[slot.map { choice.points[$0] } ?? 0].watts
            let own = account(slot.map { busy[$0] } ?? [], watts: watts, states: table)
            parts.coresUp += own.up
            parts.coresWaking += own.waking
            parts.coresAsleep += own.asleep
        }
        for group in machine.groups {
            let depths = group.cores.compactMap { core -> Int? in
                let states = machine.coreTypes[machine.cores[core].type]?.idleStates
                return (machine.idleLimit.flatMap { states?.prefix(max(1, $0)).last } ?? states?.last)?.depth
            }
            let deepest = depths.min() ?? 0
            let table = group.states.filter { $0.depth <= deepest }.map { ($0.watts, $0.exitMicroseconds * 1000) }
            let intervals = choice.cores.indices.filter { group.cores.contains(choice.cores[$0]) }.flatMap { busy[$0] }
            let own = account(Self.union(intervals), watts: group.activeWatts, states: table)
            parts.sharedUp += own.up
            parts.sharedWaking += own.waking
            parts.sharedAsleep += own.asleep
        }
        return parts
    }

    /// Energy of something that is on during the intervals and between them in the best of its states.
    private func account(
        _ intervals: [(Int64, Int64)], watts: Double, states: [(Double, Double)]
    ) -> (up: Double, waking: Double, asleep: Double) {
        var sum = (up: 0.0, waking: 0.0, asleep: 0.0)
        var last: Int64 = 0
        func gap(_ length: Int64) {
            guard length > 0 else { return }
            var best = (up: watts * Double(length), waking: 0.0, asleep: 0.0)
            for (idle, exit) in states where exit <= Double(length) {
                let (asleep, waking) = (idle * (Double(length) - exit), watts * exit)
                if asleep + waking < best.up + best.waking + best.asleep { best = (0, waking, asleep) }
            }
            sum.up += best.up * 1e-9
            sum.waking += best.waking * 1e-9
            sum.asleep += best.asleep * 1e-9
        }
        for (start, stop) in intervals where start < end {
            gap(start - last)
            sum.up += watts * Double(min(stop, end) - start) * 1e-9
            last = min(stop, end)
        }
        gap(end - last)
        return sum
    }

    private static func union(_ intervals: [(Int64, Int64)]) -> [(Int64, Int64)] {
        var merged: [(Int64, Int64)] = []
        for (start, stop) in intervals.sorted(by: { $0.0 < $1.0 }) {
            if let last = merged.last, last.1 >= start {
                merged[merged.count - 1].1 = max(last.1, stop)
            } else {
                merged.append((start, stop))
            }
        }
        return merged
    }
}

extension Simulation {
    /// The bounds for the work this run has done.
    ///
    /// - Parameter limit: 99th percentile of delay the oracle may cause, in microseconds.
    func bounds(limit: Double) -> [Bound] {
        var active: [String: (cycles: Double, time: Double)] = [:]
        for (core, account) in zip(machine.cores, meter.cores) {
            active[core.type, default: (0, 0)].cycles += account.cycles
            active[core.type, default: (0, 0)].time += Double(account.time[0])
        }
        return BoundFinder(
            machine: machine, items: items, end: end,
            megahertz: active.compactMapValues { $0.time > 0 ? $0.cycles / $0.time : nil }
        ).find(limitMicroseconds: limit, workload: source.name)
    }
}
