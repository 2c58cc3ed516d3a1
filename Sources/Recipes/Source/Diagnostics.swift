// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Collects the errors of one pass over a recipe and all its layers.
final class Diagnostics {
    private var errors: Set<LapwingError> = []

    /// Adds an error; the same one twice counts once.
    func add(_ code: String, _ location: SourceLocation?, _ message: String, hint: String? = nil) {
        errors.insert(LapwingError("recipe." + code, exit: .badInput, message, location: location, hint: hint))
    }

    /// True when nothing was found.
    var isEmpty: Bool { errors.isEmpty }

    /// All errors by file, line and column; those without a place come first.
    var sorted: [LapwingError] {
        errors.sorted { a, b in
            switch (a.location, b.location) {
            case (nil, .some): true
            case (.some, nil): false
            case (let a?, let b?) where a != b: a < b
            default: (a.message, a.code) < (b.message, b.code)
            }
        }
    }

    /// Throws all errors, if there are any.
    func check() throws {
        if !errors.isEmpty { throw LapwingErrors(sorted) }
    }
}

/// Text of the person's own file as it stands in a message: printable, in quotes, not too long.
func quoted(_ text: String) -> String { SafeText.quoted(text) }
