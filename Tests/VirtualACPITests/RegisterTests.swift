// SPDX-License-Identifier: Apache-2.0

import PowerFacts
import Testing

@testable import VirtualACPI

@Suite struct RegisterTests {
    @Test func `a guest reads what the machine has, in ACPI's units`() {
        var device = PowerDevice(.laptop)
        #expect(device.register(0) == 0x5750_414C)
        #expect(device.register(2) == 0)
        #expect(device.register(3) == 1)
        let values = (0x100...0x10B).map { device.register(UInt32($0)) }
        #expect(values == [1, 0, 57020, 51230, 11400, 5123, 1537, 212, 1, 8120, 30110, 11621])
        #expect([0x120, 0x128, 0x130, 0x138].map { device.text($0) } == ["45N1767", "", "LION", "LGC"])
        #expect(device.register(0x200) == 0)
    }

    @Test func `what nobody knows is all ones, but no warning is none`() {
        var device = PowerDevice(VirtualPower(batteries: [nil, VirtualPower.Battery(unit: .milliamperes)]))
        let ones = PowerRegisters.unknown
        let values = (0x200...0x20B).map { device.register(UInt32($0)) }
        #expect(values == [1, 1, ones, ones, ones, 0, 0, ones, 0, ones, ones, ones])
        for index: UInt32 in [4, 0xFF, 0x101, 0x10D, 0x11F, 0x140, 0x20D, 0x300, 0xFFFF, 0x1_0000, .max] {
            #expect(device.register(index) == ones, "\(index)")
        }
    }

    @Test func `the state says what a battery does and whether it is as good as empty`() {
        for (activity, bits) in [(VirtualPower.Battery.Activity.idle, UInt32(0)), (.discharging, 1), (.charging, 2)] {
            var power = VirtualPower.laptop
            power.batteries[0]?.activity = activity
            var device = PowerDevice(power)
            #expect(device.register(0x108) == bits)
            power.batteries[0]?.critical = true
            device.update(power)
            #expect(device.register(0x108) == bits | 4)
        }
    }

    @Test func `a machine without lid reads as open`() {
        for (lid, open) in [(VirtualPower.Lid.absent, UInt32(1)), (.open, 1), (.closed, 0)] {
            var device = PowerDevice(VirtualPower(lid: lid))
            #expect(device.register(3) == open)
        }
    }

    @Test func `a text of full length has no end of its own`() {
        var power = VirtualPower.laptop
        power.batteries[0]?.serial = String(repeating: "x", count: 31) + "y"
        var device = PowerDevice(power)
        #expect(device.text(0x128) == String(repeating: "x", count: 31) + "y")
        #expect(device.text(0x130) == "LION")
    }

    @Test func `bytes and words are read anywhere in the window and written nowhere`() {
        var device = PowerDevice(.laptop)
        _ = device.register(0x102)
        #expect(device.get(0xA000, 2) == 0x102 && device.get(0xA001) == 1)
        #expect((0..<4).map { device.get(0xA004 + $0) } == [0xBC, 0xDE, 0, 0])
        #expect(device.get(0xA006, 4) == 0xFFFF_0000)
        #expect(device.get(0xA008, 4) == 0xFFFF_FFFF && device.get(0xA00F) == 0xFF)
        #expect(device.get(0xA000, 8) == 0x0000_DEBC_0000_0102)
        for (port, size) in [(UInt64(0xA000), UInt32(1)), (0xA000, 2), (0xA001, 4), (0xA000, 8), (0xA002, 1)] {
            device.put(port, 0x55, size)
        }
        #expect(device.index == 0x102)
    }

    @Test func `the state outlives the process as text, and half a text is none`() {
        var state = DeviceState(
            told: .laptop, events: [.mains, .information(1)], status: 0x20, enable: 0xFF, trips: [7, .max])
        state.told.powerPresses = 3
        let text = state.text
        #expect(
            text.hasPrefix("lapwing-acpi 1\nevents=00000801\nstatus=20\nenable=ff\ntrip=00000007\ntrip=ffffffff\n\nl"))
        #expect(DeviceState(text: text) == state)
        // The text of what was told may end earlier, between two of its lines.
        let least = text.utf8.count - VirtualPower.laptop.text.utf8.count
        for end in 0..<text.utf8.count {
            let half = DeviceState(text: String(text.prefix(end)))
            #expect(half == nil || end > least, "\(end)")
        }
        for (from, to) in [
            ("events=00000801", "events=00001801"), ("status=20", "status=120"), ("trip=", "trap="), ("=ff", "=-1"),
            ("=ff", "=FF"),
            ("lapwing-acpi 1", "lapwing-acpi 2"), ("\n\n", "\n"),
        ] {
            #expect(DeviceState(text: text.replacing(from, with: to, maxReplacements: 1)) == nil, "\(to)")
        }
        #expect(DeviceState(text: text + String(repeating: "x=y\n", count: 2000)) == nil)
    }
}
