// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A stream of bytes both ways between two domains, through shared pages and an event channel. The layout is that of
/// libxenvchan (xen/include/public/io/libxenvchan.h), so that a program made with that library can be the other end.
///
/// The kernel tells the other side when a process ends without closing its channel. Not for use by two threads.
public final class Channel {
    /// Offsets in the page that both sides control the channel by.
    enum Offset {
        static let left = 0
        static let right = 8
        static let leftOrder = 16
        static let rightOrder = 18
        static let clientLive = 20
        static let serverLive = 21
        static let clientNotify = 22
        static let serverNotify = 23
        static let grants = 24
    }

    /// What the other end is doing.
    public enum Peer: Sendable { case awaited, connected, gone }

    /// Which event the other side is asked to tell of, as bits of a byte.
    struct Notify: OptionSet {
        var rawValue: UInt8
        static let written = Notify(rawValue: 1)
        static let read = Notify(rawValue: 2)
    }

    static let pageSize = 4096
    /// 64 KiB each way: a transfer of the USB drivers is up to 120 KiB long, and latency counts more than copies.
    static let order: UInt16 = 16

    /// Bytes from the other side.
    public var incoming: Ring
    /// Bytes to the other side.
    public var outgoing: Ring
    /// Readable when the other side has done something.
    public let events: Int32
    /// What the other domain needs to be the client: the reference of the control page, and the port.
    public let invitation: (page: UInt32, port: UInt32)

    private let memory: Int32
    private let port: UInt32
    private let control: UnsafeMutableRawPointer
    private let mappings: [(UnsafeMutableRawPointer, UInt32)]
    private let isServer: Bool

    /// What is open while a channel is made: closed again when that fails.
    private struct Making {
        var events: Int32
        var memory: Int32
        var mappings: [(UnsafeMutableRawPointer, UInt32)] = []

        init(_ device: String) throws {
            events = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK)
            if events < 0 { throw ChannelError("/dev/xen/evtchn", errno) }
            memory = open(device, O_RDWR | O_CLOEXEC)
            if memory < 0 {
                let code = errno
                close(events)
                throw ChannelError(device, code)
            }
        }

