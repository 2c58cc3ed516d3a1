// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import FoundationEssentials
import LapwingCore
import Testing
import struct SystemPackage.FilePath

@testable import DeviceModel

@Suite struct SystemUseTests {
    private static let disk = function("0000:03:00.0", "010802")
    private static let card = function("0000:02:00.0", "020000")
    private static let stick: USBDevice = {
        let identity = USBIdentity(vendor: 0x0781, product: 0x5581)
        return USBDevice(
            id: DeviceID(controller: .platform("x"), generation: 2, ports: [4], identity: identity), port: "1-4",
            ports: [4], address: USBAddress(bus: 1, device: 2), identity: identity, classCode: USBClass(base: 0))
    }()
    private static let inventory = Inventory(pci: [disk, card], usb: [stick])

    private static func function(_ address: String, _ code: String) -> PCIFunction {
        let place = PCIAddress(address) ?? PCIAddress(bus: 0, slot: PCISlot(devfn: 0))
        let identity = PCIIdentity(vendor: 0x8086, device: 0x1234)
        return PCIFunction(
            id: DeviceID(domain: 0, rootBus: place.bus, slots: [place.slot], identity: identity), address: place,
            identity: identity, classCode: PCIClass(code) ?? PCIClass(base: 0xFF, sub: 0))
    }

    /// Reads the use of a tree of these files; a content that begins with `->` is a link.
    private func use(_ files: [String: String]) throws -> SystemUse {
        let root = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("lapwing-use-\(UInt64.random(in: 0 ... .max))")
        defer { try? Files.removeTree(root) }
        try Files.makeDirectory(root)
        for (path, content) in files {
            let place = root.pushing(FilePath(path))
            try Files.makeDirectory(place.removingLastComponent())
            if content.hasPrefix("->") {
                let target = String(content.dropFirst(2))
                try FileManager.default.createSymbolicLink(atPath: place.string, withDestinationPath: target)
            } else {
                try Files.write(content, to: place)
            }
        }
        return SystemUse(try SystemTree(root: root), inventory: Self.inventory)
    }

    @Test func `without the kernel's tables nothing is known of disks and routes`() throws {
        let found = try use(["sys/class/net/x": ""])
        #expect(found.disks == nil && found.uplinks == nil && found.otherKeyboards == 0)
    }

    @Test func `a mounted verity root is followed through the mapper to the disk's controller`() throws {
        let nvme = "../../devices/pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1"
        let found = try use([
            "proc/self/mountinfo":
                "21 1 253:0 / / ro shared:1 - erofs /dev/dm-0 ro\n22 21 0:20 / /sys rw - sysfs sysfs rw\n",
            "sys/dev/block/253:0": "->../../devices/virtual/block/dm-0",
            "sys/devices/virtual/block/dm-0/slaves/nvme0n1p2":
                "->../../../../pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p2",
            "sys/devices/pci0000:00/0000:03:00.0/nvme/nvme0/nvme0n1/nvme0n1p2/dev": "259:2\n",
            "sys/class/block/nvme0n1p2": "->" + nvme + "/nvme0n1p2",
        ])
        #expect(found.disks == [Self.disk.id])
    }

    @Test func `a file system whose number tells no disk leaves it unknown which disks are in use`() throws {
        let files = ["proc/self/mountinfo": "21 1 0:31 /root / rw shared:1 - btrfs /dev/nvme0n1p2 rw\n"]
        #expect(try use(files).disks == nil)
        let memory = ["proc/self/mountinfo": "21 1 0:31 / / rw shared:1 master:2 - tmpfs tmpfs rw\n"]
        #expect(try use(memory).disks == [])
    }

    @Test func `swap on a stick protects the stick`() throws {
        let place = "devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4:1.0/host0/target0:0:0/0:0:0:0/block/sda"
        let found = try use([
            "proc/self/mountinfo": "",
            "proc/swaps": "Filename\tType\tSize\n/dev/sda                partition\t1048572\t0\t-2\n",
            "sys/class/block/sda": "->../../" + place, "sys/" + place + "/dev": "8:0\n",
        ])
        #expect(found.disks == [Self.stick.id])
    }

    @Test func `a default route over a bridge protects the card below it`() throws {
        let place = "devices/pci0000:00/0000:02:00.0/net/enp2s0"
        let header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        let files = [
            "sys/class/net/xenbr0": "->../../devices/virtual/net/xenbr0",
            "sys/devices/virtual/net/xenbr0/brif/enp2s0/state": "3\n",
            "sys/class/net/enp2s0": "->../../" + place, "sys/" + place + "/type": "1\n",
        ]
        func uplinks(_ routes: String, _ six: String = "") throws -> Set<DeviceID>? {
            try use(files.merging(["proc/net/route": header + routes, "proc/net/ipv6_route": six]) { $1 }).uplinks
        }
        let route = "xenbr0\t00000000\t0102A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        let local = "enp2s0\t0002A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        #expect(try uplinks(route) == [Self.card.id])
        #expect(try uplinks(local) == [])
        let zero = String(repeating: "0", count: 32)
        let six = "\(zero) 00 \(zero) 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 enp2s0\n"
        #expect(try uplinks("", six) == [Self.card.id])
    }

    @Test func `a PS 2 keyboard counts, a power button and a USB keyboard do not`() throws {
        let keyboard = "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n"
        let found = try use([
            "sys/class/input/input0/id/bustype": "0019\n",
            "sys/class/input/input0/capabilities/key": "10000000000000 0\n",
            "sys/class/input/input3/id/bustype": "0011\n", "sys/class/input/input3/capabilities/key": keyboard,
            "sys/class/input/input4/id/bustype": "0003\n", "sys/class/input/input4/capabilities/key": keyboard,
            "sys/class/input/input5/id/bustype": "0011\n", "sys/class/input/input5/capabilities/key": "70000 0 0 0 0\n",
        ])
        #expect(found.otherKeyboards == 1)
    }
}
