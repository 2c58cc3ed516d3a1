// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The declared variables with their values.
struct Variables {
    /// One value and where it was given.
    struct Value {
        var value: JSONValue
        var location: SourceLocation
    }

    private let types: [String: Variable.Kind]
    private let values: [String: Value]
    private let bad: Set<String>
    private let diagnostics: Diagnostics

    /// Reads the merged `variables` section and what the command line sets.
    init(_ declared: Typed?, set: [String: String], _ diagnostics: Diagnostics) {
        var types: [String: Variable.Kind] = [:]
        var values: [String: Value] = [:]
        var bad: Set<String> = []
        var members: [String: Typed] = [:]
        if case .object(let object, _)? = declared { members = object }
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            guard case .object(let fields, let location) = member, case .leaf(.string(let word), _)? = fields["type"],
                let type = Variable.Kind(rawValue: word)
            else {
                if case .object(let fields, let location) = member, fields["type"] == nil {
                    diagnostics.add(
                        "missing-key", location, "The variable \(quoted(name)) has no type.",
                        hint: "Add type: string, integer, boolean, size or list.")
                }
                bad.insert(name)
                continue
            }
            types[name] = type
            switch fields["default"] {
            case .leaf(let value, let place)?:
                if Self.fits(value, type) {
                    values[name] = Value(value: value, location: place)
                } else {
                    bad.insert(name)
                    diagnostics.add(
                        "variable", place, "The default of the variable \(quoted(name)) is not of its type, \(word).",
                        hint: Self.hint(type))
                }
            case .bad?: bad.insert(name)
            default: _ = location
            }
        }
        for (name, text) in set.sorted(by: { $0.key < $1.key }) {
            let place = SourceLocation(file: "--set \(name)", line: 1, column: 1)
            guard let type = types[name] else {
                if !bad.contains(name) {
                    diagnostics.add(
                        "variable", place, "The recipe declares no variable \(quoted(name)).",
                        hint: Suggestion.sentence(name, among: types.keys)
                            ?? (types.isEmpty
                                ? "It declares none."
                                : "It declares: " + types.keys.sorted().joined(separator: ", ") + "."))
                }
                continue
            }
            if let value = Self.parse(text, type) {
                values[name] = Value(value: value, location: place)
                bad.remove(name)
            } else {
                bad.insert(name)
                diagnostics.add(
                    "variable", place, "\(quoted(text)) is not of the type of \(quoted(name)), \(type.rawValue).",
                    hint: Self.hint(type))
            }
        }
        self.types = types
        self.values = values
        self.bad = bad
        self.diagnostics = diagnostics
    }

    /// Reports uses of variables that are not declared, or whose type does not fit the place.
    func check(_ uses: [Checker.Use]) {
        for use in uses where !(bad.contains(use.name) && types[use.name] == nil) {
            guard let type = types[use.name] else {
                diagnostics.add(
                    "variable", use.location, "The variable \(quoted(use.name)) is not declared.",
                    hint: Suggestion.sentence(use.name, among: types.keys) ?? "Declare it under variables.")
                continue
            }
            let fits =
                switch (type, use.shape) {
                case (.boolean, .boolean), (.integer, .integer), (.size, .size), (.string, .string), (.string, .choice):
                    true
                case (.list, .list(.string)), (.list, .list(.choice)): true
                default: false
                }
            if !fits {
                diagnostics.add(
                    "variable", use.location,
                    "\(use.what) takes \(use.shape.noun), but the variable \(quoted(use.name)) is of type "
                        + "\(type.rawValue).", hint: "Give the variable another type, or use another variable.")
            }
        }
    }

    /// The value of a variable at a place that has this shape; nil after reporting why there is none.
    func value(_ name: String, _ shape: Shape, _ what: String, at use: SourceLocation) -> Value? {
        guard let type = types[name], !bad.contains(name) else { return nil }
        guard let value = values[name] else {
            diagnostics.add(
                "variable", use, "The variable \(quoted(name)) has no value.",
                hint: "Give it with --set \(name)=VALUE (\(type.rawValue)), or declare a default.")
            return nil
        }
        do throws(LeafProblem) {
            switch (shape, value.value) {
            case (.boolean, .bool): return value
            case (.integer(let range), .integer(let number)):
                return Value(value: try Leaf.integer(Int(number), range, what), location: value.location)
            case (.size(let range), .string(let text)):
                return Value(value: try Leaf.size(text, range, what), location: value.location)
            case (.string(let rule), .string(let text)):
                return Value(value: try Leaf.text(text, rule), location: value.location)
            case (.choice(let choices), .string(let text)):
                return Value(value: try Leaf.choice(text, choices, what), location: value.location)
            case (.list(let element), .array(let items)):
                for case .string(let text) in items {
                    switch element {
                    case .string(let rule): _ = try Leaf.text(text, rule)
                    case .choice(let choices): _ = try Leaf.choice(text, choices, what)
                    default: return nil
                    }
                }
                return value
            default: return nil
            }
        } catch {
            diagnostics.add(error.code, value.location, error.message, hint: error.hint)
            return nil
        }
    }

    private static func fits(_ value: JSONValue, _ type: Variable.Kind) -> Bool {
        switch (type, value) {
        case (.string, .string), (.integer, .integer), (.boolean, .bool), (.list, .array): true
        case (.size, .string(let text)): ByteSize(text) != nil
        default: false
        }
    }

    private static func parse(_ text: String, _ type: Variable.Kind) -> JSONValue? {
        switch type {
        case .string: .string(text)
        case .integer: Int64(text).map { .integer($0) }
        case .boolean: text == "true" ? .bool(true) : text == "false" ? .bool(false) : nil
        case .size: ByteSize(text) == nil ? nil : .string(text)
        case .list: .array(text.split(separator: ",").map { .string(String($0)) })
        }
    }

    private static func hint(_ type: Variable.Kind) -> String {
        switch type {
        case .string: "Write text; in a file, put it in quotes."
        case .integer: "Write a whole number: 4."
        case .boolean: "Write true or false."
        case .size: "Write a size: 64 MiB."
        case .list: "Write a list of text; on the command line separate its elements by commas."
        }
    }
}
