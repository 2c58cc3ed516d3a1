// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// The name of a step, for example `root.base`. It is part of the step's key.
public struct StepID: Hashable, Sendable, Codable, Comparable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The name.
    public let name: String

    /// A step's name.
    public init(_ name: String) {
        self.name = name
    }

    /// A step's name.
    public init(stringLiteral value: String) {
        name = value
    }

    /// Reads the name.
    public init(from decoder: any Decoder) throws {
        name = try decoder.singleValueContainer().decode(String.self)
    }

    /// Writes the name.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(name)
    }

    /// The name.
    public var description: String { name }

    /// Orders by name.
    public static func < (a: StepID, b: StepID) -> Bool { a.name < b.name }
}

/// One thing that goes into a step.
public enum StepInput: Sendable, Hashable {
    /// Text, most often JSON: a part of the recipe, a list of packages.
    case value(String)
    /// A file; its content counts and whether its owner may execute it, not its name, time or place.
    case file(FilePath)
    /// A directory with all that is below it; names, contents, link targets and execute bits count.
    case tree(FilePath)
    /// The result of another step.
    case output(StepID)
}

/// A piece of work whose result depends on its inputs alone.
public struct Step: Sendable {
    /// The name.
    public let id: StepID
    /// What it does, for the person: `unpack 231 packages`. Not part of the key.
    public let title: String
    /// The version of the implementation: to be raised by whoever changes what `run` makes of the same inputs.
    public let version: Int
    /// Everything that goes into it, by a name of the step's own.
    public let inputs: [String: StepInput]
    /// The work. It fills `StepRun.output`, reads its inputs through `StepRun` and nothing else that can change.
    public let run: @Sendable (StepRun) async throws -> Void

    /// Describes a step.
    public init(
        _ id: StepID, title: String, version: Int, inputs: [String: StepInput],
        run: @escaping @Sendable (StepRun) async throws -> Void
    ) {
        self.id = id
        self.title = title
        self.version = version
        self.inputs = inputs
        self.run = run
    }

    /// The steps this one needs, sorted and each once.
    var upstream: [StepID] {
        Set(inputs.values.compactMap { if case .output(let id) = $0 { id } else { nil } }).sorted()
    }
}

/// What a step has at hand while it runs.
public struct StepRun: Sendable {
    /// An empty directory to fill. Its content becomes the result: kept under another path and without write
    /// permission (files 0444 or 0555, directories 0755, whatever the umask), so no absolute path to it may stand
    /// in it.
    public let output: FilePath
    /// An empty directory for whatever is needed meanwhile; removed afterwards.
    public let scratch: FilePath
    /// The outside world. Its runner notes which programs ran and how long, for the report.
    public let context: Context

    let step: Step
    let paths: [String: FilePath]
    let files: @Sendable (StepID) async throws -> [ResultFile]
    let notes: StepNotes

    /// The result directory of an upstream step, or the file or tree, by the input's name. To be read only.
    public func input(_ name: String) throws -> FilePath {
        guard let path = paths[name] else { throw undeclared(name, "file, tree or step") }
        return path
    }

    /// The text of a `.value` input.
    public func value(_ name: String) throws -> String {
        guard case .value(let text) = step.inputs[name] else { throw undeclared(name, "value") }
        return text
    }

    /// The files of an upstream result with their sizes and digests, which the engine computes anyway; waits until
    /// it has. So a manifest need not read the images once more.
    public func resultFiles(_ name: String) async throws -> [ResultFile] {
        guard case .output(let id) = step.inputs[name] else { throw undeclared(name, "step") }
        return try await files(id)
    }

    /// Notes a number for the report, for example bytes or a count.
    public func metric(_ name: String, _ value: Double) {
        notes.metric(name, value)
    }

    private func undeclared(_ name: String, _ kind: String) -> LapwingError {
        LapwingError(
            "build.undeclared-input",
            "The step \"\(step.id)\" asked for the \(kind) input \"\(name)\", which it does not have.",
            subject: step.id.name, hint: "This is a defect of the program; declare the input where the step is made.")
    }
}

/// A file of a step's result.
public struct ResultFile: Sendable, Hashable, Codable {
    /// The path below the result directory.
    public let path: String
    /// The length in bytes.
    public let size: Int64
    /// The SHA-256 of the content.
    public let sha256: Digest
}

/// Sorted steps without cycles.
public struct StepGraph: Sendable {
    /// The steps, each after those it needs; otherwise in the order given.
    public let steps: [Step]
    let byID: [StepID: Step]

    /// Orders the steps. All that is wrong is reported at once: a name used twice, a step that is needed but not
    /// there, and, if nothing else, a cycle, named step by step.
    public init(_ steps: [Step]) throws {
        var errors: [LapwingError] = []
        var byID: [StepID: Step] = [:]
        for step in steps {
            if step.id.name.isEmpty {
                errors.append(LapwingError("build.no-name", "A step titled \"\(step.title)\" has no name."))
            }
            if byID.updateValue(step, forKey: step.id) != nil {
                errors.append(
                    LapwingError(
                        "build.duplicate-step", "Two steps have the name \"\(step.id)\".", subject: step.id.name))
            }
        }
        for step in steps {
            for needed in step.upstream where byID[needed] == nil {
                errors.append(
                    LapwingError(
                        "build.missing-step", "The step \"\(step.id)\" needs \"\(needed)\", which is not in the graph.",
                        subject: step.id.name))
            }
        }
        if !errors.isEmpty { throw LapwingErrors(errors) }

        var visited: Set<StepID> = []
        var path: [StepID] = []
        var ordered: [Step] = []
        func visit(_ step: Step) throws {
            if let start = path.firstIndex(of: step.id) {
                let cycle = (path[start...] + [step.id]).map(\.name).joined(separator: " -> ")
                throw LapwingErrors([
                    LapwingError("build.cycle", "Steps need each other in a circle.", subject: cycle)
                ])
            }
            if visited.contains(step.id) { return }
            path.append(step.id)
            for needed in step.upstream {
                if let upstream = byID[needed] { try visit(upstream) }
            }
            path.removeLast()
            visited.insert(step.id)
            ordered.append(step)
        }
        for step in steps { try visit(step) }
        self.steps = ordered
        self.byID = byID
    }
}