        func drop() {
            for (start, count) in mappings { _ = lapwing_pages_end(start, count) }
            close(memory)
            close(events)
        }
    }

    /// Makes a channel that a domain can connect to, with pages of this domain.
    public init(serving domain: UInt32) throws {
        var making = try Making("/dev/xen/gntalloc")
        do {
            var page: UInt32 = 0
            var place: UInt64 = 0
            func share(_ count: UInt32, _ references: UnsafeMutablePointer<UInt32>) throws -> (
                UnsafeMutableRawPointer, UInt64
            ) {
                var pages: UnsafeMutableRawPointer?
                var offset: UInt64 = 0
                let code = lapwing_pages_share(making.memory, domain, count, references, &offset, &pages)
                guard code == 0, let pages else { throw ChannelError("no pages for the domain", -code) }
                making.mappings.append((pages, count))
                return (pages, offset)
            }
            let count = UInt32(1) << UInt32(Self.order - 12)
            (control, place) = try share(1, &page)
            var references = [UInt32](repeating: 0, count: Int(2 * count))
            var rings: [UnsafeMutableRawPointer] = []
            try references.withUnsafeMutableBufferPointer { all in
                guard let start = all.baseAddress else { return }
                for side in 0..<2 { rings.append(try share(count, start + side * Int(count)).0) }
            }
            control.storeBytes(of: Self.order, toByteOffset: Offset.leftOrder, as: UInt16.self)
            control.storeBytes(of: Self.order, toByteOffset: Offset.rightOrder, as: UInt16.self)
            for (number, reference) in references.enumerated() {
                control.storeBytes(of: reference, toByteOffset: Offset.grants + 4 * number, as: UInt32.self)
            }
            let port = lapwing_event_offer(making.events, domain)
            guard port >= 0 else { throw ChannelError("no event channel for the domain", Int32(-port)) }
            self.port = UInt32(port)
            let code = lapwing_pages_at_end(making.memory, 1, place + UInt64(Offset.serverLive), self.port)
            guard code == 0 else { throw ChannelError("the kernel does not watch over the channel", -code) }
            let size = UInt32(1) << UInt32(Self.order)
            incoming = Ring(indices: control + Offset.left, data: rings[0], size: size, produces: false)
            outgoing = Ring(indices: control + Offset.right, data: rings[1], size: size, produces: true)
            lapwing_shared_store_byte(control + Offset.serverLive, 1)
            lapwing_shared_store_byte(control + Offset.clientLive, 2)
            invitation = (page, self.port)
        } catch {
            making.drop()
            throw error
        }
        (events, memory, mappings, isServer) = (making.events, making.memory, making.mappings, true)
    }

    /// Connects to a channel of another domain, which is believed to lay it out well: it is dom0.
    public init(of domain: UInt32, page: UInt32, port remote: UInt32) throws {
        var making = try Making("/dev/xen/gntdev")
        do {
            func take(_ references: [UInt32]) throws -> (UnsafeMutableRawPointer, UInt64) {
                var pages: UnsafeMutableRawPointer?
                var offset: UInt64 = 0
                let count = UInt32(references.count)
                let code = lapwing_pages_take(making.memory, domain, count, references, &offset, &pages)
                guard code == 0, let pages else { throw ChannelError("the pages cannot be mapped", -code) }
                making.mappings.append((pages, count))
                return (pages, offset)
            }
            let (control, place) = try take([page])
            self.control = control
            let orders = [Offset.leftOrder, Offset.rightOrder].map {
                UInt32(control.load(fromByteOffset: $0, as: UInt16.self))
            }
            // Smaller rings lie in the control page itself; nobody here makes any.
            guard orders.allSatisfy({ (12...20).contains($0) }) else {
                throw ChannelError("the rings have sizes that are not served")
            }
            let counts = orders.map { 1 << Int($0 - 12) }
            let references = (0..<counts[0] + counts[1]).map {
                control.load(fromByteOffset: Offset.grants + 4 * $0, as: UInt32.self)
            }
            let left = try take(Array(references[..<counts[0]])).0
            let right = try take(Array(references[counts[0]...])).0
            let port = lapwing_event_bind(making.events, domain, remote)
            guard port >= 0 else { throw ChannelError("the event channel does not bind", Int32(-port)) }
            self.port = UInt32(port)
            let code = lapwing_pages_at_end(making.memory, 0, place + UInt64(Offset.clientLive), self.port)
            guard code == 0 else { throw ChannelError("the kernel does not watch over the channel", -code) }
            outgoing = Ring(indices: control + Offset.left, data: left, size: 1 << orders[0], produces: true)
            incoming = Ring(indices: control + Offset.right, data: right, size: 1 << orders[1], produces: false)
            invitation = (page, remote)
            lapwing_shared_store_byte(control + Offset.clientLive, 1)
        } catch {
            making.drop()
            throw error
        }
        (events, memory, mappings, isServer) = (making.events, making.memory, making.mappings, false)
        _ = lapwing_event_send(events, port)
    }

    /// An end over memory of this process, whose other end is asked to look by its owner: for tests.
    init(
        control: UnsafeMutableRawPointer, left: UnsafeMutableRawPointer, right: UnsafeMutableRawPointer, isServer: Bool
    ) {
        (events, memory, port, mappings, invitation) = (-1, -1, 0, [], (0, 0))
        self.control = control
        self.isServer = isServer
        let size = UInt32(1) << UInt32(Self.order)
        let (toServer, toClient) = (control + Offset.left, control + Offset.right)
        incoming = Ring(
            indices: isServer ? toServer : toClient, data: isServer ? left : right, size: size, produces: false)
        outgoing = Ring(
            indices: isServer ? toClient : toServer, data: isServer ? right : left, size: size, produces: true)
        lapwing_shared_store_byte(control + (isServer ? Offset.serverLive : Offset.clientLive), 1)
    }

    deinit {
        lapwing_shared_store_byte(control + (isServer ? Offset.serverLive : Offset.clientLive), 0)
        _ = lapwing_event_send(events, port)
        for (start, count) in mappings { _ = lapwing_pages_end(start, count) }
        close(memory)
        close(events)
    }

    /// What the other end is doing now.
    public var peer: Peer {
        switch lapwing_shared_load_byte(control + (isServer ? Offset.clientLive : Offset.serverLive)) {
        case 1: .connected
        case 2 where isServer: .awaited
        default: .gone
        }
    }

    /// Tells the other side that bytes were put in, or taken out, when it asked for that.
    func tell(_ what: Notify) {
        let byte = control + (isServer ? Offset.serverNotify : Offset.clientNotify)
        if lapwing_shared_clear_bits(byte, what.rawValue) & what.rawValue != 0 { _ = lapwing_event_send(events, port) }
    }

    /// Asks the other side to tell. What happened before has to be looked for after this.
    func ask(_ what: Notify) {
        _ = lapwing_shared_set_bits(control + (isServer ? Offset.clientNotify : Offset.serverNotify), what.rawValue)
    }

    /// Takes notice of what came, and has the other side tell when it connects or writes.
    public func listen() {
        acknowledge()
        ask(.written)
    }

    /// Takes notice of the events that came, so that the next ones can come.
    func acknowledge() {
        var number: UInt32 = 0
        while read(events, &number, 4) == 4 { _ = write(events, &number, 4) }
    }
}
