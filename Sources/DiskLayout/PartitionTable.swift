// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A GPT as read from a disk or an image (UEFI 2.10, chapter 5). Reading trusts nothing: checksums, sizes and ranges
/// are checked before use. Tables are written by `sfdisk` from `Layout.sfdiskScript`.
public struct PartitionTable: Sendable, Hashable {
    /// One used entry.
    public struct Entry: Sendable, Hashable {
        /// Counted from 1, as the kernel and `sfdisk` do.
        public var number: Int
        /// The partition type.
        public var type: GUID
        /// The partition's own UUID.
        public var uuid: GUID
        /// The name, as text.
        public var name: String
        /// First byte.
        public var offset: UInt64
        /// Length in bytes.
        public var size: UInt64
        /// The attribute bits.
        public var attributes: UInt64
    }

    /// The disk's own GUID.
    public var disk: GUID
    /// The used entries in the order of the table.
    public var entries: [Entry]

    /// Bytes at the start of a disk that hold the whole primary table: 128 entries as most programs write it, 248 as
    /// xorriso does.
    public static let length = (2 + 256 / 4) * 512

    /// Reads the primary table from the first bytes of a disk with 512-byte sectors.
    ///
    /// - Throws: `disk.no-partition-table` or `disk.bad-partition-table`, with `subject` as the thing concerned.
    public init(reading bytes: [UInt8], subject: String) throws {
        func bad(_ cause: String) -> LapwingError {
            LapwingError(
                "disk.bad-partition-table", exit: .badInput, "The partition table is damaged.", subject: subject,
                cause: cause)
        }
        func number(_ at: Int, _ count: Int) -> UInt64 {
            bytes[at..<at + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        let header = 512
        guard bytes.count >= header + 92, Array(bytes[header..<header + 8]) == Array("EFI PART".utf8) else {
            throw LapwingError(
                "disk.no-partition-table", exit: .badInput, "There is no GPT partition table.", subject: subject)
        }
        let headerSize = Int(number(header + 12, 4))
        guard (92...512).contains(headerSize), bytes.count >= header + headerSize else { throw bad("header size") }
        var copy = Array(bytes[header..<header + headerSize])
        copy.replaceSubrange(16..<20, with: [0, 0, 0, 0])
        guard UInt64(CRC32.of(copy)) == number(header + 16, 4) else { throw bad("header checksum") }
        let count = number(header + 80, 4)
        let entrySize = number(header + 84, 4)
        let (start, overflow) = number(header + 72, 8).multipliedReportingOverflow(by: 512)
        guard !overflow, (1...1024).contains(count), entrySize == 128 else { throw bad("entry count or size") }
        guard start >= 1024, start <= UInt64(bytes.count), count * entrySize <= UInt64(bytes.count) - start else {
            throw bad("the entries lie outside of what was read")
        }
        let area = Int(start)..<Int(start + count * entrySize)
        guard UInt64(CRC32.of(bytes[area])) == number(header + 88, 4) else { throw bad("entry checksum") }
        disk = GUID(onDisk: Array(bytes[header + 56..<header + 72]))
        entries = []
        for index in 0..<Int(count) {
            let at = area.lowerBound + index * 128
            let type = GUID(onDisk: Array(bytes[at..<at + 16]))
            if type == .zero { continue }
            let first = number(at + 32, 8)
            let last = number(at + 40, 8)
            guard first >= 34, last >= first, last < 1 << 54 else { throw bad("range of partition \(index + 1)") }
            let units = stride(from: at + 56, to: at + 128, by: 2).map { UInt16(number($0, 2)) }.prefix { $0 != 0 }
            entries.append(
                Entry(
                    number: index + 1, type: type, uuid: GUID(onDisk: Array(bytes[at + 16..<at + 32])),
                    name: String(decoding: units, as: UTF16.self), offset: first * 512,
                    size: (last - first + 1) * 512, attributes: number(at + 48, 8)))
        }
    }

    /// The entry of a role, by partition type and name.
    public func entry(_ role: PartitionRole, _ architecture: DiskArchitecture) -> Entry? {
        entries.first { $0.type == role.type(architecture) && $0.name == role.name }
    }

    /// The first EFI system partition, whatever its name.
    public var esp: Entry? { entries.first { $0.type == PartitionTypes.esp } }
}

/// CRC-32 as GPT uses it (ISO 3309, reflected polynomial 0xEDB88320).
public enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { start in
        (0..<8).reduce(UInt32(start)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
    }

    /// The checksum of some bytes.
    public static func of(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
    }
}
