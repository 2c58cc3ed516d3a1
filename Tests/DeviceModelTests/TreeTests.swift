// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Dispatch
import FoundationEssentials
import LapwingCore
import Synchronization
import SystemPackage
import Testing

@testable import DeviceModel

/// A directory laid out as `/sys`, thrown away afterwards.
final class FakeTree {
    let root: FilePath
    init() throws {
        root = FilePath(FileManager.default.temporaryDirectory.path).appending(
            "lapwing-tree-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(root)
    }
    deinit { try? Files.removeTree(root) }

    func put(_ path: String, _ bytes: [UInt8]) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try Files.write(bytes, to: place)
    }
    func put(_ path: String, _ text: String) throws { try put(path, Array(text.utf8)) }
    func link(_ path: String, _ target: String) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try FileManager.default.createSymbolicLink(atPath: place.string, withDestinationPath: target)
    }
    func tree() throws -> SystemTree { try SystemTree(root: root) }

    /// A port, a card behind it, a controller with a stick, a display adapter with a screen, a radio.
    static func laptop() throws -> FakeTree {
        let fake = try FakeTree()
        func function(_ address: String, below: String = "", _ change: (inout [UInt8]) -> Void) throws -> String {
            var space = Samples.endpoint
            space[0x0E] = 0
            change(&space)
            let place = "sys/devices/pci0000:00/" + below + address
            try fake.put(place + "/config", space)
            try fake.link("sys/bus/pci/devices/" + address, "../../../devices/pci0000:00/" + below + address)
            return place
        }
        func ids(_ space: inout [UInt8], _ vendor: UInt16, _ device: UInt16, _ code: [UInt8]) {
            (space[0], space[1], space[2], space[3]) = (
                UInt8(vendor & 255), UInt8(vendor >> 8), UInt8(device & 255), UInt8(device >> 8)
            )
            (space[11], space[10], space[9]) = (code[0], code[1], code[2])
        }
        _ = try function("0000:00:1c.0") { space in
            ids(&space, 0x8086, 0xA0B8, [6, 4, 0])
            space[0x0E] = 0x81
            (space[0x18], space[0x19], space[0x1A]) = (0, 2, 2)
            space[0x52] = 0x42
            space[0x106] = 0x1D
        }
        let card = try function("0000:02:00.0", below: "0000:00:1c.0/") { _ in }
        try fake.link(card + "/driver", "../../../../bus/pci/drivers/iwlwifi")
        try fake.put(card + "/reset_method", "flr bus\n")
        try fake.put(card + "/numa_node", "-1\n")
        try fake.put(card + "/resource", "0x00000000fe800000 0x00000000fe803fff 0x0000000000140204\n")
        try fake.link("sys/class/ieee80211/phy0", "../../devices/pci0000:00/0000:00:1c.0/0000:02:00.0/ieee80211/phy0")
        try fake.put(card + "/ieee80211/phy0/macaddress", "00:11:22:AA:bb:cc\n")
        try fake.link(card + "/ieee80211/phy0/device", "../../../0000:02:00.0")
        try fake.put(card + "/ieee80211/phy0/rfkill0/soft", "1\n")
        try fake.put(card + "/ieee80211/phy0/rfkill0/hard", "0\n")
        try fake.put(card + "/net/wlp2s0/type", "1\n")
        let graphics = try function("0000:00:02.0") { ids(&$0, 0x8086, 0x9A49, [3, 0, 0]) }
        try fake.put(graphics + "/boot_vga", "1\n")
        try fake.link("sys/class/drm/card0", "../../devices/pci0000:00/0000:00:02.0/drm/card0")
        try fake.link("sys/class/drm/card0-eDP-1", "../../devices/pci0000:00/0000:00:02.0/drm/card0/card0-eDP-1")
        try fake.link(graphics + "/drm/card0/device", "../../../0000:00:02.0")
        try fake.link(graphics + "/driver", "../../../bus/pci/drivers/i915")
        try fake.put(graphics + "/drm/card0/card0-eDP-1/status", "connected\n")
        try fake.put(graphics + "/drm/card0/card0-eDP-1/enabled", "enabled\n")
        try fake.put(graphics + "/drm/card0/card0-eDP-1/modes", "1920x1080\n1920x1080\n1280x720\n")
        try fake.put(graphics + "/drm/card0/card0-eDP-1/edid", Samples.screen)
        let controller = try function("0000:00:14.0") { ids(&$0, 0x8086, 0xA0ED, [0x0C, 3, 0x30]) }
        var hub = Array(Samples.stick.prefix(18))
        (hub[3], hub[4], hub[8], hub[9], hub[10], hub[11], hub[17]) = (2, 9, 0x6B, 0x1D, 2, 0, 0)
        try usb(fake, controller + "/usb1", "usb1", hub, number: 1)
        try usb(fake, controller + "/usb1/1-4", "1-4", Samples.stick, number: 7)
        let stick = controller + "/usb1/1-4/"
        try fake.put(stick + "manufacturer", "Evil\u{1B}[2JCorp\n")
        try fake.put(stick + "product", "Stick\u{202E}\n")
        try fake.put(stick + "serial", "SECRET-42\n")
        try fake.put(stick + "speed", "480\n")
        try fake.put(stick + "removable", "removable\n")
        try fake.put(stick + "bConfigurationValue", "1\n")
        try fake.link(stick + "1-4:1.0/driver", "../../../../../../../bus/usb/drivers/usb-storage")
        try fake.link("sys/bus/usb/devices/1-4:1.0", "../../../devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0")
        return fake
    }

    private static func usb(_ fake: FakeTree, _ place: String, _ name: String, _ bytes: [UInt8], number: Int) throws {
        try fake.put(place + "/descriptors", bytes)
        try fake.put(place + "/devnum", "\(number)\n")
        try fake.link("sys/bus/usb/devices/" + name, "../../../" + place.dropFirst("sys/".count))
    }
}

