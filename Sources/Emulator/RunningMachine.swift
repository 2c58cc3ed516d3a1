// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// A QEMU that runs, with its control and agent connections.
public final class RunningMachine: Sendable {
    /// QEMU's control protocol.
    public let control: QMPClient
    /// The test agent; nobody may answer yet.
    public let agent: AgentClient
    /// When QEMU was started.
    public let started: ContinuousClock.Instant
    private let consoleLog: FilePath
    private let emulator: Task<CommandResult, any Error>
    private let descriptor: FileDescriptor

    private init(
        control: QMPClient, agent: AgentClient, started: ContinuousClock.Instant, consoleLog: FilePath,
        emulator: Task<CommandResult, any Error>, descriptor: FileDescriptor
    ) {
        self.control = control
        self.agent = agent
        self.started = started
        self.consoleLog = consoleLog
        self.emulator = emulator
        self.descriptor = descriptor
    }

    /// Starts a machine whose serial port goes to a file and which has both sockets. QEMU's own words go to `log`.
    public static func start(
        _ machine: Machine, tools: EmulatorTools, context: Context, log: FilePath
    ) async throws -> RunningMachine {
        guard case .file(let consoleLog) = machine.serial, let controlSocket = machine.controlSocket,
            let agentSocket = machine.agentSocket
        else {
            throw LapwingError("emulator.machine", "A machine under control needs a console log and two sockets.")
        }
        let descriptor = try Files.explain("write", log) {
            try FileDescriptor.open(
                log, .writeOnly, options: [.create, .append, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
        }
        do {
            let plain = Command(
                machine.program, machine.arguments(), output: .descriptor(descriptor), error: .descriptor(descriptor))
            _ = try descriptor.writeAll(Array((plain.line + "\n").utf8))
            let command = try tools.wrap(plain, machine.reads, machine.writes)
            let runner = context.runner
            let started = ContinuousClock().now
            let emulator = Task { try await runner.run(command) }
            do {
                let (control, agent) = try await connect(controlSocket, agentSocket, emulator, log)
                return RunningMachine(
                    control: control, agent: agent, started: started, consoleLog: consoleLog, emulator: emulator,
                    descriptor: descriptor)
            } catch {
                emulator.cancel()
                _ = try? await emulator.value
                throw error
            }
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    private static func connect(
        _ control: FilePath, _ agent: FilePath, _ emulator: Task<CommandResult, any Error>, _ log: FilePath
    ) async throws -> (QMPClient, AgentClient) {
        try await withThrowingTaskGroup(of: (QMPClient, AgentClient)?.self) { group in
            group.addTask {
                let client = try await QMPClient.connect(control, within: .seconds(60))
                return (client, try await AgentClient.connect(agent, within: .seconds(60)))
            }
            let over = Watch(emulator)
            group.addTask {
                _ = try await over.end()
                return nil
            }
            defer { group.cancelAll() }
            do {
                if let first = try await group.next(), let clients = first { return clients }
            } catch let error as LapwingError where error.code == "emulator.gone" {
                // QEMU ended between making its sockets and greeting.
            }
            let words = (try? Files.text(log, limit: 1 << 20)) ?? ""
            throw LapwingError(
                "emulator.start", exit: .unavailable, "QEMU ended before it could be talked to.", subject: log.string,
                cause: SafeText.lines(words, last: 8))
        }
    }

    /// Waits for a task in a way that can be cancelled without cancelling the task.
    private struct Watch: Sendable {
        let task: Task<CommandResult, any Error>
        init(_ task: Task<CommandResult, any Error>) { self.task = task }

        func end() async throws {
            let (ends, continuation) = AsyncStream.makeStream(of: Void.self)
            let watcher = Task {
                _ = try? await task.value
                continuation.finish()
            }
            for await _ in ends {}
            watcher.cancel()
            try Task.checkCancellation()
        }
    }

    /// Everything the serial console showed so far; nothing when that is over 64 MiB.
    public var console: String {
        let bytes = (try? Files.read(consoleLog, limit: 64 << 20)) ?? []
        // A carriage return and the newline after it are one Character to Swift, which would hide the line's end.
        return String(decoding: bytes.filter { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }

    /// The last lines of the console, printable.
    public func consoleTail(_ count: Int = 15) -> String { SafeText.lines(console, last: count) }

    /// Waits until the console shows one of the texts, and says which. What it showed before its byte `after`, counted
    /// in `console`, is not looked at.
    public func waitForConsole(_ texts: [String], after: Int = 0, within limit: Duration) async throws -> String {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while clock.now < end {
            let shown = String(decoding: console.utf8.dropFirst(after), as: UTF8.self)
            if let found = texts.first(where: { shown.contains($0) }) { return found }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw LapwingError(
            CheckFailure.code, "The console did not show what was expected in \(limit.components.seconds) s.",
            subject: texts.joined(separator: " | "))
    }

    /// Ends QEMU: politely through its control protocol, otherwise by force. Never leaves one behind.
    public func stop() async {
        await control.quit()
        let emulator = emulator
        let watchdog = Task {
            try await Task.sleep(for: .seconds(10))
            emulator.cancel()
        }
        _ = try? await emulator.value
        watchdog.cancel()
        await agent.close()
        try? descriptor.close()
    }
}
