// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DevicePolicy
import LapwingCore
import Testing

@testable import Passthrough

@Suite struct PlannerTests {
    private func codes(_ state: MachineState, _ request: PassthroughRequest) -> [String] {
        do {
            _ = try Planner(state).plan(request)
            return []
        } catch let error as LapwingError {
            return [error.code]
        } catch let errors as LapwingErrors {
            return errors.errors.map(\.code)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func `a stick goes to a domain in one step`() throws {
        let state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        let plan = try Planner(state).plan(PassthroughRequest(.attach, stick, domain: "work"))
        #expect(plan.steps.map(\.action) == [.attachUSB(stick, domain: "work")])
        #expect(plan.steps[0].undo == .detachUSB(stick, domain: "work"))
    }

    @Test func `an assignment is recorded last, after the device has arrived`() throws {
        let state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        let plan = try Planner(state).plan(PassthroughRequest(.assign, stick, domain: "work", required: true))
        let record = Assignment(device: stick, domain: "work", required: true)
        #expect(plan.steps.map(\.action) == [.attachUSB(stick, domain: "work"), .remember(record)])
        let later = try Planner(state).plan(PassthroughRequest(.assign, stick, domain: "off"))
        #expect(later.steps.map(\.action) == [.remember(Assignment(device: stick, domain: "off"))])
    }

    @Test func `an assignment that is changed comes back as it was when the change fails`() throws {
        var state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        let before = Assignment(device: stick, domain: "off")
        state.assignments = [before]
        let plan = try Planner(state).plan(PassthroughRequest(.assign, stick, domain: "off", required: true))
        #expect(plan.steps.map(\.undo) == [.remember(before)])
    }

    @Test func `a graphics card goes with its sound, all reset before the first is attached`() throws {
        let state = try Samples.laptop()
        let display = try Samples.display(state)
        let plan = try Planner(state).plan(PassthroughRequest(.attach, display, domain: "work"))
        let sound = try Samples.id("pci-0000.00-01.0-00.1~8086.1234")
        #expect(
            plan.steps.map(\.action) == [
                .release(display), .release(sound), .reset(display), .reset(sound),
                .attachPCI(display, domain: "work"), .attachPCI(sound, domain: "work"),
            ])
        #expect(plan.steps[1].why == "it goes together with 0000:01:00.0")
    }

    @Test func `what is taken back is reset before dom0's driver meets it, and the record goes last`() throws {
        var state = try Samples.laptop()
        let network = try Samples.network(state)
        state.domains[1].pci = [network]
        state.assignments = [Assignment(device: network, domain: "net")]
        let plan = try Planner(state).plan(PassthroughRequest(.unassign, network))
        #expect(
            plan.steps.map(\.action) == [
                .detachPCI(network, domain: "net"), .reset(network), .reclaim(network),
                .forget(Assignment(device: network, domain: "net")),
            ])
        let detach = try Planner(state).plan(PassthroughRequest(.detach, network))
        #expect(detach.steps.count == 3)
    }

    @Test func `what is done already gives an empty plan`() throws {
        var state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        #expect(try Planner(state).plan(PassthroughRequest(.detach, stick)).steps.isEmpty)
        state.domains[0].usb = [stick]
        #expect(try Planner(state).plan(PassthroughRequest(.attach, stick, domain: "work")).steps.isEmpty)
        state.assignments = [Assignment(device: stick, domain: "work")]
        #expect(try Planner(state).plan(PassthroughRequest(.assign, stick, domain: "work")).steps.isEmpty)
    }

