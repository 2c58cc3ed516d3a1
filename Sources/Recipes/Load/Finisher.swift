// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Where one value of a loaded recipe came from.
public struct Provenance: Sendable, Hashable, Codable {
    /// The path of the value: `dom0.packages[3]`.
    public var path: String
    /// The value; sizes in bytes.
    public var value: JSONValue
    /// The place in a file (or `--set NAME`) that gave it; nil for a default.
    public var location: SourceLocation?
    /// The variable that stands there, if one does.
    public var variable: String?
}

/// Turns the merged value into plain JSON: fills in variables and defaults, applies list edits, demands required keys.
final class Finisher {
    /// Where each leaf came from, in the order of the reference.
    private(set) var provenance: [Provenance] = []
    /// Paths of values that errors were reported for.
    private(set) var bad: [String] = []
    private let variables: Variables
    private let root: SourceLocation
    private let diagnostics: Diagnostics
    private static let nowhere = SourceLocation(file: "", line: 0, column: 0)

    init(_ variables: Variables, root: SourceLocation, _ diagnostics: Diagnostics) {
        self.variables = variables
        self.root = root
        self.diagnostics = diagnostics
    }

    /// The finished value of a place.
    func finish(_ typed: Typed?, _ shape: Shape, _ path: String, standard: JSONValue) -> JSONValue {
        switch shape.unwrapped {
        case .object(let object): return self.object(typed, object, path)
        case .map(_, let value): return map(typed, value, path)
        case .list(let element): return list(typed, element, path, standard)
        default: break
        }
        switch typed {
        case nil: return note(path, standard, Self.nowhere)
        case .leaf(let value, let location)?: return note(path, value, location)
        case .null(let location)?: return note(path, .null, location)
        case .variable(let name, let location)?:
            if let value = variables.value(name, shape.unwrapped, path, at: location) {
                return note(path, value.value, value.location, variable: name)
            }
        case .bad?, .list?, .object?: break
        }
        bad.append(path)
        return standard
    }

    private func note(_ path: String, _ value: JSONValue, _ location: SourceLocation, variable: String? = nil)
        -> JSONValue
    {
        provenance.append(
            Provenance(path: path, value: value, location: location.file.isEmpty ? nil : location, variable: variable))
        return value
    }

    private func object(_ typed: Typed?, _ object: ObjectShape, _ path: String) -> JSONValue {
        var members: [String: Typed] = [:]
        var place = root
        switch typed {
        case .object(let given, let location)?: (members, place) = (given, location)
        case nil: break
        default: bad.append(path)
        }
        var result: [String: JSONValue] = [:]
        for field in object.fields {
            let name = path.isEmpty ? field.name : "\(path).\(field.name)"
            if field.required, members[field.name] == nil, !bad.contains(path) {
                diagnostics.add(
                    "missing-key", place, "\(name) is not given.", hint: "Add \(field.name): \(field.about)")
                bad.append(name)
            }
            result[field.name] = finish(members[field.name], field.shape, name, standard: field.standard)
        }
        return .object(result)
    }

    private func map(_ typed: Typed?, _ value: Shape, _ path: String) -> JSONValue {
        guard case .object(let members, _)? = typed else {
            if typed != nil { bad.append(path) }
            return .object([:])
        }
        var result: [String: JSONValue] = [:]
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            result[name] = finish(member, value, "\(path).\(name)", standard: .null)
        }
        return .object(result)
    }

    private func list(_ typed: Typed?, _ element: Shape, _ path: String, _ standard: JSONValue) -> JSONValue {
        let below = (standard.elements ?? []).map { Typed.leaf($0, Self.nowhere) }
        var items: [Typed]
        var edits: [ListEdit] = []
        switch typed {
        case nil: items = below
        case .list(let base, let more, _)?:
            edits = more
            switch base {
            case .below: items = below
            case .elements(let elements): items = unique(elements, element)
            case .variable(let name, let location):
                guard let value = variables.value(name, .list(element), path, at: location) else {
                    bad.append(path)
                    return standard
                }
                items = unique((value.value.elements ?? []).map { .leaf($0, value.location) }, element)
            }
        default:
            bad.append(path)
            return standard
        }
        for edit in edits { apply(edit, to: &items, element, path) }
        var values: [JSONValue] = []
        for item in items {
            if case .bad = item {
                bad.append(path)
            } else {
                let before = bad.count
                let value = finish(item, element, "\(path)[\(values.count)]", standard: .null)
                if value != .null || bad.count == before { values.append(value) }
            }
        }
        return .array(values)
    }

    /// The value a list element is told apart by, variables filled in.
    private func key(_ item: Typed, _ element: Shape) -> JSONValue? {
        if case .variable(let name, let location) = item {
            return variables.value(name, element.unwrapped, "an element", at: location)?.value
        }
        return Checker.identity(item, element)
    }

    private func unique(_ items: [Typed], _ element: Shape) -> [Typed] {
        var seen: Set<JSONValue> = []
        return items.filter { item in key(item, element).map { seen.insert($0).inserted } ?? true }
    }

    /// Removals first, then additions at the end. What is there already is kept; a section with the same identity takes
    /// the place of the one before it.
    private func apply(_ edit: ListEdit, to items: inout [Typed], _ element: Shape, _ path: String) {
        for removal in edit.remove {
            let wanted: JSONValue? =
                if case .variable(let name, let location) = removal {
                    variables.value(name, element.unwrapped, path, at: location)?.value
                } else {
                    Checker.identity(removal, .scalarOrList)
                }
            guard let wanted else { continue }
            if let index = items.firstIndex(where: { key($0, element) == wanted }) {
                items.remove(at: index)
                continue
            }
            let known = items.compactMap { key($0, element)?.text }
            diagnostics.add(
                "removal", removal.location, "\(quoted(wanted.shown)) is not in \(path), so it cannot be removed.",
                hint: Suggestion.sentence(wanted.shown, among: known)
                    ?? "The layers below do not list it; remove this line.")
        }
        for addition in edit.add {
            let wanted = key(addition, element)
            guard let wanted, let index = items.firstIndex(where: { key($0, element) == wanted }) else {
                items.append(addition)
                continue
            }
            if case .object = addition { items[index] = addition }
        }
    }
}
