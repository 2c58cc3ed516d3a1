// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import GuestAgent
import LapwingCore
import Synchronization
import SystemPackage
import Testing

@testable import Emulator

/// The real agent on a thread of this process, connected to a socket instead of a virtio port. A small relay stands
/// between it and the client, as QEMU does, so that either side may come and go.
private final class AgentRig: Sendable {
    let peer: FakePeer
    private let stopped = Atomic<Bool>(false)

    init() throws {
        signal(SIGPIPE, SIG_IGN)
        peer = try FakePeer()
    }

    func start() {
        DispatchQueue(label: "agent").async { [self] in
            var agent = Agent(path: peer.path.string)
            agent.run(until: { self.stopped.load(ordering: .relaxed) })
        }
    }

    func stop() { stopped.store(true, ordering: .relaxed) }
}

private func withAgent(_ body: (AgentClient) async throws -> Void) async throws {
    let rig = try AgentRig()
    rig.start()
    let client = await AgentClient.over(try await rig.peer.accept())
    defer { rig.stop() }
    do {
        try await body(client)
    } catch {
        await client.close()
        throw error
    }
    await client.close()
}

@Suite struct AgentTests {
    @Test func `hello names the boot of the kernel`() async throws {
        try await withAgent { client in
            let hello = try await client.hello(within: .seconds(120))
            #expect(hello.boot == (try Files.text("/proc/sys/kernel/random/boot_id")).trimmed)
        }
    }

    @Test func `a program gets its arguments and input and gives both streams and its code`() async throws {
        try await withAgent { client in
            let outcome = try await client.exec(
                ["sh", "-c", "cat; printf '%s' \"$1\"; echo err >&2; exit 7", "x", "a \"b\" é\n"],
                input: Array("in\u{0}put".utf8))
            #expect(outcome.output == Array("in\u{0}puta \"b\" é\n".utf8))
            #expect(outcome.errorText == "err\n")
            #expect(outcome.ending == .exited(7))
            #expect(!outcome.truncated)
        }
    }

    @Test func `large input and output pass whole and unchanged`() async throws {
        try await withAgent { client in
            let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            let outcome = try await client.exec(["cat"], input: Array(bytes[..<1_000_000]))
            #expect(outcome.output == Array(bytes[..<1_000_000]))
            let file = try WorkDirectory()
            defer { file.remove() }
            let path = file.path.appending("f").string
            try await client.write(bytes, to: path, mode: 0o600)
            #expect(try Files.read(FilePath(path)) == bytes)
            #expect(try await client.read(path) == bytes)
            #expect(try await client.read(path, offset: 2_999_990, length: 100) == Array(bytes[2_999_990...]))
        }
    }

    @Test func `output over the limit is cut and marked`() async throws {
        try await withAgent { client in
            let outcome = try await client.exec(["sh", "-c", "yes | head -c 100000"], limit: 1000)
            #expect(outcome.output.count == 1000)
            #expect(outcome.truncated)
            #expect(outcome.ending == .exited(0))
        }
    }

    @Test func `a program over its time is killed with its children while pings are answered`() async throws {
        try await withAgent { client in
            async let slow = client.exec(
                ["sh", "-c", "echo begun; sleep 600 & sleep 600"], timeout: .milliseconds(500))
            _ = try await client.hello(within: .seconds(120))
            let outcome = try await slow
            #expect(outcome.ending == .timedOut)
            #expect(outcome.text == "begun\n")
        }
    }

    @Test func `what a program leaves running does not hold up its answer`() async throws {
        try await withAgent { client in
            let clock = ContinuousClock()
            let start = clock.now
            let outcome = try await client.exec(["sh", "-c", "sleep 30 & echo done"])
            #expect(outcome.text == "done\n")
            #expect(clock.now - start < .seconds(20))
        }
    }

    @Test func `a signal is told from an exit code`() async throws {
        try await withAgent { client in
            let outcome = try await client.exec(["sh", "-c", "kill -9 $$"])
            #expect(outcome.ending == .signalled(9))
        }
    }

