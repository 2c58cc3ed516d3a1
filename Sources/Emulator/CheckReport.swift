// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What came of one scenario.
public struct CheckResult: Sendable, Hashable, Codable {
    /// How it ended.
    public enum Outcome: String, Sendable, Hashable, Codable {
        /// The assertion holds.
        case passed
        /// It does not, or could not be asked.
        case failed
        /// It was not asked, because the boot before it failed.
        case skipped
    }

    /// The group.
    public var group: String
    /// The scenario's name in its group; `start` for the boot itself.
    public var name: String
    /// How it ended.
    public var outcome: Outcome
    /// How long it took.
    public var seconds: Double
    /// Why it failed.
    public var message: String?
    /// What it measured.
    public var notes: [String: String]

    /// Describes a result.
    public init(
        group: String, name: String, outcome: Outcome, seconds: Double, message: String? = nil,
        notes: [String: String] = [:]
    ) {
        self.group = group
        self.name = name
        self.outcome = outcome
        self.seconds = seconds
        self.message = message
        self.notes = notes
    }
}

/// The results of a check, and the forms they are written in.
public struct CheckReport: Sendable, Hashable {
    /// The image that was checked.
    public var image: String
    /// How the machine's processor ran.
    public var accelerator: Accelerator
    /// The results, in order.
    public var results: [CheckResult]

    /// Creates a report.
    public init(image: String, accelerator: Accelerator, results: [CheckResult]) {
        self.image = image
        self.accelerator = accelerator
        self.results = results
    }

    /// True when something was checked and nothing failed.
    public var succeeded: Bool {
        !results.isEmpty && results.allSatisfy { $0.outcome == .passed }
    }

    /// The results as a listing: table, JSON or names.
    public var listing: Listing<CheckResult> {
        Listing(
            "results", results,
            columns: [
                .init("SCENARIO") { "\($0.group)/\($0.name)" },
                .init("RESULT") { $0.outcome.rawValue },
                .init("SECONDS", right: true) { Facts.seconds($0.seconds).replacingSuffix(" s") },
                .init("NOTES") { result in
                    result.notes.keys.sorted().map { "\($0): \(result.notes[$0] ?? "")" }.joined(separator: "; ")
                },
            ])
    }

    /// The failures, for standard error; empty when there are none.
    public var failures: String {
        results.filter { $0.outcome == .failed }.map { "\($0.group)/\($0.name)\n  \($0.message ?? "failed")\n" }
            .joined()
    }

    /// The results in the XML that continuous-integration systems read: a `testsuite` for each group.
    public var junit: String {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
        var groups: [String] = []
        for result in results where !groups.contains(result.group) { groups.append(result.group) }
        for group in groups {
            let cases = results.filter { $0.group == group }
            let time = cases.reduce(0) { $0 + $1.seconds }
            text += "  <testsuite name=\"\(Self.escaped(group))\" tests=\"\(cases.count)\""
            text += " failures=\"\(cases.count { $0.outcome == .failed })\""
            text += " skipped=\"\(cases.count { $0.outcome == .skipped })\" time=\"\(Self.number(time))\">\n"
            for result in cases {
                text += "    <testcase classname=\"\(Self.escaped(group))\" name=\"\(Self.escaped(result.name))\""
                text += " time=\"\(Self.number(result.seconds))\">"
                switch result.outcome {
                case .passed: break
                case .failed:
                    text += "<failure message=\"\(Self.escaped(result.message ?? ""))\"/>"
                case .skipped: text += "<skipped/>"
                }
                if !result.notes.isEmpty {
                    let notes = result.notes.keys.sorted().map { "\($0): \(result.notes[$0] ?? "")" }
                    text += "<system-out>\(Self.escaped(notes.joined(separator: "\n")))</system-out>"
                }
                text += "</testcase>\n"
            }
            text += "  </testsuite>\n"
        }
        return text + "</testsuites>\n"
    }

    private static func number(_ value: Double) -> String { Facts.seconds(value).replacingSuffix(" s") }

    /// Text for XML 1.0: markup escaped, characters that XML cannot hold replaced.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n": result += "&#10;"
            case "\t": result += "&#9;"
            case "\u{0}"..."\u{1F}", "\u{FFFE}"..."\u{FFFF}": result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension String {
    fileprivate func replacingSuffix(_ suffix: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
    }
}