    @Test func `all that is against a plan is said at once`() throws {
        var state = try Samples.laptop()
        let disk = try Samples.disk(state)
        state.iommu = false
        state.domains[0].memoryOnDemand = true
        state.holders[disk] = [DeviceHolder(what: "file system", name: "/var")]
        #expect(
            codes(state, PassthroughRequest(.attach, disk, domain: "work")) == [
                "passthrough.no-iommu", "passthrough.memory-on-demand", "passthrough.in-use", "passthrough.protected",
            ])
    }

    @Test func `the boot disk is never overridden, the only display is, by name`() throws {
        var state = try Samples.laptop()
        let (disk, display) = (try Samples.disk(state), try Samples.display(state))
        let force = PassthroughRequest(.attach, disk, domain: "work", overriding: Protection.allCases)
        #expect(codes(state, force) == ["passthrough.protected"])
        state.protections[display] = [.onlyDisplay]
        let plain = PassthroughRequest(.assign, display, domain: "work")
        #expect(codes(state, plain) == ["passthrough.protected"])
        var named = plain
        named.overriding = [.lastInput]
        #expect(codes(state, named) == ["passthrough.protected"])
        named.overriding = [.onlyDisplay]
        let plan = try Planner(state).plan(named)
        let record = Assignment(device: display, domain: "work", exceptions: [.onlyDisplay])
        #expect(plan.steps.last?.action == .remember(record))
        // The exception is on the record: at the next start of the domain it needs no one to say it again.
        state.assignments = [record]
        #expect(codes(state, PassthroughRequest(.attach, display, domain: "work")) == [])
    }

    @Test func `a bus reset is no way when a neighbour stays`() throws {
        var state = try Samples.laptop()
        let neighbour = try Samples.function(
            "0000.00-01.0-01.0", at: "01:01.0", behind: "00:01.0", code: PCIClass(base: 2, sub: 0))
        state.inventory.pci.append(neighbour)
        state.groups.append(IsolationGroup(id: 9, members: [neighbour.address], ties: []))
        let display = try Samples.display(state)
        #expect(
            codes(state, PassthroughRequest(.attach, display, domain: "work")) == [
                "passthrough.protected", "passthrough.protected",
            ])
        var known = PassthroughRequest(.attach, display, domain: "work")
        known.overriding = [.noReset]
        let plan = try Planner(state).plan(known)
        #expect(!plan.steps.contains { $0.action == .reset(display) }, "a reset would reach the neighbour")
    }

    @Test func `a group goes as a whole, and a bridge in it does not`() throws {
        var state = try Samples.laptop()
        let (network, display) = (try Samples.network(state), try Samples.display(state))
        state.groups = [IsolationGroup(id: 0, members: state.inventory.pci.map(\.address), ties: [])]
        let plan = try? Planner(state).plan(PassthroughRequest(.attach, network, domain: "work"))
        #expect(plan == nil, "the boot disk is in the group")
        state.protections = [:]
        let whole = try Planner(state).plan(PassthroughRequest(.attach, network, domain: "work"))
        let attached = whole.steps.compactMap { step -> DeviceID? in
            if case .attachPCI(let id, _) = step.action { id } else { nil }
        }
        #expect(attached.count == 4 && attached.contains(display))
        let bridge = state.inventory.pci[0].id
        #expect(codes(state, PassthroughRequest(.attach, bridge, domain: "work")).contains("passthrough.protected"))
    }

    @Test(arguments: [
        ("off", "passthrough.not-running"), ("none", "passthrough.unknown-domain"),
    ])
    func `a domain that cannot take a stick is refused with the reason`(name: String, code: String) throws {
        let state = try Samples.laptop()
        #expect(codes(state, PassthroughRequest(.attach, state.inventory.usb[0].id, domain: name)) == [code])
    }

    @Test func `a domain without a device model takes a stick, and the plan says what it needs`() throws {
        let state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        let plan = try Planner(state).plan(PassthroughRequest(.attach, stick, domain: "small"))
        #expect(plan.steps.map(\.action) == [.attachUSB(stick, domain: "small")])
        #expect(plan.steps[0].why?.contains("lapwing-usb take") == true)
    }

    @Test func `what another domain has, or is assigned to, stays there`() throws {
        var state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        state.domains[1].usb = [stick]
        state.assignments = [Assignment(device: stick, domain: "net")]
        #expect(
            codes(state, PassthroughRequest(.attach, stick, domain: "work")) == [
                "passthrough.elsewhere", "passthrough.assigned-elsewhere",
            ])
        #expect(codes(state, PassthroughRequest(.detach, stick, domain: "work")) == ["passthrough.elsewhere"])
    }

    @Test func `a stick that is mounted is not ejected, one in a domain is detached first`() throws {
        var state = try Samples.laptop()
        let stick = state.inventory.usb[0].id
        state.holders[stick] = [DeviceHolder(what: "file system", name: "/mnt")]
        #expect(codes(state, PassthroughRequest(.eject, stick)) == ["passthrough.in-use"])
        state.domains[0].usb = [stick]
        let plan = try Planner(state).plan(PassthroughRequest(.eject, stick))
        #expect(plan.steps.map(\.action) == [.detachUSB(stick, domain: "work"), .powerOff(stick)])
    }

    @Test func `a hub and what is not there are refused`() throws {
        var state = try Samples.laptop()
        state.inventory.usb[0].classCode = USBClass(base: 9)
        let hub = state.inventory.usb[0].id
        #expect(codes(state, PassthroughRequest(.attach, hub, domain: "work")) == ["passthrough.protected"])
        let gone = try Samples.id("usb-0000.00-14.0-u2-9~1111.2222")
        #expect(codes(state, PassthroughRequest(.attach, gone, domain: "work")) == ["passthrough.gone"])
        #expect(codes(state, PassthroughRequest(.detach, gone)) == ["passthrough.gone"])
    }

    @Test func `a plan survives its way through JSON`() throws {
        let state = try Samples.laptop()
        let plan = try Planner(state).plan(
            PassthroughRequest(.assign, try Samples.display(state), domain: "work", required: true))
        let text = try JSONText.encode(plan)
        #expect(try JSONText.decode(PassthroughPlan.self, from: text, file: "plan") == plan)
    }
}
