// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DevicePolicy

@Suite struct ArbiterTests {
    private let one = Support.usb([1])
    private let two = Support.usb([2])

    private func place(
        _ events: [ArbiterEvent], _ rules: String, _ machine: MachineFacts,
        exceptions: [ProtectionException] = []
    ) -> Placement {
        let policy = Support.policy(rules)
        #expect(policy.errors == [])
        return Arbiter(events).placement(
            PolicyEngine(policy: policy, machine: machine, exceptions: exceptions))
    }

    @Test
    func `an assigned device goes to its domain when both are there, in whichever order they come`() {
        let machine = Support.laptop([one])
        let rules = "assign usb class=storage to work"
        #expect(place([.plugged(one.id)], rules, machine).places == [one.id: .dom0])
        for events in [
            [ArbiterEvent.plugged(one.id), .started("work")], [.started("work"), .plugged(one.id)],
        ] {
            #expect(place(events, rules, machine).places == [one.id: .domain("work")])
        }
        let ended = place([.plugged(one.id), .started("work"), .stopped("work")], rules, machine)
        #expect(ended.reasons == [one.id: .notRunning("work")])
    }

    @Test func `a persistent one is kept away from dom0 while the domain does not run`() {
        let machine = Support.laptop()
        let found = place([.plugged(Support.wlan.id)], "assign wlan to net persistent", machine)
        #expect(found.places == [Support.wlan.id: .held("net")] && found.blocked == [:])
    }

    @Test func `a domain does not start without what it requires`() {
        let machine = Support.laptop([one])
        let rules = "assign usb serial=\"7\" to work persistent required"
        let found = place([.plugged(one.id)], rules, machine)
        #expect(found.blocked["work"]?.count == 1)
        let recorded = Assignment(device: two.id, domain: "play", required: true)
        let both = place([.plugged(one.id), .assigned(recorded)], rules, machine)
        #expect(both.blocked["play"] == [.assignment(recorded)])
        let wlan = "assign wlan to net persistent required"
        #expect(place([.plugged(Support.wlan.id)], wlan, machine).blocked == [:])
        #expect(place([], wlan, machine).blocked["net"] != nil)
    }

    @Test func `once gives at the plug, and not again after the domain's restart`() {
        let machine = Support.laptop([one])
        let rules = "assign usb class=storage to work once"
        var state = Arbiter([.started("work"), .plugged(one.id)])
        let engine = PolicyEngine(policy: Support.policy(rules), machine: machine)
        #expect(state.placement(engine).places == [one.id: .domain("work")])
        for event in [ArbiterEvent.stopped("work"), .started("work")] { state.apply(event) }
        #expect(state.placement(engine).reasons == [one.id: .usedUp])
        for event in [ArbiterEvent.unplugged(one.id), .plugged(one.id)] { state.apply(event) }
        #expect(state.placement(engine).places == [one.id: .domain("work")])
    }

    @Test func `what a person attached or took back holds until it is unplugged`() {
        let machine = Support.laptop([one])
        let rules = "allow usb class=storage to play\nassign usb class=storage to work"
        let engine = PolicyEngine(policy: Support.policy(rules), machine: machine)
        var state = Arbiter([.started("work"), .started("play"), .plugged(one.id)])
        state.apply(.attached(one.id, domain: "play", once: false))
        #expect(state.placement(engine).places == [one.id: .domain("play")])
        state.apply(.released(one.id))
        #expect(state.placement(engine).reasons == [one.id: .released])
        for event in [ArbiterEvent.unplugged(one.id), .plugged(one.id)] { state.apply(event) }
        guard case .policy(let decision)? = state.placement(engine).reasons[one.id] else {
            Issue.record("not by policy")
            return
        }
        #expect(decision.decision == .allow)
    }

