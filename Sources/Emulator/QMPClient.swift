// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// A client of QEMU's machine protocol (QEMU's `docs/interop/qmp-spec.rst`): JSON lines on a Unix socket, commands
/// answered by id, events in between.
public actor QMPClient {
    /// An event QEMU sent.
    public struct Event: Sendable, Hashable {
        /// Its name, for example `DEVICE_DELETED`.
        public var name: String
        /// Its data; `null` when it has none.
        public var data: JSONValue
    }

    private let channel: LineChannel
    private var nextID: Int64 = 1
    private var pending: [Int64: CheckedContinuation<JSONValue, any Error>] = [:]
    private var waiters:
        [Int: (predicate: @Sendable (Event) -> Bool, continuation: CheckedContinuation<Event, any Error>)] = [:]
    private var nextWaiter = 0
    private var history: [Event] = []
    private var greeting: CheckedContinuation<Void, any Error>?
    private var greeted = false
    private var ended = false

    private init(_ channel: LineChannel) {
        self.channel = channel
    }

    /// Connects and negotiates. `within` bounds the wait for the socket and for the greeting.
    public static func connect(_ path: FilePath, within limit: Duration = .seconds(30)) async throws -> QMPClient {
        let client = QMPClient(try await LineChannel.connect(path, within: limit))
        await client.start()
        try await client.awaitGreeting(limit)
        try await client.execute("qmp_capabilities", timeout: limit)
        return client
    }

    /// Runs a command and returns its `return` member. An error QEMU reports is `emulator.qmp-error`; no answer in
    /// `timeout` is `emulator.qmp-timeout`.
    @discardableResult
    public func execute(
        _ command: String, _ arguments: [String: JSONValue] = [:], timeout: Duration = .seconds(60)
    ) async throws -> JSONValue {
        guard !ended else { throw Self.gone(command) }
        let id = nextID
        nextID += 1
        var message: [String: JSONValue] = ["execute": .string(command), "id": .integer(id)]
        if !arguments.isEmpty { message["arguments"] = .object(arguments) }
        let line = try JSONText.encode(JSONValue.object(message), pretty: false)
        let timer = Task {
            try await Task.sleep(for: timeout)
            self.fail(
                id,
                LapwingError(
                    "emulator.qmp-timeout", "QEMU did not answer a command in \(timeout.components.seconds) s.",
                    subject: command))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                pending[id] = continuation
                if Task.isCancelled { fail(id, CancellationError()) }
                Task {
                    do { try await channel.send(line) } catch { self.fail(id, Self.gone(command)) }
                }
            }
        } onCancel: {
            Task { await self.fail(id, CancellationError()) }
        }
    }

    /// Waits for an event that `predicate` accepts, those that came since the connection began included.
    public func event(
        timeout: Duration, includingPast: Bool = true, _ predicate: @escaping @Sendable (Event) -> Bool
    ) async throws -> Event {
        if includingPast, let past = history.last(where: predicate) { return past }
        guard !ended else { throw Self.gone("an event") }
        let key = nextWaiter
        nextWaiter += 1
        let timer = Task {
            try await Task.sleep(for: timeout)
            self.dropWaiter(
                key,
                LapwingError(
                    "emulator.event-timeout",
                    "QEMU did not report an expected event in \(timeout.components.seconds) s."))
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiters[key] = (predicate, continuation)
                if Task.isCancelled { dropWaiter(key, CancellationError()) }
            }
        } onCancel: {
            Task { await self.dropWaiter(key, CancellationError()) }
        }
    }

    /// Ends the connection; commands under way fail.
    public func close() {
        channel.close()
    }

    // MARK: - The reader

    private func start() {
        let lines = channel.lines
        Task {
            for await line in lines { self.take(line) }
            self.end()
        }
    }

    private func awaitGreeting(_ limit: Duration) async throws {
        if greeted { return }
        let timer = Task {
            try await Task.sleep(for: limit)
            self.finishGreeting(
                LapwingError("emulator.qmp-timeout", exit: .unavailable, "QEMU did not greet on its control socket."))
        }
        defer { timer.cancel() }
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            if ended {
                continuation.resume(throwing: Self.gone("the greeting"))
            } else {
                greeting = continuation
            }
        }
    }

    private func finishGreeting(_ error: (any Error)?) {
        if let error { greeting?.resume(throwing: error) } else { greeting?.resume() }
        greeting = nil
    }

    private func take(_ line: [UInt8]) {
        guard let message = try? JSONText.decode(JSONValue.self, from: line, file: "QMP") else { return }
        if message["QMP"] != nil {
            greeted = true
            finishGreeting(nil)
        } else if let name = message["event"]?.text {
            let event = Event(name: name, data: message["data"] ?? .null)
            history.append(event)
            if history.count > 1000 { history.removeFirst(500) }
            for (key, waiter) in waiters where waiter.predicate(event) {
                waiters[key] = nil
                waiter.continuation.resume(returning: event)
            }
        } else if case .integer(let id)? = message["id"] {
            if let error = message["error"] {
                fail(
                    id,
                    LapwingError(
                        "emulator.qmp-error", "QEMU refused a command.",
                        cause: SafeText.printable(error["desc"]?.text ?? "no reason given")))
            } else {
                pending.removeValue(forKey: id)?.resume(returning: message["return"] ?? .null)
            }
        }
    }

    private func fail(_ id: Int64, _ error: any Error) {
        pending.removeValue(forKey: id)?.resume(throwing: error)
    }

    private func dropWaiter(_ key: Int, _ error: any Error) {
        waiters.removeValue(forKey: key)?.continuation.resume(throwing: error)
    }

    private func end() {
        ended = true
        for id in pending.keys.sorted() { fail(id, Self.gone("a command")) }
        for key in waiters.keys.sorted() { dropWaiter(key, Self.gone("an event")) }
        finishGreeting(Self.gone("the greeting"))
    }

    private static func gone(_ what: String) -> LapwingError {
        LapwingError(
            "emulator.gone", "The emulator ended.", subject: what,
            hint: "Its own log in the results directory says why.")
    }
}
