// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// JSON as every Lapwing program writes it: sorted keys, two-space indentation, slashes unescaped, a final newline.
public enum JSONText {
    /// Encodes a value; `pretty` false gives one line without a final newline (sockets, digests).
    public static func encode(_ value: some Encodable, pretty: Bool = true) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting =
            pretty ? [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        var bytes = [UInt8](try encoder.encode(value))
        if pretty { bytes.append(UInt8(ascii: "\n")) }
        return bytes
    }

    /// Encodes a value to text.
    public static func string(_ value: some Encodable, pretty: Bool = true) throws -> String {
        String(decoding: try encode(value, pretty: pretty), as: UTF8.self)
    }

    /// Decodes a value; a mismatch is a `LapwingError` that names the file and the key path.
    public static func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8], file: String) throws -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch let error as DecodingError {
            throw LapwingError(
                "json.bad", exit: .badInput, "The file is not what was expected.", subject: file,
                cause: describe(error))
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func path(_ context: DecodingError.Context) -> String {
            let keys = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }
            return keys.isEmpty ? "the top level" : keys.joined(separator: ".")
        }
        switch error {
        case .typeMismatch(_, let context): return "wrong type at \(path(context))"
        case .valueNotFound(_, let context): return "no value at \(path(context))"
        case .keyNotFound(let key, let context): return "no \"\(key.stringValue)\" at \(path(context))"
        case .dataCorrupted(let context): return "\(context.debugDescription) at \(path(context))"
        @unknown default: return "unreadable"
        }
    }
}

/// Any JSON value, for documents whose shape is decided at run time.
public enum JSONValue: Sendable, Hashable, Codable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A whole number.
    case integer(Int64)
    /// A number with a fraction.
    case number(Double)
    /// Text.
    case string(String)
    /// An array.
    case array([JSONValue])
    /// An object; written with sorted keys.
    case object([String: JSONValue])

    /// The value as it would be written.
    public init(encoding value: some Encodable) throws {
        self = try JSONText.decode(JSONValue.self, from: try JSONText.encode(value, pretty: false), file: "value")
    }

    /// The value read back as a type.
    public func decoded<T: Decodable>(as type: T.Type) throws -> T {
        try JSONText.decode(type, from: try JSONText.encode(self, pretty: false), file: "value")
    }

    /// Reads any JSON value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    /// Writes the value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The member of an object, or nil.
    public subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// The text, when it is text.
    public var text: String? {
        if case .string(let value) = self { value } else { nil }
    }

    /// The elements, when it is an array.
    public var elements: [JSONValue]? {
        if case .array(let value) = self { value } else { nil }
    }
}
