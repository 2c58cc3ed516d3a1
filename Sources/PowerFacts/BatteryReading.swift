// SPDX-License-Identifier: Apache-2.0

/// One battery of the machine as the kernel tells of it, each value taken apart on its own: what cannot be is unknown,
/// and takes nothing else with it.
public struct BatteryReading: Sendable, Hashable {
    /// What it does, in the kernel's words (`status`).
    public enum State: String, Sendable, Hashable, Codable, CaseIterable {
        /// It is charged.
        case charging
        /// It is discharged.
        case discharging
        /// On mains, and neither.
        case notCharging = "not-charging"
        /// It is full.
        case full
        /// Nobody knows.
        case unknown
    }

    /// The kernel's name, such as `BAT0`.
    public var name: String
    /// False for a bay that says it is empty.
    public var present: Bool
    /// What it does.
    public var state: State
    /// The charge in percent, as told or else as computed; nil when unknown.
    public var percent: Int?
    /// True when it tells no capacity in Wh or Ah, only the percentage. Its hours are then made up (`percentScale`).
    public var percentOnly: Bool
    /// What a guest is told of it.
    public var values: VirtualPower.Battery

    /// The full capacity, in mWh, that guests are told of a battery that tells its percentage and nothing else: ACPI
    /// has no other way to say a percentage. So it is right, and the hours mean nothing.
    public static let percentScale: UInt32 = 10_000
    /// How far above the full capacity the rest may be, in percent, and still is "full": gauges drift.
    static let overshoot: UInt64 = 5

    /// Reads the attributes of a power supply, each the first line of its file without blanks around it; nil for what
    /// is no battery of the system. Batteries of mice and pens have the scope `Device`.
    ///
    /// - Parameters:
    ///   - name: The kernel's name.
    ///   - attribute: The text of an attribute; nil when it is not there or cannot be read.
    public init?(name: String, attribute: (String) -> String?) {
        guard attribute("type") == "Battery", attribute("scope") != "Device" else { return nil }
        self.name = name
        present = attribute("present") != "0"
        let told = SupplyNumbers.whole(attribute("capacity")).flatMap { (0...100).contains($0) ? Int($0) : nil }
        var values = VirtualPower.Battery()
        let energy = Capacities(prefix: "energy", told, attribute)
        let charge = Capacities(prefix: "charge", told, attribute)
        let capacities = energy.isKnown || !charge.isKnown ? energy : charge
        values.unit = energy.isKnown || !charge.isKnown ? .milliwatts : .milliamperes
        values.designCapacity = capacities.design
        values.fullCapacity = capacities.full
        values.remaining = capacities.remaining
        values.warningCapacity = capacities.warning
        values.voltage = SupplyNumbers.voltage(attribute("voltage_now"))
        values.designVoltage =
            SupplyNumbers.voltage(attribute("voltage_min_design"))
            ?? SupplyNumbers.voltage(attribute("voltage_max_design"))
        let rate = Rate(unit: values.unit, voltage: values.voltage, attribute)
        values.rate = rate.value
        percentOnly = !capacities.isKnown && told != nil
        if percentOnly, let told {
            values.fullCapacity = Self.percentScale
            values.remaining = UInt32(told) * (Self.percentScale / 100)
            // A rate in true units beside made-up ones would give wrong times.
            values.rate = rate.value == 0 ? 0 : nil
        }
        // 0 stands for "not available" (sysfs-class-power, cycle_count).
        values.cycles = SupplyNumbers.whole(attribute("cycle_count")).flatMap {
            (1...100_000).contains($0) ? UInt32($0) : nil
        }
        // The kernel passes ACPI's critical bit on as this word (drivers/acpi/battery.c).
        values.critical = attribute("capacity_level") == "Critical"
        values.model = Self.text(attribute("model_name"))
        values.serial = Self.text(attribute("serial_number"))
        values.type = Self.text(attribute("technology"))
        values.maker = Self.text(attribute("manufacturer"))
        state = Self.state(attribute("status"), negative: rate.negative)
        values.activity = state == .charging ? .charging : state == .discharging ? .discharging : .idle
        self.values = values
        percent = told ?? Self.percent(values)
    }

