// SPDX-License-Identifier: Apache-2.0

/// Class, subclass and protocol of a USB device or interface; in JSON as `08:06:50`.
public struct USBClass: Sendable, Hashable, Codable, LosslessStringConvertible {
    /// The class: 1 audio, 2 and 0x0a communication, 3 input, 6 image, 7 printer, 8 storage, 9 hub, 0x0e video,
    /// 0xe0 wireless, 0xff the vendor's own…
    public var base: UInt8
    /// The subclass.
    public var sub: UInt8
    /// The protocol.
    public var proto: UInt8

    /// A class.
    public init(base: UInt8, sub: UInt8 = 0, proto: UInt8 = 0) {
        self.base = base
        self.sub = sub
        self.proto = proto
    }

    /// Reads `08:06:50`.
    public init?(_ description: String) {
        let parts = description.split(separator: ":", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Hexadecimal.number($0, digits: 2...2) }
        guard parts.count == 3, numbers.count == 3 else { return nil }
        self.init(base: UInt8(numbers[0]), sub: UInt8(numbers[1]), proto: UInt8(numbers[2]))
    }

    /// Three times two hexadecimal digits.
    public var description: String {
        [base, sub, proto].map { Hexadecimal.text(UInt32($0), digits: 2) }.joined(separator: ":")
    }

    /// Keyboards, mice and the like.
    public var isInput: Bool { base == 0x03 }
    /// A keyboard by its own word (HID 1.11, 4.3); one that hides says nothing.
    public var isBootKeyboard: Bool { base == 0x03 && sub == 0x01 && proto == 0x01 }
    /// Mass storage.
    public var isStorage: Bool { base == 0x08 }
    /// A hub.
    public var isHub: Bool { base == 0x09 }
    /// A word for people; the number for what has none (USB-IF, Defined Class Codes).
    public var name: String {
        USBClass.names[base] ?? "class " + Hexadecimal.text(UInt32(base), digits: 2)
    }

    private static let names: [UInt8: String] = [
        0x00: "by interface", 0x01: "audio", 0x02: "communication", 0x03: "input", 0x05: "physical", 0x06: "image",
        0x07: "printer", 0x08: "storage", 0x09: "hub", 0x0A: "data", 0x0B: "smart card", 0x0D: "content security",
        0x0E: "video", 0x0F: "health", 0x10: "audio/video", 0x11: "billboard", 0x12: "type-c bridge",
        0xDC: "diagnostic",
        0xE0: "wireless", 0xEF: "miscellaneous", 0xFE: "application", 0xFF: "vendor",
    ]

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        self = try Hexadecimal.decode(decoder, "a USB class") { USBClass($0) }
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// How fast a device is connected (Linux, drivers/usb/core/sysfs.c, `speed`).
public enum USBSpeed: String, Sendable, Codable, Hashable, CaseIterable {
    /// 1.5 Mbit/s.
    case low = "1.5"
    /// 12 Mbit/s.
    case full = "12"
    /// 480 Mbit/s.
    case high = "480"
    /// 5 Gbit/s.
    case superSpeed = "5000"
    /// 10 Gbit/s.
    case superSpeedPlus = "10000"
    /// 20 Gbit/s.
    case superSpeedPlusBy2 = "20000"
    /// Not said, or not known here.
    case unknown
}

/// What a USB device says it is.
public struct USBIdentity: Sendable, Hashable, Codable {
    /// The vendor.
    public var vendor: Hex16
    /// The product.
    public var product: Hex16
    /// The serial number, made safe; nil when the device has none or the capture leaves it out.
    public var serial: String?

    /// An identity.
    public init(vendor: Hex16, product: Hex16, serial: String? = nil) {
        self.vendor = vendor
        self.product = product
        self.serial = serial
    }
}

/// The bus and device number of now, as `lsusb` shows them; both change at every replug.
public struct USBAddress: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The bus, from 1.
    public var bus: Int
    /// The device number on it, from 1.
    public var device: Int

    /// An address.
    public init(bus: Int, device: Int) {
        self.bus = bus
        self.device = device
    }

    /// Bus and device with a colon between.
    public var description: String { "\(bus):\(device)" }
    /// Orders by bus, then device.
    public static func < (a: USBAddress, b: USBAddress) -> Bool { (a.bus, a.device) < (b.bus, b.device) }
}

/// One alternate setting of an interface.
public struct USBInterface: Sendable, Hashable, Codable {
    /// The configuration it belongs to.
    public var configuration: UInt8
    /// The interface's number.
    public var number: UInt8
    /// The alternate setting.
    public var alternate: UInt8
    /// What it is for.
    public var classCode: USBClass
    /// How many endpoints its descriptors really hold.
    public var endpoints: Int
    /// The driver that holds it; nil when none does or its configuration is not the active one.
    public var driver: String?

