// SPDX-License-Identifier: Apache-2.0

import PowerFacts
import Testing

@testable import Battery

/// What is read of each kind of machine, and what guests and people are told of it.
@Suite struct MachineTests {
    private func read(_ text: String) throws -> (PowerReading, VirtualPower, PowerStatus) {
        let tree = try PowerTree(text)
        let reading = try tree.reader().reading()
        var slots = BatterySlots()
        let power = reading.virtual(&slots)
        return (reading, power, PowerStatus(reading, slots: slots))
    }

    @Test func `a battery in mW is told as it is`() throws {
        let (_, power, status) = try read(Machines.energy)
        #expect(!power.online && power.lid == .absent && power.batteries[1] == nil)
        let battery = try #require(power.batteries[0])
        #expect(battery.unit == .milliwatts && battery.activity == .discharging && !battery.critical)
        #expect(battery.designCapacity == 57020 && battery.fullCapacity == 51230 && battery.remaining == 30110)
        #expect(battery.designVoltage == 11400 && battery.voltage == 11621 && battery.rate == 8120)
        #expect(battery.cycles == 212 && battery.warningCapacity == 2561 && battery.lowCapacity == nil)
        #expect(battery.model == "DELL 8FXW" && battery.maker == "LGC-LGC")
        #expect(battery.serial == "3701" && battery.type == "Li-poly")
        let told = try #require(status.batteries.first)
        #expect(told.percent == 58 && told.milliwatts == 8120 && told.health == 90 && told.cycles == 212)
        #expect(told.seconds == 30110 * 3600 / 8120 && told.slot == 0 && told.unit == "mWh")
        #expect(status.drawMilliwatts == 8120 && !status.mains && status.percent == 58)
        #expect(status.sentence == "on battery, 58 %")
    }

    @Test func `a battery in mA keeps its unit, and people are told watts`() throws {
        let (_, power, status) = try read(Machines.charge)
        let battery = try #require(power.batteries[0])
        #expect(power.online && battery.unit == .milliamperes && battery.activity == .charging)
        #expect(battery.designCapacity == 4170 && battery.fullCapacity == 3903 && battery.remaining == 2110)
        #expect(battery.rate == 2050 && battery.cycles == nil && battery.warningCapacity == nil)
        let told = try #require(status.batteries.first)
        #expect(told.milliwatts == 2050 * 12412 / 1000 && told.seconds == (3903 - 2110) * 3600 / 2050)
        #expect(told.unit == "mAh" && status.drawMilliwatts == nil)
    }

    @Test func `two batteries have two slots, and only the drained one draws`() throws {
        let (reading, power, status) = try read(Machines.twoBatteries)
        #expect(power.batteries.map { $0?.activity } == [.idle, .discharging])
        #expect(power.batteries[0]?.rate == 0 && reading.batteries[0].state == .notCharging)
        #expect(status.drawMilliwatts == 6300 && status.batteries.map(\.slot) == [0, 1])
        #expect(status.batteries[0].seconds == nil && status.percent == (20130 + 18900) * 100 / (20970 + 44220) + 1)
    }

    @Test func `a USB-C port that feeds the machine is mains, one that feeds a phone is not`() throws {
        let (reading, power, _) = try read(Machines.usbTypeC)
        #expect(power.online && reading.supplies.map(\.name) == ["ucsi-source-psy-USBC000:001"])
        #expect(reading.batteries[0].state == .full && power.batteries[0]?.activity == .idle)
    }

    @Test(arguments: [Machines.desktop, Machines.mouse, Machines.ups])
    func `a machine without a battery of its own is on mains`(text: String) throws {
        let (reading, power, status) = try read(text)
        #expect(reading == PowerReading() && power == VirtualPower())
        #expect(status.mains && status.batteries.isEmpty && status.sentence == "on mains, no battery")
    }

    @Test func `of a battery that lies all that cannot be is unknown`() throws {
        let (_, power, status) = try read(Machines.liar)
        let battery = try #require(power.batteries[0])
        var honest = VirtualPower.Battery(unit: .milliwatts, activity: .discharging)
        honest.fullCapacity = 50000
        honest.model = "?[2J?bat"
        #expect(battery == honest && power.online)
        let told = try #require(status.batteries.first)
        #expect(told.percent == nil && told.seconds == nil && told.health == nil && told.milliwatts == nil)
        #expect(told.maker == nil && told.technology == nil)
        #expect(VirtualPower(text: power.text) == power)
    }

