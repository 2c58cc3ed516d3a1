// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
import Synchronization

/// Adds up how long programs took: what is left of a time is our own.
public final class ToolClock: Sendable {
    /// A moment, and how long programs had taken by then.
    public struct Mark: Sendable {
        var time: ContinuousClock.Instant
        var tools: Duration
    }

    private struct State {
        var tools = Duration.zero
        var attach: Mark?
    }

    private let state = Mutex(State())

    /// A clock at zero.
    public init() {}

    /// Now.
    public func mark() -> Mark { state.withLock { Mark(time: .now, tools: $0.tools) } }

    /// How long it took from a mark until Xen's tools were last told to attach something, their own time and that of
    /// all other programs not counted; nil when they were not since.
    public func untilAttach(_ mark: Mark) -> Duration? {
        guard let attach = state.withLock({ $0.attach }), attach.time >= mark.time else { return nil }
        return max(.zero, (attach.time - mark.time) - (attach.tools - mark.tools))
    }

    /// A runner over another one, whose programs are counted.
    public func counting(_ inner: any ProcessRunner) -> TimedRunner {
        TimedRunner(inner) { [self] command in
            guard command.arguments.first?.hasSuffix("-attach") == true else { return }
            let now = mark()
            state.withLock { $0.attach = now }
        } ended: { [self] _, duration in
            state.withLock { $0.tools += duration }
        }
    }
}
