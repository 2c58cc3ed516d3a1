// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// A GUID as GPT stores it, kept in its text form: lower case, five groups (UEFI 2.10, appendix A).
public struct GUID: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The 36 characters.
    public let text: String

    /// Checks and takes the text form, upper or lower case; nil for anything else.
    public init?(_ text: some StringProtocol) {
        let groups = String(text).split(separator: "-" as Character, omittingEmptySubsequences: false)
        guard groups.map({ $0.utf8.count }) == [8, 4, 4, 4, 12],
            groups.joined().utf8.allSatisfy({ HexDigit.value($0) != nil })
        else { return nil }
        self.text = text.lowercased()
    }

    /// Takes 16 bytes in the order they are read aloud, as a root hash gives them.
    public init(bigEndian bytes: [UInt8]) {
        precondition(bytes.count == 16, "a GUID has 16 bytes")
        let cuts = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16]
        text = cuts.map { cut in bytes[cut].map(HexDigit.pair).joined() }.joined(separator: "-")
    }

    /// Takes 16 bytes as they lie on a disk: the first three groups little-endian.
    public init(onDisk bytes: [UInt8]) {
        precondition(bytes.count == 16, "a GUID has 16 bytes")
        self.init(bigEndian: GUID.swapped(bytes))
    }

    /// The 16 bytes in the order they are read aloud.
    public var bigEndian: [UInt8] {
        let digits = text.utf8.compactMap(HexDigit.value)
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }

    /// The 16 bytes as they lie on a disk.
    public var onDisk: [UInt8] { GUID.swapped(bigEndian) }

    /// All zeros: a partition slot that is not in use.
    public static let zero = GUID(bigEndian: [UInt8](repeating: 0, count: 16))

    /// The text form.
    public var description: String { text }

    /// Orders by text.
    public static func < (a: GUID, b: GUID) -> Bool { a.text < b.text }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let guid = GUID(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a GUID")
        }
        self = guid
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    private static func swapped(_ b: [UInt8]) -> [UInt8] {
        [b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6]] + b[8...]
    }
}

enum HexDigit {
    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 48...57: digit - 48
        case 65...70: digit - 55
        case 97...102: digit - 87
        default: nil
        }
    }

    static func pair(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.utf8.count == 1 ? "0" + text : text
    }
}

/// The partition UUIDs that follow from a dm-verity root hash, as the Discoverable Partitions Specification has it:
/// the data partition takes the first 128 bits, the hash partition the last 128 bits.
public struct VerityGUIDs: Sendable, Hashable {
    /// UUID of the root partition.
    public let root: GUID
    /// UUID of the verity partition.
    public let verity: GUID

    /// Derives both from a root hash.
    public init(rootHash: Digest) {
        let digits = rootHash.hex.utf8.compactMap(HexDigit.value)
        let bytes = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
        root = GUID(bigEndian: Array(bytes[..<16]))
        verity = GUID(bigEndian: Array(bytes[16...]))
    }
}
