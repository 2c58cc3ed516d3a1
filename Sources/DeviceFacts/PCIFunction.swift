// SPDX-License-Identifier: Apache-2.0

/// A PCI function: the smallest piece of a PCI device that can be given away.
public struct PCIFunction: Sendable, Hashable, Codable, Identifiable {
    /// The name that stays.
    public var id: DeviceID
    /// The address of now.
    public var address: PCIAddress
    /// The bridge above; nil on a root bus.
    public var parent: PCIAddress?
    /// What it says it is.
    public var identity: PCIIdentity
    /// The revision.
    public var revision: UInt8
    /// What it is for.
    public var classCode: PCIClass
    /// The names of class, vendor, device and subsystem, from the list of PCI ids; nil where it knows none.
    public var names: PCINames
    /// The driver that holds it; nil when none does.
    public var driver: String?
    /// The NUMA node; nil when the machine has none or does not say.
    public var numaNode: Int?
    /// True when its header says that its device has several functions, or it is not the first one of it (Linux,
    /// drivers/pci/probe.c, `pci_scan_slot`).
    public var multifunction: Bool
    /// Its address ranges that are in use.
    public var resources: [PCIResource]
    /// Its capabilities, ordinary before extended, in their lists' order.
    public var capabilities: [PCICapability]
    /// True when config space could be read only in part (ordinary users get 64 bytes): capabilities are missing then.
    public var capabilitiesIncomplete: Bool
    /// PCI Express; nil for conventional PCI.
    public var express: PCIExpress?
    /// Access Control Services, where it has them.
    public var accessControl: PCIAccessControl?
    /// Its virtual functions, where it can have some.
    public var virtualFunctions: PCIVirtualFunctions?
    /// For a virtual function: the physical one.
    public var physicalFunction: PCIAddress?
    /// The function under whose name its transfers reach the IOMMU, where that is another one on another bus: devices
    /// behind Intel's VMD go by the VMD's.
    public var requester: PCIAddress?
    /// The buses, of a bridge.
    public var bridge: PCIBridge?
    /// How it can be reset, the kernel's first choice first.
    public var resetMethods: [PCIResetMethod]
    /// True when the firmware drew its screen on it.
    public var bootDisplay: Bool
    /// The IOMMU group the running kernel put it in; nil in a PV dom0, where there are none.
    public var kernelGroup: Int?

    /// Describes a function.
    public init(
        id: DeviceID, address: PCIAddress, parent: PCIAddress? = nil, identity: PCIIdentity, revision: UInt8 = 0,
        classCode: PCIClass, names: PCINames = PCINames(), driver: String? = nil, numaNode: Int? = nil,
        multifunction: Bool = false, resources: [PCIResource] = [], capabilities: [PCICapability] = [],
        capabilitiesIncomplete: Bool = false, express: PCIExpress? = nil, accessControl: PCIAccessControl? = nil,
        virtualFunctions: PCIVirtualFunctions? = nil, physicalFunction: PCIAddress? = nil,
        requester: PCIAddress? = nil, bridge: PCIBridge? = nil,
        resetMethods: [PCIResetMethod] = [], bootDisplay: Bool = false, kernelGroup: Int? = nil
    ) {
        self.id = id
        self.address = address
        self.parent = parent
        self.identity = identity
        self.revision = revision
        self.classCode = classCode
        self.names = names
        self.driver = driver
        self.numaNode = numaNode
        self.multifunction = multifunction
        self.resources = resources
        self.capabilities = capabilities
        self.capabilitiesIncomplete = capabilitiesIncomplete
        self.express = express
        self.accessControl = accessControl
        self.virtualFunctions = virtualFunctions
        self.physicalFunction = physicalFunction
        self.requester = requester
        self.bridge = bridge
        self.resetMethods = resetMethods
        self.bootDisplay = bootDisplay
        self.kernelGroup = kernelGroup
    }
}

/// Names out of the list of PCI ids.
public struct PCINames: Sendable, Hashable, Codable {
    /// The class.
    public var classCode: String?
    /// The vendor.
    public var vendor: String?
    /// The device.
    public var device: String?
    /// The subsystem.
    public var subsystem: String?

    /// The names.
    public init(classCode: String? = nil, vendor: String? = nil, device: String? = nil, subsystem: String? = nil) {
        self.classCode = classCode
        self.vendor = vendor
        self.device = device
        self.subsystem = subsystem
    }
}

/// Functions that can reach each other, or that the IOMMU cannot tell apart: they are given away together or not at all.
public struct IsolationGroup: Sendable, Hashable, Codable, Identifiable {
    /// Why two functions are in one group.
    public enum Reason: String, Sendable, Codable, Hashable, CaseIterable {
        /// Both are behind a bridge to conventional PCI, which answers for everything behind it.
        case behindPCIBridge
        /// A bridge or port above lets them reach each other: it has no Access Control Services, or not all.
        case noAccessControlAbove
        /// Functions of one device without Access Control Services between them.
        case sameDevice
        /// One uses the other's requester id, as a known fault of the device.
        case alias
    }

    /// Why one function joined the group of another.
    public struct Tie: Sendable, Hashable, Codable {
        /// The function that joined.
        public var function: PCIAddress
        /// The function whose group it joined.
        public var with: PCIAddress
        /// Why.
        public var reason: Reason
        /// The bridge or port that makes it so, where it is one.
        public var cause: PCIAddress?

        /// A tie.
        public init(function: PCIAddress, with: PCIAddress, reason: Reason, cause: PCIAddress? = nil) {
            self.function = function
            self.with = with
            self.reason = reason
            self.cause = cause
        }
    }

    /// The number, from 0 in the order in which the groups were found. It is no stable name.
    public var id: Int
    /// The functions, by address.
    public var members: [PCIAddress]
    /// Why they are together: one tie less than there are members.
    public var ties: [Tie]

    /// A group.
    public init(id: Int, members: [PCIAddress], ties: [Tie]) {
        self.id = id
        self.members = members
        self.ties = ties
    }
}
