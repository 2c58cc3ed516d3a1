// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What may stand at a place of a recipe file.
public indirect enum Shape: Sendable {
    /// `true` or `false`.
    case boolean
    /// A whole number within bounds.
    case integer(ClosedRange<Int>)
    /// An amount of bytes such as `64 MiB`, within bounds.
    case size(ClosedRange<ByteSize>)
    /// Text that obeys a rule.
    case string(Rule)
    /// One of these words.
    case choice([String])
    /// A list, or an edit of the list below by `add:` and `remove:`.
    case list(Shape)
    /// A map from names that obey a rule.
    case map(Rule, Shape)
    /// A group of known keys.
    case object(ObjectShape)
    /// The shape, or null for nothing.
    case optional(Shape)
    /// A scalar or a list of text, checked elsewhere: the default of a variable.
    case scalarOrList

    /// The shape in words, with its article: `a whole number`.
    public var noun: String {
        switch self {
        case .boolean: "true or false"
        case .integer: "a whole number"
        case .size: "a size"
        case .string(let rule): rule.noun
        case .choice(let words): words.count == 1 ? words[0] : "one of " + words.joined(separator: ", ")
        case .list: "a list"
        case .map, .object: "a map"
        case .optional(let shape): shape.noun
        case .scalarOrList: "a value or a list of text"
        }
    }

    /// The shape without its permission of null.
    public var unwrapped: Shape {
        if case .optional(let shape) = self { shape.unwrapped } else { self }
    }
}

/// A group of known keys.
public struct ObjectShape: Sendable {
    /// The name of the Swift type, unique in the schema.
    public var name: String
    /// What the group is about.
    public var about: String
    /// The keys, in the order of the reference.
    public var fields: [Field]
    /// The key that tells list elements apart, if any.
    public var identity: String?

    /// The field of a key.
    public func field(_ name: String) -> Field? { fields.first { $0.name == name } }
}

extension Bool: RecipeValue {
    /// `true` or `false`.
    public static func shape(_ rule: Rule?) -> Shape { .boolean }
}

extension Int: RecipeValue {
    /// A whole number, not negative unless the rule says so.
    public static func shape(_ rule: Rule?) -> Shape {
        if case .numbers(let range)? = rule?.kind { .integer(range) } else { .integer(0...Int(Int32.max)) }
    }
}

extension ByteSize: RecipeValue {
    /// A size.
    public static func shape(_ rule: Rule?) -> Shape {
        if case .sizes(let range)? = rule?.kind { return .size(range) }
        return .size(ByteSize(bytes: 0)...ByteSize(bytes: 1 << 50))
    }
}

extension String: RecipeValue {
    /// Text.
    public static func shape(_ rule: Rule?) -> Shape { .string(rule ?? .line) }
}

extension Array: RecipeValue where Element: RecipeValue {
    /// A list, each element of which obeys the rule.
    public static func shape(_ rule: Rule?) -> Shape { .list(Element.shape(rule)) }
}

extension Optional: RecipeValue where Wrapped: RecipeValue {
    /// The value or null.
    public static func shape(_ rule: Rule?) -> Shape { .optional(Wrapped.shape(rule)) }
}

extension Dictionary: RecipeValue where Key == String, Value: RecipeValue {
    /// A map whose keys obey the rule.
    public static func shape(_ rule: Rule?) -> Shape { .map(rule ?? .identifier, Value.shape(nil)) }
}

extension JSONValue: RecipeValue {
    /// A scalar or a list of text.
    public static func shape(_ rule: Rule?) -> Shape { .scalarOrList }
}

extension RecipeValue where Self: CaseIterable & RawRepresentable, RawValue == String {
    /// One of the words.
    public static func shape(_ rule: Rule?) -> Shape { .choice(allCases.map(\.rawValue)) }
}
