// SPDX-License-Identifier: Apache-2.0

/// Runs programs through another runner and tells how long each ran.
public struct TimedRunner: ProcessRunner {
    private let inner: any ProcessRunner
    private let began: @Sendable (Command) -> Void
    private let ended: @Sendable (Command, Duration) -> Void

    /// A runner over another one.
    ///
    /// - Parameters:
    ///   - began: Called before a program is started.
    ///   - ended: Called with the wall time of a program when it has ended, or could not be started.
    public init(
        _ inner: any ProcessRunner, began: @escaping @Sendable (Command) -> Void = { _ in },
        ended: @escaping @Sendable (Command, Duration) -> Void
    ) {
        self.inner = inner
        self.began = began
        self.ended = ended
    }

    /// Runs a program to its end.
    public func run(_ command: Command) async throws -> CommandResult {
        try await timed(command) { try await inner.run(command) }
    }

    /// Runs a program and hands over its lines.
    public func lines(
        _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws -> CommandResult {
        try await timed(command) { try await inner.lines(command, body) }
    }

    private func timed(_ command: Command, _ body: () async throws -> CommandResult) async throws -> CommandResult {
        began(command)
        let start = ContinuousClock.now
        defer { ended(command, .now - start) }
        return try await body()
    }
}
