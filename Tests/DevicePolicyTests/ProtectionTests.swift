// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DevicePolicy

/// Every rule of these tests would give everything away; what stays, stays by a protection.
@Suite struct ProtectionTests {
    private static let rules = """
        allow pci to any persistent
        allow usb vendor=046d product=c31c class=input to any persistent
        allow usb to any persistent
        """

    private func findings(
        _ id: DeviceID, _ machine: MachineFacts, _ rules: String = rules, given: Set<DeviceID> = []
    ) throws -> [Protection] {
        let decision = try PolicyEngine(policy: Support.policy(rules), machine: machine).decide(id, given: given)
        #expect((decision.decision == .deny) == !decision.protections.isEmpty)
        #expect(decision.protections.isEmpty || decision.reason == .protected)
        return decision.protections.map(\.protection)
    }

    @Test func `an ordinary card is not protected`() throws {
        #expect(try findings(Support.wlan.id, Support.laptop()) == [])
    }

    @Test func `the boot disk's controller stays, and without knowledge every storage controller does`() throws {
        #expect(try findings(Support.nvme.id, Support.laptop()) == [.bootDisk])
        #expect(try findings(Support.nvme.id, Support.laptop(bootDisks: [])) == [])
        let machine = Support.laptop(bootDisks: nil)
        #expect(try findings(Support.nvme.id, machine) == [.bootDisk])
        let decision = try PolicyEngine(policy: Support.policy(Self.rules), machine: machine).decide(Support.nvme.id)
        let assumed = decision.protections.map(\.assumed)
        #expect(assumed == [true])
    }

    @Test func `a USB controller with the boot stick behind it stays`() throws {
        let stick = Support.usb([1])
        let machine = Support.laptop([stick], bootDisks: [stick.id])
        #expect(try findings(Support.xhci.id, machine) == [.bootDisk])
        #expect(try findings(stick.id, machine) == [.bootDisk])
        #expect(try findings(Support.xhci.id, Support.laptop([stick])) == [])
    }

