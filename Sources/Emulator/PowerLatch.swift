// SPDX-License-Identifier: Apache-2.0

/// The power of the emulated machine, as the check sets it: a word of 32 bits at an I/O port, which the machine's own ACPI
/// methods read (`PowerTable`). Zero is a machine on battery without one.
struct PowerLatch: Sendable, Hashable {
    /// A battery that is there.
    struct Battery: Sendable, Hashable {
        /// How full it is, 0 to 100.
        var percent: Int
        /// True when mains, if there, charge it.
        var charging = false
    }

    /// True while mains are plugged in.
    var online = true
    /// True while the lid is closed.
    var lidClosed = false
    /// The batteries by slot; nil where none is. Always as many as `EmulatedBattery.all`.
    var batteries: [Battery?]
    /// True to let the first battery say what cannot be: more left than it holds, no voltage, an unknown rate.
    var lies = false

    /// Describes a machine with mains and an open lid.
    init(_ batteries: Battery?...) {
        self.batteries = EmulatedBattery.all.indices.map { $0 < batteries.count ? batteries[$0] : nil }
    }

    /// Where the word stands: QEMU's `pc-testdev` keeps 4 bytes there (QEMU, hw/misc/pc-testdev.c).
    static let port: UInt16 = 0xE0
    /// A byte written here sets the ISA interrupt 5: 1 up, 0 down (as above).
    static let interruptPort: UInt16 = 0x2005
    /// The interrupt's number.
    static let interrupt = 5

    /// A field of the word, from the lowest bit on. The raw value is its name in the ACPI table.
    enum Field: String, CaseIterable {
        case online = "LONL"
        case lidClosed = "LLID"
        case lies = "LLIE"
        case firstPresent = "L0PR"
        case firstCharging = "L0CH"
        case firstPercent = "L0PC"
        case secondPresent = "L1PR"
        case secondCharging = "L1CH"
        case secondPercent = "L1PC"

        /// How many bits it has.
        var bits: Int {
            switch self {
            case .firstPercent, .secondPercent: 7
            default: 1
            }
        }
    }

    private func content(_ field: Field) -> UInt32 {
        func battery(_ slot: Int, _ part: (Battery) -> Int) -> UInt32 { UInt32(batteries[slot].map(part) ?? 0) }
        func percent(_ battery: Battery) -> Int { min(max(battery.percent, 0), 100) }
        return switch field {
        case .online: online ? 1 : 0
        case .lidClosed: lidClosed ? 1 : 0
        case .lies: lies ? 1 : 0
        case .firstPresent: battery(0) { _ in 1 }
        case .firstCharging: battery(0) { $0.charging ? 1 : 0 }
        case .firstPercent: battery(0, percent)
        case .secondPresent: battery(1) { _ in 1 }
        case .secondCharging: battery(1) { $0.charging ? 1 : 0 }
        case .secondPercent: battery(1, percent)
        }
    }

    /// The word.
    var value: UInt32 {
        var (word, at) = (UInt32(0), UInt32(0))
        for field in Field.allCases {
            word |= content(field) << at
            at += UInt32(field.bits)
        }
        return word
    }
}

/// What a battery of the emulated machine is, beside how full it is. Both units of ACPI are there, and a worn battery;
/// the one that lies is not worn, because Linux caps what a worn one has left (drivers/acpi/battery.c).
struct EmulatedBattery: Sendable, Hashable {
    /// True when it counts in mA and mAh, false for mW and mWh.
    var countsCurrent: Bool
    /// As new, in its unit.
    var design: Int
    /// When last charged fully; a multiple of 100, so that percents are whole.
    var full: Int
    /// In mV.
    var designVoltage: Int
    /// In mV when empty; 10 mV more for each percent.
    var emptyVoltage: Int
    /// How fast it is charged, in its unit.
    var chargeRate: Int
    /// How fast it is discharged, in its unit.
    var dischargeRate: Int
    /// How often it was charged and discharged.
    var cycles: Int
    /// The model's name.
    var model: String
    /// The serial number.
    var serial: String

    /// How full a lying battery says to be.
    static let liePercent = 125
    /// What a lying battery says to have left, in its unit.
    var lie: Int { full / 100 * Self.liePercent }

    /// Their maker.
    static let maker = "Lapwing"
    /// Their chemistry, as ACPI writes it.
    static let chemistry = "LION"

    /// By slot.
    static let all = [
        EmulatedBattery(
            countsCurrent: false, design: 48000, full: 48000, designVoltage: 11400, emptyVoltage: 11000,
            chargeRate: 20000, dischargeRate: 9000, cycles: 17, model: "EMU-48", serial: "0048"),
        EmulatedBattery(
            countsCurrent: true, design: 2600, full: 2400, designVoltage: 7600, emptyVoltage: 7000,
            chargeRate: 1200, dischargeRate: 800, cycles: 214, model: "EMU-26", serial: "0026"),
    ]
}
