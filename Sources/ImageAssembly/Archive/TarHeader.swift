// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The 512-byte header of a tar member, as POSIX.1-2024 (pax, ustar) and the GNU tar manual lay it out. Reading takes
/// nothing for granted; writing has one result for one entry.
struct TarHeader: Equatable {
    var name: [UInt8] = []
    var mode: UInt32 = 0
    var uid: UInt64 = 0
    var gid: UInt64 = 0
    var size: UInt64 = 0
    var mtime: Int64 = 0
    var type: UInt8 = UInt8(ascii: "0")
    var link: [UInt8] = []
    var major: UInt32 = 0
    var minor: UInt32 = 0

    static let block = 512

    static func error(_ code: String, _ message: String, _ cause: String? = nil) -> LapwingError {
        LapwingError("tar." + code, exit: .badInput, message, cause: cause)
    }

    /// Reads a header; nil for the zero block at the end of an archive.
    init?(_ block: [UInt8]) throws {
        guard block.count == Self.block else {
            throw Self.error("truncated", "The tar archive ends in the middle of a header.")
        }
        if block.allSatisfy({ $0 == 0 }) { return nil }
        let stored = try Self.number(block[148..<156], "checksum")
        var unsigned: UInt64 = 0
        var signed: Int64 = 0
        for (index, byte) in block.enumerated() {
            let value = (148..<156).contains(index) ? UInt8(ascii: " ") : byte
            unsigned += UInt64(value)
            signed += Int64(Int8(bitPattern: value))
        }
        guard stored == unsigned || (signed >= 0 && stored == UInt64(signed)) else {
            throw Self.error("bad-checksum", "A header of the tar archive is damaged: its checksum is wrong.")
        }
        name = Self.text(block[0..<100])
        mode = UInt32(truncatingIfNeeded: try Self.number(block[100..<108], "mode") & 0o7777)
        uid = try Self.number(block[108..<116], "uid")
        gid = try Self.number(block[116..<124], "gid")
        size = try Self.number(block[124..<136], "size")
        mtime = try Self.signedNumber(block[136..<148], "mtime")
        type = block[156]
        link = Self.text(block[157..<257])
        if Array(block[257..<262]) == Array("ustar".utf8) {
            if type == UInt8(ascii: "3") || type == UInt8(ascii: "4") {
                major = try Self.small(Self.number(block[329..<337], "device"), "device")
                minor = try Self.small(Self.number(block[337..<345], "device"), "device")
            }
            // GNU's own magic is "ustar  \0"; it keeps other things where ustar has its prefix.
            if block[262] == 0 {
                let prefix = Self.text(block[345..<500])
                if !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
            }
        }
    }

    init() {}

    static func small(_ value: UInt64, _ what: String) throws -> UInt32 {
        guard let number = UInt32(exactly: value) else { throw error("bad-number", "The \(what) is too large.") }
        return number
    }

