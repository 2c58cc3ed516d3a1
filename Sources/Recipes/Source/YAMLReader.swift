// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Yams

/// Reads one YAML file into nodes with places. All it refuses is reported, nothing traps, whatever the bytes are.
struct YAMLReader {
    /// The largest recipe file, in bytes.
    static let sizeLimit = 1 << 20
    /// The deepest nesting of lists and maps.
    static let depthLimit = 48
    /// The most values of one file.
    static let nodeLimit = 50_000

    let file: String
    let diagnostics: Diagnostics
    private var renamed: [Place: String] = [:]
    private var nodes = 0

    /// A line and a column.
    private struct Place: Hashable {
        var line: Int
        var column: Int
    }

    /// A reader that names the file so in its errors.
    init(file: String, diagnostics: Diagnostics) {
        self.file = file
        self.diagnostics = diagnostics
    }

    /// The content of the file, or nil after reporting why there is none.
    mutating func read(_ bytes: [UInt8]) -> SourceNode? {
        if bytes.count > Self.sizeLimit {
            diagnostics.add(
                "too-large", at(1, 1), "The file has \(bytes.count) bytes; a recipe file may have \(Self.sizeLimit).",
                hint: "Put long texts into files of their own and name them by source.")
            return nil
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            diagnostics.add(
                "not-utf8", Self.firstInvalid(bytes, file: file), "The file is not UTF-8 text.",
                hint: "Save it in the encoding UTF-8.")
            return nil
        }
        var lines = TextLines(text)
        if let place = lines.aliasBomb {
            diagnostics.add(
                "anchor", at(place.line, place.column), "The file is full of YAML anchors and aliases.",
                hint: "Declare variables instead, and put long texts into files of their own.")
            return nil
        }
        if let place = lines.invisible {
            diagnostics.add(
                "invisible-character", at(place.line, place.column),
                "Here stands an invisible character, \(codePoint(place.scalar.value)).",
                hint: "Remove it; in a quoted text it can be written as an escape.")
            return nil
        }
        return compose(&lines)
    }

    private func at(_ line: Int, _ column: Int) -> SourceLocation {
        SourceLocation(file: file, line: line, column: column)
    }

    /// Lets Yams parse the text. Yams stops at the first duplicate key, so each key it stops at is renamed in the text,
    /// remembered by its place, and parsing starts again: in the end every duplicate is known.
    private mutating func compose(_ lines: inout TextLines) -> SourceNode? {
        for attempt in 0..<64 {
            do {
                let parser = try Parser(yaml: lines.text, resolver: .basic, encoding: .utf8)
                guard let root = try parser.singleRoot() else {
                    diagnostics.add("empty", at(1, 1), "The file is empty.", hint: "Start with the line lapwing: 1.")
                    return nil
                }
                return convert(root, depth: 0)
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let place = Place(line: context.mark.line, column: context.mark.column)
                guard let name = names.first, renamed[place] == nil, lines.rename(place.line, place.column, attempt)
                else {
                    diagnostics.add(
                        "duplicate-key", at(max(1, place.line), max(1, place.column)), "A key stands twice in one map.",
                        hint: "Keep one of them; a key is a plain word.")
                    return nil
                }
                renamed[place] = name
            } catch let error as YamlError {
                syntax(error, lines)
                return nil
            } catch {
                diagnostics.add("syntax", at(1, 1), "The file cannot be read as YAML: \(error).")
                return nil
            }
        }
        diagnostics.add("duplicate-key", at(1, 1), "The file has very many duplicate keys.")
        return nil
    }

