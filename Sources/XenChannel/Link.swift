// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Carries bytes between a stream socket and a channel, both ways, without ever waiting: whoever owns it polls.
public struct Link {
    /// The socket; it must not block.
    public let socket: Int32
    private let channel: Channel
    /// True when the socket's other side has ended.
    public private(set) var hasEnded = false

    /// A link between the two. The socket stays the caller's.
    public init(_ socket: Int32, _ channel: Channel) {
        self.socket = socket
        self.channel = channel
    }

    /// What to poll the socket for.
    public var wants: Int16 {
        get throws {
            var wants: Int16 = 0
            if try channel.outgoing.available() > 0 { wants |= Int16(POLLIN) }
            if try channel.incoming.available() > 0 { wants |= Int16(POLLOUT) }
            return wants
        }
    }

    /// Moves all that can be moved now, and has the other side tell when there is more. Throws when the other side broke
    /// the channel. To be called again when the socket or the channel's `events` are ready.
    public mutating func move() throws {
        channel.acknowledge()
        repeat {
            while try moveOnce() {}
            if hasEnded { return }
            channel.ask([.written, .read])
            // What came just before the question would never be told.
        } while try moveOnce()
    }

    /// Takes notice of what poll saw.
    public mutating func saw(_ events: Int16) {
        // A full ring would keep the end of the stream from being read.
        if events & Int16(POLLHUP | POLLERR | POLLNVAL) != 0 { hasEnded = true }
    }

    private mutating func moveOnce() throws -> Bool {
        var moved = false
        let full = try channel.incoming.available()
        if full > 0 {
            let piece = channel.incoming.piece(full)
            let sent = lapwing_socket_send(socket, piece.baseAddress, piece.count)
            if sent > 0 {
                channel.incoming.advance(sent)
                channel.tell(.read)
                moved = true
            } else if sent != -Int(EAGAIN), sent != -Int(EINTR) {
                hasEnded = true
            }
        }
        let room = try channel.outgoing.available()
        if room > 0 {
            let piece = channel.outgoing.piece(room)
            let got = lapwing_socket_receive(socket, piece.baseAddress, piece.count)
            if got > 0 {
                channel.outgoing.advance(got)
                channel.tell(.written)
                moved = true
            } else if got != -Int(EAGAIN), got != -Int(EINTR) {
                hasEnded = true
            }
        }
        return moved && !hasEnded
    }
}
