// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import XenChannel

/// dom0's side: offers a USB device to a domain, and carries its transfers from the first moment the domain takes it until
/// the offer is withdrawn or the device is pulled.
public struct Offer {
    private let lease: Lease
    private let stub: DeviceStub
    private let store: StorePort
    private let stop: Int32
    private let ready: () -> Void

    /// How it ended.
    public enum End: Sendable, Hashable {
        /// Somebody asked this program to end.
        case stopped
        /// The slot is not for this device any more, or the domain is gone.
        case withdrawn
        /// The device is gone.
        case pulled
    }

    private enum SessionEnd { case offer(End), peer }

    /// A domain that takes the device and drops it again and again has to wait between two times: each costs a reset.
    private static let pause: UInt32 = 1

    /// An offer.
    ///
    /// - Parameters:
    ///   - stop: A descriptor that becomes readable when this program is to end.
    ///   - ready: Called once the domain can take the device.
    public init(_ lease: Lease, store: StorePort, stop: Int32, ready: @escaping () -> Void) throws {
        self.lease = lease
        self.store = store
        self.stop = stop
        self.ready = ready
        stub = try DeviceStub(lease.port)
    }

    /// Takes the device from dom0's driver, offers it, serves it. Whatever happens, dom0's driver has it again at the end.
    public func run() throws -> End {
        // A kernel numbers each device that is plugged in anew. One that carried it before, and was killed, left the number.
        let address = try stub.facts().address
        if let before = try store.read(lease.slot.path(.address)), before != "\(address)" { return .pulled }
        try stub.bind()
        defer { stub.release() }
        try store.write(lease.slot.path(.port), lease.port)
        try store.watch(lease.slot.path, token: "slot")
        var first = true
        while true {
            let channel = try Channel(serving: UInt32(lease.slot.domain))
            guard let facts = try? stub.facts(), facts.address == address else { return .pulled }
            try invite(channel, address: address, speed: facts.speed)
            if first { ready() }
            first = false
            switch try session(channel) {
            case .offer(let end): return end
            case .peer: sleep(Self.pause)
            }
        }
    }

    /// Writes down where the domain finds the device. While it is not complete there is no invitation: old and new ones
    /// are never mixed.
    private func invite(_ channel: Channel, address: UInt32, speed: UInt32) throws {
        func path(_ entry: Slot.Entry) -> String { lease.slot.path(entry) }
        try store.remove(path(.events))
        let before = try store.read(path(.offer)).flatMap { UInt32($0) } ?? 0
        try store.write(path(.offer), "\(before &+ 1)")
        try store.write(path(.address), "\(address)")
        try store.write(path(.speed), "\(speed)")
        try store.write(path(.page), "\(channel.invitation.page)")
        try store.write(path(.events), "\(channel.invitation.port)")
    }

    /// One time that the domain has the device, or waits for it.
    private func session(_ channel: Channel) throws -> SessionEnd {
        var link: Link?
        defer { if let link { close(link.socket) } }
        while true {
            if link != nil {
                do {
                    try link?.move()
                } catch {
                    // The domain broke the channel: its own loss.
                    return .peer
                }
                if link?.hasEnded == true { return stub.isThere && stub.isBound ? .peer : .offer(.pulled) }
            } else {
                channel.listen()
                if channel.peer == .connected {
                    link = Link(try serve(), channel)
                    continue
                }
            }
            if channel.peer == .gone { return .peer }
            if let end = try wait(channel, &link) { return .offer(end) }
        }
    }

    /// Gives the kernel one end of a pair of sockets and returns the other one.
    private func serve() throws -> Int32 {
        var sockets: [Int32] = [-1, -1]
        let code = lapwing_socket_pair(&sockets)
        guard code == 0 else { throw ChannelError("no sockets", -code) }
        // The kernel keeps the socket for itself.
        defer { close(sockets[0]) }
        do {
            try stub.serve(sockets[0])
        } catch {
            close(sockets[1])
            throw error
        }
        return sockets[1]
    }

    /// Waits until something happens; how the offer ends, when it does.
    private func wait(_ channel: Channel, _ link: inout Link?) throws -> End? {
        var waiting = Waiting()
        _ = waiting.add(channel.events)
        let news = waiting.add(store.descriptor)
        let stopped = waiting.add(stop)
        let socket = try link.map { waiting.add($0.socket, try $0.wants) }
        try waiting.wait(milliseconds: store.hasNews ? 0 : -1)
        if let socket { link?.saw(waiting.saw(socket)) }
        if waiting.saw(stopped) != 0 { return .stopped }
        // A domain that ends loses its entries; a device that is pulled before the domain took it, the daemon notices.
        if store.hasNews || waiting.saw(news) != 0, try !store.changes().isEmpty,
            try store.read(lease.slot.path(.port)) != lease.port
        {
            return .withdrawn
        }
        return nil
    }
}