    @Test func `a negative current is a rate, and tells the direction where nothing else does`() throws {
        let (reading, power, status) = try read(Machines.negative)
        let battery = try #require(power.batteries[0])
        #expect(battery.rate == 612 && battery.activity == .discharging && battery.unit == .milliamperes)
        #expect(reading.supplies.isEmpty && !power.online)
        #expect(status.batteries[0].seconds == 4117 * 3600 / 612)
    }

    @Test func `a percentage alone reaches the guest as a percentage, and people get no made-up hours`() throws {
        let (reading, power, status) = try read(Machines.percentOnly)
        let battery = try #require(power.batteries[0])
        #expect(reading.batteries[0].percentOnly && battery.fullCapacity == 10_000 && battery.remaining == 7100)
        #expect(battery.rate == nil && battery.designCapacity == nil && battery.voltage == 3821 && !power.online)
        let told = try #require(status.batteries.first)
        #expect(told.percent == 71 && told.remaining == nil && told.full == nil && told.unit == nil)
        #expect(told.health == nil && told.seconds == nil)
    }

    @Test func `what is missing is unknown and the rest is told`() throws {
        let (reading, power, _) = try read(Machines.missing)
        let battery = try #require(power.batteries[0])
        #expect(battery.fullCapacity == 40000 && battery.remaining == 20000 && battery.voltage == nil)
        #expect(reading.supplies[0].online == nil && power.online && reading.batteries[0].state == .unknown)
    }

    @Test func `an empty bay has no slot`() throws {
        let (_, power, status) = try read(Machines.emptyBay)
        #expect(power.batteries[0]?.remaining == 30000 && power.batteries[1] == nil)
        #expect(status.batteries.map(\.present) == [false, true] && status.batteries.map(\.slot) == [nil, 0])
        #expect(status.percent == 66)
    }

    @Test func `any port that takes power is enough`() throws {
        let (reading, power, _) = try read(Machines.chromebook)
        #expect(power.online && reading.supplies.map(\.online) == [false, true])
        #expect(power.batteries[0]?.rate == 1204)
    }

    @Test func `every machine's state is a text that is read back, within its bound`() throws {
        for machine in Machines.all {
            let (_, power, _) = try read(machine.text)
            #expect(VirtualPower(text: power.text) == power, "\(machine.name)")
        }
    }

    @Test func `a little above full is full, more is unknown`() throws {
        let tree = try PowerTree(Machines.energy)
        let reader = try tree.reader()
        for (now, expected) in [("51230000", 51230), ("53791000", 51230), ("53792000", nil), ("0", 0)]
            as [(String, UInt32?)]
        {
            try tree.put("BAT0", "energy_now", now)
            try tree.put("BAT0", "capacity", "105")
            #expect(reader.reading().batteries[0].values.remaining == expected, "\(now)")
        }
    }

    @Test func `power is worked out from current and voltage where only those are told`() throws {
        let tree = try PowerTree(Machines.energy)
        try tree.remove("BAT0", "power_now")
        try tree.put("BAT0", "current_now", "-700000")
        #expect(try tree.reader().reading().batteries[0].values.rate == 700 * 11621 / 1000)
        try tree.put("BAT0", "voltage_now", "0")
        #expect(try tree.reader().reading().batteries[0].values.rate == nil)
    }

    @Test func `the lid is found by its bit, and one that cannot be asked is absent`() throws {
        for (words, has) in [
            ("1", true), ("0", false), ("3", true), ("1 0", false), ("0 8001", true), ("", false), ("x", false),
        ] {
            #expect(PowerReader.hasLid(words) == has, "\(words)")
        }
        #expect(!PowerReader.hasLid(nil))
        for (name, good) in [
            ("event3", true), ("event", false), ("event3x", false), ("mouse0", false), ("event../3", false),
        ] {
            #expect(PowerReader.isEventNode(name) == good, "\(name)")
        }
    }
}
