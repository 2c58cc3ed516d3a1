// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A PE32+ program (Microsoft PE format specification) as far as adding and taking out whole sections needs it. Xen's
/// EFI binary finds its configuration, kernel and initrd in sections of its own file.
public struct PEImage: Sendable {
    /// A section and where it is.
    public struct Section: Sendable, Hashable {
        /// The name as the header has it, at most eight bytes.
        public var name: String
        /// Where it is loaded, from the start of the image; a multiple of 4096 for those added here.
        public var address: UInt32
        /// Bytes in memory.
        public var memorySize: UInt32
        /// First byte in the file.
        public var fileOffset: UInt32
        /// Bytes in the file.
        public var fileSize: UInt32
    }

    /// The sections in the order of the table.
    public private(set) var sections: [Section]

    private var bytes: [UInt8]
    private let subject: String
    private let header: Int
    private let table: Int
    private static let page: UInt64 = 4096

    /// Reads the headers; throws `boot.not-pe` when the bytes are no PE32+ program or a section lies outside of it.
    public init(_ bytes: [UInt8], subject: String) throws {
        func bad(_ cause: String) -> LapwingError {
            LapwingError(
                "boot.not-pe", exit: .badInput, "The file is not an EFI program.", subject: subject, cause: cause)
        }
        guard bytes.count >= 64, bytes[0] == 0x4d, bytes[1] == 0x5a else { throw bad("no MZ header") }
        let header = Int(Self.number(bytes, 0x3c, 4))
        guard header <= bytes.count - 24, Self.number(bytes, header, 4) == 0x4550 else { throw bad("no PE header") }
        let count = Int(Self.number(bytes, header + 6, 2))
        let optional = Int(Self.number(bytes, header + 20, 2))
        guard optional >= 152, header + 24 + optional + 40 * count <= bytes.count else { throw bad("cut short") }
        guard Self.number(bytes, header + 24, 2) == 0x20b else { throw bad("not 64-bit") }
        self.subject = subject
        self.bytes = bytes
        self.header = header
        table = header + 24 + optional
        sections = []
        for index in 0..<count {
            let at = table + 40 * index
            let section = Section(
                name: String(decoding: bytes[at..<at + 8].prefix { $0 != 0 }, as: UTF8.self),
                address: UInt32(Self.number(bytes, at + 12, 4)), memorySize: UInt32(Self.number(bytes, at + 8, 4)),
                fileOffset: UInt32(Self.number(bytes, at + 20, 4)), fileSize: UInt32(Self.number(bytes, at + 16, 4)))
            guard UInt64(section.fileOffset) + UInt64(section.fileSize) <= UInt64(bytes.count) else {
                throw bad("section \(section.name) reaches beyond the end")
            }
            sections.append(section)
        }
    }

    /// The whole file.
    public var file: [UInt8] { bytes }

    /// The content of the first section of a name, without the padding; nil when there is none.
    public func content(_ name: String) -> [UInt8]? {
        guard let section = sections.first(where: { $0.name == name }) else { return nil }
        let size = min(section.fileSize, section.memorySize)
        return Array(bytes[Int(section.fileOffset)..<Int(section.fileOffset + size)])
    }

    /// The first page above all sections, where the next one may go.
    public var nextAddress: UInt64 {
        let end = sections.map { UInt64($0.address) + UInt64(max($0.memorySize, $0.fileSize)) }.max() ?? Self.page
        return (end + Self.page - 1) / Self.page * Self.page
    }

    /// The image with only its first sections up to the first one named, and without a signature: what comes before
    /// sections were added. The sections named must be the last ones.
    public func removing(_ names: Set<String>) throws -> PEImage {
        guard let first = sections.firstIndex(where: { names.contains($0.name) }) else { return self }
        guard sections[first...].allSatisfy({ names.contains($0.name) }) else {
            throw LapwingError(
                "boot.sections-mixed", exit: .badInput, "The boot file's own sections are not its last ones.",
                subject: subject)
        }
        var copy = self
        let keep = Array(sections[..<first])
        let end = keep.map { Int($0.fileOffset) + Int($0.fileSize) }.max() ?? table
        copy.bytes.removeSubrange(end...)
        for at in table + 40 * first..<table + 40 * sections.count { copy.bytes[at] = 0 }
        copy.sections = keep
        copy.finish()
        return copy
    }

