// SPDX-License-Identifier: Apache-2.0

/// A device and function number on some bus, such as `1c.4`.
public struct PCISlot: Sendable, Hashable, Comparable, Codable, LosslessStringConvertible {
    /// The device number, 0 to 31.
    public let device: UInt8
    /// The function number, 0 to 7.
    public let function: UInt8

    /// A slot; nil out of range.
    public init?(device: UInt8, function: UInt8) {
        guard device < 32, function < 8 else { return nil }
        self.device = device
        self.function = function
    }

    /// From the eight bits in which PCI packs both.
    public init(devfn: UInt8) {
        device = devfn >> 3
        function = devfn & 7
    }

    /// Reads `1c.4`.
    public init?(_ description: String) {
        let parts = description.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let device = Hexadecimal.number(parts[0], digits: 1...2),
            let function = Hexadecimal.number(parts[1], digits: 1...1)
        else { return nil }
        self.init(device: UInt8(device), function: UInt8(function))
    }

    /// The eight bits in which PCI packs both.
    public var devfn: UInt8 { device << 3 | function }
    /// Two hexadecimal digits, a dot, one digit.
    public var description: String { Hexadecimal.text(UInt32(device), digits: 2) + "." + String(function) }
    /// Orders by device, then function.
    public static func < (a: PCISlot, b: PCISlot) -> Bool { a.devfn < b.devfn }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        self = try Hexadecimal.decode(decoder, "a PCI device.function") { PCISlot($0) }
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The familiar address of a PCI function, `0000:02:00.0`. It may be another one after the next boot.
public struct PCIAddress: Sendable, Hashable, Comparable, Codable, LosslessStringConvertible {
    /// The domain (segment); those above `ffff` are the kernel's own, for controllers such as Intel's VMD.
    public let domain: UInt32
    /// The bus number.
    public let bus: UInt8
    /// Device and function.
    public let slot: PCISlot

    /// An address.
    public init(domain: UInt32 = 0, bus: UInt8, slot: PCISlot) {
        self.domain = domain
        self.bus = bus
        self.slot = slot
    }

    /// Reads `0000:02:00.0` or, in domain 0, `02:00.0`.
    public init?(_ description: String) {
        let parts = description.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, let last = parts.last, let slot = PCISlot(String(last)),
            let bus = Hexadecimal.number(parts[parts.count - 2], digits: 1...2)
        else { return nil }
        var domain: UInt32 = 0
        if parts.count == 3 {
            guard let number = Hexadecimal.number(parts[0], digits: 4...8) else { return nil }
            domain = number
        }
        self.init(domain: domain, bus: UInt8(bus), slot: slot)
    }

    /// The form sysfs uses, the domain always written.
    public var description: String {
        "\(Hexadecimal.text(domain, digits: 4)):\(Hexadecimal.text(UInt32(bus), digits: 2)):\(slot)"
    }

    /// Orders by domain, bus, slot.
    public static func < (a: PCIAddress, b: PCIAddress) -> Bool {
        (a.domain, a.bus, a.slot.devfn) < (b.domain, b.bus, b.slot.devfn)
    }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        self = try Hexadecimal.decode(decoder, "a PCI address") { PCIAddress($0) }
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// What a PCI function is for: base class, subclass, programming interface (PCI Code and ID Assignment). In JSON six
/// hexadecimal digits, such as `0c0330` for xHCI.
public struct PCIClass: Sendable, Hashable, Codable, LosslessStringConvertible {
    /// The base class: 1 storage, 2 network, 3 display, 6 bridge, 0x0c serial bus…
    public var base: UInt8
    /// The subclass.
    public var sub: UInt8
    /// The programming interface.
    public var interface: UInt8

    /// A class.
    public init(base: UInt8, sub: UInt8, interface: UInt8 = 0) {
        self.base = base
        self.sub = sub
        self.interface = interface
    }

    /// Reads six hexadecimal digits, with or without `0x`.
    public init?(_ description: String) {
        guard let value = Hexadecimal.number(description, digits: 6...6) else { return nil }
        self.init(base: UInt8(value >> 16), sub: UInt8(value >> 8 & 0xFF), interface: UInt8(value & 0xFF))
    }

    /// Six hexadecimal digits.
    public var description: String {
        Hexadecimal.text(UInt32(base) << 16 | UInt32(sub) << 8 | UInt32(interface), digits: 6)
    }

    /// A bridge between PCI buses, or a host bridge.
    public var isBridge: Bool { base == 0x06 && (sub == 0x00 || sub == 0x04 || sub == 0x09) }
    /// A USB controller of any generation.
    public var isUSBController: Bool { base == 0x0C && sub == 0x03 }
    /// A display adapter of any kind.
    public var isDisplay: Bool { base == 0x03 }
    /// A storage controller of any kind.
    public var isStorage: Bool { base == 0x01 }
    /// A network adapter of any kind, wireless ones with the class of their own included.
    public var isNetwork: Bool { base == 0x02 || base == 0x0D }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        self = try Hexadecimal.decode(decoder, "a PCI class") { PCIClass($0) }
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// What a PCI function says it is; printed with dots between.
public struct PCIIdentity: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The vendor.
    public var vendor: Hex16
    /// The device.
    public var device: Hex16
    /// The subsystem's vendor, where there is a subsystem.
    public var subsystemVendor: Hex16?
    /// The subsystem, where there is one.
    public var subsystemDevice: Hex16?

    /// An identity.
    public init(vendor: Hex16, device: Hex16, subsystemVendor: Hex16? = nil, subsystemDevice: Hex16? = nil) {
        self.vendor = vendor
        self.device = device
        self.subsystemVendor = subsystemVendor
        self.subsystemDevice = subsystemDevice
    }

    /// Two or four numbers with dots between.
    public var description: String {
        guard let subsystemVendor, let subsystemDevice else { return "\(vendor).\(device)" }
        return "\(vendor).\(device).\(subsystemVendor).\(subsystemDevice)"
    }
}
