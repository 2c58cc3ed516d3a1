// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
import LapwingCore

/// Holds what was read from sysfs against what the libraries say of the same machine. sysfs is the ground truth; a
/// difference is a mistake in one of the two readers, or a device that came or went in between.
public struct Comparison: Sendable, Hashable, Codable {
    /// One difference.
    public struct Difference: Sendable, Hashable, Codable {
        /// The device, by its familiar address.
        public var device: String
        /// What differs.
        public var what: String
        /// What sysfs says.
        public var sysfs: String
        /// What the library says.
        public var library: String
    }

    /// Functions and devices that both know.
    public var compared = 0
    /// What differs.
    public var differences: [Difference] = []

    /// Nothing compared yet.
    public init() {}

    private mutating func compare(_ device: String, _ what: String, _ sysfs: String, _ library: String) {
        if sysfs != library {
            differences.append(Difference(device: device, what: what, sysfs: sysfs, library: library))
        }
    }

    /// Compares PCI functions: presence, ids, class, capability lists.
    public mutating func add(sysfs: [PCIFunction], library: [LivePCI.Record]) {
        var others: [PCIAddress: LivePCI.Record] = [:]
        for record in library { others[record.address] = record }
        for function in sysfs {
            let name = function.address.description
            guard let other = others.removeValue(forKey: function.address) else {
                compare(name, "presence", "there", "not there")
                continue
            }
            compared += 1
            compare(name, "vendor", function.identity.vendor.description, other.vendor.description)
            compare(name, "device", function.identity.device.description, other.device.description)
            var classCode = function.classCode
            classCode.interface = 0
            compare(name, "class", classCode.description, other.classCode.description)
            func list(_ capabilities: [PCICapability]) -> String {
                capabilities.sorted { ($0.extended ? 1 : 0, $0.offset) < ($1.extended ? 1 : 0, $1.offset) }
                    .map { "\($0.name)@\($0.offset)" }.joined(separator: " ")
            }
            compare(name, "capabilities", list(function.capabilities), list(other.capabilities))
        }
        for address in others.keys.sorted() { compare(address.description, "presence", "not there", "there") }
    }

    /// Compares USB devices: presence, ports, ids, class, release, speed, interfaces.
    public mutating func add(sysfs: [USBDevice], library: [LiveUSB.Record]) {
        var others: [USBAddress: LiveUSB.Record] = [:]
        for record in library { others[record.address] = record }
        for device in sysfs {
            let name = device.address.description
            guard let other = others.removeValue(forKey: device.address) else {
                compare(name, "presence", "there", "not there")
                continue
            }
            compared += 1
            func text(_ ports: [UInt8]) -> String { ports.map { String($0) }.joined(separator: ".") }
            compare(name, "ports", text(device.ports), text(other.ports))
            compare(name, "vendor", device.identity.vendor.description, other.identity.vendor.description)
            compare(name, "product", device.identity.product.description, other.identity.product.description)
            compare(name, "class", device.classCode.description, other.classCode.description)
            compare(name, "release", device.release.description, other.release.description)
            if other.speed != .unknown { compare(name, "speed", device.speed.rawValue, other.speed.rawValue) }
            if let interfaces = other.interfaces {
                // libusb sorts the settings under their interface; the order in the descriptors may be another.
                let mine = device.interfaces.map(\.classCode.description).sorted().joined(separator: " ")
                compare(name, "interfaces", mine, interfaces.map(\.description).sorted().joined(separator: " "))
            }
        }
        for address in others.keys.sorted() { compare(address.description, "presence", "not there", "there") }
    }

    /// Compares connectors: presence, whether a screen is there, the resolutions.
    public mutating func add(card: String, sysfs: [DisplayConnector], library: [DisplayConnector]) {
        var others: [String: DisplayConnector] = [:]
        for connector in library { others[connector.name] = connector }
        for connector in sysfs {
            let name = card + "-" + connector.name
            guard let other = others.removeValue(forKey: connector.name) else {
                compare(name, "presence", "there", "not there")
                continue
            }
            compared += 1
            compare(name, "status", connector.status.rawValue, other.status.rawValue)
            func sizes(_ modes: [DisplayMode]) -> String {
                Set(modes.map(\.description)).sorted().joined(separator: " ")
            }
            compare(name, "modes", sizes(connector.modes), sizes(other.modes))
        }
        for name in others.keys.sorted() { compare(card + "-" + name, "presence", "not there", "there") }
    }
}
