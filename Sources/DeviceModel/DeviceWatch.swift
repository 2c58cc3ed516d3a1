// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Knows which PCI functions and USB devices are there, and tells from the kernel's messages which came and which went.
/// A message only says where to look: what is believed is the tree.
public struct DeviceWatch: Sendable {
    /// A device that came or went.
    public struct Notice: Sendable, Hashable, Codable {
        /// True for one that came.
        public var added: Bool
        /// The device; for one that went, what it was.
        public var device: DeviceID
        /// The kernel's name of its place: a BDF, or a USB port such as `1-1.4`.
        public var place: String
    }

    private let tree: SystemTree
    private var known: [String: DeviceID]

    /// Begins with what is there.
    public init(_ tree: SystemTree) {
        self.tree = tree
        known = Self.usb(tree).merging(Self.pci(tree)) { $1 }
    }

    /// What changed since the last time, as far as the message tells; nil stands for a message that was lost, so
    /// everything is looked at. First what went, then what came, each by its place.
    public mutating func notices(_ event: Uevent?) -> [Notice] {
        guard let event else {
            let now = Self.usb(tree).merging(Self.pci(tree)) { $1 }
            defer { known = now }
            return Self.differences(known, now)
        }
        guard event.concern == .usb || event.concern == .pci, !event.synthetic else { return [] }
        let place = String(event.name)
        var now: [String: DeviceID] = [:]
        if event.action != .remove { now = event.concern == .usb ? Self.usb(tree) : Self.pci(tree) }
        let (before, after) = (known[place], now[place])
        known[place] = after
        return Self.differences(before.map { [place: $0] } ?? [:], after.map { [place: $0] } ?? [:])
    }

    private static func differences(_ before: [String: DeviceID], _ after: [String: DeviceID]) -> [Notice] {
        func list(_ some: [String: DeviceID], without others: [String: DeviceID], added: Bool) -> [Notice] {
            some.filter { others[$0.key] != $0.value }.sorted { $0.key < $1.key }
                .map { Notice(added: added, device: $0.value, place: $0.key) }
        }
        return list(before, without: after, added: false) + list(after, without: before, added: true)
    }

    private static func usb(_ tree: SystemTree) -> [String: DeviceID] {
        Dictionary(USBReader(tree).devices().map { ($0.port, $0.id) }) { $1 }
    }

    private static func pci(_ tree: SystemTree) -> [String: DeviceID] {
        Dictionary(PCIReader(tree).functions(details: false).map { ($0.address.description, $0.id) }) { $1 }
    }
}
