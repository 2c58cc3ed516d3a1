// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What a build will do, exactly, before it does any of it. Show it, or hand it to `Engine.run`. As long as it lives,
/// no other process removes the results it counts on.
public struct Plan: Sendable {
    /// What becomes of a step.
    public enum State: String, Sendable, Codable {
        /// The result is there.
        case cached
        /// The step runs.
        case run
        /// The result is not there, but nothing that runs needs it.
        case unneeded
    }

    /// One step of the plan.
    public struct Entry: Sendable, Codable, Hashable {
        /// The step's name.
        public let step: StepID
        /// What it does.
        public let title: String
        /// What becomes of it.
        public let state: State
        /// Why it runs, in words; nil when it does not.
        public let reason: String?
        /// The digest of everything that goes into it.
        public let key: Digest
        /// How many seconds it took the last time, when known.
        public let expectedSeconds: Double?
    }

    /// The steps, each after those it needs.
    public let entries: [Entry]
    /// The steps whose results are wanted.
    public let goals: [StepID]
    /// Whose build it is, most often the recipe's name.
    public let scope: String

    let graph: StepGraph
    let resolved: [StepID: ResolvedStep]
    let damaged: [StepID: String]
    let lease: CacheLease

    /// True when every wanted result is there.
    public var isUpToDate: Bool { !entries.contains { $0.state == .run } }

    /// The names of the steps that run.
    public var running: [StepID] { entries.filter { $0.state == .run }.map(\.step) }

    /// The plan as `lapwing plan` shows it.
    public func listing() -> Listing<Entry> {
        Listing(
            "steps", entries,
            columns: [
                .init("STEP") { $0.step.name },
                .init("STATE") { $0.state.rawValue },
                .init("LAST", right: true) { entry in entry.expectedSeconds.map(Seconds.text) ?? "" },
                .init("WHAT") { $0.title },
                .init("WHY") { $0.reason ?? "" },
            ])
    }
}

/// Durations for people.
public enum Seconds {
    /// `0.3 s`, `41.0 s`, `3 min 5 s`.
    public static func text(_ seconds: Double) -> String {
        if seconds < 99.95 {
            let tenths = Int((max(0, seconds) * 10).rounded())
            return "\(tenths / 10).\(tenths % 10) s"
        }
        let whole = Int(min(seconds, 1e9).rounded())
        return "\(whole / 60) min \(whole % 60) s"
    }
}
