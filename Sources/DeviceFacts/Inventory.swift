// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A device of either bus.
public enum Device: Sendable, Hashable, Codable, Identifiable {
    /// A PCI function.
    case pci(PCIFunction)
    /// A USB device.
    case usb(USBDevice)

    /// The name that stays.
    public var id: DeviceID {
        switch self {
        case .pci(let function): function.id
        case .usb(let device): device.id
        }
    }

    /// The familiar address of now: a BDF, or bus and device number with a colon.
    public var address: String {
        switch self {
        case .pci(let function): function.address.description
        case .usb(let device): device.address.description
        }
    }

    /// The driver, or the drivers of the interfaces with commas between; nil when none holds it.
    public var driver: String? {
        switch self {
        case .pci(let function): return function.driver
        case .usb(let device):
            var found: [String] = []
            for case let driver? in device.interfaces.map(\.driver) where !found.contains(driver) {
                found.append(driver)
            }
            return found.isEmpty ? nil : found.joined(separator: ",")
        }
    }
}

/// What a machine has, at one moment.
public struct Inventory: Sendable, Hashable, Codable {
    /// The PCI functions, by address.
    public var pci: [PCIFunction]
    /// The USB devices, by address; root hubs too.
    public var usb: [USBDevice]
    /// The graphics adapters.
    public var graphics: [GraphicsAdapter]
    /// The wireless cards.
    public var wlan: [WLANCard]

    /// An inventory.
    public init(
        pci: [PCIFunction] = [], usb: [USBDevice] = [], graphics: [GraphicsAdapter] = [], wlan: [WLANCard] = []
    ) {
        self.pci = pci
        self.usb = usb
        self.graphics = graphics
        self.wlan = wlan
    }

    /// All devices of both buses, PCI first.
    public var devices: [Device] { pci.map { .pci($0) } + usb.map { .usb($0) } }

    /// The device a person means: by id, by the place part of an id, by BDF (`0000:02:00.0` or `02:00.0`), or by USB bus
    /// and device number (`3:7`) or port (`3-1.4`).
    ///
    /// Throws `device.unknown` (exit 69) when there is none, and `device.moved` when something else stands in the place
    /// that the id names.
    public func device(named name: String) throws -> Device {
        if let id = DeviceID(name) {
            if let found = devices.first(where: { $0.id == id }) { return found }
            if let other = devices.first(where: { $0.id.isSamePlace(as: id) }) {
                throw LapwingError(
                    "device.moved", exit: .unavailable, "Another device is in that place now.", subject: name,
                    cause: "\(other.id) is there")
            }
        } else if let address = PCIAddress(name), let found = pci.first(where: { $0.address == address }) {
            return .pci(found)
        } else if let found = usb.first(where: { $0.port == name || $0.address.description == name }) {
            return .usb(found)
        } else if let found = devices.first(where: { $0.id.path == name }) {
            return found
        }
        throw LapwingError(
            "device.unknown", exit: .unavailable, "There is no such device.", subject: SafeText.printable(name),
            hint: "\"lapwingctl device list\" shows what there is.")
    }
}
