// SPDX-License-Identifier: Apache-2.0

/// One entry of a function's capability lists.
public struct PCICapability: Sendable, Hashable, Codable {
    /// The capability's number; ordinary and extended ones are counted apart.
    public var id: UInt16
    /// True for one of the extended list, which begins at offset 0x100.
    public var extended: Bool
    /// Where it stands in config space.
    public var offset: UInt16
    /// The version, of extended ones.
    public var version: UInt8?

    /// A capability.
    public init(id: UInt16, extended: Bool, offset: UInt16, version: UInt8? = nil) {
        self.id = id
        self.extended = extended
        self.offset = offset
        self.version = version
    }

    /// The common short name (PCI Code and ID Assignment, rev 1.14, 2 and 3), or the number.
    public var name: String {
        let names = extended ? PCICapability.extendedNames : PCICapability.ordinaryNames
        return names[id] ?? (extended ? "ext-" : "cap-") + Hexadecimal.text(UInt32(id), digits: 2)
    }

    private static let ordinaryNames: [UInt16: String] = [
        0x01: "PM", 0x02: "AGP", 0x03: "VPD", 0x04: "SlotID", 0x05: "MSI", 0x06: "CHSWP", 0x07: "PCI-X", 0x08: "HT",
        0x09: "VNDR", 0x0A: "DBG", 0x0C: "SHPC", 0x0D: "SSVID", 0x10: "PCIe", 0x11: "MSI-X", 0x12: "SATA", 0x13: "AF",
        0x14: "EA",
    ]
    private static let extendedNames: [UInt16: String] = [
        0x01: "AER", 0x02: "VC", 0x03: "DSN", 0x04: "PB", 0x0B: "VSEC", 0x0D: "ACS", 0x0E: "ARI", 0x0F: "ATS",
        0x10: "SR-IOV", 0x12: "MCAST", 0x13: "PRI", 0x15: "REBAR", 0x16: "DPA", 0x17: "TPH", 0x18: "LTR",
        0x19: "SecPCIe",
        0x1B: "PASID", 0x1D: "DPC", 0x1E: "L1PM", 0x1F: "PTM", 0x23: "DVSEC", 0x24: "VF-REBAR", 0x25: "DLF",
        0x26: "16GT",
        0x27: "LMR", 0x2A: "32GT", 0x2E: "DOE",
    ]
}

/// What a PCI Express function is (PCI Express Base 7.5.3.2, Device/Port Type).
public enum PCIExpressType: String, Sendable, Codable, Hashable, CaseIterable {
    /// An endpoint.
    case endpoint
    /// An endpoint of the old kind, which may use I/O ports and locks.
    case legacyEndpoint
    /// A root port.
    case rootPort
    /// The side of a switch that faces the root.
    case upstreamPort
    /// A side of a switch that faces a device.
    case downstreamPort
    /// A bridge from PCI Express down to PCI.
    case expressToPCIBridge
    /// A bridge from PCI down to PCI Express.
    case pciToExpressBridge
    /// An endpoint inside the root complex.
    case rootComplexEndpoint
    /// An event collector inside the root complex.
    case rootComplexEventCollector

    /// From the four bits of the capabilities register; nil for a reserved value.
    public init?(bits: UInt8) {
        switch bits {
        case 0x0: self = .endpoint
        case 0x1: self = .legacyEndpoint
        case 0x4: self = .rootPort
        case 0x5: self = .upstreamPort
        case 0x6: self = .downstreamPort
        case 0x7: self = .expressToPCIBridge
        case 0x8: self = .pciToExpressBridge
        case 0x9: self = .rootComplexEndpoint
        case 0xA: self = .rootComplexEventCollector
        default: return nil
        }
    }
}

/// The part of the PCI Express capability that matters for isolation and reset.
public struct PCIExpress: Sendable, Hashable, Codable {
    /// What the function is; nil for a reserved value.
    public var type: PCIExpressType?
    /// True when it can be reset by itself (Function Level Reset).
    public var functionLevelReset: Bool
    /// True for a port with a slot behind it.
    public var slot: Bool
    /// The width of the link now, in lanes; 0 when there is none.
    public var width: Int
    /// The widest link the function can have.
    public var maximumWidth: Int
    /// The speed of the link now as its generation, 1 to 6; 0 when there is none.
    public var generation: Int
    /// The highest generation the function can do.
    public var maximumGeneration: Int

    /// A description.
    public init(
        type: PCIExpressType?, functionLevelReset: Bool = false, slot: Bool = false, width: Int = 0,
        maximumWidth: Int = 0, generation: Int = 0, maximumGeneration: Int = 0
    ) {
        self.type = type
        self.functionLevelReset = functionLevelReset
        self.slot = slot
        self.width = width
        self.maximumWidth = maximumWidth
        self.generation = generation
        self.maximumGeneration = maximumGeneration
    }
}