    @Test func `hubs and bridges stay`() throws {
        let hub = Support.usb([3], classes: ["09:00:00"], own: "09:00:02")
        let hidden = Support.usb([4], classes: ["08:06:50", "09:00:00"])
        let bridge = Support.pci("00:1f.0", "060100")
        let machine = Support.laptop([hub, hidden], more: [bridge])
        for id in [hub.id, hidden.id, Support.hub.id] { #expect(try findings(id, machine).contains(.hub)) }
        #expect(try findings(bridge.id, machine) == [.bridge])
    }

    @Test func `the only display stays; with a second one that has a screen it may go`() throws {
        #expect(try findings(Support.vga.id, Support.laptop()) == [.onlyDisplay])
        let second = Support.pci("04:00.0", "030000", 0x10DE)
        func machine(_ status: DisplayConnector.Status) -> MachineFacts {
            func adapter(_ function: PCIFunction, _ status: DisplayConnector.Status) -> GraphicsAdapter {
                GraphicsAdapter(
                    device: function.id, address: function.address,
                    connectors: [DisplayConnector(name: "DP-1", status: status)])
            }
            return Support.laptop(
                more: [second], graphics: [adapter(Support.vga, .connected), adapter(second, status)])
        }
        #expect(try findings(Support.vga.id, machine(.connected)) == [])
        #expect(try findings(Support.vga.id, machine(.disconnected)) == [.onlyDisplay])
        #expect(try findings(second.id, machine(.disconnected)) == [])
        #expect(try findings(Support.vga.id, machine(.connected), given: [second.id]) == [.onlyDisplay])
    }

    @Test func `an adapter that pciback holds is no screen of dom0, and asking again gives the same answer`() throws {
        var second = Support.pci("04:00.0", "030000", 0x10DE)
        #expect(try findings(Support.vga.id, Support.laptop(more: [second])) == [])
        second.driver = "pciback"
        #expect(try findings(Support.vga.id, Support.laptop(more: [second])) == [.onlyDisplay])
        #expect(try findings(second.id, Support.laptop(more: [second])) == [])
        #expect(try findings(second.id, Support.laptop(more: [second]), given: [Support.vga.id]) == [.onlyDisplay])
    }

    @Test func `an input device stays unless a rule names it as one`() throws {
        let machine = Support.laptop([Support.keyboard])
        #expect(try findings(Support.keyboard.id, machine) == [])
        for rules in [
            "allow usb to any", "allow usb class=input to any", "allow usb vendor=046d product=c31c to any",
            "allow usb vendor=046d class=input to any", "allow usb serial=\"1\" class=input to any\nallow usb to any",
        ] {
            #expect(try findings(Support.keyboard.id, machine, rules) == [.unnamedInput], "\(rules)")
        }
        let id = "id=\(Support.keyboard.id) class=input,storage to any"
        #expect(try findings(Support.keyboard.id, machine, "allow usb " + id) == [])
    }

    @Test func `a stick that also types does not slip through a rule for the stick`() throws {
        let bad = Support.usb([1], classes: ["08:06:50", "03:01:01"])
        let machine = Support.laptop([bad])
        #expect(try findings(bad.id, machine, "allow usb vendor=0781 product=5581 to any") == [.unnamedInput])
    }

    @Test func `the last input device stays, whichever is given first`() throws {
        let second = Support.usb([8], 0x046D, 0xC31C, classes: ["03:01:01"])
        let machine = Support.laptop([Support.keyboard, second], otherInputs: 0)
        #expect(try findings(second.id, machine) == [])
        #expect(try findings(second.id, machine, given: [Support.keyboard.id]) == [.lastInput])
        #expect(try findings(Support.keyboard.id, machine, given: [second.id]) == [.lastInput])
        #expect(try findings(Support.keyboard.id, Support.laptop([Support.keyboard], otherInputs: 0)) == [.lastInput])
    }

    @Test func `the controller of the only keyboard stays, and that of any unnamed one`() throws {
        let named = "allow pci vendor=8086 product=a36d to any"
        let machine = Support.laptop([Support.keyboard], otherInputs: 0)
        #expect(try findings(Support.xhci.id, machine, named) == [.lastInput])
        let laptop = Support.laptop([Support.keyboard])
        #expect(try findings(Support.xhci.id, laptop, named) == [])
        #expect(try findings(Support.xhci.id, laptop) == [.unnamedInput])
    }

    @Test func `dom0's uplink stays, and without knowledge every network card does`() throws {
        #expect(try findings(Support.wlan.id, Support.laptop(uplinks: [Support.wlan.id])) == [.uplink])
        #expect(try findings(Support.wlan.id, Support.laptop(uplinks: nil)) == [.uplink])
    }

    @Test func `what shares an isolation group with a protected device stays`() throws {
        let members = [Support.wlan.address, Support.nvme.address]
        let machine = Support.laptop(groups: [IsolationGroup(id: 0, members: members, ties: [])])
        #expect(try findings(Support.wlan.id, machine) == [.bootDisk])
    }

    /// All but the one that only a plan can tell.
    @Test(arguments: Protection.allCases.filter { $0 != .noReset })
    func `an exception lifts just what the table lets it lift, for that device and by a person's word`(
        protection: Protection
    ) throws {
        let second = Support.usb([8], 0x1111, 0x2222, classes: ["03:01:01"])
        let bridge = Support.pci("00:1f.0", "060100")
        let keyboard = Support.keyboard
        let (id, machine): (DeviceID, MachineFacts) =
            switch protection {
            case .bootDisk: (Support.nvme.id, Support.laptop())
            case .hub: (Support.hub.id, Support.laptop())
            case .bridge: (bridge.id, Support.laptop(more: [bridge]))
            case .onlyDisplay: (Support.vga.id, Support.laptop())
            case .lastInput: (keyboard.id, Support.laptop([keyboard], otherInputs: 0))
            case .uplink: (Support.wlan.id, Support.laptop(uplinks: [Support.wlan.id]))
            case .unnamedInput, .noReset: (second.id, Support.laptop([second]))
            }
        #expect(try findings(id, machine) == [protection])
        func gives(_ device: DeviceID, _ event: PolicyEvent) throws -> Bool {
            let exception = ProtectionException(device: device, protection: protection)
            return try PolicyEngine(policy: Support.policy(Self.rules), machine: machine, exceptions: [exception])
                .decide(id, for: event).decision.gives
        }
        let overriding = PolicyEvent.request(domain: "work", overriding: true)
        #expect(try gives(id, overriding) == protection.canBeLifted)
        #expect(try gives(id, .recorded(domain: "work")) == protection.canBeLifted)
        #expect(try !gives(id, .request(domain: "work")))
        let other = try #require(DeviceID(rawValue: "\(id.path)~ffff.ffff"))
        #expect(try !gives(other, overriding))
    }

    @Test func `what a person can lift is a short list`() {
        let liftable = Protection.allCases.filter(\.canBeLifted)
        #expect(liftable == [.onlyDisplay, .lastInput, .uplink, .unnamedInput, .noReset])
        for protection in Protection.allCases { #expect(protection.sentence.hasSuffix(".")) }
    }
}
