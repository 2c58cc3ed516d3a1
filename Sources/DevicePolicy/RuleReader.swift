// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import LapwingCore

/// Reads the pieces of one line as a rule, and goes on after each mistake to find the others.
struct RuleReader {
    /// A mistake.
    struct Problem {
        var code: String
        var column: Int
        var message: String
        var hint: String?
    }

    /// What a rule consists of.
    struct Parts {
        var decision = RuleDecision.deny
        var kind = RuleKind.device
        var conditions: [RuleCondition] = []
        var targets = RuleTargets.any
        var modifiers: Set<RuleModifier> = []
    }

    private let tokens: [RuleToken]
    private var index = 0
    private var parts = Parts()
    private var keys: [RuleKey: Int] = [:]
    private var modifierColumns: [RuleModifier: Int] = [:]
    private var to: Int?
    private var kindIsKnown = false
    private var decisionIsKnown = false
    private(set) var problems: [Problem] = []

    init(tokens: [RuleToken]) { self.tokens = tokens }

    private mutating func report(_ code: String, _ column: Int, _ message: String, _ hint: String? = nil) {
        problems.append(Problem(code: code, column: column, message: message, hint: hint))
    }

    /// The rule; nil when it has mistakes.
    mutating func read() -> Parts? {
        decision()
        kind()
        while index < tokens.count { clause() }
        checkWhole()
        return problems.isEmpty ? parts : nil
    }

    private var next: RuleToken? { index < tokens.count ? tokens[index] : nil }

    private static func list(_ words: some Sequence<String>) -> String { words.joined(separator: ", ") }

    private static func hint(_ word: String, _ known: [String]) -> String {
        (Suggestion.sentence(word, among: known).map { $0 + " " } ?? "") + "Possible: " + list(known) + "."
    }

    private mutating func decision() {
        guard let token = next else { return }
        let known = RuleDecision.allCases.map(\.rawValue)
        if token.kind == .word, let decision = RuleDecision(rawValue: token.text) {
            parts.decision = decision
            decisionIsKnown = true
        } else {
            report(
                "decision", token.column, "\(token.shown) is no decision; a rule begins with one.",
                Self.hint(token.text, known))
        }
        index += 1
    }

    private mutating func kind() {
        let known = RuleKind.allCases.map(\.rawValue)
        guard let token = next else {
            let last = tokens[tokens.count - 1]
            report(
                "kind", last.column + last.text.unicodeScalars.count, "The rule does not say which devices it means.",
                "After the decision comes one of: \(Self.list(known)).")
            return
        }
        if token.kind == .word, let kind = RuleKind(rawValue: token.text) {
            parts.kind = kind
            kindIsKnown = true
            index += 1
            return
        }
        let follows = index + 1 < tokens.count && tokens[index + 1].kind == .equals
        if token.text == "to" || follows || RuleModifier(rawValue: token.text) != nil {
            report(
                "kind", token.column, "The rule does not say which devices it means.",
                "After the decision comes one of: \(Self.list(known)).")
            return
        }
        report("kind", token.column, "\(token.shown) is no kind of devices.", Self.hint(token.text, known))
        index += 1
    }

    private mutating func clause() {
        let token = tokens[index]
        let follows = index + 1 < tokens.count && tokens[index + 1].kind == .equals
        if token.kind == .word, follows {
            condition(token)
        } else if token.kind == .word, token.text == "to" {
            domains(token)
        } else if token.kind == .word, let modifier = RuleModifier(rawValue: token.text) {
            if !parts.modifiers.insert(modifier).inserted {
                report("twice", token.column, "\(token.shown) stands twice.", "Remove one of them.")
            }
            modifierColumns[modifier] = modifierColumns[modifier] ?? token.column
            index += 1
        } else {
            stray(token)
            index += 1
        }
    }

    private mutating func stray(_ token: RuleToken) {
        switch token.kind {
        case .equals:
            report("syntax", token.column, "A word is missing before \"=\".", "Write key=value, such as class=storage.")
            // What follows was meant as the value.
            if index + 1 < tokens.count, tokens[index + 1].isValue { index += 1 }
        case .comma:
            report(
                "syntax", token.column, "A comma stands where none is expected.",
                "Commas part values: vendor=0781,8087.")
        case .quoted:
            report(
                "syntax", token.column, "The text \(token.shown) belongs to nothing.",
                "Write key=\"text\", such as name=\"SanDisk*\".")
        case .word:
            if let key = RuleKey(rawValue: token.text) {
                report("no-value", token.column, "\(token.shown) has no value.", "Write \(key.example).")
                return
            }
            let pair = token.text.split(separator: ":", omittingEmptySubsequences: false)
            if pair.count == 2, let vendor = Hex16(String(pair[0])), let product = Hex16(String(pair[1])) {
                report(
                    "word", token.column, "\(token.shown) belongs to nothing.",
                    "Write vendor=\(vendor) product=\(product).")
                return
            }
            let known = RuleKey.allCases.map(\.rawValue) + ["to"] + RuleModifier.allCases.map(\.rawValue)
            report(
                "word", token.column, "\(token.shown) means nothing here.",
                Suggestion.sentence(token.text, among: known)
                    ?? "Conditions are key=value; then come \"to\" with domains and persistent, required or once.")
        }
    }

