// SPDX-License-Identifier: Apache-2.0

import DeviceFacts

/// Functions whose isolation is other than their config space says. The facts are Linux 6.12's, drivers/pci/quirks.c,
/// `pci_dev_acs_enabled` and the tables it names; each row here says which functions and whether they isolate.
enum AccessControlQuirks {
    struct Row: Sendable {
        var vendor: UInt16
        /// The devices; empty for all of the vendor.
        var devices: [ClosedRange<UInt16>] = []
        /// The types it holds for; empty for all.
        var types: Set<PCIExpressType> = []
        /// True when it holds only for functions of a device with several, on a root bus.
        var rootBusMultifunction = false
        /// Whether the function isolates as `PCIAccessControl.Services.isolation` asks.
        var isolates = true
    }

    /// Rows in the order of the kernel's table: the first that fits decides.
    static let rows: [Row] = [
        // AMD's south bridges: functions of one device that cannot reach each other.
        Row(
            vendor: 0x1002, devices: single(0x4385, 0x439C, 0x4383, 0x439D, 0x4384, 0x4399), rootBusMultifunction: true),
        Row(vendor: 0x1022, devices: single(0x780F, 0x7809), rootBusMultifunction: true),
        // Network adapters whose makers vouch that their functions do not talk to each other.
        Row(vendor: 0x1924, devices: single(0x0903, 0x0923, 0x0A03)),
        Row(
            vendor: 0x8086,
            devices: single(
                0x10C6, 0x10DB, 0x10DD, 0x10E1, 0x10F1, 0x1507, 0x1514, 0x151C, 0x1529, 0x152A, 0x154D, 0x154F, 0x1551,
                0x1558, 0x1509, 0x1516, 0x1527, 0x10C9, 0x150A, 0x150D, 0x1518, 0x1526, 0x10A7, 0x10A9, 0x10D6, 0x105E,
                0x105F, 0x1060, 0x10D9, 0x15B7, 0x15B8)
                + [0x10F7...0x10FC, 0x150E...0x1511, 0x10E6...0x10E8, 0x1521...0x1524]),
        // VT-d 3.1, 3.16: Intel's integrated endpoints reach others only by translated addresses.
        Row(vendor: 0x8086, types: [.rootComplexEndpoint]),
        // Root ports of ARM systems, each a root complex of its own.
        Row(vendor: 0x17CB, devices: single(0x0400, 0x0401, 0x0115, 0x0111, 0x0120)),
        Row(vendor: 0x1DBF, devices: single(0x0401)),
        // Intel's chipsets before the 100 series do it without the capability; the kernel switches it on.
        Row(vendor: 0x8086, devices: intelChipsets, types: [.rootPort]),
        Row(vendor: 0x19A2, devices: single(0x0710)),
        Row(vendor: 0x10DF, devices: single(0x0720)),
        Row(vendor: 0x177D, devices: [0xA000...0xA7FF, 0xAF84...0xAF84, 0xB884...0xB884], types: [.rootPort]),
        Row(vendor: 0x177D, devices: single(0xA026, 0xA059, 0xA060)),
        Row(vendor: 0x10E8, devices: single(0xE004)),
        Row(vendor: 0x1DEF, devices: [0xE005...0xE00C]),
        Row(vendor: 0x14E4, devices: single(0x16D7, 0xD714) + [0x1750...0x1752, 0x1760...0x1763]),
        Row(
            vendor: 0x0014,
            devices: single(
                0x3C09, 0x3C19, 0x3C29, 0x7A09, 0x7A19, 0x7A29, 0x7A39, 0x7A49, 0x7A59, 0x7A69)),
        Row(vendor: 0x1C36, devices: single(0x0031), types: [.rootPort]),
        Row(vendor: 0x1D17, devices: single(0x3038, 0x3104, 0x9083)),
        Row(
            vendor: 0x1957,
            devices: [
                0x8D80...0x8D83, 0x8D88...0x8D8B, 0x8D90...0x8D93, 0x8D98...0x8D9B, 0x8DA0...0x8DA1, 0x8DA8...0x8DA9,
                0x8DB0...0x8DB1, 0x8DB8...0x8DB9,
            ]),
        Row(
            vendor: 0x1D17, devices: [0x0710...0x071E, 0x0721...0x0721, 0x0723...0x0752],
            types: [.rootPort, .downstreamPort]),
        Row(vendor: 0x1D17, types: [.rootPort, .downstreamPort], isolates: false),
        Row(
            vendor: 0x8088,
            devices: [0x0100...0x010F]
                + single(
                    0x1001, 0x2001, 0x5010, 0x5025, 0x5040, 0x5110, 0x5125, 0x5140)),
        Row(vendor: 0x8088, isolates: false),
    ]

