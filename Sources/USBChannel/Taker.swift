// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import XenChannel

/// The guest's side: plugs what dom0 offers into the kernel's virtual USB controller, and carries the transfers.
public struct Taker {
    /// A device that is plugged in.
    private struct Session {
        var invitation: Invitation
        var channel: Channel
        var link: Link
    }

    /// What dom0 wrote of a device. A new time of the same device has another number.
    struct Invitation: Hashable {
        var offer: UInt32
        var address: UInt32
        var speed: UInt32
        var page: UInt32
        var events: UInt32

        /// Reads the entries of a slot; nil when it is not complete.
        init?(_ entry: (Slot.Entry) throws -> String?) rethrows {
            guard let events = try entry(.events).flatMap({ UInt32($0) }),
                let offer = try entry(.offer).flatMap({ UInt32($0) }),
                let page = try entry(.page).flatMap({ UInt32($0) }),
                let address = try entry(.address).flatMap({ UInt32($0) }),
                let speed = try entry(.speed).flatMap({ UInt32($0) })
            else { return nil }
            self.offer = offer
            (self.address, self.speed, self.page, self.events) = (address, speed, page, events)
        }
    }

    private let store: StorePort
    private let hub: VirtualHub
    private let stop: Int32
    private let say: (String) -> Void
    private var sessions: [Int: Session] = [:]
    /// Those that did not work or are over: not tried again.
    private var done: [Int: Invitation] = [:]

    /// A taker.
    ///
    /// - Parameters:
    ///   - stop: A descriptor that becomes readable when this program is to end.
    ///   - say: Is told of what comes, goes and fails, a line each.
    public init(store: StorePort, hub: VirtualHub, stop: Int32, say: @escaping (String) -> Void) {
        self.store = store
        self.hub = hub
        self.stop = stop
        self.say = say
    }

    /// Takes devices until it is told to end; then they are unplugged.
    public mutating func run() throws {
        try store.watch(Slot.own, token: "usb")
        while true {
            for number in sessions.keys.sorted() { step(number) }
            var waiting = Waiting()
            let news = waiting.add(store.descriptor)
            let stopped = waiting.add(stop)
            var sockets: [(number: Int, place: Int)] = []
            for (number, session) in sessions {
                _ = waiting.add(session.channel.events)
                // What throws here ends the session at its next step, which comes at once.
                sockets.append((number, waiting.add(session.link.socket, (try? session.link.wants) ?? Int16(POLLOUT))))
            }
            try waiting.wait(milliseconds: store.hasNews ? 0 : -1)
            if waiting.saw(stopped) != 0 { break }
            for (number, place) in sockets { sessions[number]?.link.saw(waiting.saw(place)) }
            if store.hasNews || waiting.saw(news) != 0, try !store.changes().isEmpty { try look() }
        }
        for number in sessions.keys.sorted() { end(number, "unplugged") }
    }

    /// Takes what is offered anew.
    private mutating func look() throws {
        let offered = Set(try store.names(Slot.own).compactMap { Int($0) })
        for number in sessions.keys.sorted() where !offered.contains(number) { end(number, "withdrawn") }
        done = done.filter { offered.contains($0.key) }
        for number in offered.sorted() {
            let invitation = try Invitation { try store.read("\(Slot.own)/\(number)/\($0.rawValue)") }
            guard let invitation, done[number] != invitation, sessions[number]?.invitation != invitation else {
                continue
            }
            if sessions[number] != nil { end(number, "offered anew") }
            do {
                sessions[number] = try begin(invitation, number)
            } catch {
                done[number] = invitation
                say("slot \(number): \(error)")
            }
        }
    }

    private func begin(_ invitation: Invitation, _ number: Int) throws -> Session {
        guard hub.isThere else { throw ChannelError("the kernel's module vhci-hcd is not loaded") }
        let channel = try Channel(of: 0, page: invitation.page, port: invitation.events)
        var sockets: [Int32] = [-1, -1]
        let code = lapwing_socket_pair(&sockets)
        guard code == 0 else { throw ChannelError("no sockets", -code) }
        defer { close(sockets[0]) }
        do {
            let port = try hub.attach(sockets[0], address: invitation.address, speed: invitation.speed)
            say("slot \(number): plugged into port \(port)")
        } catch {
            close(sockets[1])
            throw error
        }
        return Session(invitation: invitation, channel: channel, link: Link(sockets[1], channel))
    }

    private mutating func step(_ number: Int) {
        do {
            try sessions[number]?.link.move()
        } catch {
            return end(number, "\(error)")
        }
        guard let session = sessions[number] else { return }
        if session.link.hasEnded { return end(number, "the kernel let it go") }
        if session.channel.peer == .gone { end(number, "dom0 let it go") }
    }

    private mutating func end(_ number: Int, _ why: String) {
        guard let session = sessions.removeValue(forKey: number) else { return }
        done[number] = session.invitation
        close(session.link.socket)
        say("slot \(number): \(why)")
    }
}
