// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DevicePolicy

/// Random machines, rules and events: what must hold whatever happens.
@Suite struct PropertyTests {
    struct World {
        var machine: MachineFacts
        var engine: PolicyEngine
        /// Events of each device and each domain; within one list the order matters, between lists it does not.
        var sequences: [[ArbiterEvent]]
    }

    private static let domains = ["net", "work", "play"]

    private static func world(_ dice: inout Dice) -> World {
        // Few products, so that identical devices are common.
        var devices: [USBDevice] = []
        for port in 1...UInt8.random(in: 2...7, using: &dice) {
            let kind = Int.random(in: 0...3, using: &dice)
            let serial = [nil, nil, "S", "T"].randomElement(using: &dice) ?? nil
            devices.append(
                Support.usb(
                    [port], 0x0781, UInt16(kind), classes: kind == 0 ? ["03:01:01"] : ["08:06:50"],
                    serial: serial))
        }
        let gpu = Support.pci("04:00.0", "030000", 0x10DE)
        let sound = Support.pci("04:00.1", "040300", 0x10DE)
        let reader = Support.pci("02:00.1", "080501")
        let groups = [
            IsolationGroup(id: 0, members: [gpu.address, sound.address], ties: []),
            IsolationGroup(id: 1, members: [Support.wlan.address, reader.address], ties: []),
        ]
        let machine = Support.laptop(
            devices, more: [gpu, sound, reader], groups: Bool.random(using: &dice) ? groups : [],
            otherInputs: Int.random(in: 0...1, using: &dice),
            graphics: [
                GraphicsAdapter(device: Support.vga.id, address: Support.vga.address),
                GraphicsAdapter(device: gpu.id, address: gpu.address, companions: [sound.address]),
            ])
        let lines = [
            "assign usb class=storage to work",
            "assign usb vendor=0781 product=0000 class=input to play persistent",
            "assign usb vendor=0781 product=0001 to play", "allow usb to any persistent",
            "deny usb serial=\"T\"",
            "ask usb class=storage to work,play", "assign wlan to net persistent required",
            "assign gpu to play",
            "assign pci class=sd-host to net persistent", "assign pci class=usb-controller to work",
            "deny usb to play", "assign pci class=audio to work persistent",
        ]
        let rules = lines.shuffled(using: &dice).prefix(Int.random(in: 2...9, using: &dice)).joined(
            separator: "\n")
        let ids = machine.devices.keys.sorted()
        var sequences: [[ArbiterEvent]] = ids.map { id in
            var events: [ArbiterEvent] = []
            if Int.random(in: 0...4, using: &dice) == 0 {
                let domain = domains.randomElement(using: &dice) ?? "work"
                let serial = Bool.random(using: &dice) ? machine.devices[id]?.serial : nil
                events.append(.assigned(Assignment(device: id, serial: serial, domain: domain)))
            }
            for _ in 0..<Int.random(in: 1...3, using: &dice) { events += [.plugged(id), .unplugged(id)] }
            if Int.random(in: 0...3, using: &dice) > 0 { events.removeLast() }
            if Int.random(in: 0...5, using: &dice) == 0 {
                events.append(
                    .attached(id, domain: domains.randomElement(using: &dice) ?? "work", once: false))
            } else if Int.random(in: 0...7, using: &dice) == 0 {
                events.append(.released(id))
            }
            return events
        }
        sequences += domains.map { domain in
            Array(
                [.started(domain), .stopped(domain), .started(domain)].prefix(
                    Int.random(in: 0...3, using: &dice)))
        }
        let engine = PolicyEngine(policy: Support.policy(rules), machine: machine)
        return World(machine: machine, engine: engine, sequences: sequences)
    }

    /// One order of all events that keeps each sequence's own.
    private static func interleaved(_ sequences: [[ArbiterEvent]], _ dice: inout Dice)
        -> [ArbiterEvent]
    {
        var rest = sequences.map { $0[...] }
        var events: [ArbiterEvent] = []
        while true {
            let open = rest.indices.filter { !rest[$0].isEmpty }
            guard let index = open.randomElement(using: &dice), let event = rest[index].popFirst() else {
                return events
            }
            events.append(event)
        }
    }

