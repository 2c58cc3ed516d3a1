// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// A value of a YAML file with its place.
public struct PlainNode: Sendable, Hashable {
    /// What stands there.
    public enum Content: Sendable, Hashable {
        /// Text; `plain` when it stands without quotes.
        case scalar(String, plain: Bool)
        /// A list.
        case list([PlainNode])
        /// A map, in the order of the file.
        case map([Entry])
    }

    /// One key with its value.
    public struct Entry: Sendable, Hashable {
        /// The key.
        public var key: String
        /// Where the key stands.
        public var location: SourceLocation
        /// Its value.
        public var value: PlainNode
    }

    /// Where the value begins.
    public var location: SourceLocation
    /// What stands there.
    public var content: Content

    /// What stands there, in words.
    public var noun: String {
        switch content {
        case .scalar("", plain: true): "nothing"
        case .scalar(_, let plain): plain ? "a plain value" : "a text in quotes"
        case .list: "a list"
        case .map: "a map"
        }
    }
}

/// Reads the part of YAML 1.2 that definitions are written in: maps and lists, by indentation or in brackets, plain and
/// quoted values on one line, comments. Anchors, aliases, tags, texts of several lines, several documents and tabs in
/// the indentation are refused by name. It stands here because device programs do without Foundation, which Yams needs.
///
/// Whatever the bytes are, the result is a value or a `LapwingError` with its place; memory and depth are bounded.
public struct PlainYAML {
    /// The largest file, in bytes.
    public static let sizeLimit = 256 << 10
    /// The deepest nesting.
    public static let depthLimit = 16

    private struct Line {
        var number: Int
        var indent: Int
        /// The text after the indentation, without a comment and spaces at its end.
        var text: [UInt8]
    }

    private let file: String
    private var lines: [Line] = []
    private var next = 0

    /// The content of a file; `file` names it in errors. Nothing but comments is an empty map.
    public static func read(_ bytes: [UInt8], file: String) throws(LapwingError) -> PlainNode {
        var reader = PlainYAML(file: file)
        try reader.split(bytes)
        guard let first = reader.lines.first else {
            return PlainNode(location: SourceLocation(file: file, line: 1, column: 1), content: .map([]))
        }
        let node = try reader.block(indent: first.indent, depth: 0)
        if let rest = reader.current { throw reader.bad(rest, 0, "This line is indented less than the first one.") }
        return node
    }

    private init(file: String) { self.file = file }

    private var current: Line? { next < lines.count ? lines[next] : nil }

    private func bad(_ line: Line, _ offset: Int, _ message: String, hint: String? = nil) -> LapwingError {
        error(line.number, line.indent + offset + 1, message, hint: hint)
    }

    private func error(_ line: Int, _ column: Int, _ message: String, hint: String? = nil) -> LapwingError {
        LapwingError(
            "yaml.bad", exit: .badInput, message, location: SourceLocation(file: file, line: line, column: column),
            hint: hint)
    }

    // MARK: Lines

