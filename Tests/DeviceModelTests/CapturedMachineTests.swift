// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DeviceModel

/// Real machines whose groups a Linux with an IOMMU reported. What counts for groups was noted from public probes
/// (`lspci -vvnn` as root, which tells group, type, services and buses) in the notation of `Machine`. That the kernel
/// switched on all services a port has is taken from how it does so, for lspci reads the control register of Intel's
/// 100 series in the wrong place; hence `.capable`.
@Suite struct CapturedMachineTests {
    struct Capture: Sendable, CustomTestStringConvertible {
        var name: String
        /// Where the probe is public: a path in the GitHub repository linuxhw/LsPCI.
        var source: String
        var text: String
        var testDescription: String { name }
    }

    static let captures = [
        // Root ports without Access Control Services under coreboot: siblings and what is behind them stick together.
        Capture(
            name: "Purism Librem 14 (Comet Lake), Linux 6.12.6",
            source: "Notebook/Purism/Librem/Librem 14/06B52B0CCCC2/DEVUAN-6/6.12.6-AMD64/X86_64/5F54D4D304",
            text: """
                00:00.0   pci  8086:9b51     g1
                00:02.0   rcep 8086:9bca     g0
                00:04.0   pci  8086:1903     g2
                00:08.0   pci  8086:1911     g3
                00:12.0   pci  8086:02f9     g4
                00:14.0 m pci  8086:02ed     g5
                00:14.2 m pci  8086:02ef     g5
                00:15.0   pci  8086:02e8     g6
                00:1c.0 m port 8086:02be >01 g7
                00:1c.7 m port 8086:02bf >02 g7
                00:1d.0   port 8086:02b4 >03 g8
                00:1f.0 m pci  8086:0284     g9
                00:1f.3 m pci  8086:02c8     g9
                00:1f.4 m pci  8086:02a3     g9
                00:1f.5 m pci  8086:02a4     g9
                02:00.0   ep   10ec:8168     g7
                03:00.0   ep   8086:f1a6     g8
                """),
        // A root port of the 100 series, whose services stand where the standard does not have them.
        Capture(
            name: "Purism Librem 13 v2 (Skylake), Linux 6.6.9",
            source: "Notebook/Purism/Librem/Librem 13 v2/99395470DD0B/DEBIAN/6.6.9-AMD64/X86_64/1C54FB5BF1",
            text: """
                00:00.0   pci  8086:1904            g1
                00:02.0   rcep 8086:1916            g0
                00:04.0   pci  8086:1903            g2
                00:14.0 m pci  8086:9d2f            g3
                00:14.1 m pci  8086:9d30            g3
                00:14.2 m pci  8086:9d31            g3
                00:17.0   pci  8086:9d03            g4
                00:1c.0   port 8086:9d14 acs=0f/00 >01 g5
                00:1f.0 m pci  8086:9d48            g6
                00:1f.2 m pci  8086:9d21            g6
                00:1f.3 m pci  8086:9d70            g6
                00:1f.4 m pci  8086:9d23            g6
                00:1f.5 m pci  8086:9d24            g6
                01:00.0   ep   168c:0034            g7
                """),
        // Ports of the 6 series, known by their ids; a graphics card behind a processor port without services.
        Capture(
            name: "Dell Latitude E6520 (Cougar Point), Linux 6.1",
            source: "Notebook/Dell/Latitude/Latitude E6520/61B2DB6AF44F/DEBIAN-12/6.1.0-28-AMD64/X86_64/47301F32DB",
            text: """
                00:00.0   pci  8086:0104     g0
                00:01.0   port 8086:0101 >01 g1
                00:16.0   pci  8086:1c3a     g2
                00:19.0   pci  8086:1502     g3
                00:1a.0   pci  8086:1c2d     g4
                00:1b.0   rcep 8086:1c20     g5
                00:1c.0 m port 8086:1c10 >02 g6
                00:1c.1 m port 8086:1c12 >03 g7
                00:1c.2 m port 8086:1c14 >04 g8
                00:1c.3 m port 8086:1c16 >0a g9
                00:1c.5 m port 8086:1c1a >0b g10
                00:1d.0   pci  8086:1c26     g11
                00:1f.0 m pci  8086:1c4f     g12
                00:1f.2 m pci  8086:1c03     g12
                00:1f.3 m pci  8086:1c22     g12
                01:00.0 m ep   10de:1056     g1
                01:00.1 m ep   10de:0e08     g1
                03:00.0   ep   14e4:4359     g13
                0b:00.0 m ep   1217:13f7     g14
                0b:00.1 m ep   1217:8321     g14
                0b:00.2 m ep   1217:8331     g14
                """),
    ]

    @Test(arguments: captures) func `the groups of a captured machine are the kernel's`(capture: Capture) throws {
        let machine = try Machine(capture.text)
        #expect(machine.functions.count > 10)
        #expect(machine.functions.allSatisfy { $0.kernelGroup != nil })
        let groups = IsolationGroups.of(machine.functions, services: .capable)
        #expect(machine.computed(groups) == machine.kernelGroups)
    }
}
