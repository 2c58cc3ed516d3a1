// SPDX-License-Identifier: Apache-2.0

/// When to look at the batteries. Pure; all times are milliseconds of one clock, and no time makes it trap.
///
/// The kernel keeps what a battery told for a second (drivers/acpi/battery.c, cache_time), also against an event of that
/// battery: so one looks at once, for what is told by others, and again when that second is over. Without events and
/// without anybody who looks there is no next time.
struct LookPlan: Sendable, Hashable {
    /// How long after an event one looks again: the kernel's second, and a little.
    static let settle: Int64 = 1200
    /// The shortest time between two looks: events without end do not become looks without end.
    static let gap: Int64 = 50
    /// How often one looks while somebody follows the values: rates and rests change without an event.
    static let update: Int64 = 30_000

    /// True while somebody follows the values.
    var followed = false
    private var due: Int64?
    private var again: Int64?
    private var latest: Int64 = .min
    private var last: Int64?

    /// Something happened.
    mutating func event(at now: Int64) {
        let first = max(now, last.map { Self.sum($0, Self.gap) } ?? now)
        due = min(due ?? first, first)
        again = Self.sum(now, Self.settle)
        latest = now
    }

    /// A look failed to have its effect: another one, later.
    mutating func retry(at now: Int64) { due = min(due ?? .max, Self.sum(now, Self.update)) }

    /// A look took place between two times. What happened in between asks for another one.
    mutating func looked(from begin: Int64, to end: Int64) {
        if let time = due, time <= begin { due = latest > begin ? Self.sum(end, Self.gap) : nil }
        if let time = again, time <= begin { again = nil }
        last = end
    }

    /// When the next look is due; nil for never.
    var next: Int64? {
        let regular = followed ? last.map { Self.sum($0, Self.update) } ?? .min : nil
        return [due, again, regular].compactMap { $0 }.min()
    }

    /// True when it is time.
    func isDue(at now: Int64) -> Bool { next.map { $0 <= now } ?? false }

    /// What poll(2) is to wait at most: -1 for ever, else milliseconds.
    func timeout(at now: Int64) -> Int32 {
        guard let next else { return -1 }
        if next <= now { return 0 }
        let (left, tooMuch) = next.subtractingReportingOverflow(now)
        return tooMuch ? .max : Int32(clamping: left)
    }

    private static func sum(_ a: Int64, _ b: Int64) -> Int64 {
        let (sum, tooMuch) = a.addingReportingOverflow(b)
        return tooMuch ? .max : sum
    }
}