/// Access Control Services: whether devices below or beside a function can reach each other without asking the IOMMU.
public struct PCIAccessControl: Sendable, Hashable, Codable {
    /// The single services (PCI Express Base 7.7.11).
    public struct Services: OptionSet, Sendable, Hashable, Codable {
        /// The bits of the register.
        public var rawValue: UInt16
        /// Wraps the bits.
        public init(rawValue: UInt16) { self.rawValue = rawValue }
        /// SV: a wrong source address is refused.
        public static let sourceValidation = Services(rawValue: 0x01)
        /// TB: translated requests are refused.
        public static let translationBlocking = Services(rawValue: 0x02)
        /// RR: requests for a neighbour go up first.
        public static let requestRedirect = Services(rawValue: 0x04)
        /// CR: completions for a neighbour go up first.
        public static let completionRedirect = Services(rawValue: 0x08)
        /// UF: everything goes up.
        public static let upstreamForwarding = Services(rawValue: 0x10)
        /// EC: single neighbours are refused by a list.
        public static let egressControl = Services(rawValue: 0x20)
        /// DT: translated requests may go straight.
        public static let directTranslated = Services(rawValue: 0x40)
        /// What isolation takes (Linux, drivers/iommu/iommu.c, REQ_ACS_FLAGS).
        public static let isolation: Services = [
            .sourceValidation, .requestRedirect, .completionRedirect, .upstreamForwarding,
        ]

        /// The usual two letters of those that are set.
        public var letters: [String] {
            let names = ["SV", "TB", "RR", "CR", "UF", "EC", "DT"]
            return names.indices.filter { rawValue & (1 << UInt16($0)) != 0 }.map { names[$0] }
        }
    }

    /// What the function can do.
    public var capable: Services
    /// What is switched on.
    public var enabled: Services

    /// A description.
    public init(capable: Services, enabled: Services) {
        self.capable = capable
        self.enabled = enabled
    }
}

/// Single Root I/O Virtualization of a physical function.
public struct PCIVirtualFunctions: Sendable, Hashable, Codable {
    /// How many there can be.
    public var total: Int
    /// How many there are now.
    public var enabled: Int

    /// A description.
    public init(total: Int, enabled: Int) {
        self.total = total
        self.enabled = enabled
    }
}

/// The buses of a bridge.
public struct PCIBridge: Sendable, Hashable, Codable {
    /// The bus it is on.
    public var primary: UInt8
    /// The bus right below.
    public var secondary: UInt8
    /// The last bus below.
    public var subordinate: UInt8

    /// A description.
    public init(primary: UInt8, secondary: UInt8, subordinate: UInt8) {
        self.primary = primary
        self.secondary = secondary
        self.subordinate = subordinate
    }
}

/// A way to reset a function, under the kernel's name of it (Documentation/ABI/testing/sysfs-bus-pci, `reset_method`).
public enum PCIResetMethod: String, Sendable, Codable, Hashable, CaseIterable {
    /// What a quirk of the kernel does for this very device.
    case deviceSpecific = "device_specific"
    /// The firmware's `_RST` method.
    case acpi
    /// Function Level Reset of PCI Express.
    case functionLevel = "flr"
    /// Function Level Reset of the Advanced Features capability.
    case advancedFeatures = "af_flr"
    /// Going to D3hot and back, where the device forgets by it.
    case powerManagement = "pm"
    /// Reset of the bus below the bridge: safe only when nothing else is there.
    case bus
    /// The same below a CXL port.
    case cxlBus = "cxl_bus"
}

/// An address range of a function.
public struct PCIResource: Sendable, Hashable, Codable {
    /// What the range is of.
    public enum Kind: String, Sendable, Codable, Hashable {
        /// Input and output ports.
        case io
        /// Memory below 4 GiB.
        case memory32
        /// Memory anywhere.
        case memory64
        /// The expansion ROM.
        case rom
    }

    /// The register's number, 0 to 5; 6 is the expansion ROM.
    public var index: Int
    /// The kind.
    public var kind: Kind
    /// The first address.
    public var address: UInt64
    /// The length in bytes.
    public var size: UInt64
    /// True when reading ahead does no harm.
    public var prefetchable: Bool

    /// A description.
    public init(index: Int, kind: Kind, address: UInt64, size: UInt64, prefetchable: Bool) {
        self.index = index
        self.kind = kind
        self.address = address
        self.size = size
        self.prefetchable = prefetchable
    }
}
