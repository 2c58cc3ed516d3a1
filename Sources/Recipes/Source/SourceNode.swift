// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A value of a YAML file with its place.
struct SourceNode {
    /// What stands there.
    enum Content {
        /// Text; `plain` when it stands without quotes and is no block.
        case scalar(String, plain: Bool)
        case sequence([SourceNode])
        case mapping([Entry])
        /// Something an error was already reported for.
        case bad
    }

    /// One key with its value.
    struct Entry {
        var key: String
        var location: SourceLocation
        var value: SourceNode
    }

    var location: SourceLocation
    var content: Content
}

/// What a scalar is by the core schema of YAML 1.2, which editors use as well.
enum ScalarKind: Equatable {
    case null, boolean(Bool), integer(Int), fraction, text

    /// Resolves a scalar without quotes; with quotes it is always text.
    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .boolean(true)
        case "false", "False", "FALSE": self = .boolean(false)
        case ".inf", "-.inf", "+.inf", ".nan", ".Inf", "-.Inf", "+.Inf", ".INF", "-.INF", "+.INF", ".NaN", ".NAN":
            self = .fraction
        default: self = Self.number(text)
        }
    }

    private static func number(_ text: String) -> ScalarKind {
        let bytes = Array(text.utf8)
        let digits =
            bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+") ? bytes.dropFirst() : bytes[...]
        guard let first = digits.first, (48...57).contains(first) || first == UInt8(ascii: ".") else { return .text }
        if digits.allSatisfy({ (48...57).contains($0) }) { return Int(text).map { .integer($0) } ?? .fraction }
        if text.hasPrefix("0x"), let value = Int(text.dropFirst(2), radix: 16) { return .integer(value) }
        if text.hasPrefix("0o"), let value = Int(text.dropFirst(2), radix: 8) { return .integer(value) }
        let fraction = #/[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?/#
        return text.wholeMatch(of: fraction) != nil ? .fraction : .text
    }

    /// What it is, in words.
    var noun: String {
        switch self {
        case .null: "nothing"
        case .boolean(let value): value ? "true" : "false"
        case .integer: "a whole number"
        case .fraction: "a number with a fraction"
        case .text: "text"
        }
    }
}

extension SourceNode {
    /// What stands there, in words.
    var noun: String {
        switch content {
        case .scalar(let text, let plain): plain ? ScalarKind(plain: text).noun : "text"
        case .sequence: "a list"
        case .mapping: "a map"
        case .bad: "something unreadable"
        }
    }
}
