// SPDX-License-Identifier: Apache-2.0

import PowerFacts

/// The registers behind the window a guest's tables read (Firmware/ACPI/battery.asl): what an index names, as a dword. A
/// value nobody knows, and an index that names nothing, is `unknown`.
public enum PowerRegisters {
    /// What ACPI says for "not known" (ACPI 6.5, 10.2.2).
    public static let unknown: UInt32 = 0xFFFF_FFFF
    /// "LAPW", by which the tables see that somebody answers.
    public static let magic: UInt32 = 0x5750_414C

    /// Registers of the machine.
    enum Machine: UInt32 {
        case magic = 0
        /// What happened since the guest took it over last; a write takes over the bits that are one.
        case events = 1
        /// 1 on mains.
        case online = 2
        /// 1 while the lid is open, or there is none.
        case lid = 3
    }

    /// Registers of a battery, from the slot's first one.
    enum Battery: UInt32 {
        case present = 0
        /// 0 for mW, 1 for mA.
        case unit = 1
        case designCapacity = 2
        case fullCapacity = 3
        case designVoltage = 4
        case warningCapacity = 5
        case lowCapacity = 6
        case cycles = 7
        /// Bit 0 discharging, bit 1 charging, bit 2 critical (ACPI 6.5, 10.2.2.11, Battery State).
        case state = 8
        case rate = 9
        case remaining = 10
        case voltage = 11
        /// The guest's trip point, read and written.
        case trip = 12
    }

    /// Where each of a battery's texts begins, from the slot's first register: four bytes a register, zeros at the end.
    static let texts: [(UInt32, @Sendable (VirtualPower.Battery) -> String)] = [
        (0x20, { $0.model }), (0x28, { $0.serial }), (0x30, { $0.type }), (0x38, { $0.maker }),
    ]
    static let textRegisters = UInt32(VirtualPower.Battery.textLimit / 4)

    /// The first register of a slot.
    static func base(_ slot: Int) -> UInt32 { UInt32(slot + 1) << 8 }

    /// The slot an index belongs to and the register in it; nil for the machine's registers and beyond the last slot.
    static func slot(_ index: UInt32) -> (slot: Int, register: UInt32)? {
        let number = Int(index >> 8)
        guard (1...VirtualPower.slots).contains(number) else { return nil }
        return (number - 1, index & 0xFF)
    }

    /// What the guest reads. `events` and `trips` are the device's own.
    static func read(_ index: UInt32, _ power: VirtualPower, events: PowerEvents, trips: [UInt32]) -> UInt32 {
        if let machine = Machine(rawValue: index) {
            switch machine {
            case .magic: return magic
            case .events: return events.rawValue
            case .online: return power.online ? 1 : 0
            case .lid: return power.lid == .closed ? 0 : 1
            }
        }
        guard let (slot, register) = slot(index) else { return unknown }
        if register == Battery.trip.rawValue { return trips[slot] }
        guard let battery = power.batteries[slot] else { return register == Battery.present.rawValue ? 0 : unknown }
        return read(register, of: battery)
    }

    private static func read(_ register: UInt32, of battery: VirtualPower.Battery) -> UInt32 {
        guard let known = Battery(rawValue: register) else { return text(register, of: battery) }
        switch known {
        case .present: return 1
        case .unit: return battery.unit == .milliwatts ? 0 : 1
        case .designCapacity: return battery.designCapacity ?? unknown
        case .fullCapacity: return battery.fullCapacity ?? unknown
        case .designVoltage: return battery.designVoltage ?? unknown
        // ACPI has no unknown value for these two; all ones would be above any charge, and the guest for ever at its end.
        case .warningCapacity: return battery.warningCapacity ?? 0
        case .lowCapacity: return battery.lowCapacity ?? 0
        case .cycles: return battery.cycles ?? unknown
        case .state: return state(battery)
        case .rate: return battery.rate ?? unknown
        case .remaining: return battery.remaining ?? unknown
        case .voltage: return battery.voltage ?? unknown
        case .trip: return unknown
        }
    }

    static func state(_ battery: VirtualPower.Battery) -> UInt32 {
        var bits: UInt32 =
            switch battery.activity {
            case .idle: 0
            case .discharging: 1
            case .charging: 2
            }
        if battery.critical { bits |= 4 }
        return bits
    }

    private static func text(_ register: UInt32, of battery: VirtualPower.Battery) -> UInt32 {
        for (start, text) in texts where register >= start && register - start < textRegisters {
            let bytes = Array(text(battery).utf8.prefix(VirtualPower.Battery.textLimit))
            let first = Int(register - start) * 4
            var value: UInt32 = 0
            for place in 0..<4 where first + place < bytes.count {
                value |= UInt32(bytes[first + place]) << UInt32(8 * place)
            }
            return value
        }
        return unknown
    }
}

/// What a guest is to be told of, as the bits of the register `events`.
public struct PowerEvents: OptionSet, Sendable, Hashable {
    /// The bits.
    public let rawValue: UInt32

    /// Events by their bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Mains came or went.
    public static let mains = PowerEvents(rawValue: 1)
    /// The lid moved.
    public static let lid = PowerEvents(rawValue: 1 << 1)
    /// The power button was pressed.
    public static let powerButton = PowerEvents(rawValue: 1 << 2)
    /// The sleep button was pressed.
    public static let sleepButton = PowerEvents(rawValue: 1 << 3)

    /// A battery's charge or activity changed (ACPI's notification 0x80).
    public static func status(_ slot: Int) -> PowerEvents { PowerEvents(rawValue: 1 << UInt32(8 + 2 * slot)) }
    /// A battery came, went or is another one (notification 0x81).
    public static func information(_ slot: Int) -> PowerEvents { PowerEvents(rawValue: 1 << UInt32(9 + 2 * slot)) }

    /// Every event there is.
    public static let all: PowerEvents = (0..<VirtualPower.slots).reduce([.mains, .lid, .powerButton, .sleepButton]) {
        $0.union([.status($1), .information($1)])
    }
}
