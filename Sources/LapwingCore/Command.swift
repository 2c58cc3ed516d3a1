// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// A program to run, with everything that goes into it.
public struct Command: Sendable {
    /// What the program reads on its standard input.
    public enum Input: Sendable {
        /// Nothing: `/dev/null`.
        case none
        /// These bytes.
        case bytes([UInt8])
        /// An open descriptor, left open for the caller.
        case descriptor(FileDescriptor)
        /// The caller's own standard input.
        case inherit
    }

    /// Where the program's output goes.
    public enum Output: Sendable {
        /// Kept and returned.
        case capture
        /// Thrown away.
        case discard
        /// An open descriptor, left open for the caller.
        case descriptor(FileDescriptor)
        /// The caller's own.
        case inherit
    }

    /// A name looked up in `PATH`, or a path.
    public var executable: String
    /// The arguments, without the program's own name.
    public var arguments: [String]
    /// Variables set over the base environment.
    public var environment: [String: String]
    /// True to start from an empty environment instead of the caller's.
    public var cleanEnvironment: Bool
    /// Where the program runs; nil for the caller's directory.
    public var workingDirectory: FilePath?
    /// Standard input.
    public var input: Input
    /// Standard output.
    public var output: Output
    /// Standard error.
    public var error: Output
    /// When the program is killed; nil for never.
    public var timeLimit: Duration?

    /// Describes a program to run.
    public init(
        _ executable: String, _ arguments: [String] = [], environment: [String: String] = [:],
        cleanEnvironment: Bool = false, workingDirectory: FilePath? = nil, input: Input = .none,
        output: Output = .capture, error: Output = .capture, timeLimit: Duration? = nil
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.cleanEnvironment = cleanEnvironment
        self.workingDirectory = workingDirectory
        self.input = input
        self.output = output
        self.error = error
        self.timeLimit = timeLimit
    }

    /// The command line as a shell would take it, for messages.
    public var line: String {
        ([executable] + arguments).map(Command.quoted).joined(separator: " ")
    }

    /// A word quoted for a POSIX shell when it needs to be.
    public static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || "-_./:=,+@%".utf8.contains(byte)
        }
        if plain && !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

/// How a program ended and what it printed.
public struct CommandResult: Sendable, Hashable {
    /// How a program ended.
    public enum Ending: Sendable, Hashable {
        /// It exited with this code.
        case exited(Int32)
        /// This signal ended it.
        case signalled(Int32)
        /// It was killed because its time limit had passed.
        case timedOut
    }

    /// How it ended.
    public var ending: Ending
    /// What it printed, when captured.
    public var output: [UInt8]
    /// What it printed on standard error, when captured.
    public var error: [UInt8]

    /// Creates a result.
    public init(ending: Ending, output: [UInt8] = [], error: [UInt8] = []) {
        self.ending = ending
        self.output = output
        self.error = error
    }

    /// True for exit code 0.
    public var succeeded: Bool { ending == .exited(0) }
    /// The captured output as text; bytes that are no UTF-8 are replaced.
    public var text: String { String(decoding: output, as: UTF8.self) }
    /// The captured errors as text.
    public var errorText: String { String(decoding: error, as: UTF8.self) }
}

/// The one way to run other programs.
public protocol ProcessRunner: Sendable {
    /// Runs a program to its end. Throws only when it could not be started; a failing program is a result.
    func run(_ command: Command) async throws -> CommandResult

    /// Runs a program and hands over each line of its standard output as it comes.
    func lines(_ command: Command, _ body: @escaping @Sendable (String) async throws -> Void) async throws
        -> CommandResult
}

extension ProcessRunner {
    /// Runs a program that must succeed; its failure is an error that names the command and the end of its stderr.
    @discardableResult
    public func require(_ command: Command, _ message: String? = nil) async throws -> CommandResult {
        let result = try await run(command)
        guard result.succeeded else { throw CommandFailure.error(command, result, message) }
        return result
    }
}

/// Turns a failed command into an error for the person.
public enum CommandFailure {
    /// The error: what failed, how it ended, the last lines it printed.
    public static func error(_ command: Command, _ result: CommandResult, _ message: String? = nil) -> LapwingError {
        let how =
            switch result.ending {
            case .exited(let code): "exit code \(code)"
            case .signalled(let signal): "signal \(signal)"
            case .timedOut: "killed after its time limit"
            }
        let printed = result.error.isEmpty ? result.text : result.errorText
        let tail = printed.split(separator: "\n").suffix(12).joined(separator: "\n         ")
        return LapwingError(
            "command.failed", message ?? "\(command.executable) failed.", subject: command.line,
            cause: tail.isEmpty ? how : "\(how): \(tail)")
    }
}
