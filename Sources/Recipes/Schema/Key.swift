// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A value a recipe can hold.
public protocol RecipeValue: Codable, Hashable, Sendable {
    /// The shape of the value in a recipe file, narrowed by a rule.
    static func shape(_ rule: Rule?) -> Shape
}

/// A group of keys. Its properties marked `@Key` ARE the schema: the validator, the decoder, the JSON Schema and the
/// reference all read them.
public protocol RecipeSection: RecipeValue {
    /// The section with every key at its default.
    init()
    /// What the section is about, in a sentence.
    static var about: String { get }
    /// The key that tells elements of a list of such sections apart, if there is one.
    static var identity: String? { get }
}

extension RecipeSection {
    /// No key tells elements apart.
    public static var identity: String? { nil }

    /// The keys, in the order of their declaration.
    public static var fields: [Field] {
        Mirror(reflecting: Self()).children.compactMap { child in
            guard let label = child.label, let key = child.value as? any AnyKey else { return nil }
            return key.field(named: String(label.drop { $0 == "_" }))
        }
    }

    /// An object with the section's keys.
    public static func shape(_ rule: Rule?) -> Shape {
        .object(ObjectShape(name: "\(Self.self)", about: about, fields: fields, identity: identity))
    }
}

/// One key of a section, as the schema sees it.
public struct Field: Sendable {
    /// The key in the file.
    public var name: String
    /// What it means, for the reference and for editors.
    public var about: String
    /// What may stand there.
    public var shape: Shape
    /// The value when no layer sets the key.
    public var standard: JSONValue
    /// True when some layer must set it.
    public var required: Bool
}

private protocol AnyKey {
    func field(named name: String) -> Field
}

/// A property that is a key of the recipe: `@Key("What it means.", .rule) public var name = "default"`. This one line
/// is all a new key needs.
@propertyWrapper
public struct Key<Value: RecipeValue>: Codable, Hashable, Sendable, AnyKey {
    /// The value.
    public var wrappedValue: Value
    private let about: String
    private let rule: Rule?
    private let required: Bool

    /// Declares a key with its default, its meaning and the rule its values obey (of a list: each element).
    public init(wrappedValue: Value, _ about: String, _ rule: Rule? = nil, required: Bool = false) {
        self.wrappedValue = wrappedValue
        self.about = about
        self.rule = rule
        self.required = required
    }

    /// Reads the bare value.
    public init(from decoder: any Decoder) throws {
        self.init(wrappedValue: try Value(from: decoder), "")
    }

    /// Writes the bare value.
    public func encode(to encoder: any Encoder) throws {
        try wrappedValue.encode(to: encoder)
    }

    /// Equal values make equal keys.
    public static func == (a: Key, b: Key) -> Bool { a.wrappedValue == b.wrappedValue }

    /// Hashes the value.
    public func hash(into hasher: inout Hasher) { hasher.combine(wrappedValue) }

    func field(named name: String) -> Field {
        let standard = (try? JSONText.encode([wrappedValue], pretty: false)).flatMap {
            try? JSONText.decode([JSONValue].self, from: $0, file: name)
        }
        return Field(
            name: name, about: about, shape: Value.shape(rule), standard: standard?.first ?? .null, required: required)
    }
}
