// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import PowerFacts
import SystemPackage
import Testing

@testable import Battery

/// Trees that say anything: whatever comes out keeps its bounds, and what was not touched stays as it was.
@Suite struct ReaderFuzzTests {
    private static let keys = [
        "type", "scope", "status", "present", "technology", "cycle_count", "voltage_min_design", "voltage_max_design",
        "voltage_now", "power_now", "current_now", "energy_full_design", "energy_full", "energy_now",
        "charge_full_design", "charge_full", "charge_now", "capacity", "capacity_level", "alarm", "model_name",
        "manufacturer", "serial_number", "online",
    ]

    /// What drivers, firmware and attackers write where a number is expected.
    private static let numbers = [
        "0", "-0", "-1", "1", "65535", "32768", "4294967295", "4294967295000", "2147483647", "-2147483648",
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "99999999999999999999999999", "+5", "1e9",
        "0x10", "1.5", "NaN", "", " ", "-", "\u{0}", "١٢", "50000000", "100", "101",
    ]

    private func bytes(_ dice: inout Dice) -> [UInt8] {
        switch Int.random(in: 0...3, using: &dice) {
        case 0: Array((Self.numbers.randomElement(using: &dice) ?? "").utf8)
        case 1:
            Array(String(Int64.random(in: .min ... .max, using: &dice) >> Int64.random(in: 0...63, using: &dice)).utf8)
        case 2: (0..<Int.random(in: 0...3000, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) }
        default:
            Array(
                ["Battery", "Mains", "Device", "Charging", "Full", "Critical"][Int.random(in: 0...5, using: &dice)].utf8
            )
        }
    }

    /// What must hold of every reading.
    private func check(_ reading: PowerReading, _ slots: inout BatterySlots) {
        for battery in reading.batteries {
            let values = battery.values
            let numbers = [
                values.designCapacity, values.fullCapacity, values.remaining, values.warningCapacity, values.rate,
                values.voltage, values.designVoltage,
            ].compactMap { $0 }
            #expect(numbers.allSatisfy { $0 <= 1_000_000 })
            if let remaining = values.remaining, let full = values.fullCapacity { #expect(remaining <= full) }
            if let percent = battery.percent { #expect((0...100).contains(percent)) }
            for text in [values.model, values.serial, values.type, values.maker] {
                #expect(text.utf8.count <= VirtualPower.Battery.textLimit)
                #expect(text.utf8.allSatisfy { (32...126).contains($0) })
            }
        }
        let power = reading.virtual(&slots)
        #expect(power.batteries.count == VirtualPower.slots)
        #expect(VirtualPower(text: power.text) == power, "\(power.text)")
        let status = PowerStatus(reading, slots: slots)
        for battery in status.batteries {
            #expect(battery.health.map { $0 >= 0 && $0 <= 200 } ?? true)
            #expect(battery.seconds.map { $0 >= 0 } ?? true)
        }
        #expect(BatterySlots(text: slots.text) == slots)
    }

    @Test(arguments: 0..<6)
    func `files with any bytes in them are a reading within its bounds`(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &* 104_729)
        var read = 0
        for machine in Machines.all {
            let tree = try PowerTree(machine.text)
            let reader = try tree.reader()
            var slots = BatterySlots()
            for _ in 0..<12 {
                let name = ["BAT0", "BAT1", "AC", "x"].randomElement(using: &dice) ?? "x"
                for key in Self.keys.shuffled(using: &dice).prefix(Int.random(in: 1...6, using: &dice)) {
                    try tree.put(name, key, bytes(&dice))
                }
                let reading = reader.reading()
                read += reading.batteries.count
                check(reading, &slots)
            }
        }
        #expect(read > 50, "\(read) batteries")
    }

    @Test(arguments: 0..<4)
    func `one file that says anything takes no other value with it`(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &* 15_485_863)
        let tree = try PowerTree(Machines.energy)
        let reader = try tree.reader()
        let honest = reader.reading().batteries[0].values
        for _ in 0..<60 {
            let key =
                ["cycle_count", "voltage_min_design", "model_name", "alarm", "power_now"].randomElement(using: &dice)
                ?? ""
            try tree.put("BAT0", key, bytes(&dice))
            var values = try #require(reader.reading().batteries.first).values
            (values.cycles, values.designVoltage, values.warningCapacity) = (
                honest.cycles, honest.designVoltage, honest.warningCapacity
            )
            (values.model, values.rate) = (honest.model, honest.rate)
            #expect(values == honest, "\(key)")
        }
    }

    @Test(arguments: 0..<4)
    func `supplies of any name and number are bounded, and links lead nowhere else`(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &* 49_979_687)
        let tree = try PowerTree()
        let reader = try tree.reader()
        let words = seed.isMultiple(of: 2) ? "BAT0123-:._~" : "BAT0123-:._~ \u{e9}\n"
        let letters = words.unicodeScalars.map(String.init)
        for index in 0..<80 {
            let length = Int.random(in: 0...90, using: &dice)
            let name = (0..<length).map { _ in letters.randomElement(using: &dice) ?? "x" }.joined() + "\(index)"
            if name.utf8.count < 200 { try tree.put(name, "type", "Battery") }
        }
        try tree.put("BAT0", "type", "Battery")
        let place = tree.root.pushing("sys/devices/LNXSYSTM:00/BAT0/model_name")
        try PowerTree.link(place, "../../../../../../../../etc/hostname")
        try PowerTree.link(tree.root.pushing("sys/class/power_supply/out"), "/proc/self")
        let reading = reader.reading()
        #expect(reading.batteries.count <= PowerReader.supplyLimit && !reading.batteries.isEmpty)
        if seed.isMultiple(of: 2) { #expect(reading.batteries.count > PowerReader.supplyLimit - 4) }
        #expect(reading.batteries.allSatisfy { $0.values.model.isEmpty })
        var slots = BatterySlots()
        check(reading, &slots)
    }

    @Test func `a supply that is no directory, and a file that is one, are nothing`() throws {
        let tree = try PowerTree("BAT0 type=Battery\nBAT0 capacity=40")
        try Files.write("x", to: tree.root.pushing("sys/class/power_supply/BAT7"))
        try Files.makeDirectory(tree.root.pushing("sys/devices/LNXSYSTM:00/BAT0/energy_now"))
        let reading = try tree.reader().reading()
        #expect(reading.batteries.map(\.name) == ["BAT0"] && reading.batteries[0].percent == 40)
        try Files.removeTree(tree.root.pushing("sys/class/power_supply"))
        #expect(try tree.reader().reading() == PowerReading())
    }
}
