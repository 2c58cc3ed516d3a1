// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
import LapwingCore
public import SystemPackage

/// How long a build took and on what, `NAME.timings.json`: all that differs from run to run by nature.
public struct BuildTimings: Sendable, Codable {
    /// A part of the build outside the step graph, or all of the graph.
    public struct Phase: Sendable, Codable, Hashable {
        /// For example `resolve`, `fetch`, `plan`, `steps`, `publish`.
        public var name: String
        /// Wall time in seconds.
        public var seconds: Double

        /// Describes a phase.
        public init(_ name: String, seconds: Double) {
            self.name = name
            self.seconds = seconds
        }
    }

    /// The version of this shape.
    public var schemaVersion = 1
    /// The recipe's name.
    public var recipe: String
    /// Wall time from the begin to the end of the command, in seconds.
    public var seconds: Double
    /// The phases in their order.
    public var phases: [Phase]
    /// The steps.
    public var run: RunReport
    /// The number of processors of the machine.
    public var processors: Int

    /// Describes a build.
    public init(recipe: String, seconds: Double, phases: [Phase], run: RunReport, processors: Int) {
        self.recipe = recipe
        self.seconds = seconds
        self.phases = phases
        self.run = run
        self.processors = processors
    }

    /// The timings as they are written.
    public func json() throws -> [UInt8] { try JSONText.encode(self) }

    /// Reads timings.
    public static func load(_ path: FilePath) throws -> BuildTimings {
        try JSONText.decode(BuildTimings.self, from: Files.read(path, limit: 64 << 20), file: path.string)
    }
}