    private mutating func split(_ bytes: [UInt8]) throws(LapwingError) {
        guard bytes.count <= Self.sizeLimit else {
            throw error(1, 1, "The file has \(bytes.count) bytes; a definition may have \(Self.sizeLimit).")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw error(1, 1, "The file is not UTF-8 text.", hint: "Save it in the encoding UTF-8.")
        }
        for (index, raw) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            let text = raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw
            let indent = text.prefix { $0 == UInt8(ascii: " ") }.count
            let rest = Array(text.dropFirst(indent))
            if let at = rest.firstIndex(where: { $0 < 32 && $0 != UInt8(ascii: "\t") || $0 == 127 }) {
                throw error(number, indent + at + 1, "Here stands a control character.", hint: "Remove it.")
            }
            let content = try withoutComment(rest, number: number, indent: indent)
            if content.isEmpty { continue }
            if content[0] == UInt8(ascii: "\t") {
                throw error(
                    number, indent + 1, "A tab stands in the indentation; YAML allows only spaces there.",
                    hint: "Replace it with spaces.")
            }
            if indent == 0, content == Array("---".utf8), lines.isEmpty { continue }
            if indent == 0, content.starts(with: Array("---".utf8)) || content == Array("...".utf8) {
                throw error(number, 1, "A second YAML document starts here.", hint: "A file holds one document.")
            }
            if indent == 0, content[0] == UInt8(ascii: "%") {
                throw error(number, 1, "YAML directives are not part of the format.", hint: "Remove the line.")
            }
            lines.append(Line(number: number, indent: indent, text: content))
        }
    }

    private func withoutComment(_ text: [UInt8], number: Int, indent: Int) throws(LapwingError) -> [UInt8] {
        var quote: UInt8?
        var end = text.count
        var index = 0
        while index < text.count {
            let byte = text[index]
            if let open = quote {
                if open == UInt8(ascii: "\""), byte == UInt8(ascii: "\\") {
                    index += 1
                } else if byte == open {
                    quote = nil
                }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                // A quote begins a text only where a value can begin; elsewhere it is an apostrophe.
                let before = text[..<index].last { $0 != UInt8(ascii: " ") }
                if before == nil || "[{,:-".utf8.contains(before ?? 0) { quote = byte }
            } else if byte == UInt8(ascii: "#"), index == 0 || text[index - 1] == UInt8(ascii: " ") {
                end = index
                break
            }
            index += 1
        }
        var content = text[..<end]
        while content.last == UInt8(ascii: " ") || content.last == UInt8(ascii: "\t") { content.removeLast() }
        return Array(content)
    }

    // MARK: Blocks

    /// A list or map at an indentation; `above` is that of the key it belongs to, where a list may stand as well.
    private mutating func block(indent: Int, depth: Int, above: Int = -1) throws(LapwingError) -> PlainNode {
        guard let line = current else { throw error(1, 1, "The file ends too early.") }
        guard depth <= Self.depthLimit else {
            throw bad(line, 0, "Lists and maps are nested more than \(Self.depthLimit) deep.")
        }
        let location = SourceLocation(file: file, line: line.number, column: line.indent + 1)
        if Self.isItem(line.text) {
            var items: [PlainNode] = []
            while let line = current, line.indent == indent, Self.isItem(line.text) {
                items.append(try item(line, depth: depth))
            }
            try noDeeper(than: indent)
            if let line = current, line.indent == indent, indent != above {
                throw bad(line, 0, "A key stands where the list above goes on.", hint: "Begin the line with \"- \".")
            }
            return PlainNode(location: location, content: .list(items))
        }
        if try key(of: line) == nil {
            next += 1
            try noDeeper(than: indent)
            return try flow(line, from: 0, depth: depth)
        }
        var entries: [PlainNode.Entry] = []
        while let line = current, line.indent == indent {
            if Self.isItem(line.text) {
                throw bad(line, 0, "A list begins where the map above goes on.", hint: "Indent it below its key.")
            }
            guard let (name, after) = try key(of: line) else {
                throw bad(line, 0, "Here a key with a colon and a space is missing.", hint: "Write it as key: value.")
            }
            let place = SourceLocation(file: file, line: line.number, column: indent + 1)
            if let other = entries.first(where: { $0.key == name }) {
                throw LapwingError(
                    "yaml.duplicate-key", exit: .badInput,
                    "The key \(name) stands twice in one map; the first is in line \(other.location.line).",
                    location: place, hint: "Keep one of them.")
            }
            next += 1
            entries.append(
                PlainNode.Entry(key: name, location: place, value: try value(line, after: after, depth: depth)))
        }
        try noDeeper(than: indent)
        return PlainNode(location: location, content: .map(entries))
    }

    private func noDeeper(than indent: Int) throws(LapwingError) {
        if let line = current, line.indent > indent {
            throw bad(line, 0, "This line is indented more than the one it belongs to.")
        }
    }

    /// The value after a key's colon: on the same line, or the block below.
    private mutating func value(_ line: Line, after: Int, depth: Int) throws(LapwingError) -> PlainNode {
        if after < line.text.count { return try flow(line, from: after, depth: depth + 1) }
        if let below = current, below.indent > line.indent || (below.indent == line.indent && Self.isItem(below.text)) {
            return try block(indent: below.indent, depth: depth + 1, above: line.indent)
        }
        return PlainNode(
            location: SourceLocation(file: file, line: line.number, column: line.indent + line.text.count + 1),
            content: .scalar("", plain: true))
    }

    private mutating func item(_ line: Line, depth: Int) throws(LapwingError) -> PlainNode {
        let rest = line.text.dropFirst().drop { $0 == UInt8(ascii: " ") }
        if rest.isEmpty {
            next += 1
            if let below = current, below.indent > line.indent {
                return try block(indent: below.indent, depth: depth + 1)
            }
            return PlainNode(
                location: SourceLocation(file: file, line: line.number, column: line.indent + 2),
                content: .scalar("", plain: true))
        }
        // `- key: value` is a map whose first line stands behind the hyphen: the line is read again without it.
        let inner = Line(number: line.number, indent: line.indent + rest.startIndex, text: Array(rest))
        var isBlock = Self.isItem(inner.text)
        if !isBlock { isBlock = try key(of: inner) != nil }
        if isBlock {
            lines[next] = inner
            return try block(indent: inner.indent, depth: depth + 1)
        }
        next += 1
        return try flow(inner, from: 0, depth: depth + 1)
    }

    private static func isItem(_ text: [UInt8]) -> Bool {
        text[0] == UInt8(ascii: "-") && (text.count == 1 || text[1] == UInt8(ascii: " "))
    }

    /// The key at the start of a line and where its value begins; nil when the line holds no key.
    private func key(of line: Line) throws(LapwingError) -> (String, Int)? {
        let text = line.text
        if text[0] == UInt8(ascii: "[") || text[0] == UInt8(ascii: "{") { return nil }
        var end: Int
        var name: String
        if text[0] == UInt8(ascii: "\"") || text[0] == UInt8(ascii: "'") {
            var cursor = PlainCursor(text: text, at: 0, stop: false)
            name = try quoted(&cursor, line)
            end = cursor.at
            guard end < text.count, text[end] == UInt8(ascii: ":") else { return nil }
        } else {
            guard
                let colon = text.indices.first(where: {
                    text[$0] == UInt8(ascii: ":") && ($0 + 1 == text.count || text[$0 + 1] == UInt8(ascii: " "))
                })
            else { return nil }
            try refuse(text[0], line, 0)
            name = String(decoding: text[..<colon], as: UTF8.self)
            while name.hasSuffix(" ") { name.removeLast() }
            end = colon
        }
        guard !name.isEmpty, end + 1 == text.count || text[end + 1] == UInt8(ascii: " ") else { return nil }
        var start = end + 1
        while start < text.count, text[start] == UInt8(ascii: " ") { start += 1 }
        return (name, start)
    }

    /// Refuses what YAML has and this format has not.
    private func refuse(_ byte: UInt8, _ line: Line, _ offset: Int) throws(LapwingError) {
        let what: String
        switch byte {
        case UInt8(ascii: "&"), UInt8(ascii: "*"): what = "YAML anchors and aliases"
        case UInt8(ascii: "!"): what = "YAML tags"
        case UInt8(ascii: "|"), UInt8(ascii: ">"): what = "Texts of several lines"
        case UInt8(ascii: "?"): what = "Keys behind a question mark"
        case UInt8(ascii: "@"), UInt8(ascii: "`"), UInt8(ascii: "%"): what = "Values that begin with this character"
        default: return
        }
        throw bad(line, offset, "\(what) are not part of the format.", hint: "Put a text into quotes if it is meant.")
    }

    // MARK: Values on one line

    private func flow(_ line: Line, from start: Int, depth: Int) throws(LapwingError) -> PlainNode {
        var cursor = PlainCursor(text: line.text, at: start, stop: false)
        let node = try flowValue(&cursor, line, depth: depth)
        cursor.skipSpaces()
        guard cursor.at == line.text.count else {
            throw bad(line, cursor.at, "Something stands behind the end of the value.", hint: "Put the text in quotes.")
        }
        return node
    }

    private func flowValue(_ cursor: inout PlainCursor, _ line: Line, depth: Int) throws(LapwingError) -> PlainNode {
        guard depth <= Self.depthLimit else {
            throw bad(line, cursor.at, "Lists and maps are nested more than \(Self.depthLimit) deep.")
        }
        cursor.skipSpaces()
        let place = SourceLocation(file: file, line: line.number, column: line.indent + cursor.at + 1)
        switch cursor.byte {
        case UInt8(ascii: "["):
            cursor.at += 1
            var items: [PlainNode] = []
            while try !closes(&cursor, UInt8(ascii: "]"), line, first: items.isEmpty) {
                items.append(try flowValue(&cursor.inside, line, depth: depth + 1))
            }
            return PlainNode(location: place, content: .list(items))
        case UInt8(ascii: "{"):
            cursor.at += 1
            var entries: [PlainNode.Entry] = []
            while try !closes(&cursor, UInt8(ascii: "}"), line, first: entries.isEmpty) {
                let location = SourceLocation(file: file, line: line.number, column: line.indent + cursor.at + 1)
                let key = try flowKey(&cursor, line)
                if entries.contains(where: { $0.key == key }) {
                    throw LapwingError(
                        "yaml.duplicate-key", exit: .badInput, "The key \(key) stands twice in one map.",
                        location: location, hint: "Keep one of them.")
                }
                entries.append(
                    PlainNode.Entry(
                        key: key, location: location, value: try flowValue(&cursor.inside, line, depth: depth + 1)))
            }
            return PlainNode(location: place, content: .map(entries))
        case UInt8(ascii: "\""), UInt8(ascii: "'"):
            return PlainNode(location: place, content: .scalar(try quoted(&cursor, line), plain: false))
        default:
            if let byte = cursor.byte { try refuse(byte, line, cursor.at) }
            let text = cursor.plain()
            if !cursor.stop, text.contains(": ") || text.hasSuffix(":") {
                throw bad(
                    line, cursor.at, "A colon stands in a value without quotes.", hint: "Put the text into quotes.")
            }
            return PlainNode(location: place, content: .scalar(text, plain: true))
        }
    }

    private func flowKey(_ cursor: inout PlainCursor, _ line: Line) throws(LapwingError) -> String {
        let start = cursor.at
        let name: String
        if cursor.byte == UInt8(ascii: "\"") || cursor.byte == UInt8(ascii: "'") {
            name = try quoted(&cursor, line)
        } else {
            if let byte = cursor.byte { try refuse(byte, line, start) }
            name = cursor.word()
        }
        guard !name.isEmpty, cursor.byte == UInt8(ascii: ":") else {
            throw bad(line, start, "Here a key with a colon is missing.", hint: "Write it as {key: value}.")
        }
        cursor.at += 1
        return name
    }

    /// True at the closing bracket; otherwise the next element can be read.
    private func closes(
        _ cursor: inout PlainCursor, _ close: UInt8, _ line: Line, first: Bool
    ) throws(LapwingError) -> Bool {
        cursor.skipSpaces()
        if !first, cursor.byte == UInt8(ascii: ",") {
            cursor.at += 1
            cursor.skipSpaces()
        } else if !first, cursor.byte != close, cursor.byte != nil {
            throw bad(line, cursor.at, "Here a comma is missing.")
        }
        guard let byte = cursor.byte else {
            throw bad(
                line, cursor.at, "The bracket is not closed on this line.",
                hint: "Close it here, or write the list below its key, a line each.")
        }
        if byte == close {
            cursor.at += 1
            return true
        }
        return false
    }

    private func quoted(_ cursor: inout PlainCursor, _ line: Line) throws(LapwingError) -> String {
        let start = cursor.at
        let quote = line.text[start]
        var bytes: [UInt8] = []
        cursor.at += 1
        while let byte = cursor.byte {
            cursor.at += 1
            if quote == UInt8(ascii: "'"), byte == quote {
                guard cursor.byte == quote else { return String(decoding: bytes, as: UTF8.self) }
                cursor.at += 1
            } else if byte == quote {
                return String(decoding: bytes, as: UTF8.self)
            } else if quote == UInt8(ascii: "\""), byte == UInt8(ascii: "\\") {
                guard let escaped = cursor.byte, "\"\\/".utf8.contains(escaped) else {
                    throw bad(
                        line, cursor.at - 1, "This escape is not part of the format.",
                        hint: "Only \\\" and \\\\ are; or use single quotes.")
                }
                bytes.append(escaped)
                cursor.at += 1
                continue
            }
            bytes.append(byte)
        }
        throw bad(line, start, "The quote is not closed on this line.")
    }
}

/// A position in a line.
private struct PlainCursor {
    let text: [UInt8]
    var at: Int
    /// True inside of brackets, where commas and brackets end a plain value.
    var stop: Bool

    var byte: UInt8? { at < text.count ? text[at] : nil }

    /// The same position inside of brackets.
    var inside: PlainCursor {
        get { PlainCursor(text: text, at: at, stop: true) }
        set { at = newValue.at }
    }

    mutating func skipSpaces() {
        while byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") { at += 1 }
    }

    /// A plain value, spaces at its end left out.
    mutating func plain() -> String {
        let start = at
        while let byte, !(stop && ",]}[{".utf8.contains(byte)) { at += 1 }
        return trimmed(start)
    }

    /// A plain key inside of brackets.
    mutating func word() -> String {
        let start = at
        while let byte, !",]}[{:".utf8.contains(byte) { at += 1 }
        return trimmed(start)
    }

    private func trimmed(_ start: Int) -> String {
        var slice = text[start..<at]
        while slice.last == UInt8(ascii: " ") || slice.last == UInt8(ascii: "\t") { slice.removeLast() }
        return String(decoding: slice, as: UTF8.self)
    }
}
