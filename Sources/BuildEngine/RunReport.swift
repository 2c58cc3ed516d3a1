// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// What a run did and how long it took. Differs from run to run by nature; stays out of every digest.
public struct RunReport: Sendable, Codable {
    /// How a step came to its result.
    public enum Outcome: String, Sendable, Codable {
        /// It ran.
        case built
        /// The result was in the cache.
        case cached
        /// Another process made the result while this one waited.
        case shared
        /// Neither run nor there.
        case unneeded
    }

    /// One step.
    public struct StepReport: Sendable, Codable, Hashable {
        /// The step's name.
        public var step: StepID
        /// What it does.
        public var title: String
        /// How it came to its result.
        public var outcome: Outcome
        /// Why it ran, in words.
        public var reason: String?
        /// The digest of everything that went into it.
        public var key: Digest
        /// The digest of the result; nil when there is none.
        public var result: Digest?
        /// Seconds from the begin of the run until the step began; nil when it did not run.
        public var start: Double?
        /// Wall time of the work in seconds; for a cached step, when it was made.
        public var seconds: Double?
        /// Wall time of digesting the result and putting it into the cache, which overlaps with the steps after it.
        public var commitSeconds: Double?
        /// The bytes of the result's files.
        public var bytes: Int64?
        /// The number of files in the result.
        public var files: Int?
        /// The numbers the step noted.
        public var metrics: [String: Double]
        /// The programs it ran.
        public var commands: [CommandTiming]
    }

    /// The version of this shape.
    public var schemaVersion = 1
    /// Whose build it was.
    public var scope: String
    /// When it began, in seconds since 1970.
    public var began: Double
    /// Wall time of the whole run in seconds.
    public var seconds: Double
    /// Steps at once, at most.
    public var jobs: Int
    /// The steps in the order of the plan.
    public var steps: [StepReport]
    /// Processor seconds of this process during the run, in programs and in the kernel.
    public var ownUserSeconds: Double
    /// The kernel's part.
    public var ownSystemSeconds: Double
    /// Processor seconds of programs that were run and ended meanwhile. The system counts them for the process as a
    /// whole, so there is no such number for a step.
    public var childUserSeconds: Double
    /// The kernel's part.
    public var childSystemSeconds: Double
    /// The largest resident size of this process since it began, in bytes.
    public var ownPeakBytes: Int64
    /// The largest resident size that any single program run so far reached, in bytes.
    public var childPeakBytes: Int64

    let outputs: [String: String]
    /// Keeps other processes from removing the results that `output(of:)` names.
    var lease: CacheLease?

    private enum CodingKeys: String, CodingKey {
        case schemaVersion, scope, began, seconds, jobs, steps
        case ownUserSeconds, ownSystemSeconds, childUserSeconds, childSystemSeconds, ownPeakBytes, childPeakBytes
        case outputs
    }

    /// The directory with a step's result. It is an error to ask for a step whose result is not there.
    public func output(of step: StepID) throws -> FilePath {
        guard let path = outputs[step.name] else {
            throw LapwingError(
                "build.no-result", "The step \"\(step)\" has no result in this build.", subject: step.name,
                hint: "Name it among the goals of the plan.")
        }
        return FilePath(path)
    }

    /// The report of one step.
    public func step(_ id: StepID) -> StepReport? { steps.first { $0.step == id } }
}
