// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DevicePolicy

@testable import Passthrough

/// A laptop: a disk and a card reader in dom0, a graphics card with its sound behind one port, a network card behind
/// another, a stick and a keyboard.
enum Samples {
    static func id(_ text: String) throws -> DeviceID {
        struct Wrong: Error { var text: String }
        guard let id = DeviceID(text) else { throw Wrong(text: text) }
        return id
    }

    static func address(_ text: String) throws -> PCIAddress {
        struct Wrong: Error { var text: String }
        guard let address = PCIAddress(text) else { throw Wrong(text: text) }
        return address
    }

    static func function(
        _ name: String, at place: String, behind parent: String?, code: PCIClass,
        resets: [PCIResetMethod] = [.functionLevel]
    ) throws -> PCIFunction {
        try PCIFunction(
            id: id("pci-\(name)~8086.1234"), address: address(place), parent: parent.map { try address($0) },
            identity: PCIIdentity(vendor: 0x8086, device: 0x1234), classCode: code, resetMethods: resets)
    }

    static func stick(_ port: String, address: USBAddress = USBAddress(bus: 1, device: 5)) throws -> USBDevice {
        let ports = port.split(separator: ".").compactMap { UInt8($0) }
        return try USBDevice(
            id: id("usb-0000.00-14.0-u2-\(port)~0781.5581"), port: "1-\(port)", ports: ports, address: address,
            identity: USBIdentity(vendor: 0x0781, product: 0x5581), classCode: USBClass(base: 0, sub: 0, proto: 0),
            interfaces: [
                USBInterface(
                    configuration: 1, number: 0, classCode: USBClass(base: 8, sub: 6, proto: 0x50))
            ])
    }

    static func laptop() throws -> MachineState {
        let port = try function("0000.00-01.0", at: "00:01.0", behind: nil, code: PCIClass(base: 6, sub: 4), resets: [])
        let display = try function(
            "0000.00-01.0-00.0", at: "01:00.0", behind: "00:01.0", code: PCIClass(base: 3, sub: 0), resets: [.bus])
        let sound = try function(
            "0000.00-01.0-00.1", at: "01:00.1", behind: "00:01.0", code: PCIClass(base: 4, sub: 3), resets: [.bus])
        let second = try function(
            "0000.00-1c.0", at: "00:1c.0", behind: nil, code: PCIClass(base: 6, sub: 4), resets: [])
        let network = try function(
            "0000.00-1c.0-00.0", at: "02:00.0", behind: "00:1c.0", code: PCIClass(base: 2, sub: 0x80))
        let disk = try function("0000.00-1d.0-00.0", at: "03:00.0", behind: nil, code: PCIClass(base: 1, sub: 8))
        let stick = try stick("1")
        return MachineState(
            inventory: Inventory(pci: [port, second, display, sound, network, disk], usb: [stick]),
            groups: [
                IsolationGroup(id: 0, members: [port.address], ties: []),
                IsolationGroup(id: 1, members: [display.address, sound.address], ties: []),
                IsolationGroup(id: 2, members: [second.address], ties: []),
                IsolationGroup(id: 3, members: [network.address], ties: []),
                IsolationGroup(id: 4, members: [disk.address], ties: []),
            ],
            iommu: true,
            domains: [
                DomainState(name: "work", kind: .hvm, running: true),
                DomainState(name: "net", kind: .hvm, running: true),
                DomainState(name: "off", kind: .hvm, running: false),
                DomainState(name: "small", kind: .pvh, running: true),
            ],
            protections: [disk.id: [.bootDisk]])
    }

    static func display(_ state: MachineState) throws -> DeviceID { try id("pci-0000.00-01.0-00.0~8086.1234") }
    static func network(_ state: MachineState) throws -> DeviceID { try id("pci-0000.00-1c.0-00.0~8086.1234") }
    static func disk(_ state: MachineState) throws -> DeviceID { try id("pci-0000.00-1d.0-00.0~8086.1234") }
}
