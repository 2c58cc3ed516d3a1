// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Manual pages made from what a program says of its own commands (ArgumentParser's `--experimental-dump-help`), one
/// page for the program and one for each command. It serves every program, `lapwing` too.
public struct ManualPages: Sendable {
    /// One page.
    public struct Page: Sendable, Hashable {
        /// The file's name, such as `lapwingctl-status.1`.
        public var file: String
        /// The section of the manual.
        public var section: Int
        /// The page in the man macros of groff_man(7).
        public var text: String
    }

    private struct Dump: Decodable {
        var command: Command
    }

    private struct Command: Decodable {
        var superCommands: [String]?
        var commandName: String
        var abstract: String?
        var discussion: String?
        var subcommands: [Command]?
        var arguments: [Argument]?
        var shouldDisplay: Bool?
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            var kind: String
            var name: String
        }
        var kind: String
        var shouldDisplay: Bool
        var isOptional: Bool
        var isRepeating: Bool
        var names: [Name]?
        var valueName: String?
        var defaultValue: String?
        var abstract: String?
        var discussion: String?
    }

    private let root: Command
    private let section: Int

    /// Reads a dump; one of another shape is `json.bad`.
    public init(dump: [UInt8], section: Int) throws {
        root = try JSONText.decode(Dump.self, from: dump, file: "--experimental-dump-help").command
        self.section = section
    }

    /// The pages, the program's own first.
    public func pages() -> [Page] { pages(root, parents: []) }

    private func pages(_ command: Command, parents: [String]) -> [Page] {
        let words = parents + [command.commandName]
        let name = words.joined(separator: "-")
        var result = [Page(file: "\(name).\(section)", section: section, text: text(command, words: words))]
        for child in children(command) { result += pages(child, parents: words) }
        return result
    }

    private func children(_ command: Command) -> [Command] {
        (command.subcommands ?? []).filter { $0.commandName != "help" && $0.shouldDisplay != false }
    }

    private func text(_ command: Command, words: [String]) -> String {
        let name = words.joined(separator: "-")
        let shown = (command.arguments ?? []).filter { $0.shouldDisplay }
        // No date: a page must be the same whenever it is made.
        var page = ".TH \(Roff.quoted(name.uppercased())) \(section) \"\" Lapwing \"Lapwing Manual\"\n"
        page += ".SH NAME\n\(Roff.text(name)) \\- \(Roff.text(sentence(command.abstract)))\n"
        page += ".SH SYNOPSIS\n.B \(Roff.text(words.joined(separator: " ")))\n"
        for argument in shown { page += synopsis(argument) + "\n" }
        let children = children(command)
        if !children.isEmpty { page += "\\fICOMMAND\\fR\n" }
        page += ".SH DESCRIPTION\n\(Roff.text(command.abstract ?? ""))\n"
        if let discussion = command.discussion, !discussion.isEmpty { page += Roff.paragraphs(discussion) }
        if !children.isEmpty {
            page += ".SH COMMANDS\n"
            for child in children {
                page += ".TP\n.BR \(Roff.quoted(name + "-" + child.commandName)) (\(section))\n"
                page += Roff.text(child.abstract ?? "") + "\n"
            }
        }
        if !shown.isEmpty {
            page += ".SH OPTIONS\n"
            for argument in shown { page += option(argument) }
        }
        page += ".SH EXIT STATUS\n"
        for status in ExitStatus.allCases {
            page += ".TP\n.B \(status.rawValue)\n\(Roff.text(status.meaning))\n"
        }
        if words.count > 1 {
            page += ".SH SEE ALSO\n.BR \(Roff.quoted(words.dropLast().joined(separator: "-"))) (\(section))\n"
        }
        return page
    }

    /// The abstract as the NAME line wants it: no full stop, for whatis(1) shows it in a list.
    private func sentence(_ abstract: String?) -> String {
        let text = abstract ?? ""
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    private func names(_ argument: Argument) -> [String] {
        (argument.names ?? []).map { $0.kind == "long" ? "--" + $0.name : "-" + $0.name }
    }

    private func synopsis(_ argument: Argument) -> String {
        let value = "\\fI\(Roff.text(argument.valueName ?? "value"))\\fR"
        let names = names(argument)
        var text: String
        switch argument.kind {
        case "positional": text = value
        case "option": text = "\\fB\(Roff.text(names.last ?? ""))\\fR " + value
        default: text = "\\fB\(Roff.text(names.last ?? ""))\\fR"
        }
        if argument.isRepeating { text += " ..." }
        return argument.isOptional ? "[" + text + "]" : text
    }

    private func option(_ argument: Argument) -> String {
        let names = names(argument).map { "\\fB\(Roff.text($0))\\fR" }.joined(separator: ", ")
        let value = argument.kind == "flag" ? "" : "\\fI\(Roff.text(argument.valueName ?? "value"))\\fR"
        var text = ".TP\n\(names)\(names.isEmpty || value.isEmpty ? "" : " ")\(value)\n"
        text += Roff.text(argument.abstract ?? "")
        if let value = argument.defaultValue, !value.isEmpty { text += " Default: \(Roff.text(value))." }
        text += "\n"
        if let discussion = argument.discussion, !discussion.isEmpty { text += Roff.text(discussion) + "\n" }
        return text
    }
}

/// Text for roff.
enum Roff {
    /// Text in which nothing is a command: backslashes and hyphens escaped, no line begins with a dot or a quote.
    static func text(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: true).map { line in
            var result = line.first == "." || line.first == "'" ? "\\&" : ""
            for character in line {
                switch character {
                case "\\": result += "\\e"
                case "-": result += "\\-"
                default: result.append(character)
                }
            }
            return result
        }.joined(separator: "\n")
    }

    /// A macro's argument in quotes.
    static func quoted(_ text: String) -> String {
        "\"" + self.text(text).split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\(dq")
            + "\""
    }

    /// Text of several paragraphs, which empty lines part.
    static func paragraphs(_ text: String) -> String {
        text.split(separator: "\n\n", omittingEmptySubsequences: true).map { ".PP\n" + self.text(String($0)) + "\n" }
            .joined()
    }
}
