// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Lists on the command line: words separated by spaces, everywhere. Commas are taken by the settings of schedulers.
public enum WordList {
    /// The words of a list.
    ///
    /// - Parameter what: what the words name, in the plural, for the message.
    /// - Throws: ``LapwingError`` (usage) for an empty list or a comma.
    public static func split(_ text: String, of what: String) throws -> [String] {
        let words = text.split(separator: " ").map(String.init)
        if words.isEmpty {
            throw LapwingError("empty-list", exit: .usage, "no \(what) were named", hint: "name at least one")
        }
        if let word = words.first(where: { $0.contains(",") }) {
            throw LapwingError(
                "list-separator", exit: .usage, "lists of \(what) are separated by spaces", subject: word,
                hint: "write '\(word.split(separator: ",").joined(separator: " "))'")
        }
        return words
    }

    /// The numbers of a list.
    ///
    /// - Throws: ``LapwingError`` (usage) for a word that is no number from 1 to 64.
    public static func cpuCounts(_ text: String) throws -> [Int] {
        try split(text, of: "numbers of CPUs").map { word in
            guard let count = Int(word), (1...64).contains(count) else {
                throw LapwingError("cpu-count", exit: .usage, "a number of CPUs is from 1 to 64", subject: word)
            }
            return count
        }
    }
}

extension SchedulerSpec {
    /// Reads a list of specifications separated by spaces.
    ///
    /// - Throws: ``LapwingError`` (usage) for an empty list and for a word whose scheduler is not a name, such as
    ///   `credit2,lapwing`.
    public static func list(_ text: String) throws -> [SchedulerSpec] {
        let words = text.split(separator: " ").map(String.init)
        if words.isEmpty {
            throw LapwingError("empty-list", exit: .usage, "no schedulers were named", hint: "name at least one")
        }
        return try words.map { word in
            let spec = SchedulerSpec(word)
            guard !spec.name.isEmpty, spec.name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
                throw LapwingError(
                    "scheduler-name", exit: .usage, "this is not NAME[:SETTINGS][@PARAMETER=VALUE,...][/CPUS]",
                    subject: word,
                    hint: spec.name.contains(",")
                        ? "schedulers are separated by spaces: '\(word.split(separator: ",").joined(separator: " "))'"
                        : "for example lapwing:powersave")
            }
            if let clock = spec.clock, spec.clockBounds == nil {
                throw LapwingError(
                    "clock-bounds", exit: .usage, "'\(clock)' is not LOW-HIGH in percent of the highest frequency",
                    subject: word, hint: "for example lapwing:powersave@clock=35-50")
            }
            return spec
        }
    }
}
