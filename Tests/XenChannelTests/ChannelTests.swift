// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Testing

@testable import XenChannel

/// A channel in the memory of one process, with a socket at each end.
private final class Pair {
    // Never freed: a channel says so in its page when it goes, and channels and links may go last.
    let control = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
    let rings = UnsafeMutableRawPointer.allocate(byteCount: 2 << 16, alignment: 4096)
    let server: Channel
    let client: Channel
    /// What a user of the channel has, and what the link carries for him.
    var sockets: [[Int32]] = []

    init(start: UInt32 = 0) {
        control.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        for offset in stride(from: 0, to: 16, by: 4) {
            control.storeBytes(of: start, toByteOffset: offset, as: UInt32.self)
        }
        server = Channel(control: control, left: rings, right: rings + (1 << 16), isServer: true)
        client = Channel(control: control, left: rings, right: rings + (1 << 16), isServer: false)
        for _ in 0..<2 {
            var pair: [Int32] = [-1, -1]
            #expect(lapwing_socket_pair(&pair) == 0)
            _ = fcntl(pair[0], F_SETFL, O_NONBLOCK)
            sockets.append(pair)
        }
    }

    deinit {
        for socket in sockets.joined() { close(socket) }
    }
}

@Suite struct ChannelTests {
    /// Whatever the pieces, each side gets what the other one sent, in order, also where the indices run over.
    @Test(arguments: [0, UInt32.max - 1000]) func carriesBothWays(start: UInt32) throws {
        var generator = SystemRandomNumberGenerator()
        let pair = Pair(start: start)
        var links = [Link(pair.sockets[0][1], pair.server), Link(pair.sockets[1][1], pair.client)]
        let total = 1 << 20
        let sent = (0..<2).map { _ in (0..<total).map { _ in UInt8.random(in: 0...255, using: &generator) } }
        var put = [0, 0]
        var got: [[UInt8]] = [[], []]
        var rounds = 0
        while got.contains(where: { $0.count < total }) {
            rounds += 1
            try #require(rounds < 100_000, "It must come to an end.")
            for side in 0..<2 {
                let size = min(Int.random(in: 1...70_000, using: &generator), total - put[side])
                if size > 0 {
                    let count = sent[side][put[side]...].withUnsafeBytes {
                        send(pair.sockets[side][0], $0.baseAddress, size, Int32(MSG_NOSIGNAL))
                    }
                    if count > 0 { put[side] += count }
                }
                if Bool.random(using: &generator) { try links[side].move() }
                var bytes = [UInt8](repeating: 0, count: Int.random(in: 1...70_000, using: &generator))
                let count = recv(pair.sockets[side][0], &bytes, bytes.count, 0)
                if count > 0 { got[side] += bytes[..<count] }
            }
        }
        #expect(got[0] == sent[1])
        #expect(got[1] == sent[0])
    }

    @Test func endsWithItsSocket() throws {
        let pair = Pair()
        var link = Link(pair.sockets[0][1], pair.server)
        try link.move()
        #expect(!link.hasEnded)
        #expect(try link.wants == Int16(POLLIN))
        shutdown(pair.sockets[0][0], Int32(SHUT_RDWR))
        try link.move()
        #expect(link.hasEnded)
    }

    /// An index that cannot be, at any of the places the other side writes, ends the channel and touches nothing else.
    @Test(arguments: [0, 4, 8, 12]) func refusesWrongIndices(offset: Int) throws {
        let pair = Pair()
        // The server reads the producer of the left ring and the consumer of the right one.
        let isRead = offset == 4 || offset == 8
        var link = Link(pair.sockets[0][1], pair.server)
        for value: UInt32 in [65_537, 1 << 20, .max - 65_536, 0x8000_0000] {
            pair.control.storeBytes(of: value, toByteOffset: offset, as: UInt32.self)
            if isRead {
                #expect(throws: ChannelError.self) { try link.move() }
            } else {
                #expect(throws: Never.self) { try link.move() }
            }
        }
    }

    /// Sizes and grants that the other side changes after the beginning are not read again.
    @Test func believesNoSizes() throws {
        let pair = Pair()
        var link = Link(pair.sockets[0][1], pair.server)
        for offset in 16..<4096 where ![20, 21].contains(offset) {
            pair.control.storeBytes(of: 0xFF, toByteOffset: offset, as: UInt8.self)
        }
        #expect(throws: Never.self) { try link.move() }
    }

    @Test func knowsThePeer() {
        let pair = Pair()
        #expect(pair.server.peer == .connected)
        pair.control.storeBytes(of: 2, toByteOffset: 20, as: UInt8.self)
        #expect(pair.server.peer == .awaited)
        pair.control.storeBytes(of: 0, toByteOffset: 20, as: UInt8.self)
        #expect(pair.server.peer == .gone)
        // Only a client is ever waited for.
        pair.control.storeBytes(of: 2, toByteOffset: 21, as: UInt8.self)
        #expect(pair.client.peer == .gone)
    }
}

@Suite struct StorePortTests {
    @Test func `a change told before an answer is not lost`() throws {
        var sockets: [Int32] = [-1, -1]
        #expect(lapwing_socket_pair(&sockets) == 0)
        defer { close(sockets[1]) }
        let store = StorePort(descriptor: sockets[0])
        #expect(!store.hasNews)
        let bytes =
            XenStoreWire.encode(.watchEvent, request: 0, StorePort.payload(["a", "token"]))
            + XenStoreWire.encode(.read, request: 1, Array("7".utf8))
        #expect(write(sockets[1], bytes, bytes.count) == bytes.count)
        #expect(try store.read("a") == "7")
        // Nothing is left to be read, and still there is something to be told.
        var waits = pollfd(fd: store.descriptor, events: Int16(POLLIN), revents: 0)
        #expect(poll(&waits, 1, 0) == 0 && store.hasNews)
        #expect(try store.changes() == ["token"])
        #expect(!store.hasNews)
    }

    @Test func laysWordsOut() {
        #expect(StorePort.payload(["a", "t"]) == [97, 0, 116, 0])
        // A value has no zero byte at its end.
        #expect(StorePort.payload(["a"], "b") == [97, 0, 98])
    }

    @Test func saysWhatIsMissing() {
        #expect(throws: ChannelError.self) { try StorePort(path: "/nowhere/xenbus") }
    }
}
