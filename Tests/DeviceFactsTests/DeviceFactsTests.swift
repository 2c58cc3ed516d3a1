// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import DeviceFacts

private func slot(_ text: String) throws -> PCISlot { try #require(PCISlot(text)) }

@Suite struct DeviceFactsTests {
    @Test func `a PCI function is named by its way from the root and what it is`() throws {
        let identity = PCIIdentity(vendor: 0x8086, device: 0x2725, subsystemVendor: 0x8086, subsystemDevice: 0x24)
        let id = DeviceID(domain: 0, rootBus: 0, slots: [try slot("1c.4"), try slot("00.0")], identity: identity)
        #expect(id.rawValue == "pci-0000.00-1c.4-00.0~8086.2725.8086.0024")
        #expect(DeviceID(id.rawValue) == id)
        #expect(id.path == "pci-0000.00-1c.4-00.0")
        #expect(id.identity == "8086.2725.8086.0024")
        #expect(id.bus == .pci)
    }

    @Test func `a USB device is named by its controller, root hub and ports, whatever the controller is called`() throws
    {
        let identity = USBIdentity(vendor: 0x781, product: 0x5581, serial: "4C53")
        let onPCI = DeviceID(
            controller: .pci(domain: 0, rootBus: 0, slots: [try slot("14.0")]), generation: 2, ports: [1, 4],
            identity: identity)
        #expect(onPCI.rawValue == "usb-0000.00-14.0-u2-1.4~0781.5581")
        let elsewhere = DeviceID(
            controller: .platform("Fe98:\u{1B}[2J"), generation: 3, ports: [], identity: identity)
        #expect(elsewhere.rawValue == "usb-_e98___2_-u3~0781.5581")
        #expect(DeviceID(elsewhere.rawValue) == elsewhere)
    }

    @Test(arguments: [
        "", "pci-", "pci-~", "pci-0000.00-1c.4", "usb-a~", "pci-0000.00-1c.4~8086~1", "pci-0000.00 1~8086.1",
        "net-1~8086.1", "pci-../x~8086.1", "PCI-0000.00-1c.4~8086.1", "pci-0000.00-1c.4~8086.\u{E9}",
        "pci-" + String(repeating: "0", count: 300) + "~1",
    ])
    func `what is no device id is refused`(text: String) {
        #expect(DeviceID(text) == nil)
    }

    @Test func `addresses are read in the forms people write and printed in the form of sysfs`() throws {
        let long = try #require(PCIAddress("0000:02:1f.7"))
        #expect(PCIAddress("02:1f.7") == long)
        #expect(long.description == "0000:02:1f.7")
        #expect(try #require(PCIAddress("10000:e1:00.0")).domain == 0x10000)
        for bad in ["", "1f.7", "02:20.0", "02:1f.8", "0:02:1f.7", "x2:1f.7", "02:1f.7.0", "-1:00.0", "02: 1.0"] {
            #expect(PCIAddress(bad) == nil, "\(bad)")
        }
    }

    @Test func `words of a device lose what moves the cursor, turns the line or has no end`() throws {
        #expect(DeviceText.clean("  Ultra\u{1B}[31mFit \u{202E}kcits\t\tx ") == "Ultra?[31mFit ?kcits x")
        #expect(DeviceText.clean("Stick\0rm -rf") == "Stick")
        #expect(DeviceText.clean(" \u{2003}\n ") == nil)
        #expect(DeviceText.clean(String(repeating: "a", count: 5000))?.count == DeviceText.limit)
        let piled = try #require(DeviceText.clean("a" + String(repeating: "\u{301}", count: 60)))
        #expect(piled.unicodeScalars.count == 3)
        #expect(DeviceText.clean(bytes: [0x41, 0xFF, 0xFE, 0x42]) == "A\u{FFFD}\u{FFFD}B")
    }

    @Test func `classes of all interfaces count, each once`() throws {
        let storage = USBClass(base: 8, sub: 6, proto: 0x50)
        let keyboard = USBClass(base: 3, sub: 1, proto: 1)
        let device = USBDevice(
            id: try #require(DeviceID("usb-0000.00-14.0-u2-1~0781.5581")), port: "1-1", ports: [1],
            address: USBAddress(bus: 1, device: 2), identity: USBIdentity(vendor: 0x781, product: 0x5581),
            classCode: USBClass(base: 0),
            interfaces: [
                USBInterface(configuration: 1, number: 0, classCode: storage),
                USBInterface(configuration: 1, number: 1, classCode: storage),
                USBInterface(configuration: 2, number: 0, alternate: 3, classCode: keyboard),
            ])
        #expect(device.classes == [storage, keyboard])
        #expect(device.classes.contains { $0.isBootKeyboard })
        #expect(!device.isHub)
    }

    @Test func `everything survives the way through JSON, numbers in the notation of the field`() throws {
        let function = PCIFunction(
            id: try #require(DeviceID("pci-0000.00-1c.4-00.0~8086.2725")), address: try #require(PCIAddress("02:00.0")),
            parent: PCIAddress("00:1c.4"), identity: PCIIdentity(vendor: 0x8086, device: 0x2725),
            classCode: PCIClass(base: 2, sub: 0x80),
            resources: [.init(index: 0, kind: .memory64, address: 1 << 40, size: 1 << 14, prefetchable: false)],
            capabilities: [.init(id: 0x0D, extended: true, offset: 0x148, version: 1)],
            express: PCIExpress(type: .endpoint, functionLevelReset: true),
            accessControl: .init(capable: .isolation, enabled: [.requestRedirect]), resetMethods: [.functionLevel])
        let inventory = Inventory(pci: [function])
        let text = try JSONText.string(inventory, pretty: false)
        #expect(text.contains("\"vendor\":\"8086\""))
        #expect(text.contains("\"classCode\":\"028000\""))
        #expect(text.contains("\"address\":\"0000:02:00.0\""))
        #expect(try JSONText.decode(Inventory.self, from: Array(text.utf8), file: "test") == inventory)
        let bad = text.replacing("028000", with: "02zz00")
        #expect(throws: LapwingError.self) {
            try JSONText.decode(Inventory.self, from: Array(bad.utf8), file: "test")
        }
    }

    @Test func `a device is found by id, place, BDF or USB address, and another one in its place is named`() throws {
        let id = try #require(DeviceID("usb-0000.00-14.0-u2-1~0781.5581"))
        let device = USBDevice(
            id: id, port: "1-1", ports: [1], address: USBAddress(bus: 1, device: 2),
            identity: USBIdentity(vendor: 0x781, product: 0x5581), classCode: USBClass(base: 8))
        let inventory = Inventory(usb: [device])
        for name in [id.rawValue, "usb-0000.00-14.0-u2-1", "1-1", "1:2"] {
            #expect(try inventory.device(named: name).id == id)
        }
        let moved = #expect(throws: LapwingError.self) {
            try inventory.device(named: "usb-0000.00-14.0-u2-1~ffff.0001")
        }
        #expect(moved?.code == "device.moved")
        for name in ["", "2:2", "02:00.0", "usb-0000.00-14.0-u2-2~0781.5581"] {
            let error = #expect(throws: LapwingError.self) { try inventory.device(named: name) }
            #expect(error?.code == "device.unknown")
        }
    }

    @Test func `services of access control go by their usual letters`() {
        #expect(PCIAccessControl.Services.isolation.letters == ["SV", "RR", "CR", "UF"])
    }
}
