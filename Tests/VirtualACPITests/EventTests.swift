// SPDX-License-Identifier: Apache-2.0

import PowerFacts
import Testing

@testable import VirtualACPI

/// An operating system as ACPICA does it: a level event is disabled, its handler run, its status cleared, and it is
/// enabled again. Each step is an access of its own, between which anything may happen.
private struct ModelGuest {
    enum Step: CaseIterable { case idle, disable, readEvents, takeOver, notify, clear, enable }
    var step = Step.idle
    var pending: UInt32 = 0
    var interrupts = 0
    var presses = 0
    /// What it believes, as of the last notification.
    var online: UInt32 = 0
    var lid: UInt32 = 0
    var present: [UInt32] = [0, 0]
    var state: [UInt32] = [0, 0]
    var remaining: [UInt32] = [0, 0]

    mutating func look(_ device: inout PowerDevice, _ events: PowerEvents = .all) {
        if events.contains(.mains) { online = device.register(2) }
        if events.contains(.lid) { lid = device.register(3) }
        for slot in 0..<2 where !events.isDisjoint(with: [.status(slot), .information(slot)]) {
            let base = UInt32(slot + 1) << 8
            present[slot] = device.register(base)
            state[slot] = device.register(base + 8)
            remaining[slot] = device.register(base + 10)
        }
    }

    /// One step; false when there is nothing to do.
    mutating func run(_ device: inout PowerDevice) -> Bool {
        switch step {
        case .idle:
            guard device.line else { return false }
            interrupts += 1
            step = .disable
        case .disable:
            device.put(0xAFE3, 0)
            step = .readEvents
        case .readEvents:
            pending = device.register(1)
            step = .takeOver
        case .takeOver:
            device.setRegister(1, pending)
            step = .notify
        case .notify:
            let events = PowerEvents(rawValue: pending)
            if events.contains(.powerButton) { presses += 1 }
            look(&device, events)
            step = .clear
        case .clear:
            device.put(0xAFE1, 0x20)
            step = .enable
        case .enable:
            device.put(0xAFE3, 0x20)
            step = .idle
        }
        return true
    }
}

@Suite struct EventTests {
    @Test func `an event raises the line until the guest has taken it over and cleared it`() {
        var device = PowerDevice(.laptop)
        #expect(!device.line && device.get(0xAFE1) == 0)
        device.put(0xAFE3, 0x20)
        var power = VirtualPower.laptop
        power.online = true
        device.update(power)
        #expect(device.line && device.get(0xAFE1) == 0x20)
        // Clearing before taking over changes nothing: nothing gets lost.
        device.put(0xAFE1, 0xFF)
        #expect(device.line)
        #expect(device.register(1) == PowerEvents.mains.rawValue)
        device.setRegister(1, PowerEvents.mains.rawValue)
        #expect(device.line)
        device.put(0xAFE1, 0x20)
        #expect(!device.line && device.get(0xAFE1) == 0)
        // The same once more is no event.
        device.update(power)
        #expect(!device.line)
    }