    private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] { Array(field.prefix { $0 != 0 }) }

    private static func number(_ field: ArraySlice<UInt8>, _ what: String) throws -> UInt64 {
        guard let value = UInt64(exactly: try signedNumber(field, what)) else {
            throw error("bad-number", "A header of the tar archive has a negative \(what).")
        }
        return value
    }

    /// Octal digits between spaces and NULs, or GNU's base 256: the first bit set, the rest two's complement.
    private static func signedNumber(_ field: ArraySlice<UInt8>, _ what: String) throws -> Int64 {
        let bad = error("bad-number", "A header of the tar archive has a bad number.", what)
        guard let first = field.first else { throw bad }
        if first & 0x80 != 0 {
            var value: Int64 = first & 0x40 != 0 ? -1 : 0
            for (index, byte) in field.enumerated() {
                let digit = index == 0 ? Int64(byte & 0x7f) : Int64(byte)
                if index == 0 {
                    value = first & 0x40 != 0 ? digit - 128 : digit
                    continue
                }
                let (product, overflow) = value.multipliedReportingOverflow(by: 256)
                if overflow { throw bad }
                value = product + digit
            }
            return value
        }
        var value: Int64 = 0
        var digits = field.drop { $0 == UInt8(ascii: " ") }
        while let byte = digits.first, byte != 0, byte != UInt8(ascii: " ") {
            guard (48...55).contains(byte) else { throw bad }
            let (product, overflow) = value.multipliedReportingOverflow(by: 8)
            if overflow { throw bad }
            value = product + Int64(byte - 48)
            digits = digits.dropFirst()
        }
        guard digits.allSatisfy({ $0 == 0 || $0 == UInt8(ascii: " ") }) else { throw bad }
        return value
    }

    // MARK: - Writing

    /// The header block, in ustar form. Values that do not fit are left zero or cut: the caller gives them in a pax
    /// header before this one.
    func encoded(prefix: [UInt8] = []) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: Self.block)
        func put(_ bytes: some Sequence<UInt8>, _ offset: Int, _ limit: Int) {
            for (index, byte) in bytes.prefix(limit).enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: UInt64, _ offset: Int, _ digits: Int) {
            var text = Array(String(value, radix: 8).utf8)
            if text.count > digits { text = [UInt8(ascii: "0")] }
            put(repeatElement(UInt8(ascii: "0"), count: digits - text.count) + text, offset, digits)
        }
        put(name, 0, 100)
        octal(UInt64(mode), 100, 7)
        octal(uid, 108, 7)
        octal(gid, 116, 7)
        octal(size, 124, 11)
        octal(UInt64(max(0, mtime)), 136, 11)
        put(repeatElement(UInt8(ascii: " "), count: 8), 148, 8)
        block[156] = type
        put(link, 157, 100)
        put("ustar\u{0}00".utf8, 257, 8)
        octal(UInt64(major), 329, 7)
        octal(UInt64(minor), 337, 7)
        put(prefix, 345, 155)
        let sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
        octal(sum, 148, 6)
        block[154] = 0
        block[155] = UInt8(ascii: " ")
        return block
    }

    /// Numbers up to this fit a field of seven octal digits.
    static let largestID: UInt64 = 0o7777777
    /// Numbers up to this fit a field of eleven octal digits.
    static let largestSize: UInt64 = 0o77777777777
}

/// The records of a pax extended header: `length key=value\n`.
enum PaxRecords {
    /// Reads records in their order; anything malformed is an error.
    static func parse(_ bytes: [UInt8]) throws -> [(key: String, value: [UInt8])] {
        let bad = TarHeader.error("bad-pax", "A pax header of the tar archive is malformed.")
        var records: [(String, [UInt8])] = []
        var rest = bytes[...]
        while let first = rest.first {
            // Some writers pad with NULs to the end of the member.
            if first == 0 {
                guard rest.allSatisfy({ $0 == 0 }) else { throw bad }
                break
            }
            guard let space = rest.prefix(20).firstIndex(of: UInt8(ascii: " ")),
                let length = Int(String(decoding: rest[rest.startIndex..<space], as: UTF8.self)),
                length > space - rest.startIndex + 1, length <= rest.count
            else { throw bad }
            let end = rest.startIndex + length
            guard rest[end - 1] == UInt8(ascii: "\n"),
                let equals = rest[(space + 1)..<(end - 1)].firstIndex(of: UInt8(ascii: "=")),
                let key = String(validating: rest[(space + 1)..<equals], as: UTF8.self), !key.isEmpty
            else { throw bad }
            records.append((key, Array(rest[(equals + 1)..<(end - 1)])))
            rest = rest[end...]
        }
        return records
    }

    /// One record.
    static func encode(_ key: String, _ value: some Collection<UInt8>) -> [UInt8] {
        let body = 3 + key.utf8.count + value.count
        var length = body + String(body).utf8.count
        if String(length).utf8.count != String(body).utf8.count { length = body + String(length).utf8.count }
        return Array("\(length) \(key)=".utf8) + value + [UInt8(ascii: "\n")]
    }
}
