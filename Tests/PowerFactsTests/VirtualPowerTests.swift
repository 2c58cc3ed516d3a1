// SPDX-License-Identifier: Apache-2.0

import PowerFacts
import Testing

@Suite struct VirtualPowerTests {
    private static var laptop: VirtualPower {
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
        var power = VirtualPower(online: false, lid: .open, batteries: [battery])
        power.powerPresses = 3
        return power
    }

    @Test func `What is written is what is read`() throws {
        var second = VirtualPower.Battery(unit: .milliamperes, activity: .charging)
        second.critical = true
        second.remaining = VirtualPower.Battery.numberLimit
        var both = Self.laptop
        both.batteries[1] = second
        for power in [VirtualPower(), Self.laptop, both, VirtualPower(lid: .closed, batteries: [nil, second])] {
            #expect(VirtualPower(text: power.text) == power)
        }
    }

    @Test func `An unknown name is passed over, an impossible value is not`() {
        let text = Self.laptop.text
        #expect(VirtualPower(text: text + "temperature=300\nbattery0.color=red\n") == Self.laptop)
        for line in [
            "online=2", "online", "lid=ajar", "power-presses=-1", "battery0.unit=W", "battery1.rate=4294967295",
            "battery0.rate=+1", "battery0.rate=", "battery0.model=caf\u{e9}", "battery0.critical=yes",
        ] {
            #expect(VirtualPower(text: text + line + "\n") == nil, "\(line)")
        }
    }

    @Test func `Half a file is no file`() {
        let text = Self.laptop.text
        for end in 0..<text.utf8.count {
            let half = VirtualPower(text: String(text.prefix(end)))
            // A file cut between two lines still is one, of less; each such has whole lines only.
            #expect(half == nil || text.prefix(end).hasSuffix("\n"))
        }
        #expect(VirtualPower(text: text + String(repeating: "x=y\n", count: 2000)) == nil)
    }

    @Test func `A battery's words are made plain`() {
        #expect(VirtualPower.plain("LG\nC\u{1b}[2J") == "LG?C?[2J")
        #expect(VirtualPower.plain(String(repeating: "é", count: 40)).utf8.count == VirtualPower.Battery.textLimit)
    }
}
