// SPDX-License-Identifier: Apache-2.0

/// An amount of bytes with the notation recipes use: a whole number and one of `B KiB MiB GiB TiB`
/// (powers of 1024) or `kB MB GB TB` (powers of 1000).
public struct ByteSize: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
    /// The amount in bytes.
    public var bytes: UInt64

    /// An amount of bytes.
    public init(bytes: UInt64) {
        self.bytes = bytes
    }

    private static let units: [(String, UInt64)] = [
        ("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ]

    /// Reads `64 MiB` or `64MiB`; nil when it is no size or does not fit in 64 bits.
    public init?(_ text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        guard let count = UInt64(digits), let factor = Self.units.first(where: { $0.0 == unit })?.1 else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: factor)
        if overflow { return nil }
        bytes = product
    }

    /// Reads a count of bytes.
    public init(from decoder: any Decoder) throws {
        bytes = try decoder.singleValueContainer().decode(UInt64.self)
    }

    /// Writes a count of bytes.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(bytes)
    }

    /// Orders by amount.
    public static func < (a: ByteSize, b: ByteSize) -> Bool { a.bytes < b.bytes }

    /// The amount for a person: `512 B`, `1.5 MiB`; one decimal, rounded down.
    public var description: String {
        var index = 0
        var unit: UInt64 = 1
        while index < 4, bytes / unit >= 1024 {
            index += 1
            unit <<= 10
        }
        if index == 0 { return "\(bytes) B" }
        let tenth = (bytes % unit) * 10 / unit
        return "\(bytes / unit).\(tenth) \(Self.units[index].0)"
    }
}