    @Test func `the line is status and enable, whatever is written`() {
        var dice = Dice(7)
        var device = PowerDevice(.laptop)
        var power = VirtualPower.laptop
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<5, using: &dice) {
            case 0:
                power.change(&dice)
                device.update(power)
            case 1: device.put(0xAFE1, dice.next())
            case 2: device.put(0xAFE3, dice.next())
            case 3:
                device.setRegister(UInt32.random(in: 0...0x20C, using: &dice), UInt32(truncatingIfNeeded: dice.next()))
            default: device.put(0xAFE3, 0)
            }
            let (status, enable) = (device.get(0xAFE1), device.get(0xAFE3))
            #expect(device.line == (status & enable != 0))
            #expect(status & ~0x20 == 0)
            #expect(device.events.isEmpty || status == 0x20)
        }
    }

    @Test(arguments: 0..<UInt64(200))
    func `no event is lost and none repeated, however steps, changes and new processes mix`(seed: UInt64) throws {
        var dice = Dice(seed)
        var power = VirtualPower.laptop
        var device = PowerDevice(power)
        var guest = ModelGuest()
        guest.look(&device)
        device.put(0xAFE3, 0x20)
        var changes = 0
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &dice) {
            case 0, 1:
                let before = device.events
                power.change(&dice)
                device.update(power)
                if device.events != before { changes += 1 }
            case 2:
                // The process is killed; the next one has the file, and what the daemon says by then.
                let state = try #require(DeviceState(text: device.state.text))
                let before = device.events
                if Bool.random(using: &dice) { power.change(&dice) }
                device = PowerDevice(state, state.told)
                device.update(power)
                if device.events != before { changes += 1 }
            default: _ = guest.run(&device)
            }
        }
        var steps = 0
        while guest.run(&device) { steps += 1 }
        #expect(steps < 30, "the line does not come to rest")
        #expect(!device.line && device.events.isEmpty)
        #expect(guest.interrupts <= changes, "more interrupts than changes")
        #expect(guest.online == (power.online ? 1 : 0))
        #expect(guest.lid == (power.lid == .closed ? 0 : 1))
        for slot in 0..<2 {
            #expect(guest.present[slot] == (power.batteries[slot] == nil ? 0 : 1))
            guard let battery = power.batteries[slot] else { continue }
            #expect(guest.state[slot] == PowerRegisters.state(battery))
            guard let remaining = battery.remaining else { continue }
            // Less than a hundredth, of what was told and of what it saw, is for the guest to see when it looks.
            let difference = max(remaining, guest.remaining[slot]) - min(remaining, guest.remaining[slot])
            #expect(difference < 2 * 512, "\(remaining) \(guest.remaining[slot])")
        }
        #expect(guest.presses > 0 || power.powerPresses == 0)
    }

    @Test(arguments: 0..<UInt64(50))
    func `an access that is served twice leaves what it leaves when served once`(seed: UInt64) throws {
        var dice = Dice(seed)
        var power = VirtualPower.laptop
        var device = PowerDevice(power)
        for _ in 0..<300 {
            if Int.random(in: 0..<4, using: &dice) == 0 { power.change(&dice) }
            device.update(power)
            let access = PortAccess(
                port: [0xA000, 0xA004, 0xAFE1, 0xAFE3].randomElement(using: &dice) ?? 0xA000,
                size: [1, 4].randomElement(using: &dice) ?? 1, isWrite: Bool.random(using: &dice),
                value: UInt64([0, 1, 2, 0x20, 0x10C, 0xFFFF_FFFF].randomElement(using: &dice) ?? 0))
            let once = device.serve(access)
            let after = device
            #expect(device.serve(access) == once && device == after)
        }
    }

    @Test func `many small changes add up to one event, and a trip point is one at once`() {
        var device = PowerDevice(.laptop)
        var power = VirtualPower.laptop
        for _ in 0..<5 {
            power.batteries[0]?.remaining? -= 100
            power.batteries[0]?.rate? += 10
            power.batteries[0]?.voltage? -= 3
            device.update(power)
            #expect(device.events.isEmpty)
        }
        power.batteries[0]?.remaining? -= 100
        device.update(power)
        #expect(device.events == .status(0))
        device.setRegister(1, .max)
        device.setRegister(0x10C, 29500)
        #expect(device.register(0x10C) == 29500)
        power.batteries[0]?.remaining = 29501
        device.update(power)
        #expect(device.events.isEmpty)
        power.batteries[0]?.remaining = 29499
        device.update(power)
        #expect(device.events == .status(0))
    }

    @Test func `a battery that goes, comes or is another one is told as such`() {
        var device = PowerDevice(.laptop)
        var power = VirtualPower.laptop
        power.batteries = [nil, power.batteries[0]]
        device.update(power)
        #expect(device.events == [.information(0), .information(1)])
        device.setRegister(1, .max)
        power.batteries[1]?.serial = "2"
        device.update(power)
        #expect(device.events == .information(1))
    }

    @Test func `a button's count that began anew is no press`() {
        var power = VirtualPower.laptop
        power.powerPresses = 9
        var device = PowerDevice(power)
        power.powerPresses = 0
        device.update(power)
        #expect(device.events.isEmpty)
        power.powerPresses = 1
        device.update(power)
        #expect(device.events == .powerButton)
    }

    @Test func `any access to any port gets an answer, and the state stays what it can be`() {
        var dice = Dice(99)
        var device = PowerDevice(.laptop)
        for _ in 0..<200_000 {
            let near: [UInt64] = [0xA000, 0xA00F, 0xAFE1, 0xAFE3, 0, .max, 0xFFFF, 1 << 63]
            let access = PortAccess(
                port: (near.randomElement(using: &dice) ?? 0) &+ UInt64.random(in: 0..<8, using: &dice) &- 4,
                size: Bool.random(using: &dice)
                    ? 1 << UInt32.random(in: 0..<4, using: &dice) : UInt32.random(in: 0...9, using: &dice),
                isWrite: Bool.random(using: &dice), value: dice.next() >> UInt64.random(in: 0..<64, using: &dice),
                count: Int.random(in: 0..<16, using: &dice) == 0 ? UInt32.random(in: 0 ... .max, using: &dice) : 1,
                isPointer: Int.random(in: 0..<16, using: &dice) == 0)
            let before = device
            let value = device.serve(access)
            if access.isPointer || access.count > 1 || ![1, 2, 4, 8].contains(access.size) {
                #expect(value == .max && device == before)
            }
            if !access.isWrite { #expect(device == before) }
        }
        #expect(device.events.isSubset(of: .all))
        #expect(DeviceState(text: device.state.text) == device.state)
        // And it still works.
        #expect(device.register(0) == PowerRegisters.magic)
    }
}

