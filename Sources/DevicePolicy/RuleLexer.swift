// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A piece of a rule with its column.
struct RuleToken: Hashable {
    enum Kind: Hashable { case word, quoted, equals, comma }
    var kind: Kind
    var text: String
    var column: Int

    /// True for what can be a value.
    var isValue: Bool { kind == .word || kind == .quoted }
    /// The piece as it stands in a message.
    var shown: String { SafeText.quoted(text) }
}

/// Cuts one line into pieces: words, texts in double quotes, `=` and `,`. A `#` outside of quotes begins a comment.
struct RuleLexer {
    /// The most scalars of a line.
    static let lineLimit = 4096

    /// The pieces of a line; mistakes go to `report` with their column.
    static func tokens(
        _ line: some Collection<Unicode.Scalar>, _ report: (Int, String, String?) -> Void
    ) -> [RuleToken] {
        let line = Array(line)
        if line.count > lineLimit {
            report(lineLimit + 1, "The line has more than \(lineLimit) characters.", "Split it into several rules.")
            return []
        }
        var tokens: [RuleToken] = []
        var index = 0
        while index < line.count {
            let scalar = line[index]
            let column = index + 1
            switch scalar {
            case " ", "\t": index += 1
            case "#": return tokens
            case "=", ",":
                tokens.append(RuleToken(kind: scalar == "=" ? .equals : .comma, text: String(scalar), column: column))
                index += 1
            case "\"": tokens.append(quoted(line, &index, report))
            default:
                var text = String.UnicodeScalarView()
                while index < line.count, !" \t#=,\"".unicodeScalars.contains(line[index]) {
                    check(line[index], index + 1, report)
                    text.append(line[index])
                    index += 1
                }
                tokens.append(RuleToken(kind: .word, text: String(text), column: column))
            }
        }
        return tokens
    }

    /// A text in quotes; `\"` and `\\` stand for the character itself.
    private static func quoted(
        _ line: [Unicode.Scalar], _ index: inout Int, _ report: (Int, String, String?) -> Void
    ) -> RuleToken {
        let column = index + 1
        var text = String.UnicodeScalarView()
        index += 1
        while index < line.count, line[index] != "\"" {
            if line[index] == "\\" {
                let next = index + 1 < line.count ? line[index + 1] : " "
                if next == "\"" || next == "\\" {
                    index += 1
                } else {
                    report(index + 1, "A backslash stands only before a quote or a backslash.", "Write \\\\ for one.")
                }
            } else {
                check(line[index], index + 1, report)
            }
            text.append(line[index])
            index += 1
        }
        if index == line.count {
            report(column, "The text that begins here has no closing quote.", nil)
        } else {
            index += 1
        }
        return RuleToken(kind: .quoted, text: String(text), column: column)
    }

    private static func check(_ scalar: Unicode.Scalar, _ column: Int, _ report: (Int, String, String?) -> Void) {
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
            report(
                column, "Here stands an invisible character, U+\(String(scalar.value, radix: 16, uppercase: true)).",
                "Remove it.")
        default: break
        }
    }
}
