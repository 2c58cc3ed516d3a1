// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DeviceModel

/// Each machine here is made up for one rule; captured ones are in `CapturedMachineTests`.
@Suite struct IsolationTests {
    private func check(
        _ text: String, services: IsolationGroups.Services = .enabled, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [IsolationGroup] {
        let machine = try Machine(text)
        let groups = IsolationGroups.of(machine.functions, services: services)
        #expect(machine.computed(groups) == machine.kernelGroups, sourceLocation: sourceLocation)
        for group in groups {
            #expect(group.ties.count == group.members.count - 1, sourceLocation: sourceLocation)
        }
        return groups
    }

    @Test func `an endpoint behind a root port that sends everything up is alone`() throws {
        let groups = try check(
            """
            00:1c.0 port 1111:0001 acs >01 g0
            01:00.0 ep   1111:0002         g1
            """)
        #expect(groups.allSatisfy { $0.ties.isEmpty })
    }

    @Test func `an endpoint behind a root port without access control belongs to the port, which is named`() throws {
        let groups = try check(
            """
            00:1c.0 port 1111:0001 >01 g0
            01:00.0 ep   1111:0002     g0
            """)
        let tie = try #require(groups.first?.ties.first)
        #expect(tie.reason == .noAccessControlAbove)
        #expect(tie.cause == PCIAddress("00:1c.0"))
    }

    @Test func `services that are there but off keep nothing apart, unless all that the hardware has is to count`()
        throws
    {
        _ = try check("00:1c.0 port 1111:0001 acs=1d/00 >01 g0\n01:00.0 ep 1111:0002 g0")
        _ = try check("00:1c.0 port 1111:0001 acs=1d/00 >01 g0\n01:00.0 ep 1111:0002 g1", services: .capable)
    }

    @Test func `a service the port lacks is taken for fixed on, one it has must be on`() throws {
        _ = try check("00:1c.0 port 1111:0001 acs=0c/0c >01 g0\n01:00.0 ep 1111:0002 g1")
        _ = try check("00:1c.0 port 1111:0001 acs=1f/0f >01 g0\n01:00.0 ep 1111:0002 g0")
    }

    @Test func `functions of one device are together without access control, apart with it`() throws {
        let groups = try check(
            """
            00:14.0 m ep 1111:0001     g0
            00:14.2 m ep 1111:0002     g0
            00:16.0 m ep 1111:0003 acs g1
            00:16.3 m ep 1111:0004 acs g2
            """)
        #expect(groups[0].ties.map(\.reason) == [.sameDevice])
    }

    @Test func `a root port of a device of several functions pulls its siblings without access control together`()
        throws
    {
        _ = try check(
            """
            00:1c.0 m port 1111:0001     >01 g0
            00:1c.1 m port 1111:0001     >02 g0
            00:1c.2 m port 1111:0001 acs >03 g1
            01:00.0 ep 1111:0002             g0
            02:00.0 ep 1111:0003             g0
            03:00.0 ep 1111:0004             g2
            """)
    }

    @Test func `a switch whose ports lack access control is one group with all below, to the port that has it`() throws
    {
        let groups = try check(
            """
            00:01.0 port 1111:0001 acs >01 g0
            01:00.0 up   1111:0002     >02 g1
            02:01.0 down 1111:0003     >03 g2
            02:02.0 down 1111:0003     >04 g3
            03:00.0 ep   1111:0004         g2
            04:00.0 ep   1111:0005         g3
            """)
        #expect(groups.count == 4)
        _ = try check(
            """
            00:01.0 port 1111:0001     >01 g0
            01:00.0 up   1111:0002     >02 g0
            02:01.0 down 1111:0003 acs >03 g0
            02:02.0 down 1111:0003 acs >04 g0
            03:00.0 ep   1111:0004         g0
            04:00.0 ep   1111:0005         g0
            """)
    }

    @Test func `everything behind a bridge to conventional PCI belongs to the bridge`() throws {
        let groups = try check(
            """
            00:1c.0 port  1111:0001 acs >01 g0
            01:00.0 topci 1111:0002     >02 g1
            02:00.0 pci   1111:0003         g1
            02:01.0 pcibridge 1111:0004 >03 g1
            03:00.0 pci   1111:0005         g1
            """)
        #expect(groups[1].ties.allSatisfy { $0.reason == .behindPCIBridge })
        #expect(groups[1].ties.first?.cause == PCIAddress("01:00.0"))
    }

    @Test func `a conventional bridge on the root bus takes in what is behind it, not its neighbours`() throws {
        _ = try check(
            """
            00:1e.0 pcibridge 8086:2448 >05 g0
            00:1f.0 m pci 8086:0001         g1
            00:1f.2 m pci 8086:0002         g1
            05:00.0 pci 1111:0001           g0
            05:04.0 pci 1111:0002           g0
            """)
    }

    @Test func `a function that sends under another number joins that function, a ghost changes nothing`() throws {
        let groups = try check(
            """
            00:1c.0 port 1111:0001 acs >01 g0
            01:00.0 m ep 1b4b:9123 acs     g1
            01:00.1 m ep 1b4b:91a4 acs     g1
            """)
        #expect(groups[1].ties.map(\.reason) == [.alias])
        _ = try check(
            """
            00:1c.0 port 1111:0001 acs >01 g0
            01:00.0 ep   1b4b:9123         g1
            """)
    }

    @Test func `what hangs behind a VMD goes by the VMD's name`() throws {
        _ = try check(
            """
            00:0e.0 rcep 8086:9a0b g0
            10000:e0:06.0 port 8086:9a09 acs @00:0e.0 >e1 g0
            10000:e1:00.0 ep   144d:a80a     @00:0e.0     g0
            """)
    }

    @Test func `chipsets that isolate without saying so are known by their ids`() throws {
        _ = try check(
            """
            00:1c.0 m port 8086:1e10 >01 g0
            00:1c.3 m port 8086:1e16 >02 g1
            01:00.0 ep 1111:0001         g2
            02:00.0 ep 1111:0002         g3
            00:02.0 m rcep 8086:0001     g4
            00:02.1 m rcep 8086:0002     g5
            00:14.0 m pci 1022:780b      g6 # no quirk: beside two that have one
            00:14.2 m pci 1022:780d      g6
            00:14.3 m pci 1022:780f      g7
            03:00.0 m ep 8086:1521       g8
            03:00.1 m ep 8086:1521       g9
            """)
    }

    @Test func `a tree that contradicts itself ends, and every function is in one group`() throws {
        var machine = try Machine("00:01.0 port 1111:0001 >01\n01:00.0 port 1111:0002 >00\n02:00.0 ep 1111:0003")
        machine.functions[0].parent = machine.functions[1].address
        machine.functions[2].parent = machine.functions[2].address
        let groups = IsolationGroups.of(machine.functions)
        #expect(groups.flatMap(\.members).sorted() == machine.functions.map(\.address).sorted())
    }

    @Test(arguments: 0..<20)
    func `in any tree every function is in exactly one group, and taking isolation away never splits one`(
        seed: Int
    ) throws {
        var dice = Dice(state: UInt64(seed))
        for _ in 0..<40 {
            var machine = try Machine("")
            var buses: [(bus: UInt8, parent: PCIAddress?)] = [(0, nil)]
            for _ in 0..<Int.random(in: 1...30, using: &dice) {
                let (bus, parent) = buses[Int.random(in: 0..<buses.count, using: &dice)]
                let slot = try #require(
                    PCISlot(
                        device: UInt8.random(in: 0...3, using: &dice), function: UInt8.random(in: 0...3, using: &dice)))
                let address = PCIAddress(bus: bus, slot: slot)
                if machine.functions.contains(where: { $0.address == address }) { continue }
                let device: Hex16 = [0x9123, 0x1E10, 0x0001].randomElement(using: &dice) ?? 1
                let vendor: Hex16 = [0x1B4B, 0x8086, 0x1111].randomElement(using: &dice) ?? 1
                let identity = PCIIdentity(vendor: vendor, device: device)
                var function = PCIFunction(
                    id: DeviceID(domain: 0, rootBus: 0, slots: [slot], identity: identity), address: address,
                    parent: parent, identity: identity, classCode: PCIClass(base: 0, sub: 0),
                    multifunction: Bool.random(using: &dice))
                if let type = PCIExpressType.allCases.randomElement(using: &dice), Bool.random(using: &dice) {
                    function.express = PCIExpress(type: type)
                }
                if Bool.random(using: &dice) {
                    function.accessControl = .init(
                        capable: .init(rawValue: UInt16.random(in: 0...31, using: &dice)), enabled: .isolation)
                }
                if Bool.random(using: &dice), buses.count < 200 {
                    buses.append((UInt8(buses.count), address))
                }
                machine.functions.append(function)
            }
            let groups = IsolationGroups.of(machine.functions, services: .capable)
            let all = machine.functions.map(\.address).sorted()
            #expect(groups.flatMap(\.members).sorted() == all)
            let without = machine.functions.map { function in
                var function = function
                function.accessControl = nil
                return function
            }
            let coarse = IsolationGroups.of(without, services: .capable)
            #expect(coarse.flatMap(\.members).sorted() == all)
            #expect(coarse.count <= groups.count)
        }
    }
}
