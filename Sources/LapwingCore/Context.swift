// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import SystemPackage

/// The time, as a value that tests can set.
public protocol WallClock: Sendable {
    /// Seconds since 1970, UTC.
    func now() -> Double
}

/// The machine's own clock.
public struct SystemWallClock: WallClock {
    /// A clock without state.
    public init() {}
    /// Seconds since 1970, UTC.
    public func now() -> Double { Date().timeIntervalSince1970 }
}

/// Everything that reaches outside of the program, carried in one value. `live` is the real thing; `trapping` is the
/// start for tests, each part of which stops the test that forgot to replace it.
public struct Context: Sendable {
    /// Runs programs.
    public var runner: any ProcessRunner
    /// Tells the time.
    public var clock: any WallClock
    /// The environment variables.
    public var environment: [String: String]
    /// The terminal.
    public var terminal: Terminal
    /// Talk for the person, on standard error.
    public var progress: any Progress
    /// The directory relative paths start from.
    public var workingDirectory: FilePath

    /// Creates a context.
    public init(
        runner: any ProcessRunner, clock: any WallClock, environment: [String: String], terminal: Terminal,
        progress: any Progress, workingDirectory: FilePath
    ) {
        self.runner = runner
        self.clock = clock
        self.environment = environment
        self.terminal = terminal
        self.progress = progress
        self.workingDirectory = workingDirectory
    }

    /// The live machine.
    public static func live(progress mode: ProgressMode = .auto) -> Context {
        let environment = ProcessInfo.processInfo.environment
        let terminal = Terminal.live(environment: environment)
        return Context(
            runner: SubprocessRunner(), clock: SystemWallClock(), environment: environment, terminal: terminal,
            progress: StandardErrorProgress(mode: mode, terminal: terminal),
            workingDirectory: FilePath(FileManager.default.currentDirectoryPath))
    }

    /// A context whose every effect traps.
    public static var trapping: Context {
        Context(
            runner: TrappingRunner(), clock: TrappingClock(), environment: [:], terminal: .none,
            progress: SilentProgress(), workingDirectory: "/nonexistent")
    }
}

private struct TrappingRunner: ProcessRunner {
    func run(_ command: Command) async throws -> CommandResult {
        preconditionFailure("a test ran \(command.line) without a runner of its own")
    }
    func lines(
        _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws -> CommandResult {
        preconditionFailure("a test ran \(command.line) without a runner of its own")
    }
}

private struct TrappingClock: WallClock {
    func now() -> Double { preconditionFailure("a test asked for the time without a clock of its own") }
}
