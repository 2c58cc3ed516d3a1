// SPDX-License-Identifier: Apache-2.0

/// What a capture says of where virtual processors ran: counts, which an emulated clock does not distort as it does
/// times.
public struct PlacementCounts: Sendable, Hashable, Codable {
    /// Seconds between the first and the last record.
    public var seconds: Double
    /// How often each physical processor that is counted left its idle loop.
    public var wakeUps: [Int]
    /// The share of the time in which each physical processor did not run its idle loop, 0 to 1.
    public var busy: [Double]
    /// How often a virtual processor began to run on another physical one than before.
    public var migrations: Int
    /// How often a virtual processor of a domain began to run.
    public var starts: Int
    /// How often a virtual processor that slept, and ran on one of the physical ones, had something to do: what was asked
    /// of the scheduler.
    public var events: Int

    /// The domain whose virtual processors are the idle loops (Xen, public/xen.h, DOMID_IDLE).
    static let idleDomain: UInt32 = 0x7fff
    /// TRC_SCHED_RUNSTATE_CHANGE; bits 4 and 5 hold the new state, bits 8 and 9 the old one (Xen, public/trace.h and
    /// common/sched/core.c).
    static let runState: UInt32 = 0x21001
    private static let stateBits: UInt32 = 0x330

    /// True for the records that are counted.
    public static func isCounted(_ event: UInt32) -> Bool { event & ~stateBits == runState }

    /// Counts the run state changes on the processors `cpus` among the records, which are in order of time. A processor
    /// without a single record did one thing throughout: it worked if it is among `running`, and was idle otherwise.
    public init(_ records: [TraceRecord], cpus: Range<Int>, running: Set<Int> = []) {
        wakeUps = [Int](repeating: 0, count: cpus.count)
        busy = [Double](repeating: 0, count: cpus.count)
        (migrations, starts, events) = (0, 0, 0)
        let (first, last) = (records.first?.time ?? 0, records.last?.time ?? 0)
        seconds = Double(last - first) / 1e9
        var idleSince = [Int64?](repeating: nil, count: cpus.count)
        var idleTime = [Int64](repeating: 0, count: cpus.count)
        var known = [Bool](repeating: false, count: cpus.count)
        var place: [UInt32: Int] = [:]
        // Whoever wakes it may run elsewhere: where the record of that was made says nothing.
        var asked: [UInt32: Int] = [:]
        for record in records where Self.isCounted(record.event) {
            guard let who = record.words.first else { continue }
            let (old, new) = (record.event >> 8 & 3, record.event >> 4 & 3)
            if who >> 16 != Self.idleDomain, old == 2, new == 1 { asked[who, default: 0] += 1 }
            guard cpus.contains(record.cpu) else { continue }
            let cpu = record.cpu - cpus.lowerBound
            if who >> 16 == Self.idleDomain {
                if new == 0 {
                    idleSince[cpu] = record.time
                } else if old == 0 {
                    wakeUps[cpu] += 1
                    // A processor whose first record is the end of its idle loop was in it before the capture.
                    idleTime[cpu] += record.time - (idleSince[cpu] ?? (known[cpu] ? record.time : first))
                    idleSince[cpu] = nil
                }
                known[cpu] = true
            } else if new == 0 {
                starts += 1
                if let before = place[who], before != cpu { migrations += 1 }
                place[who] = cpu
                known[cpu] = true
            }
        }
        events = asked.reduce(0) { $0 + (place[$1.key] == nil ? 0 : $1.value) }
        for cpu in 0..<cpus.count where last > first {
            let idleThroughout = !known[cpu] && !running.contains(cpus.lowerBound + cpu)
            if let since = idleSince[cpu] ?? (idleThroughout ? first : nil) { idleTime[cpu] += last - since }
            busy[cpu] = 1 - Double(idleTime[cpu]) / Double(last - first)
        }
    }

    /// Events a second.
    public var eventsPerSecond: Double { seconds > 0 ? Double(events) / seconds : 0 }

    /// All wake-ups from idle, for each event: an emulator that is slow serves fewer events in a second, and a scheduler
    /// that lets guests wait must not look good for it.
    public var wakeUpsPerEvent: Double { events > 0 ? Double(wakeUps.reduce(0, +)) / Double(events) : 0 }

    /// Migrations for each event.
    public var migrationsPerEvent: Double { events > 0 ? Double(migrations) / Double(events) : 0 }

    /// How many processors were left alone: busy for less than a hundredth of the time.
    public var leftAlone: Int { busy.count { $0 < 0.01 } }
}