    @Test func `a device a person is to be asked about stays until there is an answer`() {
        let machine = Support.laptop([one])
        let rules = "ask usb class=storage to work,play"
        let asked = place([.started("work"), .plugged(one.id)], rules, machine)
        #expect(
            asked.questions == [one.id: .domains(["work", "play"])] && asked.places == [one.id: .dom0])
        let yes = ArbiterEvent.attached(one.id, domain: "work", once: false)
        let answered = place([.started("work"), .plugged(one.id), yes], rules, machine)
        #expect(answered.questions == [:] && answered.places == [one.id: .domain("work")])
    }

    @Test func `a group goes as a whole or stays as a whole`() {
        let reader = Support.pci("02:00.1", "080501")
        let group = IsolationGroup(id: 0, members: [Support.wlan.address, reader.address], ties: [])
        let machine = Support.laptop(more: [reader], groups: [group], bootDisks: [])
        let events: [ArbiterEvent] = [.plugged(Support.wlan.id), .plugged(reader.id), .started("net")]
        let alone = place(events, "assign wlan to net", machine)
        #expect(alone.places == [Support.wlan.id: .dom0, reader.id: .dom0])
        #expect(alone.reasons[Support.wlan.id] == .groupIncomplete(reader.id))
        let both = "assign wlan to net\nassign pci class=sd-host to net"
        #expect(Set(place(events, both, machine).places.values) == [.domain("net")])
        let torn = "assign wlan to net persistent\nassign pci class=sd-host to work persistent"
        #expect(Set(place(events, torn, machine).places.values) == [.dom0])
    }

    @Test
    func `sound goes with its display adapter, and what is behind a controller with the controller`() {
        let gpu = Support.pci("04:00.0", "030000", 0x10DE)
        let sound = Support.pci("04:00.1", "040300", 0x10DE)
        let adapter = GraphicsAdapter(device: gpu.id, address: gpu.address, companions: [sound.address])
        let screen = GraphicsAdapter(device: Support.vga.id, address: Support.vga.address)
        let group = IsolationGroup(id: 0, members: [gpu.address, sound.address], ties: [])
        let machine = Support.laptop(
            [one], more: [gpu, sound], groups: [group], graphics: [screen, adapter])
        let found = place(
            [
                .plugged(sound.id), .plugged(gpu.id), .plugged(Support.xhci.id), .plugged(one.id),
                .started("play"),
            ],
            "assign gpu vendor=10de to play\nassign pci class=usb-controller to play\nassign usb to work vendor=0781",
            machine)
        #expect(Set(found.places.values) == [.domain("play")] && found.places.count == 4)
        #expect(
            found.reasons[sound.id] == .partOf(gpu.id)
                && found.reasons[one.id] == .behind(Support.xhci.id))
    }

    @Test func `of two keyboards that rules give away the last one stays`() {
        let first = Support.usb([7], 0x046D, 0xC31C, classes: ["03:01:01"])
        let second = Support.usb([8], 0x046D, 0xC31C, classes: ["03:01:01"])
        let machine = Support.laptop([first, second], otherInputs: 0)
        let rules = "assign usb vendor=046d product=c31c class=input to work persistent"
        for events in [
            [ArbiterEvent.plugged(first.id), .plugged(second.id)],
            [.plugged(second.id), .plugged(first.id)],
        ] {
            #expect(place(events, rules, machine).places == [first.id: .held("work"), second.id: .dom0])
        }
    }

    @Test func `two identical sticks keep their places, whichever comes first and however often`() {
        let machine = Support.laptop([one, two])
        let records: [ArbiterEvent] = [
            .assigned(Assignment(device: one.id, domain: "work")),
            .assigned(Assignment(device: two.id, domain: "play")), .started("work"), .started("play"),
        ]
        let rules = "allow usb class=storage to any persistent"
        for order in [[one.id, two.id], [two.id, one.id], [one.id, two.id, one.id]] {
            var events = records + order.map { .plugged($0) }
            #expect(
                place(events, rules, machine).places == [one.id: .domain("work"), two.id: .domain("play")])
            events += [.unplugged(one.id), .unplugged(two.id)] + order.reversed().map { .plugged($0) }
            #expect(
                place(events, rules, machine).places == [one.id: .domain("work"), two.id: .domain("play")])
        }
        // Without one of them the other does not move over.
        #expect(place(records + [.plugged(two.id)], rules, machine).places == [two.id: .domain("play")])
    }

    @Test func `a serial number is followed to another port, but not when two claim it`() {
        let here = Support.usb([1], serial: "S")
        let there = Support.usb([3], serial: "S")
        let clone = Support.usb([4], serial: "S")
        let machine = Support.laptop([here, there, clone])
        let rules = "allow usb class=storage to any persistent"
        let record = ArbiterEvent.assigned(Assignment(device: here.id, serial: "S", domain: "work"))
        func places(_ ids: [DeviceID]) -> [DeviceID: Place] {
            place([record, .started("work")] + ids.map { .plugged($0) }, rules, machine).places
        }
        #expect(places([there.id]) == [there.id: .domain("work")])
        #expect(places([there.id, clone.id]) == [there.id: .dom0, clone.id: .dom0])
        #expect(places([there.id, here.id]) == [there.id: .dom0, here.id: .domain("work")])
        let fixed = ArbiterEvent.assigned(Assignment(device: here.id, domain: "work"))
        let unfollowed = place([fixed, .started("work"), .plugged(there.id)], rules, machine)
        #expect(unfollowed.places == [there.id: .dom0])
    }

    @Test func `another stick in the recorded place is another device`() {
        let other = Support.usb([1], serial: "T")
        let machine = Support.laptop([other])
        let record = ArbiterEvent.assigned(Assignment(device: other.id, serial: "S", domain: "work"))
        let rules = "allow usb class=storage to any persistent"
        #expect(
            place([record, .started("work"), .plugged(other.id)], rules, machine).places == [
                other.id: .dom0
            ])
    }

    @Test func `events that are reported twice change nothing`() {
        let machine = Support.laptop([one])
        let rules = "assign usb class=storage to work"
        let twice: [ArbiterEvent] = [
            .plugged(one.id), .plugged(one.id), .started("work"), .started("work"),
        ]
        #expect(place(twice, rules, machine).places == [one.id: .domain("work")])
        let gone: [ArbiterEvent] = [
            .unplugged(one.id), .unplugged(one.id), .stopped("work"), .stopped("work"),
        ]
        #expect(place(twice + gone, rules, machine) == place([], rules, machine))
    }
}
