// SPDX-License-Identifier: Apache-2.0

/// SplitMix64: small, fast, and the same on every machine.
struct SeededRandom {
    private var state: UInt64

    /// A stream of its own for each set of keys.
    init(_ keys: UInt64...) {
        state = 0x9E37_79B9_7F4A_7C15
        for key in keys {
            state ^= key &* 0xBF58_476D_1CE4_E5B9
            _ = next()
        }
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Uniform in [0, 1).
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Exponential with mean 1, by the logarithm of a uniform draw.
    mutating func exponential() -> Double {
        // log computed from the significand's series, so that no C library's rounding decides a result.
        let u = 1 - unit()
        var y = Double(u.exponent)
        let t = (u.significand - 1) / (u.significand + 1)
        var power = t
        var sum = 0.0
        for k in stride(from: 1.0, through: 31.0, by: 2.0) {
            sum += power / k
            power *= t * t
        }
        y = y * 0.693_147_180_559_945_3 + 2 * sum
        return max(0, -y)
    }
}
