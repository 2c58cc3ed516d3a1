// SPDX-License-Identifier: Apache-2.0

/// When the interrupt line is raised and lowered. It is one bit in Xen that QEMU and Xen's own power management set too
/// (xen/arch/x86/hvm/pmtimer.c, irq.c), and nobody can ask for it:
///
/// - When one of them lowers it, ours is down as well. So it is raised again with every access that leaves it up, and after
///   a while without one; then after twice that, and so on, for a guest that never looks.
/// - When we lower it, an event of theirs that came just then is down, and Xen's power button would be seen up to ten
///   minutes later. So it is pulsed once, a while after: the guest looks at everything, also when nothing is there. Not at
///   once, for an interrupt that is not finished takes no other one.
///
/// Times are nanoseconds of a clock that does not go back. None of this can trap, whatever the clock says.
public struct InterruptLine: Sendable, Hashable {
    /// What Xen is to be told.
    public enum Order: Sendable, Hashable { case raise, lower, pulse }

    /// The first wait until it is raised again.
    public static let shortest: UInt64 = 100_000_000
    /// The longest.
    public static let longest: UInt64 = 6_400_000_000
    /// How long after it was lowered it is pulsed.
    public static let settling: UInt64 = 50_000_000

    /// Whether it was raised last.
    public private(set) var isUp: Bool
    private var wait = InterruptLine.shortest
    private var due: UInt64?

    /// A line that is down; or one of which an earlier process may have left that it is up.
    public init(mayBeUp: Bool = false) { isUp = mayBeUp }

    /// What to do after something was served or changed; nil for nothing.
    public mutating func follow(_ line: Bool, now: UInt64) -> Order? {
        guard line else {
            guard isUp else { return nil }
            isUp = false
            due = Self.later(now, Self.settling)
            return .lower
        }
        isUp = true
        wait = Self.shortest
        due = Self.later(now, wait)
        return .raise
    }

    /// What to do when the wait may be over.
    public mutating func elapsed(now: UInt64) -> Order? {
        guard let due, now >= due else { return nil }
        guard isUp else {
            self.due = nil
            return .pulse
        }
        wait = min(wait * 2, Self.longest)
        self.due = Self.later(now, wait)
        return .raise
    }

    /// How long poll(2) may wait, in milliseconds; -1 without an end: there is no timer once the line
    /// has come to rest.
    public func milliseconds(now: UInt64) -> Int32 {
        guard let due else { return -1 }
        if due <= now { return 0 }
        return Int32(clamping: (due - now) / 1_000_000 + 1)
    }

    private static func later(_ now: UInt64, _ wait: UInt64) -> UInt64 {
        let (sum, over) = now.addingReportingOverflow(wait)
        return over ? .max : sum
    }
}