    private func syntax(_ error: YamlError, _ lines: TextLines) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            if let tab = lines.tab(near: mark.line) {
                diagnostics.add(
                    "tab", at(tab.line, tab.column), "A tab stands in the indentation; YAML allows only spaces there.",
                    hint: "Replace it with spaces.")
                return
            }
            if problem.contains("another document") {
                diagnostics.add(
                    "several-documents", at(mark.line, mark.column), "A second YAML document starts here.",
                    hint: "A recipe file holds one document; remove this line or make it a layer.")
                return
            }
            if problem.contains("undefined alias") {
                diagnostics.add(
                    "anchor", at(mark.line, mark.column), "This alias has no anchor.",
                    hint: "Recipes do without anchors and aliases; declare a variable.")
                return
            }
            if problem.hasPrefix("Maximum nesting") {
                diagnostics.add(
                    "too-deep", at(mark.line, 1), "Lists and maps are nested more than \(Self.depthLimit) deep.")
                return
            }
            let before = context.map { " \($0.text) that starts at line \($0.mark.line):" } ?? ""
            diagnostics.add(
                "syntax", at(max(1, mark.line), max(1, mark.column)), "This is not valid YAML:\(before) \(problem).",
                hint: "Check the indentation, colons, quotes and brackets here and in the line before.")
        case .reader(let problem, _, let value, _):
            let place = lines.control ?? (1, 1)
            diagnostics.add(
                "control-character", at(place.line, place.column),
                "The file holds a character YAML does not allow"
                    + (value >= 0 ? ", \(codePoint(UInt32(value)))" : "") + ": \(problem).",
                hint: "Remove it; in a quoted text it can be written as an escape.")
        default:
            diagnostics.add("syntax", at(1, 1), "The file cannot be read as YAML.")
        }
    }

    private mutating func convert(_ node: Node, depth: Int) -> SourceNode {
        let location = at(node.mark?.line ?? 1, node.mark?.column ?? 1)
        nodes += 1
        if depth > Self.depthLimit || nodes > Self.nodeLimit {
            diagnostics.add(
                "too-deep", location,
                depth > Self.depthLimit
                    ? "Lists and maps are nested more than \(Self.depthLimit) deep."
                    : "The file has more than \(Self.nodeLimit) values.")
            return SourceNode(location: location, content: .bad)
        }
        let (anchor, tag) = Self.decorations(node)
        if anchor {
            diagnostics.add(
                "anchor", location, "YAML anchors and aliases are not part of the recipe format.",
                hint: "Declare a variable and write {var: NAME}.")
            return SourceNode(location: location, content: .bad)
        }
        if !Self.plainTags.contains(tag) {
            diagnostics.add(
                "tag", location, "The YAML tag \(quoted(tag)) is not part of the recipe format.", hint: "Remove it.")
            return SourceNode(location: location, content: .bad)
        }
        switch node {
        case .scalar(let scalar):
            return SourceNode(location: location, content: .scalar(scalar.string, plain: scalar.style == .plain))
        case .sequence(let sequence):
            return SourceNode(location: location, content: .sequence(sequence.map { convert($0, depth: depth + 1) }))
        case .mapping(let mapping):
            return SourceNode(location: location, content: .mapping(entries(mapping, depth: depth)))
        case .alias:
            return SourceNode(location: location, content: .bad)
        }
    }

    private mutating func entries(_ mapping: Node.Mapping, depth: Int) -> [SourceNode.Entry] {
        var entries: [SourceNode.Entry] = []
        var first: [String: SourceLocation] = [:]
        for (key, value) in mapping {
            let node = convert(key, depth: depth + 1)
            let content = convert(value, depth: depth + 1)
            guard case .scalar(let text, _) = node.content else {
                if case .bad = node.content { continue }
                diagnostics.add("bad-key", node.location, "\(node.noun.capitalizedFirst) cannot be a key.")
                continue
            }
            let name = renamed[Place(line: node.location.line, column: node.location.column)] ?? text
            if let other = first[name] {
                diagnostics.add(
                    "duplicate-key", node.location,
                    "The key \(quoted(name)) stands twice in one map; the first is in line \(other.line).",
                    hint: "Keep one of them.")
                continue
            }
            first[name] = node.location
            entries.append(SourceNode.Entry(key: name, location: node.location, value: content))
        }
        return entries
    }

    /// What Yams says of values without a tag.
    private static let plainTags: Set<String> = [
        "", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map",
    ]

    private static func decorations(_ node: Node) -> (anchor: Bool, tag: String) {
        switch node {
        case .scalar(let scalar): (scalar.anchor != nil, scalar.tag.description)
        case .sequence(let sequence): (sequence.anchor != nil, sequence.tag.description)
        case .mapping(let mapping): (mapping.anchor != nil, mapping.tag.description)
        case .alias: (true, "")
        }
    }

    private static func firstInvalid(_ bytes: [UInt8], file: String) -> SourceLocation {
        var line = 1
        var column = 1
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        while case .scalarValue(let scalar) = decoder.decode(&iterator) {
            if scalar == "\n" { (line, column) = (line + 1, 1) } else { column += 1 }
        }
        return SourceLocation(file: file, line: line, column: column)
    }
}

/// A character as Unicode names it: `U+200B`.
private func codePoint(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}

extension String {
    /// The text with its first letter in upper case.
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
    /// The text with a full stop at its end.
    var sentenceEnd: String { hasSuffix(".") ? self : self + "." }
}
