// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Checks the nodes of one file against the schema, whole, and makes them typed.
final class Checker {
    /// One use of a variable: its name, the shape of its place, how that place is called.
    struct Use {
        var name: String
        var shape: Shape
        var what: String
        var location: SourceLocation
    }

    /// Each use of a variable that was met.
    private(set) var uses: [Use] = []
    private let diagnostics: Diagnostics

    init(_ diagnostics: Diagnostics) {
        self.diagnostics = diagnostics
    }

    /// The typed value of a node; what is wrong is reported and becomes `.bad`.
    func check(_ node: SourceNode, _ shape: Shape, _ what: String) -> Typed {
        if case .bad = node.content { return .bad(node.location) }
        if let use = variable(node, shape, what) { return use }
        switch shape {
        case .optional(let inner):
            if case .scalar(let text, plain: true) = node.content, ScalarKind(plain: text) == .null {
                return .null(node.location)
            }
            return check(node, inner, what)
        case .boolean, .integer, .size, .string, .choice:
            return leaf(node, shape, what)
        case .list(let element): return list(node, element, what)
        case .map(let rule, let value): return map(node, rule, value, what)
        case .object(let object): return self.object(node, object, what)
        case .scalarOrList: return scalarOrList(node, what)
        }
    }

    private func fail(_ node: SourceNode, _ problem: LeafProblem) -> Typed {
        diagnostics.add(problem.code, node.location, problem.message, hint: problem.hint)
        return .bad(node.location)
    }

    private func wrongType(_ node: SourceNode, _ shape: Shape, _ what: String, hint: String? = nil) -> Typed {
        if case .scalar(let text, plain: true) = node.content, ScalarKind(plain: text) == .null {
            return fail(
                node,
                LeafProblem(
                    code: "wrong-type", message: "\(what) has no value.",
                    hint: "It takes \(shape.noun); leave the key out to keep what the layers say."))
        }
        return fail(
            node,
            LeafProblem(
                code: "wrong-type", message: "\(what) takes \(shape.noun), not \(node.noun).",
                hint: hint))
    }

    private func leaf(_ node: SourceNode, _ shape: Shape, _ what: String) -> Typed {
        guard case .scalar(let text, let plain) = node.content else { return wrongType(node, shape, what) }
        let kind = plain ? ScalarKind(plain: text) : .text
        do throws(LeafProblem) {
            switch (shape, kind) {
            case (.boolean, .boolean(let value)): return .leaf(.bool(value), node.location)
            case (.boolean, .text):
                let meant =
                    switch text.lowercased() {
                    case "yes", "on", "y", "1", "true": "true"
                    case "no", "off", "n", "0", "false": "false"
                    default: "true or false"
                    }
                return wrongType(node, shape, what, hint: "Write \(meant), without quotes.")
            case (.integer(let range), .integer(let value)):
                if text.count > 1, text.drop(while: { $0 == "-" || $0 == "+" }).hasPrefix("0"), value != 0 {
                    return fail(
                        node,
                        LeafProblem(
                            code: "bad-value", message: "\(quoted(text)) has a leading zero.",
                            hint: "Write the decimal digits without it."))
                }
                return .leaf(try Leaf.integer(value, range, what), node.location)
            case (.integer, .text) where Int(text) != nil && !plain:
                return wrongType(node, shape, what, hint: "Leave the quotes away.")
            case (.size(let range), .text): return .leaf(try Leaf.size(text, range, what), node.location)
            case (.size, .integer):
                return wrongType(node, shape, what, hint: "Add a unit: \(text.trimmingZeros) MiB.")
            case (.string(let rule), .text): return .leaf(try Leaf.text(text, rule), node.location)
            case (.choice(let choices), .text):
                return .leaf(try Leaf.choice(text, choices, what), node.location)
            case (.string, .boolean), (.string, .integer), (.string, .fraction):
                return wrongType(node, shape, what, hint: "To mean the text, write it in quotes: '\(text)'.")
            default: return wrongType(node, shape, what)
            }
        } catch {
            return fail(node, error)
        }
    }

    private func scalarOrList(_ node: SourceNode, _ what: String) -> Typed {
        switch node.content {
        case .scalar(let text, let plain):
            switch plain ? ScalarKind(plain: text) : .text {
            case .boolean(let value): return .leaf(.bool(value), node.location)
            case .integer(let value): return .leaf(.integer(Int64(value)), node.location)
            case .text: return .leaf(.string(text), node.location)
            case .null, .fraction: return wrongType(node, .scalarOrList, what)
            }
        case .sequence(let items):
            let texts = items.map { check($0, .string(.content), "\(what)[]") }
            let values = texts.compactMap { if case .leaf(let value, _) = $0 { value } else { nil } }
            return values.count == texts.count ? .leaf(.array(values), node.location) : .bad(node.location)
        case .mapping, .bad: return wrongType(node, .scalarOrList, what)
        }
    }

    private func map(_ node: SourceNode, _ rule: Rule, _ value: Shape, _ what: String) -> Typed {
        guard case .mapping(let entries) = node.content else { return wrongType(node, .map(rule, value), what) }
        var members: [String: Typed] = [:]
        for entry in entries {
            do throws(LeafProblem) {
                _ = try Leaf.text(entry.key, rule)
            } catch {
                diagnostics.add(error.code, entry.location, error.message, hint: error.hint)
                continue
            }
            members[entry.key] = check(entry.value, value, "\(what).\(entry.key)")
        }
        return .object(members, node.location)
    }