    @Test(arguments: [["/nonexistent/program"], [], ["a\u{0}b"]])
    func `a program that cannot be started is an error`(arguments: [String]) async throws {
        try await withAgent { client in
            let error = await #expect(throws: LapwingError.self) { try await client.exec(arguments) }
            #expect(error?.code == "emulator.agent-error")
        }
    }

    @Test func `files that are not there or are directories are errors`() async throws {
        try await withAgent { client in
            for path in ["/nonexistent/file", "/tmp"] {
                let error = await #expect(throws: LapwingError.self) { try await client.read(path) }
                #expect(error?.code == "emulator.agent-error")
                await #expect(throws: LapwingError.self) { try await client.write([1], to: path) }
            }
        }
    }

    @Test func `noise from the host is passed over`() async throws {
        let rig = try AgentRig()
        rig.start()
        let channel = try await rig.peer.accept()
        defer { rig.stop() }
        for noise in [
            "", "{", "login: root", "{\"op\":\"ping\"}", "{\"id\":1}", "[1]", "\u{1}\u{2}{\"id\":1,\"op\":\"ping\"}",
        ] {
            try await channel.send(noise)
        }
        try await channel.send([0xFF, 0xFE, 0x80])
        try await channel.send([UInt8](repeating: UInt8(ascii: "x"), count: 5 << 20))
        try await channel.send(#"{"id":2,"op":"fly"}"#)
        try await channel.send(#"{"id":3,"op":"ping"}"#)
        var answers: [String] = []
        for await line in channel.lines {
            answers.append(String(decoding: line, as: UTF8.self))
            if answers.count == 2 { break }
        }
        #expect(answers == [#"{"id":2,"error":"unknown operation"}"#, #"{"id":3,"done":{}}"#])
        channel.close()
    }

    @Test func `noise from the guest and answers for others are passed over`() async throws {
        let peer = try FakePeer()
        async let client = AgentClient.connect(peer.path)
        let channel = try await peer.accept()
        let server = Task {
            for await line in channel.lines {
                guard let message = try? JSONText.decode(JSONValue.self, from: line, file: "test"),
                    case .integer(let id)? = message["id"]
                else { continue }
                try await channel.send("[    1.0] kernel says hello")
                try await channel.send(#"{"id":1,"done":{"agent":1,"boot":"wrong"}}"#)
                try await channel.send("{\"id\":\(id),\"event\":\"stdout\",\"data\":\"not base64!\"}")
                try await channel.send("{\"id\":\(id),\"event\":\"stdout\",\"data\":\"aGk=\"}")
                try await channel.send("{\"id\":\(id),\"done\":{\"exit\":0}}")
            }
        }
        let outcome = try await client.exec(["x"])
        #expect(outcome.text == "hi")
        await (try client).close()
        channel.close()
        try await server.value
    }

    @Test(.timeLimit(.minutes(5)))
    func `an agent that comes back serves the next client and its old programs are gone`() async throws {
        let rig = try AgentRig()
        rig.start()
        let first = await AgentClient.over(try await rig.peer.accept())
        let mark = try WorkDirectory()
        defer { mark.remove() }
        let file = mark.path.appending("process")
        let script = "echo $$ > \(file.string).part; mv \(file.string).part \(file.string); exec sleep 600"
        let lost = Task { try await first.exec(["sh", "-c", script]) }
        while !Files.exists(file) { try await Task.sleep(for: .milliseconds(20)) }
        let process = try Files.text(file).trimmed
        #expect(Files.exists(FilePath("/proc/\(process)/status")))
        await first.close()
        await #expect(throws: LapwingError.self) { try await lost.value }
        let second = await AgentClient.over(try await rig.peer.accept())
        defer { rig.stop() }
        _ = try await second.hello(within: .seconds(120))
        // The agent waits for what it kills before it connects again.
        #expect(!Files.exists(FilePath("/proc/\(process)/status")))
        await second.close()
    }
}
