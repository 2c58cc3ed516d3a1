// SPDX-License-Identifier: Apache-2.0

import DevicePolicy
import LapwingCore

/// The rules of the device policy, with the mistakes where they stand in the recipe.
struct PolicyChecks {
    private let recipe: Recipe
    private let places: [String: SourceLocation]
    private let isBad: Bool
    private let layers: Layers
    private let diagnostics: Diagnostics

    init(_ recipe: Recipe, _ finisher: Finisher, _ layers: Layers, _ diagnostics: Diagnostics) {
        self.recipe = recipe
        self.layers = layers
        self.diagnostics = diagnostics
        var places: [String: SourceLocation] = [:]
        for entry in finisher.provenance where entry.path.hasPrefix("passthrough.policy") {
            if let place = entry.location { places[entry.path] = place }
        }
        self.places = places
        isBad = finisher.bad.contains { $0.hasPrefix("domains") }
    }

    /// Runs the checks.
    func run() {
        for (index, text) in recipe.passthrough.policy.enumerated() {
            let place = places["passthrough.policy[\(index)]"]
            let parsed = PolicyFile(file: place?.file ?? "passthrough.policy", text: text).parsed()
            for error in parsed.errors {
                report(error.code, place, text, error.location?.column ?? 1, error.message, error.hint)
            }
            for rule in parsed.rules where !isBad {
                for domain in rule.targets.names where recipe.domains[domain] == nil {
                    report(
                        "policy.unknown-domain", place, text, column(of: domain, in: text),
                        "The recipe has no domain \(quoted(domain)).",
                        Suggestion.sentence(domain, among: recipe.domains.keys)
                            ?? "Declare it under domains, or write to any.")
                }
            }
        }
    }

    /// The column of a domain's name: the last place where the word stands.
    private func column(of domain: String, in text: String) -> Int {
        let scalars = Array(text.unicodeScalars)
        let word = Array(domain.unicodeScalars)
        guard word.count <= scalars.count else { return 1 }
        let start = (0...(scalars.count - word.count)).last { scalars[$0..<($0 + word.count)].elementsEqual(word) }
        return (start ?? 0) + 1
    }

    /// A mistake at a column of a rule. Where the recipe's file holds the rule as it is, the place is that of the
    /// mistake; where it is written with escapes or over several lines, it is the beginning of the value.
    private func report(
        _ code: String, _ place: SourceLocation?, _ rule: String, _ column: Int, _ message: String, _ hint: String?
    ) {
        var location = place
        var words = message
        if let place {
            let line = layers.text(at: place) ?? []
            let quote = line.first == "\"" || line.first == "'" ? 1 : 0
            if line.dropFirst(quote).starts(with: rule.unicodeScalars) {
                location?.column += quote + column - 1
            } else {
                words = "At column \(column) of this rule: " + message
            }
        }
        diagnostics.add(code, location, words, hint: hint)
    }
}