    /// An interface.
    public init(
        configuration: UInt8, number: UInt8, alternate: UInt8 = 0, classCode: USBClass, endpoints: Int = 0,
        driver: String? = nil
    ) {
        self.configuration = configuration
        self.number = number
        self.alternate = alternate
        self.classCode = classCode
        self.endpoints = endpoints
        self.driver = driver
    }
}

/// A configuration of a device.
public struct USBConfiguration: Sendable, Hashable, Codable {
    /// Its number, from 1.
    public var value: UInt8
    /// The most current it draws, in mA.
    public var milliamperes: Int
    /// True when the device feeds itself.
    public var selfPowered: Bool
    /// True when it can wake the machine.
    public var remoteWakeup: Bool

    /// A configuration.
    public init(value: UInt8, milliamperes: Int = 0, selfPowered: Bool = false, remoteWakeup: Bool = false) {
        self.value = value
        self.milliamperes = milliamperes
        self.selfPowered = selfPowered
        self.remoteWakeup = remoteWakeup
    }
}

/// A USB device.
public struct USBDevice: Sendable, Hashable, Codable, Identifiable {
    /// Whether it can be unplugged, as the firmware says (Documentation/ABI/testing/sysfs-devices-removable).
    public enum Attachment: String, Sendable, Codable, Hashable {
        /// Built in.
        case fixed
        /// Plugged in.
        case removable
        /// Nobody knows.
        case unknown
    }

    /// The name that stays.
    public var id: DeviceID
    /// The kernel's name of the place, such as `3-1.4`; `usb3` for a root hub.
    public var port: String
    /// The ports from the root hub down; empty for a root hub.
    public var ports: [UInt8]
    /// The address of now.
    public var address: USBAddress
    /// The PCI function of its controller; nil when that is none.
    public var controller: PCIAddress?
    /// What it says it is.
    public var identity: USBIdentity
    /// The device's release, binary coded decimal.
    public var release: Hex16
    /// The USB version it claims, binary coded decimal: `0210` is 2.1.
    public var usbVersion: Hex16
    /// The device's own class; `00:00:00` when its interfaces say it.
    public var classCode: USBClass
    /// The maker's name by its own word, made safe.
    public var manufacturer: String?
    /// The product's name by its own word, made safe.
    public var product: String?
    /// The vendor's name out of a list of USB ids; nil where it knows none.
    public var vendorName: String?
    /// The product's name out of a list of USB ids; nil where it knows none.
    public var productName: String?
    /// How fast it is connected.
    public var speed: USBSpeed
    /// Its configurations.
    public var configurations: [USBConfiguration]
    /// The active configuration; nil when there is none.
    public var activeConfiguration: UInt8?
    /// EVERY interface of EVERY configuration with EVERY alternate setting: a device is judged by the worst of them.
    public var interfaces: [USBInterface]
    /// True when its descriptors could not be read to their end: they were cut short, contradict themselves, or claim
    /// more than is there. Such a device is to be taken for anything.
    public var descriptorsDamaged: Bool
    /// Whether the kernel may use it; false when authorization was taken away.
    public var authorized: Bool
    /// Whether it can be unplugged.
    public var attachment: Attachment
    /// How many ports it has, of a hub.
    public var downstreamPorts: Int

    /// Describes a device.
    public init(
        id: DeviceID, port: String, ports: [UInt8], address: USBAddress, controller: PCIAddress? = nil,
        identity: USBIdentity, release: Hex16 = 0, usbVersion: Hex16 = 0, classCode: USBClass,
        manufacturer: String? = nil, product: String? = nil, vendorName: String? = nil, productName: String? = nil,
        speed: USBSpeed = .unknown, configurations: [USBConfiguration] = [], activeConfiguration: UInt8? = nil,
        interfaces: [USBInterface] = [], descriptorsDamaged: Bool = false, authorized: Bool = true,
        attachment: Attachment = .unknown, downstreamPorts: Int = 0
    ) {
        self.id = id
        self.port = port
        self.ports = ports
        self.address = address
        self.controller = controller
        self.identity = identity
        self.release = release
        self.usbVersion = usbVersion
        self.classCode = classCode
        self.manufacturer = manufacturer
        self.product = product
        self.vendorName = vendorName
        self.productName = productName
        self.speed = speed
        self.configurations = configurations
        self.activeConfiguration = activeConfiguration
        self.interfaces = interfaces
        self.descriptorsDamaged = descriptorsDamaged
        self.authorized = authorized
        self.attachment = attachment
        self.downstreamPorts = downstreamPorts
    }

    /// The device's own class, where it says one, and those of all its interfaces, each once, in order.
    public var classes: [USBClass] {
        var found: [USBClass] = []
        let own = classCode.base == 0 ? [] : [classCode]
        for code in own + interfaces.map(\.classCode) where !found.contains(code) { found.append(code) }
        return found
    }

    /// True for a hub, by its own class or by any interface.
    public var isHub: Bool { classes.contains { $0.isHub } }
    /// True for a controller's own hub.
    public var isRootHub: Bool { ports.isEmpty }
}