    /// Ibex Peak to Wildcat Point, Patsburg, Wellsburg (Red Hat bug 1037684).
    private static let intelChipsets: [ClosedRange<UInt16>] =
        [
            0x3B42...0x3B51, 0x1C10...0x1C1F, 0x1E10...0x1E1F, 0x8C10...0x8C1F, 0x9C10...0x9C1B, 0x9C90...0x9C9B,
            0x8D10...0x8D1E,
        ]
        + single(
            0x1D10, 0x1D12, 0x1D14, 0x1D16, 0x1D18, 0x1D1A, 0x1D1C, 0x1D1E, 0x8C90, 0x8C92, 0x8C94, 0x8C96, 0x8C98,
            0x8C9A,
            0x8C9C, 0x8C9E)

    private static func single(_ devices: UInt16...) -> [ClosedRange<UInt16>] { devices.map { $0...$0 } }

    /// What the table says of a function; nil when it says nothing and config space counts.
    static func verdict(_ function: PCIFunction, onRootBus: Bool) -> Bool? {
        let vendor = function.identity.vendor.rawValue
        let device = function.identity.device.rawValue
        for row in rows where row.vendor == vendor {
            guard row.devices.isEmpty || row.devices.contains(where: { $0.contains(device) }) else { continue }
            if !row.types.isEmpty {
                guard let type = function.express?.type, row.types.contains(type) else { continue }
            }
            if row.rootBusMultifunction, !(function.multifunction && onRootBus) { continue }
            return row.isolates
        }
        return nil
    }

    /// Sunrise Point and Union Point, desktop and mobile: the ACS registers are 32 bits wide, so that control stands
    /// at offset 8 (100 series' specification update, erratum 23; 200 series', 22; mobile 7th and 8th generation's, 22).
    static func hasWideRegisters(vendor: Hex16, device: Hex16, type: PCIExpressType?) -> Bool {
        guard vendor == 0x8086, type == .rootPort else { return false }
        let ranges: [ClosedRange<UInt16>] = [
            0xA110...0xA11F, 0xA167...0xA16A, 0xA290...0xA29F, 0xA2E7...0xA2EE, 0x9D10...0x9D1B,
        ]
        return ranges.contains { $0.contains(device.rawValue) }
    }
}

/// Functions that send under another function's number, as a known fault. The facts are Linux 6.12's,
/// drivers/pci/quirks.c, callers of `pci_add_dma_alias`. Microsemi's Switchtec bridges are not in it: their aliases stand
/// in registers of the running device.
enum AliasQuirks {
    private static let functionZero: Set<UInt32> = [0x1180_E832, 0x1180_E476, 0x6766_3D40, 0x6766_3D41]
    private static let functionOne: Set<UInt32> = [
        0x1B4B_9120, 0x1B4B_9123, 0x1B4B_9125, 0x1B4B_9128, 0x1B4B_9130, 0x1B4B_9170, 0x1B4B_9172, 0x1B4B_917A,
        0x1B4B_9182, 0x1B4B_9183, 0x1B4B_91A0, 0x1B4B_9215, 0x1B4B_9220, 0x1B4B_9230, 0x1B4B_9235, 0x1103_0642,
        0x1103_0645, 0x197B_2392, 0x1C28_0122,
    ]
    private static let accelerators: Set<UInt32> = [
        0x8086_2954, 0x8086_2955, 0x8086_2956, 0x8086_2958, 0x8086_2959, 0x8086_295A,
    ]

    /// The device-and-function bytes on its own bus under which a function sends too.
    static func aliases(_ function: PCIFunction) -> Set<UInt8> {
        let identity = function.identity
        let slot = function.address.slot
        let key = UInt32(identity.vendor.rawValue) << 16 | UInt32(identity.device.rawValue)
        if functionZero.contains(key), slot.function != 0 { return [slot.device << 3] }
        if functionOne.contains(key), slot.function != 1 { return [slot.device << 3 | 1] }
        // Two Adaptec controllers send as device 1.
        if key == 0x9005_0285, identity.subsystemVendor == 0x9005,
            identity.subsystemDevice == 0x02BB || identity.subsystemDevice == 0x02BC
        {
            return [0x08]
        }
        if key == 0x8086_2260 || key == 0x8086_2264 { return [0x80, 0x88, 0x93] }
        if accelerators.contains(key) {
            return Set((0..<32).flatMap { device in (0..<5).map { UInt8(device << 3 | $0) } })
        }
        if key == 0x10B5_87B0 || key == 0x10B5_87B1 { return Set(0...255) }
        return []
    }

    /// Bridges at which the IOMMU sits: what is above does not rename what comes from below (ThunderX2).
    static func isTranslationRoot(_ function: PCIFunction) -> Bool {
        let identity = function.identity
        return identity.vendor == 0x14E4 && (identity.device == 0x9000 || identity.device == 0x9084)
    }
}
