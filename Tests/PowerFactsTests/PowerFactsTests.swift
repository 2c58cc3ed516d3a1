// SPDX-License-Identifier: Apache-2.0

import PowerFacts
import Testing

/// A battery by its attributes, without a file.
private func battery(_ attributes: [String: String], name: String = "BAT0") -> BatteryReading? {
    var all = ["type": "Battery"]
    all.merge(attributes) { $1 }
    return BatteryReading(name: name) { all[$0] }
}

/// A generator whose numbers are the same in every run.
private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        let mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        return mixed ^ (mixed >> 27)
    }
}

@Suite struct SlotTests {
    @Test func `the first two batteries get slots, a third none`() {
        var slots = BatterySlots()
        #expect(slots.place(["BAT0", "BAT1", "BAT2"]) == [0, 1, nil])
        #expect(slots.text == "BAT0\nBAT1\n" && BatterySlots(text: slots.text) == slots)
    }

    @Test func `a battery that is away keeps its slot until another needs it`() {
        var slots = BatterySlots()
        #expect(slots.place(["BAT0", "BAT1"]) == [0, 1])
        #expect(slots.place(["BAT1"]) == [1])
        #expect(slots.place(["BAT0", "BAT1"]) == [0, 1])
        #expect(slots.place(["BAT1", "BAT2"]) == [1, 0])
        #expect(slots.place(["BAT0", "BAT1", "BAT2"]) == [nil, 1, 0])
        #expect(slots.place([]) == [])
    }

    @Test func `any text is one of slots`() {
        for text in ["", "\n", "\n\n\n\n", "BAT0", "BAT0\nBAT0\n", "a b\n\u{1b}\n", String(repeating: "x", count: 99)] {
            let slots = BatterySlots(text: text)
            #expect(slots.names.count == VirtualPower.slots && BatterySlots(text: slots.text) == slots)
        }
        #expect(BatterySlots(text: "\nBAT1\n").names == [nil, "BAT1"])
        var slots = BatterySlots()
        #expect(slots.place([String(repeating: "x", count: 65), "a b", ""]) == [nil, nil, nil])
    }

    @Test(arguments: 0..<4)
    func `whatever comes and goes, no slot has two batteries and none that stays is moved`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 104_729)
        let names = ["BAT0", "BAT1", "BAT2", "CMB0"]
        var slots = BatterySlots()
        var before: [String: Int] = [:]
        for _ in 0..<500 {
            let present = names.filter { _ in Bool.random(using: &dice) }
            let places = slots.place(present)
            let taken = places.compactMap { $0 }
            #expect(Set(taken).count == taken.count && taken.count == min(present.count, VirtualPower.slots))
            var now: [String: Int] = [:]
            for (name, place) in zip(present, places) {
                now[name] = place
                if let old = before[name] { #expect(place == old, "\(name)") }
            }
            before = now
        }
    }
}

@Suite struct ReadingTests {
    @Test func `what is no battery of the machine is none`() {
        #expect(battery(["type": "Mains"]) == nil && battery(["type": "UPS"]) == nil)
        #expect(battery(["scope": "Device"]) == nil && battery(["scope": "System"]) != nil)
        #expect(BatteryReading(name: "x") { _ in nil } == nil)
    }

    @Test(arguments: [
        ("Charging", BatteryReading.State.charging, VirtualPower.Battery.Activity.charging),
        ("Discharging", .discharging, .discharging), ("Full", .full, .idle), ("Not charging", .notCharging, .idle),
        ("Unknown", .unknown, .idle), ("charging", .unknown, .idle), ("", .unknown, .idle),
    ])
    func `the kernel's words are read as they are`(
        word: String, state: BatteryReading.State, activity: VirtualPower.Battery.Activity
    ) throws {
        let found = try #require(battery(["status": word, "current_now": "5"]))
        #expect(found.state == state && found.values.activity == activity)
    }

    @Test func `the critical bit comes through`() {
        #expect(battery(["capacity_level": "Critical"])?.values.critical == true)
        #expect(battery(["capacity_level": "Low"])?.values.critical == false)
    }

    @Test func `energy wins over charge where both are told`() throws {
        let found = try #require(
            battery(["energy_full": "40000000", "charge_full": "3000000", "charge_now": "1000000", "capacity": "25"]))
        #expect(found.values.unit == .milliwatts && found.values.remaining == 10000 && !found.percentOnly)
    }

    @Test func `numbers of other drivers' units are not believed`() throws {
        // A voltage in mV, a capacity in mWh.
        let found = try #require(battery(["voltage_now": "11400", "energy_full": "400", "capacity": "25"]))
        #expect(found.values.voltage == nil && found.values.fullCapacity == 10_000 && found.percentOnly)
    }

    @Test func `mains is any that feeds the machine, and unknown ones do not count`() {
        func mains(_ type: String, _ online: String?) -> MainsReading? {
            MainsReading(name: "AC") { ["type": type, "online": online ?? ""][$0] }
        }
        #expect(mains("USB_PD", "2")?.online == true && mains("Mains", "0")?.online == false)
        #expect(mains("Mains", "3")?.online == nil && mains("Mains", nil)?.online == nil && mains("UPS", "1") == nil)
        let off = [mains("Mains", "0")].compactMap { $0 }
        #expect(!PowerReading(supplies: off).onMains && PowerReading().onMains)
        #expect(PowerReading(supplies: off + [mains("USB", "1")].compactMap { $0 }).onMains)
        let drained = [battery(["status": "Discharging"])].compactMap { $0 }
        #expect(!PowerReading(batteries: drained).onMains)
        #expect(!PowerReading(supplies: [mains("Mains", nil)].compactMap { $0 }, batteries: drained).onMains)
    }

    @Test func `what is away or has no slot is not shown to guests`() {
        var slots = BatterySlots()
        let three = ["BAT0", "BAT1", "BAT2"].compactMap { battery(["capacity": "50", "model_name": $0], name: $0) }
        let power = PowerReading(batteries: three, lid: .closed).virtual(&slots)
        #expect(power.batteries.map { $0?.model } == ["BAT0", "BAT1"] && power.lid == .closed)
        let status = PowerStatus(PowerReading(batteries: three, lid: .closed), slots: slots)
        #expect(status.batteries.map(\.slot) == [0, 1, nil] && status.sentence == "on mains, 50 %, lid closed")
    }

    @Test func `the draw is unknown when one of the drained batteries does not tell`() {
        let a = battery(["status": "Discharging", "energy_full": "9000000", "power_now": "3000000"])
        let b = battery(["status": "Discharging", "energy_full": "9000000"], name: "BAT1")
        #expect(PowerStatus(PowerReading(batteries: [a].compactMap { $0 })).drawMilliwatts == 3000)
        #expect(PowerStatus(PowerReading(batteries: [a, b].compactMap { $0 })).drawMilliwatts == nil)
        #expect(PowerStatus(PowerReading(batteries: [a, b].compactMap { $0 })).percent == nil)
    }
}
