// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import LapwingCore

/// Reads rule files. Every mistake is reported; none stops the reading.
struct RuleParser {
    /// The most rules of a file.
    static let ruleLimit = 10_000
    /// The most mistakes that are reported of a file.
    static let errorLimit = 100

    private let file: String
    private var line = 1
    private var errors: [LapwingError] = []

    static func parse(_ file: PolicyFile) -> (rules: [PolicyRule], errors: [LapwingError]) {
        var parser = RuleParser(file: file.file)
        let rules = parser.rules(file.bytes)
        var errors = parser.errors.sorted { a, b in
            guard let first = a.location, let second = b.location, first != second else { return a.message < b.message }
            return first < second
        }
        if errors.count > errorLimit {
            let rest = errors.count - errorLimit
            errors.removeLast(rest)
            errors.append(
                LapwingError(
                    "policy.many", exit: .badInput, "\(rest) more mistakes are not shown.",
                    location: errors.last?.location))
        }
        return (rules, errors)
    }

    private init(file: String) { self.file = file }

    private mutating func report(_ code: String, _ column: Int, _ message: String, _ hint: String? = nil) {
        // One more than is kept of everything that follows would only cost memory.
        guard errors.count < 10 * Self.errorLimit else { return }
        errors.append(
            LapwingError(
                "policy." + code, exit: .badInput, message,
                location: SourceLocation(file: file, line: line, column: column), hint: hint))
    }

    private mutating func rules(_ bytes: [UInt8]) -> [PolicyRule] {
        if bytes.count > PolicyFile.sizeLimit {
            report(
                "too-large", 1, "The file has \(bytes.count) bytes; a rule file may have \(PolicyFile.sizeLimit).")
            return []
        }
        var rules: [PolicyRule] = []
        for piece in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            var piece = piece
            if piece.last == UInt8(ascii: "\r") { piece.removeLast() }
            if let rule = rule(piece) {
                if rules.count == Self.ruleLimit {
                    report("too-many", 1, "The file has more than \(Self.ruleLimit) rules.")
                    return rules
                }
                rules.append(rule)
            }
            line += 1
        }
        return rules
    }

    private mutating func rule(_ bytes: ArraySlice<UInt8>) -> PolicyRule? {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let repaired = String(decoding: bytes, as: UTF8.self).unicodeScalars
            let before = repaired.prefix { $0 != "\u{FFFD}" }.count
            report("not-utf8", before + 1, "The line is not UTF-8 text.", "Save the file in the encoding UTF-8.")
            return nil
        }
        var found: [(Int, String, String?)] = []
        let tokens = RuleLexer.tokens(text.unicodeScalars) { found.append(($0, $1, $2)) }
        for (column, message, hint) in found { report("syntax", column, message, hint) }
        guard let first = tokens.first else { return nil }
        let before = errors.count
        var reader = RuleReader(tokens: tokens)
        let parts = reader.read()
        for problem in reader.problems { report(problem.code, problem.column, problem.message, problem.hint) }
        guard let parts, found.isEmpty, errors.count == before else { return nil }
        return PolicyRule(
            decision: parts.decision, kind: parts.kind, conditions: parts.conditions, targets: parts.targets,
            modifiers: parts.modifiers, location: SourceLocation(file: file, line: line, column: first.column),
            text: RuleParser.text(tokens))
    }

    /// The rule with single blanks and without a comment.
    private static func text(_ tokens: [RuleToken]) -> String {
        var text = ""
        var tight = true
        for token in tokens {
            switch token.kind {
            case .equals, .comma:
                text += token.text
                tight = true
            case .word, .quoted:
                if !tight { text += " " }
                if token.kind == .word {
                    text += token.text
                } else {
                    text += "\"" + token.text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
                }
                tight = false
            }
        }
        return text
    }
}
