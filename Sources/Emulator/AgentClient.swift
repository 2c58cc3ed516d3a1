// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import LapwingCore
public import SystemPackage

/// The host's side of the test agent's protocol (docs/agent-protocol.md). The socket stays connected while the guest
/// restarts; `hello` finds out whether an agent answers and which boot it belongs to.
public actor AgentClient {
    /// Who answered.
    public struct Hello: Sendable, Hashable {
        /// The kernel's boot id; changes with every boot.
        public var boot: String
        /// The version of the protocol the agent speaks.
        public var version: Int
    }

    /// How a program in the guest ended and what it printed.
    public struct Outcome: Sendable, Hashable {
        /// How it ended.
        public var ending: CommandResult.Ending
        /// Its standard output.
        public var output: [UInt8]
        /// Its standard error.
        public var error: [UInt8]
        /// True when it printed more than the limit and the rest was dropped.
        public var truncated: Bool

        /// True for exit code 0.
        public var succeeded: Bool { ending == .exited(0) }
        /// Its output as text.
        public var text: String { String(decoding: output, as: UTF8.self) }
        /// Its errors as text.
        public var errorText: String { String(decoding: error, as: UTF8.self) }
    }

    private struct Pending {
        var streams: [String: [UInt8]] = [:]
        let continuation: CheckedContinuation<(JSONValue, [String: [UInt8]]), any Error>
    }

    private let channel: LineChannel
    // Begins anywhere, so that an answer meant for an earlier client is not taken for one of ours.
    private var nextID = Int64.random(in: 1..<1 << 48)
    private var pending: [Int64: Pending] = [:]
    private var ended = false

    private init(_ channel: LineChannel) { self.channel = channel }

    /// Connects to the socket behind the guest's port. No agent needs to run yet.
    public static func connect(_ path: FilePath, within limit: Duration = .seconds(30)) async throws -> AgentClient {
        await over(try await LineChannel.connect(path, within: limit))
    }

    /// A client on a connection that is there already.
    static func over(_ channel: LineChannel) async -> AgentClient {
        let client = AgentClient(channel)
        await client.start()
        return client
    }

    /// Asks again and again until an agent of another boot than `notBoot` answers.
    public func hello(within limit: Duration, notBoot: String? = nil) async throws -> Hello {
        let clock = ContinuousClock()
        let end = clock.now + limit
        // An unfinished line of ours or of the guest's console noise must not swallow the first request.
        try? await channel.send([])
        while clock.now < end {
            let nonce = String(UInt64.random(in: 0 ... .max), radix: 36)
            do {
                let answer = try await request("hello", ["nonce": .string(nonce)], timeout: .seconds(2)).done
                if answer["nonce"]?.text == nonce, let boot = answer["boot"]?.text, boot != notBoot,
                    case .integer(let version)? = answer["agent"]
                {
                    guard version == 1 else {
                        throw LapwingError(
                            "emulator.agent-version", "The guest's agent speaks another version of the protocol.",
                            cause: "version \(version)")
                    }
                    return Hello(boot: boot, version: Int(version))
                }
            } catch let error as LapwingError where error.code == "emulator.agent-timeout" {
                continue
            }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw LapwingError(
            "emulator.no-agent", "The guest's agent did not answer in \(limit.components.seconds) s.",
            hint: "The console log shows how far the guest came.")
    }

    /// Runs a program in the guest. `timeout` kills it there; the answer is awaited somewhat longer.
    public func exec(
        _ arguments: [String], input: [UInt8] = [], timeout: Duration = .seconds(120), limit: Int = 4 << 20
    ) async throws -> Outcome {
        let milliseconds = timeout.components.seconds * 1000 + timeout.components.attoseconds / 1_000_000_000_000_000
        let (done, streams) = try await request(
            "exec",
            [
                "argv": .array(arguments.map { .string($0) }), "stdin": .string(Data(input).base64EncodedString()),
                "timeoutMs": .integer(milliseconds), "limit": .integer(Int64(limit)),
            ], timeout: timeout + .seconds(30), subject: arguments.joined(separator: " "))
        let ending: CommandResult.Ending
        if done["timedOut"] == .bool(true) {
            ending = .timedOut
        } else if case .integer(let code)? = done["exit"] {
            ending = .exited(Int32(truncatingIfNeeded: code))
        } else if case .integer(let signal)? = done["signal"] {
            ending = .signalled(Int32(truncatingIfNeeded: signal))
        } else {
            throw LapwingError("emulator.agent-answer", "The guest's agent gave a malformed answer.", subject: "exec")
        }
        return Outcome(
            ending: ending, output: streams["stdout"] ?? [], error: streams["stderr"] ?? [],
            truncated: done["truncated"] == .bool(true))
    }

    /// The content of a file in the guest, up to 16 MiB from `offset`.
    public func read(_ path: String, offset: Int64 = 0, length: Int = 16 << 20) async throws -> [UInt8] {
        try await request(
            "read", ["path": .string(path), "offset": .integer(offset), "length": .integer(Int64(length))],
            timeout: .seconds(120), subject: path
        ).streams["data"] ?? []
    }

    /// Writes a file in the guest; the directory must be there. Larger contents go in several requests.
    public func write(_ bytes: [UInt8], to path: String, mode: Int = 0o644) async throws {
        var rest = bytes[...]
        var append = false
        repeat {
            let part = rest.prefix(1 << 20)
            _ = try await request(
                "write",
                [
                    "path": .string(path), "data": .string(Data(part).base64EncodedString()),
                    "mode": .integer(Int64(mode)), "append": .bool(append),
                ], timeout: .seconds(120), subject: path)
            rest = rest.dropFirst(part.count)
            append = true
        } while !rest.isEmpty
    }

    /// Asks the guest to turn off, or to restart. A guest that goes before it could answer did as it was told.
    public func shutdown(restart: Bool) async throws {
        do {
            _ = try await request("shutdown", ["restart": .bool(restart)], timeout: .seconds(20))
        } catch let error as LapwingError where error.code == "emulator.agent-timeout" {
            return
        }
    }

    /// Ends the connection.
    public func close() { channel.close() }

    private func request(
        _ operation: String, _ members: [String: JSONValue], timeout: Duration, subject: String? = nil
    ) async throws -> (done: JSONValue, streams: [String: [UInt8]]) {
        guard !ended else { throw Self.gone }
        let id = nextID
        nextID += 1
        let message = members.merging(["op": .string(operation), "id": .integer(id)]) { $1 }
        let line = try JSONText.encode(JSONValue.object(message), pretty: false)
        let timer = Task {
            try await Task.sleep(for: timeout)
            self.fail(
                id,
                LapwingError(
                    "emulator.agent-timeout",
                    "The guest's agent did not answer \(operation) in \(timeout.components.seconds) s.",
                    subject: subject))
        }
        defer { timer.cancel() }
        let answer = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                pending[id] = Pending(continuation: continuation)
                if Task.isCancelled { fail(id, CancellationError()) }
                Task {
                    do { try await channel.send(line) } catch { self.fail(id, Self.gone) }
                }
            }
        } onCancel: {
            Task { await self.fail(id, CancellationError()) }
        }
        return (answer.0, answer.1)
    }

    private func start() {
        let lines = channel.lines
        Task {
            for await line in lines { self.take(line) }
            self.end()
        }
    }

    private func take(_ line: [UInt8]) {
        guard let message = try? JSONText.decode(JSONValue.self, from: line, file: "agent"),
            case .integer(let id)? = message["id"], pending[id] != nil
        else { return }
        if let event = message["event"]?.text {
            guard let data = message["data"]?.text.flatMap({ Data(base64Encoded: $0) }) else { return }
            pending[id]?.streams[event, default: []] += [UInt8](data)
        } else if let error = message["error"]?.text {
            fail(
                id,
                LapwingError(
                    "emulator.agent-error", "The guest's agent refused a request.", cause: SafeText.printable(error)))
        } else if let done = message["done"], let waiting = pending.removeValue(forKey: id) {
            waiting.continuation.resume(returning: (done, waiting.streams))
        }
    }

    private func fail(_ id: Int64, _ error: any Error) {
        pending.removeValue(forKey: id)?.continuation.resume(throwing: error)
    }

    private func end() {
        ended = true
        for id in pending.keys.sorted() { fail(id, Self.gone) }
    }

    private static var gone: LapwingError {
        LapwingError(
            "emulator.gone", "The emulator ended.", hint: "Its own log in the results directory says why.")
    }
}
