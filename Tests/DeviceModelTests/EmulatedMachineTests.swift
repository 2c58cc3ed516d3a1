// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DeviceModel

/// Machines of QEMU 10 with an emulated Intel IOMMU, in which Debian's Linux 6.12 ran without Xen (`intel_iommu=on`). It
/// put the functions into the groups noted here; `lapwingctl device capture` told the rest. Emulated, so they do not
/// count among the captured machines.
@Suite struct EmulatedMachineTests {
    /// A switch without services, a bridge to PCI with another one behind it, an old DMI bridge, functions of one device
    /// of which one does not say so.
    private static let bridges = """
        00:00.0   pci       8086:29c0               g0
        00:03.0 m port      1b36:000c acs=5f/1d >01 g1
        00:03.1 m port      1b36:000c acs=5f/1d >02 g2
        00:04.0   port      1b36:000c acs=5f/1d >03 g3
        00:05.0   port      1b36:000c acs=5f/1d >07 g4
        00:06.0   pcibridge 8086:244e           >0a g5
        00:07.0 m pci       8086:2934               g6
        00:07.1 m pci       8086:2935               g6
        00:07.7 m pci       8086:293a               g6
        00:08.0   port      1b36:000c acs=5f/1d >0b g7
        00:09.0   port      8086:3420           >0c g8
        00:1f.0 m pci       8086:2918               g9
        00:1f.2 m pci       8086:2922               g9
        00:1f.3 m pci       8086:2930               g9
        01:00.0   ep        8086:10d3               g10
        02:00.0   ep        1b36:000d               g11
        03:00.0   up        104c:8232           >04 g12
        04:00.0   down      104c:8233           >05 g13
        04:01.0   down      104c:8233           >06 g14
        05:00.0   ep        8086:10d3               g13
        06:00.0   ep        1b36:0010               g14
        07:00.0   topci     1b36:000e           >08 g15
        08:01.0   pci       8086:100e               g15
        08:02.0   pci       8086:100e               g15
        08:03.0   pcibridge 1b36:0001           >09 g15
        09:01.0   pci       8086:100e               g15
        0a:01.0   pci       8086:100e               g5
        0b:00.0   ep        8086:10c9               g16
        0c:00.0   ep        1234:1111               g8
        """

    /// Root ports of one device with and without services, a switch behind a switch, a second root bus.
    private static let switches = """
        00:00.0   pci       8086:29c0               g0
        00:01.0   pci       1b36:000b               g1
        00:03.0 m port      1b36:000c acs=5f/1d >01 g2
        00:03.1 m port      1b36:000c           >02 g3
        00:03.2 m port      1b36:000c           >03 g3
        00:04.0   port      1b36:000c           >04 g4
        00:1f.0 m pci       8086:2918               g5
        00:1f.2 m pci       8086:2922               g5
        00:1f.3 m pci       8086:2930               g5
        01:00.0 m ep        8086:10d3               g6
        01:00.1 m ep        8086:10d3               g6
        02:00.0   ep        8086:10d3               g3
        03:00.0   ep        1b36:0010               g3
        04:00.0   up        104c:8232           >05 g4
        05:00.0   down      104c:8233           >06 g4
        05:01.0   down      104c:8233           >09 g4
        06:00.0   up        104c:8232           >07 g4
        07:00.0   down      104c:8233           >08 g4
        08:00.0   ep        8086:10d3               g4
        09:00.0   ep        1b36:0010               g4
        40:00.0   port      1b36:000c acs=5f/1d >41 g7
        40:01.0   port      1b36:000c           >42 g8
        40:05.0   port      8086:3420           >43 g9
        41:00.0   ep        8086:10d3               g10
        42:00.0   ep        1b36:0010               g8
        43:00.0   ep        1b36:0010               g9
        """

    @Test(arguments: [bridges, switches], IsolationGroups.Services.allCases)
    func `the groups of an emulated machine are those of the Linux that ran in it`(
        text: String, services: IsolationGroups.Services
    ) throws {
        let machine = try Machine(text)
        #expect(machine.functions.allSatisfy { $0.kernelGroup != nil })
        let groups = IsolationGroups.of(machine.functions, services: services)
        #expect(machine.computed(groups) == machine.kernelGroups)
    }
}