@Suite struct TreeTests {
    @Test func `a function that does not answer is in the list with what the kernel remembers`() throws {
        let fake = try FakeTree.laptop()
        let place = "sys/devices/pci0000:00/0000:00:1f.6"
        try fake.put(place + "/config", [UInt8](repeating: 0xFF, count: 256))
        for (file, text) in [("vendor", "0x8086"), ("device", "0x15fb"), ("class", "0x020000"), ("revision", "0x20")] {
            try fake.put(place + "/" + file, text + "\n")
        }
        try fake.link("sys/bus/pci/devices/0000:00:1f.6", "../../../devices/pci0000:00/0000:00:1f.6")
        let found = try #require(
            PCIReader(try fake.tree()).functions().first { $0.address.description == "0000:00:1f.6" })
        #expect(found.id.rawValue == "pci-0000.00-1f.6~8086.15fb")
        #expect(found.classCode.isNetwork && found.revision == 0x20)
        #expect(found.capabilitiesIncomplete)
    }

    @Test func `a machine is read from a tree: places, drivers, resets, screens, radios`() throws {
        let fake = try FakeTree.laptop()
        let inventory = InventoryReader(try fake.tree()).inventory()
        #expect(
            inventory.pci.map(\.address.description) == [
                "0000:00:02.0", "0000:00:14.0", "0000:00:1c.0", "0000:02:00.0",
            ])
        let card = try #require(inventory.pci.last)
        #expect(card.id.rawValue == "pci-0000.00-1c.0-00.0~8086.2725.8086.0024")
        #expect(card.parent == PCIAddress("00:1c.0") && card.driver == "iwlwifi" && card.numaNode == nil)
        #expect(card.resetMethods == [.functionLevel, .bus] && card.resources.map(\.size) == [16384])
        #expect(inventory.pci[1].resetMethods == [.functionLevel, .powerManagement])

        let stick = try #require(inventory.usb.first { !$0.isRootHub })
        #expect(stick.id.rawValue == "usb-0000.00-14.0-u2-4~0781.5581")
        #expect(stick.address == USBAddress(bus: 1, device: 7) && stick.controller == PCIAddress("00:14.0"))
        #expect(stick.speed == .high && stick.attachment == .removable && stick.identity.serial == "SECRET-42")
        #expect(stick.manufacturer == "Evil?[2JCorp" && stick.product == "Stick?")
        #expect(stick.interfaces.map(\.driver) == ["usb-storage", "usb-storage", nil])
        #expect(stick.classes.contains { $0.isBootKeyboard })
        #expect(inventory.usb.first?.id.rawValue == "usb-0000.00-14.0-u2~1d6b.0002")

        let adapter = try #require(inventory.graphics.first)
        #expect(
            inventory.graphics.count == 1 && adapter.card == "card0" && adapter.driver == "i915" && adapter.bootDisplay)
        #expect(adapter.connectors.map(\.name) == ["eDP-1"])
        #expect(adapter.connectors[0].display?.name == "DELL U2720Q")
        #expect(adapter.connectors[0].modes.map(\.description) == ["1920x1080", "1280x720"])

        let radio = try #require(inventory.wlan.first)
        #expect(inventory.wlan.count == 1 && radio.device == card.id && radio.interfaces == ["wlp2s0"])
        #expect(radio.rfkill == .init(soft: true, hard: false) && radio.hardwareAddress == "00:11:22:aa:bb:cc")
        #expect(radio.firmware == .running)
    }

    @Test func `a captured tree is as good as the machine, and tells no serial number`() async throws {
        let fake = try FakeTree.laptop()
        let live = InventoryReader(try fake.tree()).inventory()
        for serials in [false, true] {
            let bytes = DeviceCapture.archive(try fake.tree(), serials: serials)
            let copy = try FakeTree()
            try copy.put("a.tar", bytes)
            // The system's own tar is the witness that this is one.
            let result = try await SubprocessRunner().run(
                Command("tar", ["-xf", copy.root.appending("a.tar").string, "-C", copy.root.string]))
            #expect(result.succeeded, "\(result.errorText)")
            let captured = InventoryReader(try copy.tree()).inventory()
            if serials {
                #expect(captured == live)
            } else {
                for secret in ["SECRET-42", "SECRET-77", "22:AA:bb"] {
                    #expect(!contains(bytes, Array(secret.utf8)), "\(secret)")
                }
                #expect(!contains(bytes, [0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88]))
                #expect(!contains(bytes, [0x78, 0x56, 0x34, 0x12]))
                #expect(captured.devices.map(\.id) == live.devices.map(\.id))
                #expect(captured.usb.allSatisfy { $0.identity.serial == nil })
                #expect(captured.wlan[0].hardwareAddress == nil && captured.wlan[0].interfaces == ["wlp2s0"])
                #expect(captured.graphics[0].connectors[0].display?.damaged == false)
                #expect(captured.pci == live.pci)
            }
        }
    }

    private func contains(_ bytes: [UInt8], _ pattern: [UInt8]) -> Bool {
        guard let first = pattern.first, bytes.count >= pattern.count else { return false }
        return (0...(bytes.count - pattern.count)).contains { at in
            bytes[at] == first && bytes[at..<(at + pattern.count)].elementsEqual(pattern)
        }
    }

    @Test func `a tree without links gets its ways from the bridges' bus numbers`() throws {
        let fake = try FakeTree()
        var port = Samples.endpoint
        (port[0x0E], port[0x19], port[0x1A]) = (1, 2, 2)
        try fake.put("sys/bus/pci/devices/0000:00:1c.0/config", port)
        try fake.put("sys/bus/pci/devices/0000:02:00.0/config", Samples.endpoint)
        let functions = PCIReader(try fake.tree()).functions()
        #expect(functions.last?.id.path == "pci-0000.00-1c.0-00.0")
        #expect(functions.last?.parent == PCIAddress("00:1c.0"))
    }

    @Test func `no link leads out of a tree, and nothing in it makes a reader wait`() throws {
        let fake = try FakeTree()
        try fake.put("outside", "secret")
        try fake.put("in/inside", "inside")
        try fake.link("in/absolute", "/outside")
        try fake.link("in/up", "../../../../../../../../../../etc/passwd")
        try fake.link("in/loop", "loop")
        let tree = try SystemTree(root: fake.root.appending("in"))
        #expect(tree.line("inside") == "inside")
        #expect(tree.bytes("absolute") == nil && tree.bytes("up") == nil && tree.bytes("loop") == nil)
        #expect(tree.bytes("../outside") == nil && !tree.exists("../outside"))
        #expect(tree.bytes(".") == nil)
        #expect(tree.devicePath("up") == nil)
        let error = #expect(throws: LapwingError.self) { try SystemTree(root: fake.root.appending("none")) }
        #expect(error?.code == "device.no-root")
    }

    @Test func `names of devices are taken apart strictly`() {
        #expect(USBReader.place("1-1.4")?.ports == [1, 4])
        #expect(USBReader.place("usb3")?.ports == [])
        for bad in [
            "", "usb", "usb0", "usbmon", "1-", "1-0", "1-1.", "-1", "1-1:1.0", "1-256", "1-1.2.3.4.5.6.7", "x-1",
        ] {
            #expect(USBReader.place(bad) == nil, "\(bad)")
        }
        let way = PCIReader.way(
            parts: ["pci0000:00", "0000:00:0e.0", "pci10000:e0", "10000:e0:06.0", "10000:e1:00.0", "nvme"][...])
        #expect(way?.functions.map(\.description) == ["10000:e0:06.0", "10000:e1:00.0"])
        #expect(way?.above == PCIAddress("00:0e.0") && way?.domain == 0x10000 && way?.rootBus == 0xE0)
    }

    /// On the machine that runs the tests: whatever it has.
    @Test(.enabled(if: Files.exists("/sys/bus/pci/devices"))) func `sysfs and libpci agree on this machine`() throws {
        var comparison = Comparison()
        let functions = PCIReader(try SystemTree()).functions()
        if functions.contains(where: \.capabilitiesIncomplete) { return }
        comparison.add(sysfs: functions, library: try LivePCI.functions())
        #expect(comparison.differences == [])
        #expect(comparison.compared == functions.count)
    }

    @Test(.enabled(if: Files.exists("/dev/bus/usb"))) func `sysfs and libusb agree on this machine`() throws {
        var comparison = Comparison()
        comparison.add(sysfs: USBReader(try SystemTree()).devices(), library: try LiveUSB().devices())
        #expect(comparison.differences == [])
    }

    /// openat2(2) asks to be called again then: without that 2,031 of the 20,000 were missed (2026-11-25).
    @Test func `what is behind a link is found while files are renamed elsewhere`() throws {
        let fake = try FakeTree()
        try fake.put("sys/devices/a/speed", Array("5000\n".utf8))
        try fake.put("sys/bus/usb/devices/keep", [])
        try fake.put("one", [])
        try FileManager.default.createSymbolicLink(
            atPath: fake.root.pushing("sys/bus/usb/devices/a").string, withDestinationPath: "../../../devices/a")
        let tree = try fake.tree()
        let (one, other) = (fake.root.appending("one"), fake.root.appending("other"))
        final class Flag: Sendable { let stop = Atomic(false) }
        let flag = Flag()
        // A thread, not a task: tasks may all be busy with tests.
        let (begun, done) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        DispatchQueue.global().async {
            begun.signal()
            while !flag.stop.load(ordering: .relaxed) {
                try? Files.rename(one, to: other)
                try? Files.rename(other, to: one)
            }
            done.signal()
        }
        begun.wait()
        let missed = (0..<20000).count { _ in tree.line("sys/bus/usb/devices/a/speed") != "5000" }
        flag.stop.store(true, ordering: .relaxed)
        done.wait()
        withExtendedLifetime(fake) { #expect(missed == 0) }
    }

    @Test func `a difference between sysfs and a library is named`() throws {
        let fake = try FakeTree.laptop()
        let functions = PCIReader(try fake.tree()).functions()
        var records = functions.map {
            LivePCI.Record(
                address: $0.address, vendor: $0.identity.vendor, device: $0.identity.device,
                classCode: PCIClass(base: $0.classCode.base, sub: $0.classCode.sub), capabilities: $0.capabilities)
        }
        var same = Comparison()
        same.add(sysfs: functions, library: records)
        #expect(same.differences == [] && same.compared == 4)
        records[1].device = 0
        records[2].capabilities.removeLast()
        records.removeLast()
        var other = Comparison()
        other.add(sysfs: functions, library: records)
        #expect(other.differences.map(\.what) == ["device", "capabilities", "presence"])
    }
}
