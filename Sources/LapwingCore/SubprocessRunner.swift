// SPDX-License-Identifier: Apache-2.0

import CLinux
import Subprocess
import SystemPackage

/// Runs programs on the live machine, through the Subprocess package; the only importer of it.
///
/// Captured streams go through anonymous memory files rather than pipes, so one code path serves every combination
/// of inputs and outputs and no program can block on a reader that waits for another stream.
public struct SubprocessRunner: ProcessRunner {
    /// A runner without state.
    public init() {}

    /// Runs a program to its end.
    public func run(_ command: Command) async throws -> CommandResult {
        let streams = try Streams(command)
        defer { streams.close() }
        let ending = try await limited(command) {
            try await Subprocess.run(
                configuration(command),
                input: .fileDescriptor(streams.input, closeAfterSpawningProcess: false),
                output: .fileDescriptor(streams.output, closeAfterSpawningProcess: false),
                error: .fileDescriptor(streams.error, closeAfterSpawningProcess: false)
            ).terminationStatus
        }
        return CommandResult(
            ending: ending, output: try streams.captured(streams.output, command.output),
            error: try streams.captured(streams.error, command.error))
    }

    /// Runs a program and hands over its output line by line.
    public func lines(
        _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws -> CommandResult {
        let streams = try Streams(command)
        defer { streams.close() }
        let ending = try await limited(command) {
            try await Subprocess.run(
                configuration(command),
                input: .fileDescriptor(streams.input, closeAfterSpawningProcess: false),
                output: .sequence,
                error: .fileDescriptor(streams.error, closeAfterSpawningProcess: false)
            ) { execution in
                for try await line in execution.standardOutput.strings() {
                    try await body(line.hasSuffix("\n") ? String(line.dropLast()) : line)
                }
            }.terminationStatus
        }
        return CommandResult(ending: ending, error: try streams.captured(streams.error, command.error))
    }

    private func configuration(_ command: Command) -> Configuration {
        var environment: Environment = command.cleanEnvironment ? .custom([:] as [Environment.Key: String]) : .inherit
        let values = command.environment.map { (Environment.Key(stringLiteral: $0.key), $0.value as String?) }
        environment = environment.updating(Dictionary(uniqueKeysWithValues: values))
        var options = PlatformOptions()
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: .seconds(2))]
        return Configuration(
            executable: command.executable.contains("/")
                ? .path(FilePath(command.executable)) : .name(command.executable),
            arguments: Arguments(command.arguments), environment: environment,
            workingDirectory: command.workingDirectory, platformOptions: options)
    }

    private func limited(
        _ command: Command, _ body: @escaping @Sendable () async throws -> TerminationStatus
    ) async throws -> CommandResult.Ending {
        do {
            guard let limit = command.timeLimit else { return Self.ending(try await body()) }
            return try await withThrowingTaskGroup(of: CommandResult.Ending.self) { group in
                group.addTask { Self.ending(try await body()) }
                group.addTask {
                    try await Task.sleep(for: limit)
                    return .timedOut
                }
                defer { group.cancelAll() }
                return try await group.next() ?? .timedOut
            }
        } catch let error as SubprocessError {
            throw LapwingError(
                "command.not-started", exit: .unavailable, "\(command.executable) could not be started.",
                subject: command.line, cause: error.description)
        }
    }

    private static func ending(_ status: TerminationStatus) -> CommandResult.Ending {
        switch status {
        case .exited(let code): .exited(code)
        case .signaled(let signal): .signalled(signal)
        }
    }
}

/// The three descriptors of one run, and which of them this process made and must close.
private struct Streams {
    let input: FileDescriptor
    let output: FileDescriptor
    let error: FileDescriptor
    private let owned: [FileDescriptor]

    init(_ command: Command) throws {
        var made: [FileDescriptor] = []
        do {
            switch command.input {
            case .none:
                input = try FileDescriptor.open("/dev/null", .readOnly, options: .closeOnExec)
                made.append(input)
            case .bytes(let bytes):
                input = try Self.memory()
                made.append(input)
                _ = try input.writeAll(bytes)
                _ = try input.seek(offset: 0, from: .start)
            case .descriptor(let descriptor): input = descriptor
            case .inherit: input = .standardInput
            }
            output = try Self.open(command.output, .standardOutput, &made)
            error = try Self.open(command.error, .standardError, &made)
            owned = made
        } catch {
            for descriptor in made { try? descriptor.close() }
            throw error
        }
    }

    private static func memory() throws -> FileDescriptor {
        let raw = lapwing_memory_file()
        guard raw >= 0 else { throw Errno(rawValue: -raw) }
        return FileDescriptor(rawValue: raw)
    }

    private static func open(
        _ output: Command.Output, _ own: FileDescriptor, _ made: inout [FileDescriptor]
    ) throws -> FileDescriptor {
        switch output {
        case .inherit: return own
        case .descriptor(let descriptor): return descriptor
        case .discard: made.append(try FileDescriptor.open("/dev/null", .writeOnly, options: .closeOnExec))
        case .capture: made.append(try memory())
        }
        return made[made.count - 1]
    }

    func captured(_ descriptor: FileDescriptor, _ kind: Command.Output) throws -> [UInt8] {
        guard case .capture = kind else { return [] }
        let size = try descriptor.seek(offset: 0, from: .end)
        return try descriptor.readAll(at: 0, count: Int(size))
    }

    func close() {
        for descriptor in owned { try? descriptor.close() }
    }
}
