// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials

/// What is known of the terminal the person sits at; a value, so that tests can say what it is.
public struct Terminal: Sendable, Hashable {
    /// True when standard output is a terminal.
    public var outputIsTerminal: Bool
    /// True when standard error is a terminal.
    public var errorIsTerminal: Bool
    /// Columns of the terminal; 80 when unknown.
    public var columns: Int
    /// True when colour may be written to standard error.
    public var color: Bool

    /// Describes a terminal.
    public init(outputIsTerminal: Bool, errorIsTerminal: Bool, columns: Int, color: Bool) {
        self.outputIsTerminal = outputIsTerminal
        self.errorIsTerminal = errorIsTerminal
        self.columns = columns
        self.color = color
    }

    /// The live terminal. `NO_COLOR` (no-color.org) and `TERM=dumb` turn colour off.
    public static func live(environment: [String: String]) -> Terminal {
        let output = lapwing_terminal_columns(1)
        let error = lapwing_terminal_columns(2)
        let plain = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        return Terminal(
            outputIsTerminal: output > 0, errorIsTerminal: error > 0,
            columns: output > 0 ? Int(output) : error > 0 ? Int(error) : 80, color: error > 0 && !plain)
    }

    /// A terminal that is none: pipes, no colour.
    public static let none = Terminal(outputIsTerminal: false, errorIsTerminal: false, columns: 80, color: false)
}

/// Makes text from elsewhere safe to print: control and bidirectional-override characters become escapes.
public enum SafeText {
    /// The text with every scalar that could move the cursor or reorder the line written as `\\u{…}`.
    public static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Text of a person's own file as it stands in a message: printable, in quotes, not too long.
    public static func quoted(_ text: String) -> String {
        let safe = printable(text)
        return "\"" + (safe.count > 60 ? safe.prefix(57) + "..." : safe) + "\""
    }

    /// `printable`, line by line: line ends stay.
    public static func printableLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { printable(String($0)) }
            .joined(separator: "\n")
    }
}
