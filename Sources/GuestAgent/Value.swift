// SPDX-License-Identifier: Apache-2.0

/// A JSON value, as far as the agent's protocol needs it: whole numbers only.
enum Value: Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case string(String)
    case array([Value])
    case object([(String, Value)])

    static func == (a: Value, b: Value) -> Bool { a.text == b.text }

    subscript(name: String) -> Value? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.0 == name }?.1
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }
    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var array: [Value]? { if case .array(let value) = self { value } else { nil } }

    /// The value as JSON in ASCII on one line.
    var text: String {
        switch self {
        case .null: return "null"
        case .bool(let value): return value ? "true" : "false"
        case .integer(let value): return String(value)
        case .string(let value): return Value.quoted(value)
        case .array(let values): return "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let members):
            return "{" + members.map { Value.quoted($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
        }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for unit in text.utf16 {
            switch unit {
            case 0x22: result += "\\\""
            case 0x5C: result += "\\\\"
            case 0x20..<0x7F: result.unicodeScalars.append(Unicode.Scalar(UInt8(unit)))
            default:
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }
}

/// Reads JSON. Anything malformed gives nil: the other side of a serial port may send noise.
struct ValueParser {
    private let bytes: [UInt8]
    private var at = 0

    /// The value of a whole line, or nil.
    static func parse(_ bytes: [UInt8]) -> Value? {
        var parser = ValueParser(bytes: bytes)
        guard let value = parser.value(depth: 0) else { return nil }
        parser.space()
        return parser.at == bytes.count ? value : nil
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func space() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0D { at += 1 }
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        space()
        guard next == byte else { return false }
        at += 1
        return true
    }

    private mutating func word(_ word: String) -> Bool {
        guard bytes[at...].starts(with: word.utf8) else { return false }
        at += word.utf8.count
        return true
    }

    private mutating func value(depth: Int) -> Value? {
        guard depth < 16 else { return nil }
        space()
        switch next {
        case UInt8(ascii: "{"): return object(depth)
        case UInt8(ascii: "["): return array(depth)
        case UInt8(ascii: "\""): return string().map { .string($0) }
        case UInt8(ascii: "t"): return word("true") ? .bool(true) : nil
        case UInt8(ascii: "f"): return word("false") ? .bool(false) : nil
        case UInt8(ascii: "n"): return word("null") ? .null : nil
        default: return number()
        }
    }

    private mutating func object(_ depth: Int) -> Value? {
        at += 1
        var members: [(String, Value)] = []
        if skip(UInt8(ascii: "}")) { return .object([]) }
        while true {
            space()
            guard next == UInt8(ascii: "\""), let name = string(), skip(UInt8(ascii: ":")),
                let member = value(depth: depth + 1)
            else { return nil }
            members.append((name, member))
            if skip(UInt8(ascii: "}")) { return .object(members) }
            guard skip(UInt8(ascii: ",")) else { return nil }
        }
    }

    private mutating func array(_ depth: Int) -> Value? {
        at += 1
        var values: [Value] = []
        if skip(UInt8(ascii: "]")) { return .array([]) }
        while true {
            guard let element = value(depth: depth + 1) else { return nil }
            values.append(element)
            if skip(UInt8(ascii: "]")) { return .array(values) }
            guard skip(UInt8(ascii: ",")) else { return nil }
        }
    }

    private mutating func number() -> Value? {
        let start = at
        if next == UInt8(ascii: "-") { at += 1 }
        while let byte = next, (48...57).contains(byte) { at += 1 }
        return Int(String(decoding: bytes[start..<at], as: UTF8.self)).map { .integer($0) }
    }

    private mutating func string() -> String? {
        at += 1
        var units: [UInt16] = []
        var plain: [UInt8] = []
        func flush(_ plain: inout [UInt8], into units: inout [UInt16]) -> Bool {
            guard let text = String(validating: plain, as: UTF8.self) else { return false }
            units += Array(text.utf16)
            plain = []
            return true
        }
        while let byte = next {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard flush(&plain, into: &units) else { return nil }
                return String(validating: units, as: UTF16.self)
            case UInt8(ascii: "\\"):
                guard flush(&plain, into: &units), let unit = escape() else { return nil }
                units.append(unit)
            case 0..<0x20: return nil
            default: plain.append(byte)
            }
        }
        return nil
    }

    private mutating func escape() -> UInt16? {
        guard let byte = next else { return nil }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt16(byte)
        case UInt8(ascii: "b"): return 8
        case UInt8(ascii: "f"): return 12
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "u"):
            guard at + 4 <= bytes.count else { return nil }
            let digits = bytes[at..<at + 4]
            at += 4
            guard digits.allSatisfy({ UInt8(ascii: "0") <= $0 && $0 != UInt8(ascii: "+") }) else { return nil }
            return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        default: return nil
        }
    }
}
