// SPDX-License-Identifier: Apache-2.0

public import XenTrace

/// What the scheduling records of a trace say: when each virtual CPU ran where, and when it was woken.
public struct TraceAnalysis: Sendable {
    /// A virtual CPU's time from a wake-up to its next sleep.
    public struct Burst: Sendable {
        /// When it was woken, in nanoseconds.
        public var woken: Int64
        /// How long it ran until it blocked, in nanoseconds.
        public var ran: Int64
    }
    /// A virtual CPU: domain number and its own.
    public struct Vcpu: Sendable, Hashable, Comparable {
        /// Domain number.
        public var domain: Int
        /// Number in the domain.
        public var id: Int

        /// By domain, then by number.
        public static func < (a: Vcpu, b: Vcpu) -> Bool { (a.domain, a.id) < (b.domain, b.id) }
    }

    /// Where everything ran.
    public var placement: Placement
    /// What each virtual CPU did, idle ones left out.
    public var bursts: [Vcpu: [Burst]] = [:]
    /// Run time of each virtual CPU in nanoseconds.
    public var runtime: [Vcpu: Int64] = [:]

    private static let idleDomain = 32767
    private static let runstateChange: UInt32 = 0x21001

    /// Follows the runstate changes of a trace.
    ///
    /// - Parameter cpus: how many physical CPUs there are; those never seen ran nothing.
    public init(_ records: [TraceRecord], cpus: Int) {
        placement = Placement(runtime: [], wakeUps: [], migrations: 0, seconds: 0)
        struct State {
            var running = -1
            var since: Int64 = 0
            var last = -1
            var woken: Int64 = -1
            var waking = false
            var ran: Int64 = 0
        }
        var states: [Vcpu: State] = [:]
        var byCPU = [Int64](repeating: 0, count: cpus)
        var wakeUps = [Int](repeating: 0, count: cpus)
        var migrations = 0
        let first = records.first?.time ?? 0
        let end = records.last?.time ?? 0
        func leave(_ state: inout State, _ vcpu: Vcpu, at time: Int64) {
            guard state.running >= 0 else { return }
            byCPU[state.running] += time - state.since
            runtime[vcpu, default: 0] += time - state.since
            state.ran += time - state.since
            state.running = -1
        }
        for record in records {
            // Old state in bits 8-9, new state in bits 4-5: 0 running, 1 runnable, 2 blocked, 3 offline.
            guard record.event & ~0x330 == Self.runstateChange, let word = record.words.first, record.cpu < cpus else {
                continue
            }
            let vcpu = Vcpu(domain: Int(word >> 16), id: Int(word & 0xffff))
            guard vcpu.domain != Self.idleDomain else { continue }
            let old = record.event >> 8 & 3
            let new = record.event >> 4 & 3
            var state = states[vcpu] ?? State()
            // Awake since before the capture began: its demand begins there.
            if states[vcpu] == nil, old <= 1 { state.woken = first }
            if old == 0 {
                // Running since then.
                if state.running < 0, states[vcpu] == nil { (state.running, state.since) = (record.cpu, first) }
                leave(&state, vcpu, at: record.time)
            }
            if old >= 2, new <= 1 {
                state.woken = record.time
                state.waking = true
                state.ran = 0
            }
            if new >= 2, state.woken >= 0 {
                bursts[vcpu, default: []].append(Burst(woken: state.woken, ran: state.ran))
                state.woken = -1
            }
            if new == 0 {
                if state.last >= 0, state.last != record.cpu { migrations += 1 }
                if state.waking { wakeUps[record.cpu] += 1 }
                state.waking = false
                state.running = record.cpu
                state.since = record.time
                state.last = record.cpu
            }
            states[vcpu] = state
        }
        for (vcpu, state) in states {
            var state = state
            leave(&state, vcpu, at: end)
            if state.woken >= 0, state.ran > 0 {
                bursts[vcpu, default: []].append(Burst(woken: state.woken, ran: state.ran))
            }
        }
        placement = Placement(
            runtime: byCPU, wakeUps: wakeUps, migrations: migrations, seconds: Double(end - first) * 1e-9)
    }

    /// The same demand as a workload: every virtual CPU is woken when it was and has the work it did.
    ///
    /// - Parameter start: where the trace begins, in nanoseconds.
    public func workload(named name: String, start: Int64) -> Workload {
        let vcpus = bursts.keys.sorted()
        let domains = Set(vcpus.map(\.domain)).sorted().map { domain in
            let own = vcpus.filter { $0.domain == domain }
            return Workload.Domain(
                id: UInt32(domain), name: "d\(domain)", vcpus: (own.map(\.id).max() ?? 0) + 1, weight: 256, cap: 0,
                interactive: [], background: nil)
        }
        let tasks = vcpus.map { vcpu in
            let events = (bursts[vcpu] ?? []).map { burst in
                [Double(burst.woken - start) / 1000, max(1, Double(burst.ran) / 1000)]
            }
            return Workload.Task(
                name: "d\(vcpu.domain)v\(vcpu.id)", trigger: Workload.Trigger(recorded: events, by: "device"),
                steps: [Workload.Step(on: "d\(vcpu.domain).\(vcpu.id)", run: .fixed(0))])
        }
        return Workload(
            schemaVersion: 1, name: name, title: "Recorded", heldOut: false, seconds: placement.seconds,
            domains: domains,
            tasks: tasks, note: nil)
    }
}
