// SPDX-License-Identifier: Apache-2.0

/// A SHA-256 digest as 64 lower-case hexadecimal digits. Computing one is the business of the `Hashing` module, so
/// that the device programs need no cryptography library only to carry digests about.
public struct Digest: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The 64 digits.
    public let hex: String

    /// Checks and takes 64 hexadecimal digits; nil for anything else.
    public init?(hex: some StringProtocol) {
        guard hex.utf8.count == 64,
            hex.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) || (65...70).contains($0) })
        else { return nil }
        self.hex = hex.lowercased()
    }

    /// Makes a digest of 32 bytes.
    public init(bytes: some Sequence<UInt8>) {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(64)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        precondition(text.count == 64, "a SHA-256 digest has 32 bytes")
        hex = String(decoding: text, as: UTF8.self)
    }

    /// Reads the hexadecimal form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let digest = Digest(hex: text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a SHA-256 digest")
        }
        self = digest
    }

    /// Writes the hexadecimal form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }

    /// The first twelve digits, for people.
    public var short: String { String(hex.prefix(12)) }

    /// The 64 digits.
    public var description: String { hex }

    /// Orders by digits.
    public static func < (a: Digest, b: Digest) -> Bool { a.hex < b.hex }
}
