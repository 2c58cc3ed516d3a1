// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// The config space of a PCI function, read out of the bytes of sysfs' file `config`: 64 of them for ordinary users, 256
/// for conventional PCI, 4096 for PCI Express. What is beyond the end, or does not make sense, is not there; a list that
/// runs in a circle ends.
public struct ConfigSpace: Sendable {
    private let space: ByteReader
    /// The capabilities in the order of their lists, the ordinary ones first.
    public let capabilities: [PCICapability]

    /// Reads the lists out of the bytes; nil for fewer than the 64 of a header, or when nothing answered (all ones).
    public init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, !(bytes[0] == 0xFF && bytes[1] == 0xFF) else { return nil }
        space = ByteReader(Array(bytes.prefix(4096)))
        capabilities = ConfigSpace.ordinary(space) + ConfigSpace.extended(space)
    }

    /// A header of what the kernel remembers of a function that does not answer (sysfs' `vendor`, `device`, `revision`,
    /// `class`): the capability lists are out of reach, and `isIncomplete` says so.
    init?(remembered vendor: UInt16, _ device: UInt16, revision: UInt8, classCode: UInt32) {
        var bytes = [UInt8](repeating: 0, count: 64)
        func put(_ value: UInt32, at offset: Int, count: Int) {
            for byte in 0..<count { bytes[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt32(8 * byte)) }
        }
        put(UInt32(vendor), at: 0x00, count: 2)
        put(UInt32(device), at: 0x02, count: 2)
        // Status: there is a capability list.
        put(0x10, at: 0x06, count: 2)
        put(UInt32(revision), at: 0x08, count: 1)
        put(classCode, at: 0x09, count: 3)
        self.init(bytes)
    }

    /// The ordinary list (PCI Local Bus 3.0, 6.7): begins at offset 0x34, each entry points to the next, the two low
    /// bits of a pointer do not count.
    private static func ordinary(_ space: ByteReader) -> [PCICapability] {
        guard let status = space.word(0x06), status & 0x10 != 0, let kind = space.byte(0x0E) else { return [] }
        var found: [PCICapability] = []
        var seen: Set<Int> = []
        var at = Int(space.byte(kind & 0x7F == 2 ? 0x14 : 0x34) ?? 0) & 0xFC
        while at >= 0x40, seen.insert(at).inserted, let id = space.byte(at), let next = space.byte(at + 1), id != 0xFF {
            if id != 0 { found.append(PCICapability(id: UInt16(id), extended: false, offset: UInt16(at))) }
            at = Int(next) & 0xFC
        }
        return found
    }

    /// The extended list (PCI Express Base 7.6.3): begins at offset 0x100, ends with pointer 0.
    private static func extended(_ space: ByteReader) -> [PCICapability] {
        var found: [PCICapability] = []
        var seen: Set<Int> = []
        var at = 0x100
        while at >= 0x100, seen.insert(at).inserted, let header = space.long(at), header != 0, header != .max {
            let id = UInt16(header & 0xFFFF)
            let version = UInt8(header >> 16 & 0xF)
            if id != 0 {
                found.append(PCICapability(id: id, extended: true, offset: UInt16(at), version: version))
            }
            at = Int(header >> 20) & 0xFFC
        }
        return found
    }

    private func offset(_ id: UInt16, extended: Bool) -> Int? {
        capabilities.first { $0.id == id && $0.extended == extended }.map { Int($0.offset) }
    }

    /// True when capability lists were cut off: fewer bytes than the function must have.
    public var isIncomplete: Bool {
        if space.count < 256 { return (space.word(0x06) ?? 0) & 0x10 != 0 }
        return express != nil && space.count < 4096
    }

    /// The vendor.
    public var vendor: Hex16 { Hex16(space.word(0x00) ?? 0) }
    /// The device.
    public var device: Hex16 { Hex16(space.word(0x02) ?? 0) }
    /// The revision.
    public var revision: UInt8 { space.byte(0x08) ?? 0 }
    /// The class.
    public var classCode: PCIClass {
        PCIClass(base: space.byte(0x0B) ?? 0, sub: space.byte(0x0A) ?? 0, interface: space.byte(0x09) ?? 0)
    }
    /// The header's layout: 0 for a function, 1 for a PCI bridge, 2 for a CardBus bridge.
    public var headerType: UInt8 { (space.byte(0x0E) ?? 0) & 0x7F }
    /// True when the device has several functions.
    public var multifunction: Bool { (space.byte(0x0E) ?? 0) & 0x80 != 0 }

    /// Vendor and device of the subsystem; nil when there is none. Bridges tell it in a capability.
    public var subsystem: (vendor: Hex16, device: Hex16)? {
        let at: Int
        switch headerType {
        case 0: at = 0x2C
        case 1:
            guard let place = offset(0x0D, extended: false) else { return nil }
            at = place + 4
        default: at = 0x40
        }
        guard let vendor = space.word(at), let device = space.word(at + 2), vendor != 0 || device != 0,
            vendor != 0xFFFF
        else { return nil }
        return (Hex16(vendor), Hex16(device))
    }

    /// The buses, of a bridge.
    public var bridge: PCIBridge? {
        guard headerType == 1 || headerType == 2, let primary = space.byte(0x18), let secondary = space.byte(0x19),
            let subordinate = space.byte(0x1A)
        else { return nil }
        return PCIBridge(primary: primary, secondary: secondary, subordinate: subordinate)
    }

    /// The PCI Express capability (PCI Express Base 7.5.3).
    public var express: PCIExpress? {
        guard let at = offset(0x10, extended: false), let flags = space.word(at + 2) else { return nil }
        var express = PCIExpress(type: PCIExpressType(bits: UInt8(flags >> 4 & 0xF)))
        express.slot = flags & 0x100 != 0
        if let capability = space.long(at + 4) { express.functionLevelReset = capability & 1 << 28 != 0 }
        if let link = space.long(at + 12) {
            express.maximumGeneration = Int(link & 0xF)
            express.maximumWidth = Int(link >> 4 & 0x3F)
        }
        if let link = space.word(at + 18) {
            express.generation = Int(link & 0xF)
            express.width = Int(link >> 4 & 0x3F)
        }
        return express
    }

    /// Access Control Services (PCI Express Base 7.7.11). Intel's root ports of the 100 and 200 series have the control
    /// register two bytes further on than the standard says (erratum 23 of the 100 series' specification update).
    public var accessControl: PCIAccessControl? {
        guard let at = offset(0x0D, extended: true), let capable = space.word(at + 4) else { return nil }
        let wide = AccessControlQuirks.hasWideRegisters(vendor: vendor, device: device, type: express?.type)
        guard let enabled = space.word(at + (wide ? 8 : 6)) else { return nil }
        return PCIAccessControl(capable: .init(rawValue: capable), enabled: .init(rawValue: enabled))
    }

    /// Single Root I/O Virtualization (PCI Express Base 9.3.3).
    public var virtualFunctions: PCIVirtualFunctions? {
        guard let at = offset(0x10, extended: true), let total = space.word(at + 0x0E),
            let enabled = space.word(at + 0x10), let control = space.word(at + 0x08)
        else { return nil }
        return PCIVirtualFunctions(total: Int(total), enabled: control & 1 != 0 ? Int(enabled) : 0)
    }

    /// True when the Advanced Features capability offers a reset of the function (ECN Advanced Capabilities for
    /// Conventional PCI: TP and FLR both set).
    public var advancedFeaturesReset: Bool {
        guard let at = offset(0x13, extended: false), let flags = space.byte(at + 3) else { return false }
        return flags & 0x03 == 0x03
    }

    /// True when going to D3hot and back resets the function: it has power management, and does not say
    /// No_Soft_Reset (PCI Bus Power Management 1.2, 3.2.4).
    public var powerManagementReset: Bool {
        guard let at = offset(0x01, extended: false), let control = space.word(at + 4) else { return false }
        return control & 0x08 == 0
    }
}
