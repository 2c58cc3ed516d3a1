// SPDX-License-Identifier: Apache-2.0

/// Which idle state a CPU asks for, decided as Xen's menu governor decides (xen/arch/x86/acpi/cpuidle_menu.c): the time
/// to the next timer, corrected by how such predictions turned out, bounded by how often interrupts come and by how
/// long the CPU has lately slept.
struct IdleGovernor {
    private static let resolution = 1024.0
    private static let decay = 4.0
    private static let interesting = 50_000.0

    private var correction = [Double](repeating: 0, count: 6)
    private var bucket = 0
    private var expected = 0.0
    private var predicted = 0.0
    /// A machine that has been up for a while: its CPUs have slept for long before.
    private var latencyFactor = Self.interesting
    private var measured = Self.interesting
    private var exit = 0.0
    private var stamp: Int64 = 0
    private var duration = 0.0
    private var irqStamp = 0
    private var irqSum = 0.0
    /// Interrupts this CPU has taken.
    var interrupts = 0

    private static func bucket(of microseconds: Double) -> Int {
        switch microseconds {
        case ..<10: 0
        case ..<100: 1
        case ..<1000: 2
        case ..<10_000: 3
        case ..<100_000: 4
        default: 5
        }
    }

    private mutating func interruptInterval(_ now: Int64) -> Double {
        let d = Self.decay
        let duration = ((self.duration + Double(now - stamp) * (d - 1)) / d).rounded(.towardZero)
        let sum = ((irqSum + Double(interrupts - irqStamp) * (d - 1)) / d).rounded(.towardZero)
        let interval = sum == 0 ? 1_000_000 : duration / sum / 1000
        if duration >= 5_000_000 {
            stamp = now
            self.duration = duration
            irqStamp = interrupts
            irqSum = sum
        }
        return interval
    }

    /// The index of the state to enter.
    ///
    /// - Parameters:
    ///   - states: the core's idle states, shallow to deep.
    ///   - deadline: when the CPU's timer goes off; `Int64.max` for never.
    mutating func choose(_ states: ArraySlice<Machine.IdleState>, now: Int64, deadline: Int64) -> Int {
        let us = deadline == .max ? -1 : (Double(deadline - now) / 1000).rounded(.towardZero)
        // As in Xen: a deadline that has passed or lies beyond 32 bits of microseconds counts as far away.
        expected = us < 0 || us > 4_294_967_295 ? 4_294_965_296 : us
        bucket = Self.bucket(of: expected)
        let interval = interruptInterval(now)
        latencyFactor = ((latencyFactor * (Self.decay - 1) + measured) / Self.decay).rounded()
        if correction[bucket] == 0 { correction[bucket] = Self.resolution * Self.decay }
        predicted = (expected * correction[bucket] / (Self.resolution * Self.decay)).rounded()
        exit = 0
        var chosen = states.startIndex
        for index in states.indices.dropFirst() {
            let state = states[index]
            guard state.residencyMicroseconds <= predicted, state.exitMicroseconds * 8 <= interval,
                state.exitMicroseconds * 10 <= latencyFactor
            else { break }
            exit = state.exitMicroseconds
            chosen = index
        }
        return chosen
    }

    /// Learns how long the sleep really was.
    mutating func woke(afterMicroseconds slept: Double) {
        measured = slept > exit ? slept - exit : slept
        var factor = correction[bucket] * (Self.decay - 1) / Self.decay
        if expected > 0, measured < Self.interesting {
            factor += Self.resolution * measured / expected
        } else {
            factor += Self.resolution
        }
        correction[bucket] = max(1, factor.rounded(.towardZero))
    }
}
