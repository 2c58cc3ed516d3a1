// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
import DeviceModel
public import DevicePolicy
import Passthrough

/// Which PCI functions are to be kept from dom0's drivers because they are assigned to a domain, and which are not,
/// and why. USB devices are not hidden: their controller is dom0's.
public struct HidingPlan: Sendable, Hashable, Codable {
    /// What becomes of one assignment.
    public enum Outcome: String, Sendable, Hashable, Codable {
        /// Its functions are to be hidden.
        case hide
        /// They are hidden already.
        case hidden
        /// There is no such device now.
        case missing
        /// Another device is in its place.
        case moved
        /// It stays with dom0.
        case kept
    }

    /// One function of the devices that go together.
    public struct Function: Sendable, Hashable, Codable {
        /// Its address of now.
        public var address: PCIAddress
        /// Its id.
        public var id: DeviceID
        /// The driver that holds it; nil for none.
        public var driver: String?
    }

    /// One assignment.
    public struct Item: Sendable, Hashable, Codable {
        /// The assigned device.
        public var device: DeviceID
        /// The domain it is assigned to.
        public var domain: String
        /// What becomes of it.
        public var outcome: Outcome
        /// Why it is not hidden, as a clause; nil when it is.
        public var reason: String?
        /// The function with all that goes along; empty when there is none.
        public var functions: [Function]
    }

    /// The assignments of PCI functions, by device.
    public var items: [Item]
    /// True when something has to be done.
    public var changes: Bool { items.contains { $0.outcome == .hide } }

    /// The driver that holds functions for domains (drivers/xen/xen-pciback/pci_stub.c).
    static let holder = "pciback"

    /// Plans for the machine of a tree.
    public init(_ tree: SystemTree, assignments: [Assignment]) {
        let wanted = assignments.filter { $0.device.bus == .pci }.sorted()
        guard !wanted.isEmpty else {
            items = []
            return
        }
        let inventory = Inventory(pci: PCIReader(tree).functions(), usb: USBReader(tree).devices())
        let state = MachineState(inventory: inventory, groups: IsolationGroups.of(inventory.pci))
        let disks = SystemUse(tree, inventory: inventory).disks
        var away = Set(inventory.pci.filter { $0.driver == Self.holder }.map(\.address))
        items = wanted.map { assignment in
            let item = Self.item(assignment, state, disks, away)
            if item.outcome == .hide { away.formUnion(item.functions.map(\.address)) }
            return item
        }
    }

    private static func item(
        _ assignment: Assignment, _ state: MachineState, _ disks: Set<DeviceID>?, _ away: Set<PCIAddress>
    ) -> Item {
        var item = Item(device: assignment.device, domain: assignment.domain, outcome: .kept, functions: [])
        guard let function = state.function(assignment.device) else {
            let other = state.inventory.pci.first { $0.id.isSamePlace(as: assignment.device) }
            item.outcome = other == nil ? .missing : .moved
            item.reason = other.map { "\($0.id) is in its place" } ?? "it is not there"
            return item
        }
        let unit = state.unit(of: function)
        item.functions = unit.map { Function(address: $0.address, id: $0.id, driver: $0.driver) }
        item.reason = reasonToKeep(assignment, unit, state, disks, away)
        if item.reason == nil {
            item.outcome = unit.allSatisfy { $0.driver == holder } ? .hidden : .hide
        }
        return item
    }

    /// Only what would cost the machine its disk or its picture is looked at: the rest was checked when the device was
    /// assigned, and most of it (keyboards, routes) is not there yet when the machine starts.
    private static func reasonToKeep(
        _ assignment: Assignment, _ unit: [PCIFunction], _ state: MachineState, _ disks: Set<DeviceID>?,
        _ away: Set<PCIAddress>
    ) -> String? {
        for function in unit {
            let name = function.id == assignment.device ? "it" : "\(function.id), which goes along,"
            if function.classCode.isBridge { return "\(name) is a bridge" }
            guard let disks else { return "it is not known which disks the system runs from" }
            if disks.contains(function.id) { return "\(name) has a disk that the system runs from" }
        }
        let going = away.union(unit.map(\.address))
        let displays = state.inventory.pci.filter(\.classCode.isDisplay)
        if unit.contains(where: \.classCode.isDisplay), displays.allSatisfy({ going.contains($0.address) }),
            !assignment.exceptions.contains(.onlyDisplay)
        {
            return "it is the only display"
        }
        return nil
    }
}
