// SPDX-License-Identifier: Apache-2.0

/// A package version, ordered as dpkg orders versions (Debian Policy 5.6.12, deb-version(7)).
public struct DebianVersion: Sendable, Comparable, CustomStringConvertible {
    /// The version as it is written.
    public let text: String

    /// Takes a version as it is written.
    public init(_ text: String) {
        self.text = text
    }

    /// The version as it is written.
    public var description: String { text }

    private var parts: (epoch: Substring, upstream: Substring, revision: Substring) {
        var rest = text[...]
        var epoch: Substring = "0"
        if let colon = rest.firstIndex(of: ":") {
            epoch = rest[..<colon]
            rest = rest[rest.index(after: colon)...]
        }
        guard let dash = rest.lastIndex(of: "-") else { return (epoch, rest, "") }
        return (epoch, rest[..<dash], rest[rest.index(after: dash)...])
    }

    /// True when `a` is the older version.
    public static func < (a: DebianVersion, b: DebianVersion) -> Bool { order(a, b) < 0 }

    /// True when dpkg takes both for the same version; `1.0` and `1.00` are.
    public static func == (a: DebianVersion, b: DebianVersion) -> Bool { order(a, b) == 0 }

    private static func order(_ a: DebianVersion, _ b: DebianVersion) -> Int {
        let (left, right) = (a.parts, b.parts)
        for (x, y) in [(left.epoch, right.epoch), (left.upstream, right.upstream), (left.revision, right.revision)] {
            let result = compare(Array(x.utf8), Array(y.utf8))
            if result != 0 { return result }
        }
        return 0
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

    /// `~` before the end, the end before letters, letters before everything else.
    private static func weight(_ bytes: [UInt8], _ index: Int) -> Int {
        guard index < bytes.count, !isDigit(bytes[index]) else { return 0 }
        let byte = bytes[index]
        if byte == UInt8(ascii: "~") { return -1 }
        let letter = (65...90).contains(byte) || (97...122).contains(byte)
        return letter ? Int(byte) : Int(byte) + 256
    }

    private static func compare(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var (i, j) = (0, 0)
        while i < a.count || j < b.count {
            while (i < a.count && !isDigit(a[i])) || (j < b.count && !isDigit(b[j])) {
                let difference = weight(a, i) - weight(b, j)
                if difference != 0 { return difference }
                i += 1
                j += 1
            }
            while i < a.count, a[i] == UInt8(ascii: "0") { i += 1 }
            while j < b.count, b[j] == UInt8(ascii: "0") { j += 1 }
            var first = 0
            while i < a.count, j < b.count, isDigit(a[i]), isDigit(b[j]) {
                if first == 0 { first = Int(a[i]) - Int(b[j]) }
                i += 1
                j += 1
            }
            if i < a.count, isDigit(a[i]) { return 1 }
            if j < b.count, isDigit(b[j]) { return -1 }
            if first != 0 { return first }
        }
        return 0
    }
}
