// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import DeviceFacts

/// SplitMix64: the same numbers for the same seed, everywhere.
private struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A message of these lines, each with a zero byte at its end.
private func message(_ lines: String...) -> [UInt8] { lines.flatMap { Array($0.utf8) + [0] } }

private let stick = "/devices/pci0000:00/0000:00:14.0/usb1/1-4"

@Suite struct UeventTests {
    /// As drivers/usb/core/usb.c (usb_dev_uevent) and drivers/pci/pci-driver.c (pci_uevent) write them.
    static let good: [[UInt8]] = [
        message(
            "add@" + stick, "ACTION=add", "DEVPATH=" + stick, "SUBSYSTEM=usb", "MAJOR=189", "MINOR=6",
            "DEVNAME=bus/usb/001/007", "DEVTYPE=usb_device", "PRODUCT=781/5581/100", "TYPE=0/0/0", "BUSNUM=001",
            "DEVNUM=007", "SEQNUM=4711"),
        message(
            "remove@/devices/pci0000:00/0000:00:1c.0/0000:02:00.0", "ACTION=remove",
            "DEVPATH=/devices/pci0000:00/0000:00:1c.0/0000:02:00.0", "SUBSYSTEM=pci", "DRIVER=iwlwifi",
            "PCI_CLASS=28000", "PCI_ID=8086:2725", "PCI_SUBSYS_ID=8086:0024", "PCI_SLOT_NAME=0000:02:00.0",
            "MODALIAS=pci:v00008086d00002725sv00008086sd00000024bc02sc80i00", "SEQNUM=4712"),
        message(
            "add@/devices/virtual/mem/null", "ACTION=add", "DEVPATH=/devices/virtual/mem/null", "SUBSYSTEM=mem",
            "SYNTH_UUID=0", "MAJOR=1", "MINOR=3", "DEVNAME=null", "DEVMODE=0666", "SEQNUM=11803"),
    ]

    @Test func `a stick that comes is read with its bus and device number`() throws {
        let event = try #require(Uevent(Self.good[0]))
        #expect(event.action == .add && event.devicePath == stick && event.name == "1-4")
        #expect(event.concern == .usb && event.usb == USBAddress(bus: 1, device: 7) && event.sequence == 4711)
        #expect(event.driver == nil && event.pci == nil && !event.synthetic)
    }

    @Test func `a card that goes is read with its address and driver`() throws {
        let event = try #require(Uevent(Self.good[1]))
        #expect(event.action == .remove && event.concern == .pci && event.name == "0000:02:00.0")
        #expect(event.pci == PCIAddress("02:00.0") && event.driver == "iwlwifi" && event.usb == nil)
    }

    @Test func `what was asked for is told from what happened, and what is nobody's business from what is`() throws {
        let event = try #require(Uevent(Self.good[2]))
        #expect(event.synthetic && event.concern == nil)
        func concern(_ subsystem: String, _ type: String) -> Uevent.Concern? {
            Uevent(
                message(
                    "add@/devices/x", "ACTION=add", "DEVPATH=/devices/x", "SUBSYSTEM=" + subsystem, type, "SEQNUM=1")
            )?.concern
        }
        #expect(concern("usb", "DEVTYPE=usb_device") == .usb && concern("usb", "DEVTYPE=usb_interface") == nil)
        #expect(concern("net", "DEVTYPE=wlan") == .network && concern("ieee80211", "A=b") == .radio)
        #expect(concern("rfkill", "RFKILL_STATE=0") == .radio)
        #expect(concern("drm", "DEVTYPE=drm_minor") == .display && concern("thermal", "A=b") == nil)
        #expect(concern("power_supply", "A=b") == .power && concern("input", "A=b") == .input)
    }

    @Test(arguments: [
        [],
        [0],
        message("add@/devices/x"),  // no fields
        Array(good[0].dropLast()),  // cut short
        Array(good[0].dropFirst()),  // "dd@…" is no action
        message("add@/devices/x", "ACTION=remove", "DEVPATH=/devices/x", "SUBSYSTEM=usb", "SEQNUM=1"),
        message("add@/devices/x", "ACTION=add", "DEVPATH=/devices/y", "SUBSYSTEM=usb", "SEQNUM=1"),
        message("add@/devices/../x", "ACTION=add", "DEVPATH=/devices/../x", "SUBSYSTEM=usb", "SEQNUM=1"),
        message("add@devices", "ACTION=add", "DEVPATH=devices", "SUBSYSTEM=usb", "SEQNUM=1"),
        message("add@/a\u{1B}[2J", "ACTION=add", "DEVPATH=/a\u{1B}[2J", "SUBSYSTEM=usb", "SEQNUM=1"),
        // A field twice: which of them is the kernel's?
        good[0] + message("SUBSYSTEM=pci"),
        good[0] + message("no equals sign"),
        message("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=usb", "SEQNUM=-1"),
        message("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=usb", "SEQNUM=99999999999999999999"),
        message("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=usb", "SEQNUM=1", "BUSNUM=001"),
        message("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=usb", "SEQNUM=1", "BUSNUM=001", "DEVNUM=128"),
        message("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=pci", "SEQNUM=1", "PCI_SLOT_NAME=zz:00.0"),
        message("add@/d", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=", "SEQNUM=1"),
        message("libudev", "ACTION=add", "DEVPATH=/d", "SUBSYSTEM=usb", "SEQNUM=1"),
        good[0] + [UInt8](repeating: 65, count: Uevent.limit) + [0],
    ])
    func `what does not hold together is no message`(bytes: [UInt8]) {
        #expect(Uevent(bytes) == nil)
    }

    @Test func `a device's own words can be anything and change nothing`() throws {
        let words = message("NAME=\"SUBSYSTEM=pci\u{1B}\n\u{202E}\"", "=", "X=Y=Z")
        #expect(Uevent(Self.good[0] + words) == Uevent(Self.good[0]))
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `mutated messages are read or refused, and what is read has its form`(seed: UInt64) {
        var dice = Dice(state: seed)
        var (read, refused) = (0, 0)
        let pieces: [[UInt8]] = [
            "\0", "=", "@", "/", "..", "ACTION=", "DEVPATH=/", "BUSNUM=", "SEQNUM=", "0", "\u{1B}",
        ]
        .map { Array($0.utf8) }
        for _ in 0..<2000 {
            var bytes = Self.good.randomElement(using: &dice) ?? []
            for _ in 0..<Int.random(in: 1...3, using: &dice) where !bytes.isEmpty {
                let at = Int.random(in: 0..<bytes.count, using: &dice)
                switch Int.random(in: 0...3, using: &dice) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &dice)
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(contentsOf: pieces.randomElement(using: &dice) ?? [], at: at)
                default: bytes += bytes[at...].prefix(48)
                }
            }
            guard let event = Uevent(bytes) else {
                refused += 1
                continue
            }
            read += 1
            #expect(event.devicePath.hasPrefix("/") && !event.devicePath.contains("..") && !event.name.isEmpty)
            #expect((event.devicePath + event.subsystem).utf8.allSatisfy { (33...126).contains($0) })
            if let usb = event.usb { #expect((1...127).contains(usb.device) && usb.bus > 0) }
        }
        #expect(read > 200 && refused > 200, "\(read) read, \(refused) refused")
    }
}