    /// The values after `=` or `to`, commas between; nil after reporting why there are none.
    private mutating func values(of what: RuleToken, at start: Int, example: String) -> [RuleToken] {
        index = start
        var values: [RuleToken] = []
        while true {
            // "vendor= to work" lacks a value; a value that is called "to" stands in quotes.
            guard let token = next, token.isValue, token.kind == .quoted || token.text != "to" else {
                let last = tokens[index - 1]
                let end = last.column + last.text.unicodeScalars.count
                report("no-value", next?.column ?? end, "A value is missing after \(last.shown).", "Write \(example).")
                if next?.kind == .equals { index += 1 }
                if next?.kind == .comma { index += 1 } else { return values }
                continue
            }
            values.append(token)
            index += 1
            guard next?.kind == .comma else { return values }
            index += 1
        }
    }

    private mutating func domains(_ token: RuleToken) {
        let found = values(of: token, at: index + 1, example: "to net")
        if to != nil { report("twice", token.column, "\"to\" stands twice.", "Write to A,B for either.") }
        to = token.column
        var names: [String] = []
        for value in found {
            if value.text == "any" {
                if found.count > 1 {
                    report("domain", value.column, "\"any\" means every domain; no other stands beside it.")
                }
            } else if value.text == "dom0" {
                report(
                    "domain", value.column, "Devices are with dom0 anyway; it is no domain to give them to.",
                    "To keep a device there, write deny.")
            } else if !Self.isDomain(value.text) {
                report(
                    "domain", value.column, "\(value.shown) is no name of a domain.",
                    "Use lower-case letters, digits and -, starting with a letter, at most 32 characters: net.")
            } else if names.contains(value.text) {
                report("twice", value.column, "The domain \(value.shown) stands twice.", "Remove one of them.")
            } else {
                names.append(value.text)
            }
        }
        parts.targets = found.contains { $0.text == "any" } ? .any : .domains(names)
        if parts.decision == .assign, found.count > 1 || found.first?.text == "any" {
            report(
                "domain", found[found.first?.text == "any" ? 0 : 1].column,
                "A device can be assigned to one domain only.",
                "Name one domain, or write allow.")
        }
    }

    /// A name of a domain, as recipes have them.
    static func isDomain(_ text: String) -> Bool {
        let bytes = text.utf8
        guard let first = bytes.first, (97...122).contains(first), bytes.count <= 32 else { return false }
        return bytes.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
    }

    private mutating func condition(_ token: RuleToken) {
        let key = RuleKey(rawValue: token.text)
        let found = values(of: token, at: index + 2, example: key?.example ?? "class=storage")
        guard let key else {
            report(
                "key", token.column, "There is no condition \(token.shown).",
                Self.hint(token.text, RuleKey.allCases.map(\.rawValue)))
            return
        }
        if keys.updateValue(token.column, forKey: key) != nil {
            report(
                "twice", token.column, "\(token.shown) stands twice; both would have to hold.",
                "For one of several values write \(key.rawValue)=A,B.")
        }
        if kindIsKnown, !key.kinds.contains(parts.kind) {
            report(
                "key", token.column, "\(token.shown) has no meaning for \"\(parts.kind.rawValue)\".",
                "It stands in rules for \(Self.list(key.kinds.map(\.rawValue))).")
            return
        }
        var reader = ValueReader(kind: parts.kind)
        if let condition = reader.condition(key, found, decision: parts.decision) { parts.conditions.append(condition) }
        problems += reader.problems
    }

    private mutating func checkWhole() {
        guard let first = tokens.first, decisionIsKnown else { return }
        let decision = parts.decision
        if decision.gives, to == nil {
            let last = tokens[tokens.count - 1]
            report(
                "no-domain", last.column + last.text.unicodeScalars.count, "The rule does not say to which domain.",
                decision == .assign ? "Add to and a domain: to net." : "Add to and domains: to work,play, or to any.")
        }
        if let column = keys[.product], keys[.vendor] == nil {
            report(
                "product", column, "A product number means nothing without its vendor.",
                "Add vendor=, for example vendor=0781 product=5581.")
        }
        for (modifier, column) in modifierColumns.sorted(by: { $0.value < $1.value }) {
            if decision == .deny || (modifier == .required && decision != .assign) {
                report(
                    "modifier", column, "\"\(modifier.rawValue)\" has no meaning for \(decision.rawValue).",
                    modifier == .required ? "Only assign can require a device." : "Remove it.")
            }
        }
        if let column = modifierColumns[.once], modifierColumns[.persistent] != nil {
            report("modifier", column, "\"once\" and \"persistent\" contradict each other.", "Keep one of the two.")
        }
        if let column = modifierColumns[.required], modifierColumns[.persistent] == nil, decision == .assign {
            report("modifier", column, "What is required must be persistent.", "Add persistent.")
        }
        if decision == .assign, kindIsKnown, parts.conditions.isEmpty, keys.isEmpty,
            [.device, .usb, .pci].contains(parts.kind)
        {
            report(
                "too-wide", first.column, "This rule would give away every device there is.",
                "Add a condition, such as class=storage.")
        }
    }
}
