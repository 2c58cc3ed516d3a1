// SPDX-License-Identifier: Apache-2.0

import PowerFacts
import VirtualACPI

/// SplitMix64: the same numbers for the same seed.
struct Dice: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension VirtualPower {
    /// A laptop on battery.
    static var laptop: VirtualPower {
        var battery = VirtualPower.Battery(unit: .milliwatts, activity: .discharging)
        battery.designCapacity = 57020
        battery.fullCapacity = 51230
        battery.designVoltage = 11400
        battery.warningCapacity = 5123
        battery.lowCapacity = 1537
        battery.cycles = 212
        battery.rate = 8120
        battery.remaining = 30110
        battery.voltage = 11621
        battery.model = "45N1767"
        battery.type = "LION"
        battery.maker = "LGC"
        return VirtualPower(online: false, lid: .open, batteries: [battery])
    }

    /// Something that happens to a machine.
    mutating func change(_ dice: inout Dice) {
        switch Int.random(in: 0..<8, using: &dice) {
        case 0: online.toggle()
        case 1: lid = Lid.allCases.randomElement(using: &dice) ?? .open
        case 2: powerPresses &+= 1
        case 3: sleepPresses &+= 1
        case 4:
            let slot = Int.random(in: 0..<Self.slots, using: &dice)
            batteries[slot] = batteries[slot] == nil ? Self.laptop.batteries[0] : nil
        case 5: batteries[0]?.activity = Battery.Activity.allCases.randomElement(using: &dice) ?? .idle
        case 6: batteries[1]?.remaining = Bool.random(using: &dice) ? nil : UInt32.random(in: 0...60000, using: &dice)
        default:
            let now = batteries[0]?.remaining ?? 20000
            batteries[0]?.remaining = now > 500 ? now - UInt32.random(in: 0...500, using: &dice) : 50000
        }
    }
}

/// The guest's side, as its tables and its operating system do it, one access after the other.
extension PowerDevice {
    mutating func get(_ port: UInt64, _ size: UInt32 = 1) -> UInt64 {
        serve(PortAccess(port: port, size: size, isWrite: false))
    }
    mutating func put(_ port: UInt64, _ value: UInt64, _ size: UInt32 = 1) {
        _ = serve(PortAccess(port: port, size: size, isWrite: true, value: value))
    }
    mutating func register(_ index: UInt32) -> UInt32 {
        put(0xA000, UInt64(index), 4)
        return UInt32(truncatingIfNeeded: get(0xA004, 4))
    }
    mutating func setRegister(_ index: UInt32, _ value: UInt32) {
        put(0xA000, UInt64(index), 4)
        put(0xA004, UInt64(value), 4)
    }
    /// A text, as `LPTX` reads it.
    mutating func text(_ index: UInt32) -> String {
        var bytes: [UInt8] = []
        for place in 0..<UInt32(8) {
            let value = register(index + place)
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
        }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