    @Test(arguments: 0..<8)
    func `however events of different devices and domains are ordered, the end is the same`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 104_729 &+ 1)
        var moved = 0
        for _ in 0..<60 {
            let world = Self.world(&dice)
            #expect(world.engine.policy.errors == [])
            let first = Arbiter(Self.interleaved(world.sequences, &dice)).placement(world.engine)
            for _ in 0..<5 {
                let other = Arbiter(Self.interleaved(world.sequences, &dice)).placement(world.engine)
                #expect(other == first)
            }
            if first.places.values.contains(where: { $0 != .dom0 }) { moved += 1 }
        }
        #expect(moved > 20, "only \(moved) worlds had a device outside of dom0")
    }

    @Test(arguments: 0..<8)
    func `after every event each device has one place, groups are whole, and protections hold`(
        seed: Int
    ) {
        var dice = Dice(state: UInt64(seed) &* 7907 &+ 3)
        for _ in 0..<40 {
            let world = Self.world(&dice)
            var state = Arbiter()
            for event in Self.interleaved(world.sequences, &dice) {
                state.apply(event)
                Self.check(state, world)
            }
        }
    }

    private static func check(_ state: Arbiter, _ world: World) {
        let found = state.placement(world.engine)
        let machine = world.machine
        #expect(Set(found.places.keys) == state.present && Set(found.reasons.keys) == state.present)
        for (id, place) in found.places {
            if case .domain(let name) = place { #expect(state.running.contains(name)) }
            if case .held(let name) = place { #expect(!state.running.contains(name)) }
            guard place != .dom0 else { continue }
            // A group is never torn, and nothing goes along to two places.
            for other in machine.group[id] ?? [] where state.present.contains(other) {
                #expect(found.places[other] == place)
            }
            for other in machine.companions[id] ?? [] where state.present.contains(other) {
                #expect(found.places[other] == place)
            }
            if let controller = machine.devices[id]?.controller, let above = found.places[controller],
                above != .dom0
            {
                #expect(above == place)
            }
            #expect(machine.bootDisks?.contains(id) == false)
            if let device = machine.devices[id],
                found.reasons[id] == .rule || found.reasons[id] == .recorded
            {
                #expect(!device.isHub && !device.isBridge)
            }
        }
        let away = Set(found.places.filter { $0.value != .dom0 }.keys)
        let gone = away.union(away.flatMap { machine.goingAlong($0) })
        if machine.otherInputs == 0 {
            let inputs = machine.devices.values.filter(\.isInput)
            #expect(inputs.isEmpty || inputs.contains { !gone.contains($0.id) })
        }
        #expect(machine.devices.values.contains { $0.isGraphics && !gone.contains($0.id) })
    }

    @Test(arguments: 0..<4)
    func `identical sticks never swap, whatever is plugged, pulled, started or stopped`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 6121 &+ 5)
        let sticks = (1...4).map { Support.usb([UInt8($0)]) }
        let engine = PolicyEngine(
            policy: Support.policy("allow usb class=storage to any persistent"),
            machine: Support.laptop(sticks))
        let owner = Dictionary(
            uniqueKeysWithValues: sticks.enumerated().map {
                ($1.id, Self.domains[$0 % Self.domains.count])
            })
        var state = Arbiter(owner.map { .assigned(Assignment(device: $0.key, domain: $0.value)) })
        for _ in 0..<400 {
            let stick = sticks[Int.random(in: 0..<4, using: &dice)].id
            let domain = Self.domains[Int.random(in: 0..<3, using: &dice)]
            let events: [ArbiterEvent] = [
                .plugged(stick), .unplugged(stick), .started(domain), .stopped(domain),
            ]
            state.apply(events[Int.random(in: 0..<4, using: &dice)])
            for (id, place) in state.placement(engine).places { #expect(place.domain == owner[id]) }
        }
    }
}
