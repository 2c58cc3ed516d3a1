// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Writes shapes as JSON Schema, draft 2020-12.
struct JSONSchemaBuilder {
    private var definitions: [String: JSONValue] = [:]

    /// The whole document.
    mutating func document(_ file: ObjectShape) -> JSONValue {
        var members = object(file, required: ["lapwing"])
        members["$schema"] = .string("https://json-schema.org/draft/2020-12/schema")
        members["title"] = .string("Lapwing recipe")
        definitions["Var"] = .object([
            "description": .string("The value of a variable."), "type": .string("object"),
            "properties": .object(["var": .object(["type": .string("string")])]),
            "required": .array([.string("var")]), "additionalProperties": .bool(false),
        ])
        members["$defs"] = .object(definitions)
        return .object(members)
    }

    private mutating func object(_ shape: ObjectShape, required: [String]) -> [String: JSONValue] {
        var properties: [String: JSONValue] = [:]
        for field in shape.fields {
            var schema = self.schema(field.shape)
            schema["description"] = .string(field.about)
            if let standard = standard(field) { schema["default"] = standard }
            properties[field.name] = .object(schema)
        }
        var members: [String: JSONValue] = [
            "type": .string("object"), "description": .string(shape.about), "properties": .object(properties),
            "additionalProperties": .bool(false),
        ]
        if !required.isEmpty { members["required"] = .array(required.map { .string($0) }) }
        return members
    }

    /// The default as a person would write it; none for sections.
    private func standard(_ field: Field) -> JSONValue? {
        switch (field.shape.unwrapped, field.standard) {
        case (.object, _), (.map, _), (_, .null): nil
        case _ where field.required: nil
        case (.size, .integer(let bytes)): .string(SizeText.exact(UInt64(bytes)))
        case (_, let value): value
        }
    }

    private mutating func schema(_ shape: Shape) -> [String: JSONValue] {
        switch shape {
        case .object(let object):
            if definitions[object.name] == nil {
                definitions[object.name] = .null
                let required = object.identity == nil ? [] : object.fields.filter(\.required).map(\.name)
                definitions[object.name] = .object(self.object(object, required: required))
            }
            return ["$ref": .string("#/$defs/\(object.name)")]
        case .map(let rule, let value):
            return [
                "type": .string("object"), "propertyNames": .object(text(rule)),
                "additionalProperties": .object(schema(value)),
            ]
        case .optional(let inner):
            return ["anyOf": .array([.object(schema(inner)), .object(["type": .string("null")])])]
        case .list(let element):
            let item: JSONValue = .object(schema(element))
            let list: JSONValue = .object(["type": .string("array"), "items": item])
            let removed: JSONValue =
                if case .object(let object) = element, let field = object.identity.flatMap(object.field) {
                    .object(["type": .string("array"), "items": .object(schema(field.shape))])
                } else {
                    list
                }
            let edit: JSONValue = .object([
                "type": .string("object"), "properties": .object(["add": list, "remove": removed]),
                "additionalProperties": .bool(false), "minProperties": .integer(1),
            ])
            return ["anyOf": .array([list, edit, Self.variable])]
        case .scalarOrList:
            return [
                "type": .array(["boolean", "integer", "string", "array"].map { .string($0) }),
                "items": .object(["type": .string("string")]),
            ]
        default:
            return ["anyOf": .array([.object(leaf(shape)), Self.variable])]
        }
    }

    private static let variable: JSONValue = .object(["$ref": .string("#/$defs/Var")])

    private func text(_ rule: Rule) -> [String: JSONValue] {
        var members: [String: JSONValue] = ["type": .string("string"), "maxLength": .integer(Int64(rule.limit))]
        if case .pattern(let pattern) = rule.kind { members["pattern"] = .string("^(?:\(pattern))$") }
        return members
    }

    private func leaf(_ shape: Shape) -> [String: JSONValue] {
        switch shape {
        case .boolean: ["type": .string("boolean")]
        case .integer(let range):
            [
                "type": .string("integer"), "minimum": .integer(Int64(range.lowerBound)),
                "maximum": .integer(Int64(range.upperBound)),
            ]
        case .size: ["type": .string("string"), "pattern": .string("^[0-9]+ *(B|KiB|MiB|GiB|TiB|kB|MB|GB|TB)$")]
        case .choice(let words): ["type": .string("string"), "enum": .array(words.map { .string($0) })]
        case .string(let rule): text(rule)
        default: [:]
        }
    }
}

/// Writes sizes so that they read back exactly.
enum SizeText {
    /// The size in the largest unit that divides it: `512 MiB`.
    static func exact(_ bytes: UInt64) -> String {
        let units: [(String, UInt64)] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)]
        for (unit, factor) in units where bytes >= factor && bytes % factor == 0 { return "\(bytes / factor) \(unit)" }
        return "\(bytes) B"
    }
}
