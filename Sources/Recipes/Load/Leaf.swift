// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Synchronization

/// What is wrong with a single value.
struct LeafProblem: Error {
    var code: String
    var message: String
    var hint: String?
}

/// Checks single values against their shape. `what` names the key, for the sentence.
enum Leaf {
    /// Text against a rule.
    static func text(_ text: String, _ rule: Rule) throws(LeafProblem) -> JSONValue {
        if text.utf8.count > rule.limit {
            throw LeafProblem(
                code: "bad-value",
                message:
                    "\(rule.secret ? "This" : quoted(text)) is too long for \(rule.noun): \(text.utf8.count) bytes.",
                hint: "At most \(rule.limit) bytes fit.")
        }
        if case .pattern(let pattern) = rule.kind, !Patterns.matches(text, pattern) {
            // A plain password in the wrong place must not end up in a build log.
            let shown = rule.secret ? "This" : quoted(text)
            throw LeafProblem(code: "bad-value", message: "\(shown) is not \(rule.noun).", hint: rule.help)
        }
        return .string(text)
    }

    /// A word out of a few.
    static func choice(_ text: String, _ choices: [String], _ what: String) throws(LeafProblem) -> JSONValue {
        if choices.contains(text) { return .string(text) }
        throw LeafProblem(
            code: "bad-value", message: "\(what) cannot be \(quoted(text)).",
            hint: (Suggestion.sentence(text, among: choices).map { $0 + " " } ?? "") + "Possible: "
                + choices.joined(separator: ", ") + ".")
    }

    /// A whole number within bounds.
    static func integer(_ value: Int, _ range: ClosedRange<Int>, _ what: String) throws(LeafProblem) -> JSONValue {
        if range.contains(value) { return .integer(Int64(value)) }
        throw LeafProblem(
            code: "out-of-range",
            message: range.count == 1
                ? "\(what) must be \(range.lowerBound), not \(value)."
                : "\(what) must be from \(range.lowerBound) to \(range.upperBound), not \(value).")
    }

    /// A size within bounds.
    static func size(_ text: String, _ range: ClosedRange<ByteSize>, _ what: String) throws(LeafProblem) -> JSONValue {
        guard let size = ByteSize(text) else {
            throw LeafProblem(
                code: "bad-value", message: "\(quoted(text)) is not a size.",
                hint: sizeHint(text) ?? "Write a whole number and a unit (B, KiB, MiB, GiB, TiB): 64 MiB.")
        }
        if range.contains(size) { return .integer(Int64(size.bytes)) }
        throw LeafProblem(
            code: "out-of-range",
            message:
                "\(what) must be from \(SizeText.exact(range.lowerBound.bytes)) to \(SizeText.exact(range.upperBound.bytes)), not \(quoted(text))."
        )
    }

    private static func sizeHint(_ text: String) -> String? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        if digits.isEmpty { return nil }
        let units = [
            "": "MiB", "k": "KiB", "kb": "kB", "kib": "KiB", "m": "MiB", "mb": "MB", "mib": "MiB", "g": "GiB",
            "gb": "GB",
            "gib": "GiB", "t": "TiB", "tb": "TB", "tib": "TiB", "b": "B",
        ]
        let unit = text.dropFirst(digits.count).drop { $0 == " " }.lowercased()
        guard let known = units[unit], ByteSize("\(digits) \(known)") != nil else { return nil }
        return "Did you mean \(quoted("\(digits) \(known)"))?"
    }
}

/// Matches the patterns of rules. Compiling an expression takes longer than using it, so compiled ones are kept.
enum Patterns {
    private static let compiled = Mutex<[String: Regex<AnyRegexOutput>]>([:])

    /// True when the whole text matches. Compared by Unicode scalars, so that no combining character or CR LF pair
    /// passes as one harmless character.
    static func matches(_ text: String, _ pattern: String) -> Bool {
        compiled.withLock { cache in
            if cache[pattern] == nil { cache[pattern] = try? Regex(pattern).matchingSemantics(.unicodeScalar) }
            guard let regex = cache[pattern] else { return false }
            return (try? regex.wholeMatch(in: text)) != nil
        }
    }
}
