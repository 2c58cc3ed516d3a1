// SPDX-License-Identifier: Apache-2.0

/// A 16-bit number that the field writes as four hexadecimal digits: vendors, products, devices. In JSON it is that text.
public struct Hex16: RawRepresentable, Sendable, Hashable, Comparable, Codable, ExpressibleByIntegerLiteral,
    LosslessStringConvertible
{
    /// The number.
    public var rawValue: UInt16

    /// Wraps a number.
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// Wraps a number.
    public init(_ value: UInt16) { rawValue = value }
    /// Wraps a literal.
    public init(integerLiteral value: UInt16) { rawValue = value }

    /// Reads one to four hexadecimal digits, with or without `0x`.
    public init?(_ description: String) {
        guard let value = Hexadecimal.number(description, digits: 1...4) else { return nil }
        rawValue = UInt16(value)
    }

    /// Four lower-case hexadecimal digits.
    public var description: String { Hexadecimal.text(UInt32(rawValue), digits: 4) }

    /// Orders by number.
    public static func < (a: Hex16, b: Hex16) -> Bool { a.rawValue < b.rawValue }

    /// Reads the text form.
    public init(from decoder: any Decoder) throws {
        self = try Hexadecimal.decode(decoder, "four hexadecimal digits") { Hex16($0) }
    }

    /// Writes the text form.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// Reading and writing of short hexadecimal numbers.
enum Hexadecimal {
    static func text(_ value: UInt32, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }

    /// The number; nil for anything but hexadecimal digits, as many as allowed.
    static func number(_ text: some StringProtocol, digits: ClosedRange<Int>) -> UInt32? {
        let digitsOnly = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        guard digits.contains(digitsOnly.utf8.count),
            digitsOnly.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) || (65...70).contains($0) })
        else { return nil }
        return UInt32(digitsOnly, radix: 16)
    }

    /// Decodes what is written as one string.
    static func decode<T>(_ decoder: any Decoder, _ expected: String, _ read: (String) -> T?) throws -> T {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = read(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\"\(text)\" is not \(expected)")
        }
        return value
    }
}