@Suite struct InterruptLineTests {
    @Test func `a line that others lower is raised again, at longer and longer intervals`() {
        var line = InterruptLine()
        #expect(line.milliseconds(now: 5) == -1)
        #expect(line.follow(true, now: 0) == .raise)
        #expect(line.milliseconds(now: 0) == 101)
        #expect(line.elapsed(now: 99_000_000) == nil)
        var (now, raised) = (UInt64(0), 0)
        while now < 60_000_000_000 {
            now += UInt64(line.milliseconds(now: now)) * 1_000_000
            if line.elapsed(now: now) == .raise { raised += 1 }
        }
        #expect((10...20).contains(raised), "\(raised)")
        // An access that leaves it up begins anew; one that does not ends it.
        #expect(line.follow(true, now: now) == .raise)
        #expect(line.milliseconds(now: now) == 101)
        #expect(line.follow(false, now: now) == .lower)
        #expect(line.follow(false, now: now) == nil)
        // One more interrupt, for an event of somebody else that was lowered with ours.
        #expect(line.milliseconds(now: now) == 51 && line.elapsed(now: now) == nil)
        #expect(line.elapsed(now: now + InterruptLine.settling) == .pulse)
        #expect(line.milliseconds(now: now) == -1 && line.elapsed(now: .max) == nil)
    }

    @Test func `a line that may have been left up is lowered once`() {
        var line = InterruptLine(mayBeUp: true)
        #expect(line.follow(false, now: 0) == .lower)
        #expect(line.follow(false, now: 0) == nil)
    }

    @Test func `no clock can make it trap`() {
        var dice = Dice(3)
        var line = InterruptLine()
        for _ in 0..<10_000 {
            let times: [UInt64] = [0, 1, UInt64.max, UInt64.max - 1, dice.next(), dice.next() >> 30]
            let now = times.randomElement(using: &dice) ?? 0
            switch Int.random(in: 0..<3, using: &dice) {
            case 0: _ = line.follow(Bool.random(using: &dice), now: now)
            case 1: _ = line.elapsed(now: now)
            default: #expect(line.milliseconds(now: now) >= -1)
            }
        }
    }
}
