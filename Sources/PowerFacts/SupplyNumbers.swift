// SPDX-License-Identifier: Apache-2.0

/// Numbers of `/sys/class/power_supply` (Documentation/ABI/testing/sysfs-class-power): decimal, in millionths, each one
/// believed only where it can be.
enum SupplyNumbers {
    /// The largest capacity that is believed, in mWh or mAh: beyond what any portable machine has, below what drivers
    /// make of 0x7FFFFFFF and 0xFFFFFFFF.
    static let capacityLimit: UInt64 = 1_000_000
    /// Voltages that are believed, in mV.
    static let voltages: ClosedRange<UInt64> = 1000...100_000

    /// The largest rate that is believed, in mW or mA.
    static func rateLimit(_ unit: VirtualPower.Battery.Unit) -> UInt64 {
        switch unit {
        case .milliwatts: 1_000_000
        case .milliamperes: 60_000
        }
    }

    /// A whole number with an optional minus, nothing else; nil for anything that does not fit.
    static func whole(_ text: String?) -> Int64? {
        guard let text, text.utf8.count <= 20 else { return nil }
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }

    /// Millionths as thousandths, rounded.
    static func milli(_ micro: Int64) -> UInt64 {
        let magnitude = micro.magnitude
        return magnitude / 1000 + (magnitude % 1000 >= 500 ? 1 : 0)
    }

    /// A capacity in thousandths; nil for one that cannot be. `zero` tells whether it may be nothing.
    static func capacity(_ text: String?, zero: Bool) -> UInt32? {
        guard let value = whole(text), value >= 0 else { return nil }
        let found = milli(value)
        return found <= capacityLimit && (zero || found > 0) ? UInt32(found) : nil
    }

    /// A voltage in mV; nil for one that cannot be.
    static func voltage(_ text: String?) -> UInt32? {
        guard let value = whole(text), value > 0 else { return nil }
        let found = milli(value)
        return voltages.contains(found) ? UInt32(found) : nil
    }
}
