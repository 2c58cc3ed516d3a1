// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import Synchronization
import SystemPackage
import Testing
import XenChannel

@testable import XenControl

@Suite struct XenTests {
    /// What `xl list -v` of Xen 4.20 printed in the emulator.
    static let recorded = """
        Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                            Reason-Code\tSecurity Label
        Domain-0                                     0  2048     2     r-----     450.9 00000000-0000-0000-0000-000000000000        -                -
        gpvh                                         1   192     1     -b----      39.7 00000000-0000-4000-8000-000000000004        -                -
        ghvm                                         2   256     1     --p---       0.0 00000000-0000-4000-8000-000000000005        -                -

        """

    @Test func `what xl printed on real Xen is read`() throws {
        let domains = try XenListing.parse(Self.recorded)
        #expect(domains.map(\.name) == ["Domain-0", "gpvh", "ghvm"])
        #expect(domains.map(\.paused) == [false, false, true])
        #expect(domains[1].memory == 192 && domains[1].seconds == 39.7 && domains[1].ending == nil)
        #expect(domains[2].uuid == "00000000-0000-4000-8000-000000000005")
    }

    @Test(arguments: [
        ("", false), ("Name ID\n", false), (recorded + "half a line 3 192\n", false), (recorded, true),
    ])
    func `a listing with a hole is an error and not a shorter truth`(text: String, good: Bool) {
        #expect(((try? XenListing.parse(text)) != nil) == good)
    }

    @Test func `a name with spaces does not move the columns`() throws {
        let line =
            "a 9 b -  3   192     1     ---sc-      39.7 00000000-0000-4000-8000-000000000004        3                -"
        let heading = Self.recorded.split(separator: "\n")[0]
        let domain = try #require(try XenListing.parse(heading + "\n" + line + "\n").first)
        #expect(domain.name == "a 9 b -" && domain.id == 3 && domain.ending == .crash)
    }

    private func configuration(_ settings: DomainSettings) -> XLConfiguration {
        XLConfiguration(
            name: "work", uuid: "00000000-0000-4000-8000-000000000005", settings: settings,
            disks: "/var/lib/lapwing/disks", run: "/run/lapwing/domains")
    }