    /// The image with more sections behind the others, each on a page of its own, read-only data, and without symbols
    /// or signature, which have no meaning afterwards.
    public func adding(_ added: [(name: String, content: [UInt8])]) throws -> PEImage {
        var copy = self
        let firstData = sections.filter { $0.fileSize > 0 }.map { Int($0.fileOffset) }.min() ?? bytes.count
        let end = table + 40 * (sections.count + added.count)
        let alignment = max(Int(Self.number(bytes, header + 24 + 36, 4)), 512)
        // The symbol table behind the last section goes: nothing that starts the program reads it.
        let last = sections.map { Int($0.fileOffset) + Int($0.fileSize) }.max() ?? bytes.count
        copy.bytes.removeSubrange(last...)
        if end > firstData {
            let shift = (end - firstData + alignment - 1) / alignment * alignment
            copy.bytes.insert(contentsOf: repeatElement(0, count: shift), at: firstData)
            for index in sections.indices where sections[index].fileSize > 0 {
                copy.sections[index].fileOffset += UInt32(shift)
                copy.put(UInt64(copy.sections[index].fileOffset), table + 40 * index + 20, 4)
            }
            copy.put(UInt64(firstData + shift), header + 24 + 60, 4)
        }
        for (name, content) in added {
            let address = copy.nextAddress
            let padding = (alignment - copy.bytes.count % alignment) % alignment
            copy.bytes += repeatElement(0, count: padding)
            let offset = copy.bytes.count
            let stored = (content.count + alignment - 1) / alignment * alignment
            guard name.utf8.count <= 8, address + UInt64(stored) < 1 << 32, offset + stored < 1 << 32 else {
                throw LapwingError(
                    "boot.too-large", "The boot file would be larger than an EFI program can be.", subject: subject)
            }
            copy.bytes += content
            copy.bytes += repeatElement(0, count: stored - content.count)
            let at = table + 40 * copy.sections.count
            let label = Array(name.utf8) + repeatElement(0, count: 8 - name.utf8.count)
            copy.bytes.replaceSubrange(at..<at + 8, with: label)
            copy.put(UInt64(content.count), at + 8, 4)
            copy.put(address, at + 12, 4)
            copy.put(UInt64(stored), at + 16, 4)
            copy.put(UInt64(offset), at + 20, 4)
            copy.put(0, at + 24, 8)
            copy.put(0, at + 32, 4)
            copy.put(0x4000_0040, at + 36, 4)
            copy.sections.append(
                Section(
                    name: name, address: UInt32(address), memorySize: UInt32(content.count),
                    fileOffset: UInt32(offset), fileSize: UInt32(stored)))
        }
        copy.finish()
        return copy
    }

    /// Brings the header in line with the sections: their count, the size of the image, no symbols, no signature and no
    /// checksum (firmware ignores it).
    private mutating func finish() {
        put(UInt64(sections.count), header + 6, 2)
        put(0, header + 8, 8)
        put(0, header + 16, 4)
        let unit = max(Self.number(bytes, header + 24 + 32, 4), Self.page)
        put((nextAddress + unit - 1) / unit * unit, header + 24 + 56, 4)
        put(0, header + 24 + 64, 4)
        if Self.number(bytes, header + 24 + 108, 4) > 4 { put(0, header + 24 + 112 + 4 * 8, 8) }
    }

    private mutating func put(_ value: UInt64, _ at: Int, _ count: Int) {
        for index in 0..<count { bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }

    private static func number(_ bytes: [UInt8], _ at: Int, _ count: Int) -> UInt64 {
        (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[at + $1]) }
    }
}
