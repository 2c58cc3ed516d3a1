// SPDX-License-Identifier: Apache-2.0

/// A processor architecture, as far as a disk knows it.
public enum DiskArchitecture: String, Sendable, Hashable, Codable, CaseIterable {
    /// 64-bit x86.
    case amd64
    /// 64-bit ARM.
    case arm64

    /// The name of the boot loader that firmware starts from removable media (UEFI 2.10, section 3.5.1.1).
    public var removableLoader: String {
        switch self {
        case .amd64: "BOOTX64.EFI"
        case .arm64: "BOOTAA64.EFI"
        }
    }

    /// The file name of systemd-boot as the `systemd-boot-efi` package ships it.
    public var systemdBoot: String {
        switch self {
        case .amd64: "systemd-bootx64.efi"
        case .arm64: "systemd-bootaa64.efi"
        }
    }
}

/// One of the two places a system version can be in.
public enum Slot: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    /// The first slot; a fresh image has its system here.
    case a
    /// The second slot, empty in a fresh image.
    case b

    /// The slot that is not this one: where an update goes.
    public var other: Slot { self == .a ? .b : .a }

    /// Orders a before b.
    public static func < (x: Slot, y: Slot) -> Bool { x.rawValue < y.rawValue }
}

/// What a partition is for.
public enum PartitionRole: Sendable, Hashable {
    /// The EFI system partition.
    case esp
    /// The root file system of a slot.
    case root(Slot)
    /// The dm-verity hash tree of a slot.
    case verity(Slot)
    /// `/var`: made and formatted on the device.
    case state

    /// The GPT partition name; the initrd and the installer find partitions by type and name.
    public var name: String {
        switch self {
        case .esp: "esp"
        case .root(let slot): "root-" + slot.rawValue
        case .verity(let slot): "verity-" + slot.rawValue
        case .state: "state"
        }
    }

    /// The GPT partition type. Source: the Discoverable Partitions Specification
    /// (uapi-group.org/specifications/specs/discoverable_partitions_specification).
    public func type(_ architecture: DiskArchitecture) -> GUID {
        switch (self, architecture) {
        case (.esp, _): PartitionTypes.esp
        case (.root, .amd64): PartitionTypes.rootAMD64
        case (.verity, .amd64): PartitionTypes.rootVerityAMD64
        case (.root, .arm64): PartitionTypes.rootARM64
        case (.verity, .arm64): PartitionTypes.rootVerityARM64
        case (.state, _): PartitionTypes.variable
        }
    }

    /// GPT attribute bits. Bit 60 (read-only) and bit 63 (no automatic mount) are those of the Discoverable Partitions
    /// Specification; nothing but our own initrd shall mount these partitions.
    public var attributes: UInt64 {
        switch self {
        case .esp: 0
        case .root, .verity: 1 << 60 | 1 << 63
        case .state: 1 << 63
        }
    }
}

/// The partition types in use, from the Discoverable Partitions Specification.
public enum PartitionTypes {
    private static func known(_ a: UInt32, _ b: UInt16, _ c: UInt16, _ d: UInt16, _ e: UInt64) -> GUID {
        func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        }
        return GUID(
            bigEndian: bytes(UInt64(a), 4) + bytes(UInt64(b), 2) + bytes(UInt64(c), 2) + bytes(UInt64(d), 2)
                + bytes(e, 6))
    }

    /// EFI system partition.
    public static let esp = known(0xc12a_7328, 0xf81f, 0x11d2, 0xba4b, 0x00a0_c93e_c93b)
    /// Root partition, amd64.
    public static let rootAMD64 = known(0x4f68_bce3, 0xe8cd, 0x4db1, 0x96e7, 0xfbca_f984_b709)
    /// Verity partition of the root, amd64.
    public static let rootVerityAMD64 = known(0x2c73_57ed, 0xebd2, 0x46d9, 0xaec1, 0x23d4_37ec_2bf5)
    /// Root partition, arm64.
    public static let rootARM64 = known(0xb921_b045, 0x1df0, 0x41c3, 0xaf44, 0x4c6f_280d_3fae)
    /// Verity partition of the root, arm64.
    public static let rootVerityARM64 = known(0xdf33_00ce, 0xd69f, 0x4c92, 0x978c, 0x9bfb_0f38_d820)
    /// Variable data: `/var`.
    public static let variable = known(0x4d21_b016, 0xb534, 0x45c2, 0xa9fb, 0x5c16_e091_fd2d)
}
