// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// The raw descriptors of a USB device, as sysfs' file `descriptors` holds them: the device's own, then each
/// configuration with all that belongs to it (USB 2.0, 9.5 and 9.6). The device wrote them, so every length is checked
/// and nothing is believed twice; what does not hold together sets `damaged`, and what was read until then counts.
public struct USBDescriptors: Sendable, Hashable {
    /// USB version, class, release and so on of the device.
    public var usbVersion: Hex16
    /// The device's own class.
    public var classCode: USBClass
    /// The vendor.
    public var vendor: Hex16
    /// The product.
    public var product: Hex16
    /// The release.
    public var release: Hex16
    /// How many configurations it claims.
    public var claimedConfigurations: Int
    /// The configurations.
    public var configurations: [USBConfiguration]
    /// Every alternate setting of every interface of every configuration.
    public var interfaces: [USBInterface]
    /// True when something was cut short, too long, out of place, or missing.
    public var damaged: Bool

    /// The most bytes that are looked at: sysfs gives at most what the kernel read, 64 KiB for each configuration of
    /// at most eight (drivers/usb/core/config.c, USB_MAXCONFIG).
    public static let limit = 18 + 8 * 65535
    /// The most interfaces that are kept (USB_MAXINTERFACES is 32, each with at most 256 settings).
    static let interfaceLimit = 8 * 1024

    /// Reads the descriptors; nil for fewer bytes than a device descriptor has, or when there is none at the start.
    public init?(_ bytes: [UInt8]) {
        let data = ByteReader(Array(bytes.prefix(Self.limit)))
        guard data.count >= 18, data.byte(0) == 18, data.byte(1) == 1, let version = data.word(2),
            let base = data.byte(4), let sub = data.byte(5), let proto = data.byte(6), let vendor = data.word(8),
            let product = data.word(10), let release = data.word(12), let count = data.byte(17)
        else { return nil }
        usbVersion = Hex16(version)
        classCode = USBClass(base: base, sub: sub, proto: proto)
        self.vendor = Hex16(vendor)
        self.product = Hex16(product)
        self.release = Hex16(release)
        claimedConfigurations = Int(count)
        configurations = []
        interfaces = []
        damaged = bytes.count > Self.limit
        readConfigurations(data)
        if configurations.count != claimedConfigurations { damaged = true }
    }

    private mutating func readConfigurations(_ data: ByteReader) {
        var at = 18
        while at < data.count {
            guard data.byte(at) ?? 0 >= 9, data.byte(at + 1) == 2, let total = data.word(at + 2), total >= 9,
                let claimed = data.byte(at + 4), let value = data.byte(at + 5), let attributes = data.byte(at + 7),
                let power = data.byte(at + 8)
            else {
                damaged = true
                return
            }
            let end = at + Int(total)
            if end > data.count { damaged = true }
            if configurations.contains(where: { $0.value == value }) { damaged = true }
            // Units of 2 mA, and of 8 mA from USB 3 on (USB 3.2, 9.6.3).
            let unit = usbVersion.rawValue >= 0x0300 ? 8 : 2
            configurations.append(
                USBConfiguration(
                    value: value, milliamperes: Int(power) * unit, selfPowered: attributes & 0x40 != 0,
                    remoteWakeup: attributes & 0x20 != 0))
            let numbers = readInterfaces(data, from: at + Int(data.byte(at) ?? 9), to: min(end, data.count), value)
            if numbers.count != Int(claimed) { damaged = true }
            at = end
        }
    }

    /// Reads what belongs to one configuration and gives the numbers of its interfaces.
    private mutating func readInterfaces(
        _ data: ByteReader, from start: Int, to end: Int, _ configuration: UInt8
    ) -> Set<UInt8> {
        var numbers: Set<UInt8> = []
        var current: Int?
        var at = start
        while at < end {
            guard let length = data.byte(at), length >= 2, at + Int(length) <= end, let kind = data.byte(at + 1) else {
                damaged = true
                break
            }
            switch kind {
            case 4:
                guard length >= 9, let number = data.byte(at + 2), let setting = data.byte(at + 3),
                    let base = data.byte(at + 5), let sub = data.byte(at + 6),
                    let proto = data.byte(at + 7), interfaces.count < Self.interfaceLimit
                else {
                    damaged = true
                    current = nil
                    at += Int(length)
                    continue
                }
                numbers.insert(number)
                current = interfaces.count
                interfaces.append(
                    USBInterface(
                        configuration: configuration, number: number, alternate: setting,
                        classCode: USBClass(base: base, sub: sub, proto: proto)))
            case 5:
                if length >= 7, let current { interfaces[current].endpoints += 1 } else { damaged = true }
            case 1, 2:
                // Neither belongs inside a configuration.
                damaged = true
            default:
                break
            }
            at += Int(length)
        }
        return numbers
    }
}
