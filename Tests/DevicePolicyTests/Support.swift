// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import FoundationEssentials
import LapwingCore
import struct SystemPackage.FilePath

@testable import DevicePolicy

enum Support {
    static let folder = FilePath(#filePath).removingLastComponent()
    static let package = folder.removingLastComponent().removingLastComponent()
    static let rewrite = ProcessInfo.processInfo.environment["LAPWING_WRITE_GENERATED"] == "1"

    static func names(_ directory: FilePath, suffix: String) -> [String] {
        ((try? Files.names(in: directory)) ?? []).filter { $0.hasSuffix(suffix) }.sorted()
    }

    static func policy(_ text: String, file: String = "test.rules") -> PolicySet {
        PolicySet(ordered: [PolicyFile(file: file, text: text)])
    }

    /// A USB device on the controller `00:14.0`.
    static func usb(
        _ ports: [UInt8], _ vendor: UInt16 = 0x0781, _ product: UInt16 = 0x5581, classes: [String] = ["08:06:50"],
        serial: String? = nil, name: String? = nil, damaged: Bool = false, own: String = "00:00:00"
    ) -> USBDevice {
        let identity = USBIdentity(vendor: Hex16(vendor), product: Hex16(product), serial: serial)
        return USBDevice(
            id: DeviceID(controller: controller, generation: 2, ports: ports, identity: identity),
            port: ports.isEmpty ? "usb1" : "1-" + ports.map { String($0) }.joined(separator: "."), ports: ports,
            address: USBAddress(bus: 1, device: ports.reduce(1) { $0 * 16 + Int($1) }),
            controller: PCIAddress("00:14.0"), identity: identity, classCode: USBClass(own) ?? USBClass(base: 0),
            product: name,
            interfaces: classes.enumerated().compactMap { index, code in
                USBClass(code).map { USBInterface(configuration: 1, number: UInt8(index), classCode: $0) }
            }, descriptorsDamaged: damaged)
    }

    static func pci(
        _ address: String, _ code: String, _ vendor: UInt16 = 0x8086, _ device: UInt16 = 0x1234
    ) -> PCIFunction {
        let place = PCIAddress(address) ?? PCIAddress(bus: 0, slot: PCISlot(devfn: 0))
        let identity = PCIIdentity(vendor: Hex16(vendor), device: Hex16(device))
        return PCIFunction(
            id: DeviceID(domain: 0, rootBus: place.bus, slots: [place.slot], identity: identity), address: place,
            identity: identity, classCode: PCIClass(code) ?? PCIClass(base: 0xFF, sub: 0))
    }

    static var controller: USBController {
        .pci(domain: 0, rootBus: 0, slots: [PCISlot(devfn: 0xA0)])
    }

    static let xhci = pci("00:14.0", "0c0330", 0x8086, 0xA36D)
    static let vga = pci("00:02.0", "030000", 0x8086, 0x3E9B)
    static let wlan = pci("02:00.0", "028000", 0x8086, 0x2725)
    static let nvme = pci("03:00.0", "010802", 0x144D, 0xA808)
    static let hub = usb([], 0x1D6B, 0x0002, classes: ["09:00:00"], own: "09:00:01")
    static let keyboard = usb([7], 0x046D, 0xC31C, classes: ["03:01:01", "03:00:00"])

    /// A laptop: integrated graphics, Wi-Fi, NVMe, xHCI with what is given, a PS/2 keyboard unless told otherwise.
    static func laptop(
        _ devices: [USBDevice] = [], more: [PCIFunction] = [], groups: [IsolationGroup] = [], otherInputs: Int = 1,
        bootDisks: Set<DeviceID>? = [nvme.id], uplinks: Set<DeviceID>? = [], graphics: [GraphicsAdapter]? = nil
    ) -> MachineFacts {
        MachineFacts(
            Inventory(
                pci: [xhci, vga, wlan, nvme] + more, usb: [hub] + devices,
                graphics: graphics ?? [GraphicsAdapter(device: vga.id, address: vga.address, bootDisplay: true)],
                wlan: [WLANCard(device: wlan.id, address: wlan.address)]),
            groups: groups, bootDisks: bootDisks, uplinks: uplinks, otherInputs: otherInputs)
    }
}

/// A small generator whose numbers depend on the seed alone (SplitMix64).
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
