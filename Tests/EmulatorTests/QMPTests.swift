// SPDX-License-Identifier: Apache-2.0

import Dispatch
import LapwingCore
import SystemPackage
import Testing

@testable import Emulator

/// A socket file in a directory of its own, and the one connection made to it, as lines.
final class FakePeer: Sendable {
    let path: FilePath
    private let work: WorkDirectory
    private let listener: FileDescriptor

    init() throws {
        work = try WorkDirectory()
        path = work.path.appending("s")
        listener = try UnixSocket.listen(path)
    }

    deinit {
        try? listener.close()
        work.remove()
    }

    func accept() async throws -> LineChannel {
        let listener = listener
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue(label: "accept").async {
                continuation.resume(with: Result { LineChannel(descriptor: try UnixSocket.accept(listener)) })
            }
        }
    }
}

extension LineChannel {
    func send(_ text: String) async throws { try await send(Array(text.utf8)) }
}

/// A QEMU that answers by a table: the reply to each command, `$id` replaced.
private func fakeQEMU(_ replies: [String: [String]]) async throws -> (FakePeer, Task<[String], any Error>) {
    let peer = try FakePeer()
    let server = Task {
        let channel = try await peer.accept()
        try await channel.send(#"{"QMP": {"version": {}, "capabilities": []}}"#)
        var seen: [String] = []
        for await line in channel.lines {
            let message = try JSONText.decode(JSONValue.self, from: line, file: "test")
            guard let command = message["execute"]?.text, case .integer(let id)? = message["id"] else { continue }
            seen.append(String(decoding: line, as: UTF8.self))
            for reply in replies[command] ?? [#"{"return": {}, "id": $id}"#] {
                try await channel.send(reply.split(separator: "$id").joined(separator: String(id)))
                if reply == "close" { channel.close() }
            }
        }
        return seen
    }
    return (peer, server)
}

@Suite struct QMPTests {
    @Test func `capabilities are negotiated before anything else`() async throws {
        let (peer, server) = try await fakeQEMU([:])
        let client = try await QMPClient.connect(peer.path)
        try await client.add(Device("usb-tablet", ["id": "t"]))
        await client.close()
        let seen = try await server.value
        #expect(seen.count == 2)
        #expect(seen.first?.contains("qmp_capabilities") == true)
        #expect(seen.last?.contains(#""arguments":{"driver":"usb-tablet","id":"t"}"#) == true)
    }

    @Test func `an error of QEMU carries its words`() async throws {
        let (peer, _) = try await fakeQEMU([
            "device_add": [#"{"error": {"class": "GenericError", "desc": "no such\u001b bus"}, "id": $id}"#]
        ])
        let client = try await QMPClient.connect(peer.path)
        let error = await #expect(throws: LapwingError.self) { try await client.add(Device("x")) }
        #expect(error?.code == "emulator.qmp-error")
        #expect(error?.cause == "no such\\u{1b} bus")
    }

    @Test func `a device counts as gone only when QEMU says that this one is`() async throws {
        let (peer, _) = try await fakeQEMU([
            "device_del": [
                #"{"return": {}, "id": $id}"#, #"{"event": "DEVICE_DELETED", "data": {"device": "other"}}"#,
            ]
        ])
        let client = try await QMPClient.connect(peer.path)
        let error = await #expect(throws: LapwingError.self) {
            try await client.remove(device: "mine", timeout: .milliseconds(200))
        }
        #expect(error?.code == "emulator.event-timeout")
        let (second, _) = try await fakeQEMU([
            "device_del": [
                #"{"return": {}, "id": $id}"#, #"{"event": "DEVICE_DELETED", "data": {"device": "mine"}}"#,
            ]
        ])
        try await QMPClient.connect(second.path).remove(device: "mine", timeout: .seconds(20))
    }

    @Test func `answers find their command by id, whatever the order and whatever comes between`() async throws {
        let (peer, _) = try await fakeQEMU([
            "query-status": [
                "noise", #"{"return": {"status": "wrong"}, "id": 999999}"#, #"{"event": "RTC_CHANGE"}"#,
                #"{"return": {"status": "running"}, "id": $id}"#,
            ]
        ])
        #expect(try await QMPClient.connect(peer.path).runState() == "running")
    }

    @Test func `a silent QEMU is an error after the time limit`() async throws {
        let (peer, _) = try await fakeQEMU(["query-status": []])
        let client = try await QMPClient.connect(peer.path)
        let error = await #expect(throws: LapwingError.self) {
            try await client.execute("query-status", timeout: .milliseconds(100))
        }
        #expect(error?.code == "emulator.qmp-timeout")
    }

    @Test func `a QEMU that dies fails what waits for it`() async throws {
        let (peer, _) = try await fakeQEMU(["query-status": ["close"]])
        let client = try await QMPClient.connect(peer.path)
        let error = await #expect(throws: LapwingError.self) { try await client.runState() }
        #expect(error?.code == "emulator.gone")
    }

    @Test func `a failed snapshot job is an error with the job's reason`() async throws {
        let peer = try FakePeer()
        let server = Task {
            let channel = try await peer.accept()
            try await channel.send(#"{"QMP": {}}"#)
            var job = ""
            for await line in channel.lines {
                let message = try JSONText.decode(JSONValue.self, from: line, file: "test")
                guard case .integer(let id)? = message["id"] else { continue }
                job = message["arguments"]?["job-id"]?.text ?? job
                let isQuery = message["execute"]?.text == "query-jobs"
                try await channel.send(
                    "{\"id\": \(id), \"return\": "
                        + (isQuery ? "[{\"id\": \"\(job)\", \"error\": \"nvme cannot\"}]}" : "{}}"))
                if message["execute"]?.text == "snapshot-save" {
                    try await channel.send(
                        "{\"event\": \"JOB_STATUS_CHANGE\", \"data\": {\"id\": \"\(job)\", \"status\": \"concluded\"}}")
                }
            }
        }
        let client = try await QMPClient.connect(peer.path)
        let error = await #expect(throws: LapwingError.self) { try await client.saveSnapshot("a", node: "d") }
        #expect(error?.cause == "nvme cannot")
        await client.close()
        try await server.value
    }

    @Test func `a socket nobody made is an error after the wait`() async throws {
        let error = await #expect(throws: LapwingError.self) {
            try await QMPClient.connect("/nonexistent/socket", within: .milliseconds(100))
        }
        #expect(error?.code == "emulator.socket")
    }
}

@Suite struct LineSplitterTests {
    @Test func `lines may come in any pieces`() {
        var splitter = LineSplitter(limit: 10)
        #expect(splitter.take(Array("ab".utf8)) == [])
        #expect(splitter.take(Array("c\n\nde".utf8)) == [Array("abc".utf8), []])
        #expect(splitter.take(Array("\n".utf8)) == [Array("de".utf8)])
    }

    @Test func `a line over the limit is dropped and the next one is whole`() {
        var splitter = LineSplitter(limit: 4)
        #expect(splitter.take(Array("12345678\nabcd\nx".utf8)) == [Array("abcd".utf8)])
        #expect(splitter.take(Array("\n".utf8)) == [Array("x".utf8)])
    }
}