    private func object(_ node: SourceNode, _ object: ObjectShape, _ what: String) -> Typed {
        guard case .mapping(let entries) = node.content else { return wrongType(node, .object(object), what) }
        var members: [String: Typed] = [:]
        for entry in entries {
            if let field = object.field(entry.key) {
                let name = what.isEmpty ? entry.key : "\(what).\(entry.key)"
                members[entry.key] = check(entry.value, field.shape, name)
            } else {
                let known = object.fields.map(\.name)
                diagnostics.add(
                    "unknown-key", entry.location,
                    "The key \(quoted(entry.key)) is not known\(what.isEmpty ? "" : " in \(what)").",
                    hint: Suggestion.sentence(entry.key, among: known)
                        ?? "Known: " + known.sorted().joined(separator: ", ") + ".")
            }
        }
        return .object(members, node.location)
    }

    private func list(_ node: SourceNode, _ element: Shape, _ what: String) -> Typed {
        switch node.content {
        case .sequence(let items):
            return .list(.elements(elements(items, element, what)), [], node.location)
        case .mapping(let entries):
            return edit(entries, node, element, what)
        case .scalar(let text, _):
            let word = Command.quoted(text) == text && !text.isEmpty ? text : "..."
            return wrongType(
                node, .list(element), what, hint: "Write [\(word)], or {add: [\(word)]} to keep what the layers say.")
        case .bad: return .bad(node.location)
        }
    }

    private func elements(_ items: [SourceNode], _ element: Shape, _ what: String) -> [Typed] {
        var seen: [JSONValue: SourceLocation] = [:]
        return items.map { item in
            let typed = check(item, element, "\(what)[]")
            guard let key = Self.identity(typed, element) else { return typed }
            if let first = seen[key] {
                diagnostics.add(
                    "listed-twice", item.location,
                    "\(quoted(key.shown)) stands twice in \(what); the first is in line \(first.line).",
                    hint: "Remove one of them.")
            } else {
                seen[key] = item.location
            }
            return typed
        }
    }

    /// What tells a list element apart: the element itself, or the identity key of a section.
    static func identity(_ typed: Typed, _ element: Shape) -> JSONValue? {
        switch typed {
        case .leaf(let value, _): return value
        case .object(let members, _):
            guard case .object(let object) = element, let key = object.identity,
                case .leaf(let value, _)? = members[key]
            else { return nil }
            return value
        default: return nil
        }
    }

    private func edit(_ entries: [SourceNode.Entry], _ node: SourceNode, _ element: Shape, _ what: String) -> Typed {
        var edit = ListEdit(add: [], remove: [])
        var known = false
        for entry in entries {
            guard entry.key == "add" || entry.key == "remove" else {
                diagnostics.add(
                    "unknown-key", entry.location,
                    "\(what) is a list; \(quoted(entry.key)) is no edit of a list.",
                    hint: Suggestion.sentence(entry.key, among: ["add", "remove"])
                        ?? "Write a list, or a map with add: and remove:.")
                known = true
                continue
            }
            known = true
            guard case .sequence(let items) = entry.value.content else {
                _ = wrongType(entry.value, .list(element), "\(what).\(entry.key)")
                continue
            }
            if entry.key == "add" {
                edit.add = elements(items, element, what)
            } else {
                edit.remove = removals(items, element, "\(what).remove")
            }
        }
        if !known {
            return fail(
                node,
                LeafProblem(
                    code: "wrong-type", message: "\(what) has an edit without add and remove.",
                    hint: "Write {add: [...]} or {remove: [...]}."))
        }
        let added = Set(edit.add.compactMap { Self.identity($0, element) })
        for removal in edit.remove {
            if case .leaf(let value, let location) = removal, added.contains(value) {
                diagnostics.add(
                    "removal", location, "\(quoted(value.shown)) is both added to and removed from \(what).",
                    hint: "Keep one of the two.")
            }
        }
        return .list(.below, [edit], node.location)
    }

    private func removals(_ items: [SourceNode], _ element: Shape, _ what: String) -> [Typed] {
        guard case .object(let object) = element else { return elements(items, element, what) }
        guard let identity = object.identity.flatMap(object.field) else { return elements(items, element, what) }
        return elements(items, identity.shape, what)
    }

    /// `{var: NAME}`, where the shape allows a variable.
    private func variable(_ node: SourceNode, _ shape: Shape, _ what: String) -> Typed? {
        guard case .mapping(let entries) = node.content, let entry = entries.first, entry.key == "var" else {
            return nil
        }
        switch shape.unwrapped {
        case .boolean, .integer, .size, .string, .choice, .list: break
        case .map, .object, .scalarOrList, .optional: return nil
        }
        guard entries.count == 1 else {
            diagnostics.add(
                "variable", entries[1].location, "A variable stands for a whole value; nothing may stand beside var.",
                hint: "Write {var: NAME}.")
            return .bad(node.location)
        }
        let name = check(entry.value, .string(.variableName), "var")
        guard case .leaf(.string(let text), _) = name else { return .bad(node.location) }
        uses.append(Use(name: text, shape: shape.unwrapped, what: what, location: entry.value.location))
        if case .list = shape.unwrapped { return .list(.variable(text, entry.value.location), [], node.location) }
        return .variable(text, entry.value.location)
    }
}

extension JSONValue {
    /// The value as a person wrote it, for messages.
    var shown: String {
        switch self {
        case .null: "nothing"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let value): value
        case .array(let values): values.map(\.shown).joined(separator: ", ")
        case .object: "a map"
        }
    }
}

extension String {
    fileprivate var trimmingZeros: Substring { count > 1 ? drop { $0 == "0" || $0 == "+" } : self[...] }
}
