// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import DevicePolicy

/// A domain, as far as devices are concerned.
public struct DomainState: Sendable, Hashable, Codable {
    /// What a domain is made of.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A full machine with emulated devices beside real ones.
        case hvm
        /// Hardware-assisted, without emulated devices.
        case pvh
        /// Paravirtualized.
        case pv
    }

    /// The name.
    public var name: String
    /// What it is made of.
    public var kind: Kind
    /// True when it exists in Xen now, paused or not.
    public var running: Bool
    /// True when not all of its memory is there yet (populate on demand): device DMA would go nowhere.
    public var memoryOnDemand: Bool
    /// The PCI functions it holds.
    public var pci: [DeviceID]
    /// The USB devices it holds.
    public var usb: [DeviceID]

    /// A domain.
    public init(
        name: String, kind: Kind, running: Bool, memoryOnDemand: Bool = false, pci: [DeviceID] = [],
        usb: [DeviceID] = []
    ) {
        self.name = name
        self.kind = kind
        self.running = running
        self.memoryOnDemand = memoryOnDemand
        self.pci = pci
        self.usb = usb
    }

    /// True when it holds the device.
    public func holds(_ device: DeviceID) -> Bool { pci.contains(device) || usb.contains(device) }
}

/// Someone in dom0 who uses a device now.
public struct DeviceHolder: Sendable, Hashable, Codable {
    /// What it is: a process, a mounted file system, a network link.
    public var what: String
    /// Its name, such as `Xorg (pid 812)` or `/mnt`.
    public var name: String

    /// A holder.
    public init(what: String, name: String) {
        self.what = what
        self.name = name
    }

    /// Both, for a person.
    public var text: String { "\(what) \(name)" }
}

/// All that a plan depends on, at one moment.
public struct MachineState: Sendable, Hashable, Codable {
    /// What the machine has.
    public var inventory: Inventory
    /// The isolation groups of its PCI functions.
    public var groups: [IsolationGroup]
    /// True when an IOMMU translates what devices do.
    public var iommu: Bool
    /// The domains, running or only defined.
    public var domains: [DomainState]
    /// PCI functions that Xen's back end holds for a domain to come.
    public var released: [DeviceID]
    /// Who uses a device in dom0.
    public var holders: [DeviceID: [DeviceHolder]]
    /// Which devices stay with dom0, and why.
    public var protections: [DeviceID: [Protection]]
    /// What is assigned for good.
    public var assignments: [Assignment]

    /// A state.
    public init(
        inventory: Inventory, groups: [IsolationGroup] = [], iommu: Bool = false, domains: [DomainState] = [],
        released: [DeviceID] = [], holders: [DeviceID: [DeviceHolder]] = [:],
        protections: [DeviceID: [Protection]] = [:], assignments: [Assignment] = []
    ) {
        self.inventory = inventory
        self.groups = groups
        self.iommu = iommu
        self.domains = domains
        self.released = released
        self.holders = holders
        self.protections = protections
        self.assignments = assignments
    }

    /// The domain that holds a device; nil for dom0.
    public func owner(of device: DeviceID) -> DomainState? { domains.first { $0.holds(device) } }
    /// A domain by name.
    public func domain(_ name: String) -> DomainState? { domains.first { $0.name == name } }
    /// A PCI function by id.
    public func function(_ id: DeviceID) -> PCIFunction? { inventory.pci.first { $0.id == id } }
    /// A USB device by id.
    public func usbDevice(_ id: DeviceID) -> USBDevice? { inventory.usb.first { $0.id == id } }

    /// The functions that go together with one: its isolation group without the bridges, and the functions of its own
    /// slot (a graphics card and its sound). By address; the function itself is among them.
    public func unit(of function: PCIFunction) -> [PCIFunction] {
        let group = groups.first { $0.members.contains(function.address) }?.members ?? []
        return inventory.pci.filter { other in
            if other.address == function.address { return true }
            if other.classCode.isBridge { return false }
            let sameSlot =
                other.address.domain == function.address.domain && other.address.bus == function.address.bus
                && other.address.slot.device == function.address.slot.device && other.parent != nil
            return group.contains(other.address) || sameSlot
        }.sorted { $0.address < $1.address }
    }
}