    /// The word of `status`. Where that says nothing, a negative current or power means discharging (sysfs-class-power,
    /// current_now).
    private static func state(_ word: String?, negative: Bool) -> State {
        switch word {
        case "Charging": .charging
        case "Discharging": .discharging
        case "Not charging": .notCharging
        case "Full": .full
        default: negative ? .discharging : .unknown
        }
    }

    /// A battery's own words, made safe; empty for what is only blanks or says that nothing is known.
    private static func text(_ words: String?) -> String {
        guard let words, words != "Unknown" else { return "" }
        let plain = VirtualPower.plain(words)
        return plain.utf8.allSatisfy({ $0 == 32 }) ? "" : plain
    }

    private static func percent(_ values: VirtualPower.Battery) -> Int? {
        guard let remaining = values.remaining, let full = values.fullCapacity, full > 0 else { return nil }
        return min(100, Int((UInt64(remaining) * 100 + UInt64(full) / 2) / UInt64(full)))
    }
}

/// The capacities of one family of attributes, `energy_*` (µWh) or `charge_*` (µAh), in thousandths.
private struct Capacities {
    var design: UInt32?
    var full: UInt32?
    var remaining: UInt32?
    var warning: UInt32?

    /// True when the battery tells of itself in this unit.
    var isKnown: Bool { design != nil || full != nil || remaining != nil }

    init(prefix: String, _ percent: Int?, _ attribute: (String) -> String?) {
        design = SupplyNumbers.capacity(attribute(prefix + "_full_design"), zero: false)
        full = SupplyNumbers.capacity(attribute(prefix + "_full"), zero: false)
        remaining = SupplyNumbers.capacity(attribute(prefix + "_now"), zero: true)
        guard isKnown else { return }
        if let limit = full ?? design {
            if let now = remaining, now > limit {
                let slack = UInt64(limit) * (100 + BatteryReading.overshoot) / 100
                remaining = UInt64(now) <= slack ? limit : nil
            }
            if remaining == nil, let percent { remaining = UInt32(UInt64(limit) * UInt64(percent) / 100) }
            // The trip point; drivers/acpi/battery.c begins with the capacity at which the maker warns.
            warning = SupplyNumbers.capacity(attribute("alarm"), zero: false).flatMap { $0 <= limit ? $0 : nil }
        }
    }
}

/// How fast a battery is charged or discharged, and which way where the sign says so.
private struct Rate {
    var value: UInt32?
    var negative: Bool

    init(unit: VirtualPower.Battery.Unit, voltage: UInt32?, _ attribute: (String) -> String?) {
        let power = SupplyNumbers.whole(attribute("power_now"))
        let current = SupplyNumbers.whole(attribute("current_now"))
        negative = (power ?? 0) < 0 || (current ?? 0) < 0
        let watts = power.flatMap { Self.known($0, .milliwatts) }
        let amperes = current.flatMap { Self.known($0, .milliamperes) }
        let found: UInt64? =
            switch unit {
            case .milliwatts: watts ?? amperes.flatMap { now in voltage.map { now * UInt64($0) / 1000 } }
            case .milliamperes: amperes ?? watts.flatMap { now in voltage.map { now * 1000 / UInt64($0) } }
            }
        value = found.flatMap { $0 <= SupplyNumbers.rateLimit(unit) ? UInt32($0) : nil }
    }

    private static func known(_ micro: Int64, _ unit: VirtualPower.Battery.Unit) -> UInt64? {
        let found = SupplyNumbers.milli(micro)
        return found <= SupplyNumbers.rateLimit(unit) ? found : nil
    }
}
