// SPDX-License-Identifier: Apache-2.0

/// Something that feeds the machine from outside: a power brick, a USB port that takes power.
public struct MainsReading: Sendable, Hashable, Codable {
    /// The kernel's name, such as `AC`.
    public var name: String
    /// The kernel's word for what it is, such as `Mains` or `USB`.
    public var type: String
    /// True when it feeds the machine; nil when it does not tell.
    public var online: Bool?

    /// The words of `type` that stand for something that feeds the machine (sysfs-class-power, type). `UPS` is none:
    /// what feeds one is not known here.
    static let types: Set<String> = [
        "Mains", "USB", "USB_DCP", "USB_CDP", "USB_ACA", "USB_C", "USB_PD", "USB_PD_DRP", "BrickID", "Wireless",
    ]

    /// Reads the attributes of a power supply; nil for what is none of these. A port that feeds others has the scope
    /// `Device`. `online` is 1 for a fixed and 2 for a programmable voltage.
    public init?(name: String, attribute: (String) -> String?) {
        guard let type = attribute("type"), Self.types.contains(type), attribute("scope") != "Device" else {
            return nil
        }
        self.name = name
        self.type = type
        online = SupplyNumbers.whole(attribute("online")).flatMap { (0...2).contains($0) ? $0 > 0 : nil }
    }
}

/// The machine's power at one moment, as the kernel tells of it.
public struct PowerReading: Sendable, Hashable {
    /// What feeds it from outside, in the order of the kernel's names.
    public var supplies: [MainsReading]
    /// Its batteries, in the order of the kernel's names; empty bays are among them.
    public var batteries: [BatteryReading]
    /// Where the lid stands.
    public var lid: VirtualPower.Lid

    /// A reading.
    public init(supplies: [MainsReading] = [], batteries: [BatteryReading] = [], lid: VirtualPower.Lid = .absent) {
        self.supplies = supplies
        self.batteries = batteries
        self.lid = lid
    }

    /// True on mains. A machine that does not tell is on mains unless one of its batteries is being discharged.
    public var onMains: Bool {
        let told = supplies.compactMap(\.online)
        if !told.isEmpty { return told.contains(true) }
        return !batteries.contains { $0.present && $0.state == .discharging }
    }

    /// What guests are told. Batteries get their slots; those beyond the last slot are not shown.
    public func virtual(_ slots: inout BatterySlots) -> VirtualPower {
        let there = batteries.filter(\.present)
        let places = slots.place(there.map(\.name))
        var power = VirtualPower(online: onMains, lid: lid)
        for (battery, place) in zip(there, places) {
            if let place { power.batteries[place] = battery.values }
        }
        return power
    }
}