    @Test func `a PVH guest's configuration`() throws {
        let text = try configuration(
            DomainSettings(
                type: .pvh, memory: ByteSize(bytes: 192 << 20), vcpus: 2, cpus: [1, 3],
                disks: [
                    .init(name: "system", size: ByteSize(bytes: 1 << 30)),
                    .init(name: "data", device: "/dev/vg/data", readOnly: true),
                ], kernel: "/boot/vmlinuz", ramdisk: "/r", cmdline: "console=hvc0 a=b")
        ).text()
        #expect(
            text == """
                name = "work"
                uuid = "00000000-0000-4000-8000-000000000005"
                type = "pvh"
                memory = 192
                maxmem = 192
                vcpus = 2
                cpus = "1,3"
                kernel = "/boot/vmlinuz"
                ramdisk = "/r"
                cmdline = "console=hvc0 a=b"
                on_poweroff = "destroy"
                on_reboot = "destroy"
                on_crash = "preserve"
                disk = [
                  "vdev=xvda,format=raw,access=rw,target=/var/lib/lapwing/disks/work/system.img",
                  "vdev=xvdb,format=raw,access=ro,target=/dev/vg/data",
                ]

                """)
    }

    @Test func `an HVM guest has its screen on a local socket only`() throws {
        let text = try configuration(
            DomainSettings(
                type: .hvm, memory: ByteSize(bytes: 1 << 30), vcpus: 1,
                disks: [
                    .init(name: "system", file: "/x/a.qcow2"), .init(name: "install", cdrom: "/x/install (1).iso"),
                ], boot: [.cdrom, .disk], display: .vnc)
        ).text()
        #expect(text.contains("vnclisten = \"unix:/run/lapwing/domains/work.vnc\"\nvncunused = 0\n"))
        #expect(text.contains("boot = \"dc\"\n"))
        #expect(text.contains("\"vdev=hda,format=qcow2,access=rw,target=/x/a.qcow2\""))
        #expect(text.contains("\"vdev=hdb,format=raw,access=ro,devtype=cdrom,target=/x/install (1).iso\""))
        let dark = try configuration(
            DomainSettings(type: .hvm, memory: ByteSize(bytes: 1 << 30), vcpus: 1)
        ).text()
        #expect(dark.contains("vnc = 0\n") && !dark.contains("vnclisten"))
    }

    @Test func `a virtual battery brings tables for an HVM guest only, and passing one through is refused`() throws {
        let memory = ByteSize(bytes: 1 << 30)
        let line = "acpi_firmware = \"/usr/share/lapwing/acpi/battery.aml\"\n"
        var work = configuration(DomainSettings(type: .hvm, memory: memory, vcpus: 1, battery: .virtual))
        #expect(try work.text().contains(line))
        work.hasPowerTables = false
        #expect(try !work.text().contains("acpi_firmware"))
        for type in [DomainSettings.Kind.pv, .pvh] {
            let text = try configuration(
                DomainSettings(type: type, memory: memory, vcpus: 1, kernel: "/k", battery: .virtual)
            ).text()
            #expect(!text.contains("acpi_firmware"))
        }
        let error = #expect(throws: LapwingError.self) {
            try configuration(DomainSettings(type: .hvm, memory: memory, vcpus: 1, battery: .passthrough)).text()
        }
        #expect(error?.message.contains("passed through") == true)
    }

    /// systemd as far as it starts units: none, and with a reason.
    private final class Refusing: ProcessRunner {
        let log = Mutex<[String]>([])
        func run(_ command: Command) async throws -> CommandResult {
            log.withLock { $0.append(command.line) }
            return command.arguments.first == "show"
                ? CommandResult(ending: .exited(0), output: Array("The domain is not there.\n".utf8))
                : CommandResult(ending: .exited(1))
        }
        func lines(
            _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
        ) async throws -> CommandResult { try await run(command) }
    }

    @Test func `what serves a battery is a unit by the domain's number, and says itself why it failed`() async throws {
        let runner = Refusing()
        let xen = XLHypervisor(runner: runner, run: "/run/lapwing/domains")
        let error = await #expect(throws: LapwingError.self) { try await xen.startBattery(7) }
        #expect(error?.code == "xen.battery" && error?.cause == "The domain is not there.")
        await xen.stopBattery(7)
        let lines = runner.log.withLock { $0 }
        #expect(lines.first == "systemctl start lapwing-acpi@7.service")
        #expect(
            lines.suffix(2) == [
                "systemctl stop lapwing-acpi@7.service", "systemctl reset-failed lapwing-acpi@7.service",
            ])
    }

    @Test func `a value that could end its quotes is never written`() {
        for bad in ["/k\" on_crash=\"x", "/k\n", "/k\\", "/a,readonly=off"] {
            let settings = DomainSettings(
                type: .pvh, memory: ByteSize(bytes: 1 << 30), vcpus: 1, kernel: bad)
            #expect(throws: LapwingError.self) { try configuration(settings).text() }
        }
        #expect(throws: LapwingError.self) { try XLConfiguration.quoted("a\"b") }
    }

    @Test func `XenStore messages are cut out of the stream, and a long one ends it`() throws {
        var buffer = XenStoreWire.encode(.watchEvent, request: 0, Array("@releaseDomain\0lapwing\0".utf8))
        let whole = buffer
        buffer += XenStoreWire.encode(.error, request: 7, [69])
        #expect(try XenStoreWire.next(&buffer)?.payload.count == 23)
        let second = try #require(try XenStoreWire.next(&buffer))
        #expect(second.kind == 16 && second.request == 7 && buffer.isEmpty)
        for count in 0..<whole.count {
            var part = Array(whole.prefix(count))
            #expect(try XenStoreWire.next(&part) == nil)
            #expect(part.count == count)
        }
        var long: [UInt8] = [15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]
        #expect(throws: ChannelError.self) { try XenStoreWire.next(&long) }
    }

    @Test func `a fresh identity is a version 4 UUID, and no two are equal`() {
        let one = DomainIdentity.fresh().uuid
        #expect(one.utf8.count == 36 && one.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12])
        #expect(Array(one)[14] == "4" && "89ab".contains(Array(one)[19]))
        #expect(DomainIdentity.fresh().uuid != one)
    }
}
