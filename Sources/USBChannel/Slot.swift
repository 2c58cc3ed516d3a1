// SPDX-License-Identifier: Apache-2.0

import XenChannel

/// The place of a device in a domain: a number that stays while the device is given, and entries of the XenStore below
/// `/local/domain/DOMAIN/lapwing/usb/NUMBER`, which the domain can read and dom0 alone can write.
public struct Slot: Sendable, Hashable {
    /// How many devices a domain can have this way: the ports of the guest's virtual controller.
    public static let most = 8

    /// The entries of a slot.
    public enum Entry: String, Sendable, CaseIterable {
        /// The device's port in dom0, such as `1-1.4`.
        case port
        /// The device's address as USB/IP numbers it, decimal.
        case address
        /// The device's speed (`enum usb_device_speed`), decimal.
        case speed
        /// How often the device was offered in this slot, decimal: a channel that is made when another one's process was
        /// killed may have the same page and port again, and is another one.
        case offer
        /// The grant reference of the channel's control page, decimal; the name is libxenvchan's.
        case page = "ring-ref"
        /// The port of the channel's events, decimal; the name is libxenvchan's.
        case events = "event-channel"
    }

    /// The domain's number.
    public var domain: Int
    /// From 0.
    public var number: Int

    /// A slot.
    public init(domain: Int, number: Int) {
        self.domain = domain
        self.number = number
    }

    /// Where the slots of a domain are, as dom0 sees it.
    public static func directory(_ domain: Int) -> String { "/local/domain/\(domain)/lapwing/usb" }
    /// Where the slots are for the domain itself.
    static let own = "lapwing/usb"

    /// The slot's place.
    public var path: String { "\(Self.directory(domain))/\(number)" }
    /// An entry's place.
    public func path(_ entry: Entry) -> String { "\(path)/\(entry.rawValue)" }
}

/// A device, and the slot it is to have: what an instance of `lapwing-usb@.service` is named by, as `1-1.4:7:0` (port,
/// domain, number).
public struct Lease: Sendable, Hashable, CustomStringConvertible {
    /// The device's port in dom0.
    public var port: String
    /// Where it goes.
    public var slot: Slot

    /// A lease.
    public init(port: String, slot: Slot) {
        self.port = port
        self.slot = slot
    }

    /// Reads a name; nil when it is none.
    public init?(_ text: String) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        guard words.count == 3, DeviceStub.isPort(String(words[0])), let domain = Int(words[1]),
            (1...32751).contains(domain), let number = Int(words[2]), (0..<Slot.most).contains(number)
        else { return nil }
        self.init(port: String(words[0]), slot: Slot(domain: domain, number: number))
        if description != text { return nil }
    }

    /// The name.
    public var description: String { "\(port):\(slot.domain):\(slot.number)" }
    /// The unit of systemd that serves it.
    public var unit: String { "lapwing-usb@\(self).service" }
}
