// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// One partition with its place on the disk.
public struct Partition: Sendable, Hashable {
    /// What it is for.
    public var role: PartitionRole
    /// First byte; a multiple of `Layout.alignment`.
    public var offset: UInt64
    /// Length in bytes; a multiple of `Layout.alignment`.
    public var size: UInt64
    /// Its own UUID.
    public var uuid: GUID

    /// Describes a partition.
    public init(role: PartitionRole, offset: UInt64, size: UInt64, uuid: GUID) {
        self.role = role
        self.offset = offset
        self.size = size
        self.uuid = uuid
    }

    /// The byte after its last.
    public var end: UInt64 { offset + size }
}

/// How large the parts of a disk are, in bytes; each is rounded up to a whole `Layout.alignment`.
public struct LayoutSizes: Sendable, Hashable, Codable {
    /// The EFI system partition.
    public var esp: UInt64
    /// The root partition of one slot.
    public var root: UInt64
    /// The state partition as it stands in the image; on the device it grows to the end of the disk.
    public var state: UInt64

    /// Gives the sizes.
    public init(esp: UInt64, root: UInt64, state: UInt64) {
        self.esp = esp
        self.root = root
        self.state = state
    }
}

/// The UUIDs of a disk.
public struct LayoutIdentifiers: Sendable, Hashable {
    /// The disk's own GUID.
    public var disk: GUID
    /// The EFI system partition.
    public var esp: GUID
    /// The slots that hold a system, by its root hash.
    public var slots: [Slot: VerityGUIDs]
    /// Root and verity partitions of slots without a system.
    public var empty: [Slot: VerityGUIDs]
    /// The state partition.
    public var state: GUID

    /// Makes all UUIDs from a source of them (a seed, or random on the device), which is asked with one label each.
    public init(rootHashes: [Slot: Digest], uuid: (String) throws -> GUID) rethrows {
        disk = try uuid("disk")
        esp = try uuid("partition esp")
        state = try uuid("partition state")
        slots = rootHashes.mapValues(VerityGUIDs.init(rootHash:))
        var empty: [Slot: VerityGUIDs] = [:]
        for slot in Slot.allCases where rootHashes[slot] == nil {
            empty[slot] = VerityGUIDs(
                root: try uuid("partition root-\(slot.rawValue)"), verity: try uuid("partition verity-\(slot.rawValue)")
            )
        }
        self.empty = empty
    }
}

extension VerityGUIDs {
    /// Two given UUIDs.
    public init(root: GUID, verity: GUID) {
        self.root = root
        self.verity = verity
    }
}

/// The plan of a whole disk: ESP, root and verity of slots A and B, state.
public struct Layout: Sendable, Hashable {
    /// Every partition starts and ends on a multiple of this: 1 MiB.
    public static let alignment: UInt64 = 1 << 20
    /// Bytes of a sector in the partition table of an image.
    public static let sector: UInt64 = 512

    /// The architecture, which decides partition types.
    public var architecture: DiskArchitecture
    /// The disk's own GUID.
    public var disk: GUID
    /// The partitions in disk order.
    public var partitions: [Partition]
    /// Bytes of the whole disk, with 1 MiB at the end for the second partition table.
    public var size: UInt64

    /// Lays out a disk.
    public init(architecture: DiskArchitecture, sizes: LayoutSizes, identifiers: LayoutIdentifiers) {
        self.architecture = architecture
        disk = identifiers.disk
        var next = Layout.alignment
        var partitions: [Partition] = []
        func add(_ role: PartitionRole, _ size: UInt64, _ uuid: GUID) {
            let rounded = Layout.aligned(max(size, 1))
            partitions.append(Partition(role: role, offset: next, size: rounded, uuid: uuid))
            next += rounded
        }
        add(.esp, sizes.esp, identifiers.esp)
        for slot in Slot.allCases {
            let uuids = identifiers.slots[slot] ?? identifiers.empty[slot]
            guard let uuids else { continue }
            add(.root(slot), sizes.root, uuids.root)
            add(.verity(slot), Layout.veritySize(data: Layout.aligned(sizes.root)), uuids.verity)
        }
        add(.state, sizes.state, identifiers.state)
        self.partitions = partitions
        size = next + Layout.alignment
    }

    /// The partition with a role.
    public func partition(_ role: PartitionRole) -> Partition? { partitions.first { $0.role == role } }

    /// The table of the disk as a script for `sfdisk` (util-linux).
    public var sfdiskScript: String {
        var lines = [
            "label: gpt", "label-id: \(disk.text.uppercased())", "unit: sectors", "first-lba: 34",
            "sector-size: \(Layout.sector)", "",
        ]
        for partition in partitions {
            var fields = [
                "start=\(partition.offset / Layout.sector)", "size=\(partition.size / Layout.sector)",
                "type=\(partition.role.type(architecture).text.uppercased())",
                "uuid=\(partition.uuid.text.uppercased())", "name=\"\(partition.role.name)\"",
            ]
            let bits = (48..<64).filter { partition.role.attributes & 1 << UInt64($0) != 0 }
            if !bits.isEmpty {
                fields.append("attrs=\"GUID:\(bits.map(String.init).joined(separator: ","))\"")
            }
            lines.append(fields.joined(separator: ", "))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Rounds up to a whole `alignment`.
    public static func aligned(_ size: UInt64) -> UInt64 { (size + alignment - 1) / alignment * alignment }

    /// Bytes of a dm-verity hash area for `data` bytes: superblock, then one 32-byte SHA-256 per 4096-byte block, level by
    /// level up to a single block (cryptsetup's on-disk format, version 1).
    public static func veritySize(data: UInt64) -> UInt64 {
        var blocks = (data + 4095) / 4096
        var total: UInt64 = 1
        repeat {
            blocks = (blocks + 127) / 128
            total += blocks
        } while blocks > 1
        return total * 4096
    }
}
