// SPDX-License-Identifier: Apache-2.0

/// A place in a text file, as editors count: lines and columns from 1, columns in Unicode scalars.
public struct SourceLocation: Sendable, Hashable, Codable, Comparable, CustomStringConvertible {
    /// The file as the person named it.
    public var file: String
    /// The line, from 1.
    public var line: Int
    /// The column, from 1.
    public var column: Int

    /// Creates a location.
    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }

    /// `file:line:column`.
    public var description: String { "\(file):\(line):\(column)" }

    /// Orders by file, then line, then column.
    public static func < (a: SourceLocation, b: SourceLocation) -> Bool {
        (a.file, a.line, a.column) < (b.file, b.line, b.column)
    }
}

/// The one error family that reaches a person. Whatever else is thrown to the top is a bug and is reported as one.
public struct LapwingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A stable code such as `recipe.unknown-key`, for scripts and for searching.
    public var code: String
    /// How the program ends when this error reaches the top.
    public var exit: ExitStatus
    /// One sentence that says what is wrong.
    public var message: String
    /// The thing concerned: a path, a package, a device.
    public var subject: String?
    /// Where in a file of the person's own, if anywhere.
    public var location: SourceLocation?
    /// Why it happened, when that is known and not the same as the message.
    public var cause: String?
    /// What the person can do now.
    public var hint: String?

    /// Creates an error.
    public init(
        _ code: String, exit: ExitStatus = .failure, _ message: String, subject: String? = nil,
        location: SourceLocation? = nil, cause: String? = nil, hint: String? = nil
    ) {
        self.code = code
        self.exit = exit
        self.message = message
        self.subject = subject
        self.location = location
        self.cause = cause
        self.hint = hint
    }

    /// The error as it is printed to stderr, without colour and without a final newline.
    public var description: String {
        var lines = [(location.map { "\($0): " } ?? "") + "error: " + message]
        if let subject { lines.append("  about: " + subject) }
        if let cause { lines.append("  cause: " + cause) }
        if let hint { lines.append("  hint: " + hint) }
        lines.append("  code: " + code)
        return lines.joined(separator: "\n")
    }
}

/// Several errors found in one pass, for example all mistakes of a recipe.
public struct LapwingErrors: Error, Sendable, CustomStringConvertible {
    /// The errors, in the order to be shown; never empty.
    public var errors: [LapwingError]

    /// Creates the collection.
    public init(_ errors: [LapwingError]) {
        self.errors = errors
    }

    /// All errors, one after the other.
    public var description: String {
        errors.map(\.description).joined(separator: "\n")
    }

    /// The exit status of the first error.
    public var exit: ExitStatus { errors.first?.exit ?? .failure }
}
