// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
import Synchronization

/// Runs programs through another runner and adds up how long they took: what is left of a time is our own.
public final class ToolClock: ProcessRunner {
    /// A moment, and how long programs had taken by then.
    public struct Mark: Sendable {
        var time: ContinuousClock.Instant
        var tools: Duration
    }

    private struct State {
        var tools = Duration.zero
        var attach: Mark?
    }

    private let inner: any ProcessRunner
    private let state = Mutex(State())

    /// A clock over a runner.
    public init(_ inner: any ProcessRunner) {
        self.inner = inner
    }

    /// Now.
    public func mark() -> Mark { state.withLock { Mark(time: .now, tools: $0.tools) } }

    /// How long it took from a mark until Xen's tools were last told to attach something, their own time and that of
    /// all other programs not counted; nil when they were not since.
    func untilAttach(_ mark: Mark) -> Duration? {
        guard let attach = state.withLock({ $0.attach }), attach.time >= mark.time else { return nil }
        return max(.zero, (attach.time - mark.time) - (attach.tools - mark.tools))
    }

    /// Runs a program.
    public func run(_ command: Command) async throws -> CommandResult {
        try await timed(command) { try await inner.run(command) }
    }

    /// Runs a program and hands its lines on.
    public func lines(
        _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws -> CommandResult {
        try await timed(command) { try await inner.lines(command, body) }
    }

    private func timed(_ command: Command, _ body: () async throws -> CommandResult) async throws -> CommandResult {
        let began = mark()
        if command.arguments.first?.hasSuffix("-attach") == true { state.withLock { $0.attach = began } }
        defer { state.withLock { $0.tools += .now - began.time } }
        return try await body()
    }
}
