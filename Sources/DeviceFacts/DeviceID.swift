// SPDX-License-Identifier: Apache-2.0

/// The name of a device that stays the same over boots and replugs: where it hangs, and what it is.
///
/// PCI bus numbers and USB device numbers change when something else is plugged in or switched off, and people lost data
/// to that. What does not change is the way from the root to the device: the device and function number of each bridge,
/// the port of each hub. After a `~` stands what is found there, so that another device in the same place has another id.
///
/// - PCI: `pci-0000.00-1c.4-00.0~8086.2725.8086.0024`: domain and root bus, device.function of every bridge and of the
///   function itself, then vendor, device and, where there is one, subsystem.
/// - USB: `usb-0000.00-14.0-u2-1.4~0781.5581`: the controller's path, the root hub's USB generation (one xHCI
///   controller has a USB 2 and a USB 3 root hub), the ports, then vendor and product. A controller that is no PCI
///   function has its kernel name in place of a path.
///
/// Serial numbers are no part of it: ids go into logs, captures and reports. The characters need no quoting in a shell.
public struct DeviceID: RawRepresentable, Sendable, Hashable, Comparable, Codable, LosslessStringConvertible {
    /// The bus a device is on.
    public enum Bus: String, Sendable, Codable, Hashable, CaseIterable {
        /// PCI and PCI Express.
        case pci
        /// USB.
        case usb
    }

    /// The text.
    public let rawValue: String

    /// Takes a text of the right form; nil for any other.
    public init?(rawValue: String) {
        let halves = rawValue.split(separator: "~", omittingEmptySubsequences: false)
        guard halves.count == 2, rawValue.utf8.count <= 256, halves[0].hasPrefix("pci-") || halves[0].hasPrefix("usb-"),
            halves[0].utf8.count > 4, halves[0].utf8.allSatisfy({ DeviceID.allowed($0) || $0 == 45 }),
            !halves[1].isEmpty, halves[1].utf8.allSatisfy({ DeviceID.allowed($0) })
        else { return nil }
        self.rawValue = rawValue
    }

    /// Takes a text of the right form; nil for any other.
    public init?(_ description: String) { self.init(rawValue: description) }

    /// The id of a PCI function. `slots` are the device and function numbers from the root bus down, the function's own
    /// last.
    public init(domain: UInt32, rootBus: UInt8, slots: [PCISlot], identity: PCIIdentity) {
        rawValue = "pci-" + DeviceID.path(domain, rootBus, slots) + "~" + identity.description
    }

    /// The id of a USB device. `ports` is empty for a root hub.
    public init(controller: USBController, generation: Int, ports: [UInt8], identity: USBIdentity) {
        let way: String
        switch controller {
        case .pci(let domain, let rootBus, let slots): way = DeviceID.path(domain, rootBus, slots)
        case .platform(let name):
            let safe = name.utf8.prefix(64).map { DeviceID.allowed($0) ? $0 : UInt8(ascii: "_") }
            way = safe.isEmpty ? "_" : String(decoding: safe, as: UTF8.self)
        }
        let chain = ports.isEmpty ? "" : "-" + ports.map { String($0) }.joined(separator: ".")
        rawValue = "usb-\(way)-u\(generation)\(chain)~\(identity.vendor).\(identity.product)"
    }

    /// The text.
    public var description: String { rawValue }
    /// The bus.
    public var bus: Bus { rawValue.hasPrefix("usb") ? .usb : .pci }
    /// The part before `~`: the place.
    public var path: Substring { rawValue.prefix { $0 != "~" } }
    /// The part after `~`: what is there.
    public var identity: Substring { rawValue.dropFirst(path.count + 1) }
    /// True when both name the same place, whatever stands there.
    public func isSamePlace(as other: DeviceID) -> Bool { path == other.path }

    /// Orders by text.
    public static func < (a: DeviceID, b: DeviceID) -> Bool { a.rawValue < b.rawValue }

    /// Reads the text.
    public init(from decoder: any Decoder) throws {
        self = try Hexadecimal.decode(decoder, "a device id") { DeviceID($0) }
    }

    /// Writes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    private static func path(_ domain: UInt32, _ rootBus: UInt8, _ slots: [PCISlot]) -> String {
        let root = Hexadecimal.text(domain, digits: 4) + "." + Hexadecimal.text(UInt32(rootBus), digits: 2)
        return ([root] + slots.map(\.description)).joined(separator: "-")
    }

    /// Lower-case letters, digits, dot and underscore.
    private static func allowed(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (48...57).contains(byte) || byte == 46 || byte == 95
    }
}

/// Where a USB root hub sits.
public enum USBController: Sendable, Hashable, Codable {
    /// A PCI function, by its way from the root bus.
    case pci(domain: UInt32, rootBus: UInt8, slots: [PCISlot])
    /// Anything else, by the kernel's name of it, such as `fe980000.usb`.
    case platform(String)
}
