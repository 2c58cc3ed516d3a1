// SPDX-License-Identifier: Apache-2.0

/// What the kernel says when a device comes, goes or changes (lib/kobject_uevent.c): `ACTION@DEVPATH`, then
/// `KEY=VALUE` fields, each with a zero byte at its end. Some values are a device's own words; only those that are
/// needed here are looked at, and none is believed that does not have its form.
public struct Uevent: Sendable, Hashable {
    /// What happened.
    public enum Action: String, Sendable, Hashable, CaseIterable {
        /// A device is there.
        case add
        /// A device is gone.
        case remove
        /// Something about a device changed.
        case change
        /// A device has another name.
        case move
        /// A device may be used again.
        case online
        /// A device may not be used.
        case offline
        /// A driver took a device.
        case bind
        /// A driver let a device go.
        case unbind
    }

    /// The kinds of devices that matter to anybody here.
    public enum Concern: String, Sendable, Hashable, CaseIterable {
        /// A USB device; its interfaces do not count.
        case usb
        /// A PCI function.
        case pci
        /// A network interface.
        case network
        /// A radio, or a switch that silences some.
        case radio
        /// A graphics card, or a connector of one.
        case display
        /// A battery, or something that feeds the machine.
        case power
        /// An input device, such as the switch below a lid.
        case input
    }

    /// What happened.
    public var action: Action
    /// The device's place below `/sys`, such as `/devices/pci0000:00/0000:00:14.0/usb1/1-4`.
    public var devicePath: String
    /// The subsystem, such as `usb`.
    public var subsystem: String
    /// What of its subsystem it is, such as `usb_device`; nil where the subsystem has one kind only.
    public var deviceType: String?
    /// Bus and device number of a USB device.
    public var usb: USBAddress?
    /// The address of a PCI function.
    public var pci: PCIAddress?
    /// The driver that holds it.
    public var driver: String?
    /// The number of the message: each has a higher one than the one before it.
    public var sequence: UInt64
    /// True when a person or program asked the kernel to say it again (Documentation/ABI/testing/sysfs-uevent):
    /// nothing happened.
    public var synthetic: Bool

    /// The longest message that is read, in bytes. The kernel's fields take 2048 (UEVENT_BUFFER_SIZE), the first line
    /// adds the device path.
    public static let limit = 8192
    /// The longest device path, in bytes.
    static let pathLimit = 2048

    /// The kernel's name of the device: the last part of its path.
    public var name: Substring { devicePath.split(separator: "/").last ?? "" }

    /// What kind of device it is about; nil for one that is nobody's business here.
    public var concern: Concern? {
        switch subsystem {
        case "usb": deviceType == "usb_device" ? .usb : nil
        case "pci": .pci
        case "net": .network
        case "ieee80211", "rfkill": .radio
        case "drm": .display
        case "power_supply": .power
        case "input": .input
        default: nil
        }
    }

    /// Reads a message; nil for what is none: cut short, contradicting itself, a needed field twice or out of form.
    public init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count <= Uevent.limit, let last = bytes.reversed().first, last == 0 else { return nil }
        let parts = bytes.split(separator: 0, omittingEmptySubsequences: true)
        guard let head = parts.first, let at = head.firstIndex(of: UInt8(ascii: "@")) else { return nil }
        var fields: [String: String] = [:]
        for part in parts.dropFirst() {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { return nil }
            let key = String(decoding: part[..<equals], as: UTF8.self)
            guard Uevent.needed.contains(key) else { continue }
            let value = part[part.index(after: equals)...]
            guard fields[key] == nil, !value.isEmpty, value.allSatisfy({ (33...126).contains($0) }) else { return nil }
            fields[key] = String(decoding: value, as: UTF8.self)
        }
        guard let path = fields["DEVPATH"], Uevent.isPlace(path),
            head[head.index(after: at)...].elementsEqual(path.utf8),
            let word = fields["ACTION"], head[..<at].elementsEqual(word.utf8), let action = Action(rawValue: word),
            let subsystem = fields["SUBSYSTEM"], let sequence = fields["SEQNUM"].flatMap({ Uevent.number($0) })
        else { return nil }
        self.action = action
        devicePath = path
        self.subsystem = subsystem
        self.sequence = sequence
        synthetic = fields["SYNTH_UUID"] != nil
        deviceType = fields["DEVTYPE"]
        driver = fields["DRIVER"]
        switch (fields["BUSNUM"], fields["DEVNUM"]) {
        case (nil, _): usb = nil
        case (let bus?, let device):
            guard let bus = Uevent.number(bus), let device = device.flatMap({ Uevent.number($0) }),
                (1...65535).contains(bus), (1...127).contains(device)
            else { return nil }
            usb = USBAddress(bus: Int(bus), device: Int(device))
        }
        if let slot = fields["PCI_SLOT_NAME"] {
            guard let address = PCIAddress(slot) else { return nil }
            pci = address
        }
    }

    private static let needed: Set<String> = [
        "ACTION", "DEVPATH", "SUBSYSTEM", "DEVTYPE", "BUSNUM", "DEVNUM", "PCI_SLOT_NAME", "DRIVER", "SEQNUM",
        "SYNTH_UUID",
    ]

    /// Decimal digits, as the kernel prints them: leading zeros in `BUSNUM`, no sign.
    private static func number(_ text: String) -> UInt64? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? UInt64(text) : nil
    }

    /// An absolute path that does not go back.
    private static func isPlace(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return path.utf8.count <= pathLimit && parts.count > 1 && parts[0].isEmpty
            && parts.dropFirst().allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }
}
