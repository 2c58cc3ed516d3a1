// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

@testable import DeviceModel

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct DeviceWatchTests {
    private static let stick = "usb-0000.00-14.0-u2-4~0781.5581"
    private static let place = "sys/devices/pci0000:00/0000:00:14.0/usb1/1-4"

    private static func event(_ action: String, _ path: String, _ fields: String...) throws -> Uevent {
        let lines = ["\(action)@\(path)", "ACTION=\(action)", "DEVPATH=\(path)", "SEQNUM=1"] + fields
        return try #require(Uevent(lines.flatMap { Array($0.utf8) + [0] }))
    }

    private static func usb(_ action: String, _ fields: String...) throws -> Uevent {
        let path = "/devices/pci0000:00/0000:00:14.0/usb1/1-4"
        return fields.isEmpty
            ? try event(action, path, "SUBSYSTEM=usb", "DEVTYPE=usb_device")
            : try event(action, path, "SUBSYSTEM=usb", "DEVTYPE=usb_device", fields[0])
    }

    /// What the kernel does to its tree when the stick is pulled.
    private static func pull(_ fake: FakeTree) throws {
        for name in ["1-4", "1-4:1.0"] { try Files.remove(fake.root.pushing(FilePath("sys/bus/usb/devices/" + name))) }
    }

    @Test func `a stick that is pulled is told by what it was, and by what it is when it comes back`() throws {
        let fake = try FakeTree.laptop()
        var watch = DeviceWatch(try fake.tree())
        try Self.pull(fake)
        let gone = watch.notices(try Self.usb("remove"))
        #expect(gone.map(\.device.rawValue) == [Self.stick] && gone.map(\.added) == [false])
        #expect(gone.map(\.place) == ["1-4"])
        #expect(watch.notices(try Self.usb("remove")) == [])

        var other = Samples.stick
        other[10] = 0x82
        try fake.put(Self.place + "/descriptors", other)
        // The message may come before anybody can read the device; then nothing is told.
        #expect(watch.notices(try Self.usb("add")) == [])
        try fake.link("sys/bus/usb/devices/1-4", "../../../devices/pci0000:00/0000:00:14.0/usb1/1-4")
        let come = watch.notices(try Self.usb("add"))
        #expect(come.map(\.device.rawValue) == ["usb-0000.00-14.0-u2-4~0781.5582"] && come.map(\.added) == [true])
    }

    @Test func `a quick replug is told as going and coming`() throws {
        let fake = try FakeTree.laptop()
        var watch = DeviceWatch(try fake.tree())
        #expect(watch.notices(try Self.usb("remove")).map(\.added) == [false])
        #expect(watch.notices(try Self.usb("add")).map(\.added) == [true])
    }

    @Test func `what somebody made the kernel say again, and what is no device, tells nothing`() throws {
        let fake = try FakeTree.laptop()
        var watch = DeviceWatch(try fake.tree())
        #expect(watch.notices(try Self.usb("remove", "SYNTH_UUID=0")) == [])
        #expect(watch.notices(try Self.usb("add")) == [])
        let interface = "/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0"
        #expect(watch.notices(try Self.event("remove", interface, "SUBSYSTEM=usb", "DEVTYPE=usb_interface")) == [])
        try Self.pull(fake)
        #expect(watch.notices(nil).map(\.device.rawValue) == [Self.stick])
    }

    @Test func `after a lost message everything is held against what was known`() throws {
        let fake = try FakeTree.laptop()
        var watch = DeviceWatch(try fake.tree())
        try Self.pull(fake)
        try Files.remove(fake.root.pushing("sys/bus/pci/devices/0000:02:00.0"))
        let gone = watch.notices(nil)
        #expect(gone.map(\.place) == ["0000:02:00.0", "1-4"] && gone.allSatisfy { !$0.added })
        try fake.link(
            "sys/bus/pci/devices/0000:02:00.0", "../../../devices/pci0000:00/0000:00:1c.0/0000:02:00.0")
        let card = try Self.event(
            "add", "/devices/pci0000:00/0000:00:1c.0/0000:02:00.0", "SUBSYSTEM=pci", "PCI_SLOT_NAME=0000:02:00.0")
        #expect(watch.notices(card).map(\.device.rawValue) == ["pci-0000.00-1c.0-00.0~8086.2725.8086.0024"])
    }

    private static let writable = geteuid() == 0 && access("/sys/class/mem/null/uevent", W_OK) == 0

    @Test(.enabled(if: writable, "only root can make this kernel say something"))
    func `the kernel's own words come through the filter, a process's words do not`() async throws {
        let socket = try UeventSocket()
        // The socket's port, by its inode (proc_net(5)).
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(socket.descriptor)")
        let inode = link.filter { "0123456789".contains($0) }
        let table = try Files.text("/proc/net/netlink", limit: 1 << 20).split(separator: "\n")
        let row = try #require(table.map { $0.split(separator: " ") }.first { $0.last == Substring(inode) })
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 15)
            lines = ["add@/devices/forged", "ACTION=add", "DEVPATH=/devices/forged", "SUBSYSTEM=usb", "SEQNUM=1"]
            s.sendto(b"".join(l.encode() + b"\\0" for l in lines), (int(sys.argv[1]), 0))
            for action in ("change", "add"): open("/sys/class/mem/null/uevent", "w").write(action)
            """
        let sent = try await SubprocessRunner().run(
            Command("python3", ["-c", script, String(row[2])], timeLimit: .seconds(60)))
        #expect(sent.succeeded, "\(sent.errorText)")
        var found: [Uevent] = []
        for _ in 0..<100 where !found.contains(where: { $0.name == "null" }) {
            found += try #require(socket.take()).events
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(found.filter { $0.name == "null" }.map(\.action) == [.add])
        #expect(!found.contains { $0.name == "forged" })
    }
}
