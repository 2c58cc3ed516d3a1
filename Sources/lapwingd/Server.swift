// SPDX-License-Identifier: Apache-2.0

import CLinux
import ControlProtocol
import DeviceFacts
import DeviceModel
import LapwingCore
import SystemPackage
import XenControl

#if canImport(Glibc)
    import Glibc
#endif

/// The event loop: poll(2) without a timeout, so that an idle daemon never wakes up. It runs on a thread of its own;
/// the work of requests runs in tasks, so that nobody waits for another's domain. What a client can make the daemon
/// hold is bounded, and each client has one request under way at most.
final class Server {
    /// The most clients at once; more wait in the kernel's queue.
    static let clientLimit = 32
    /// A listener that does not take its events is hung up at so many unsent bytes.
    static let outputLimit = 512 << 10

    private let listener: Listener
    private let handler: Handler
    private let context: Context
    private let mailbox: Mailbox
    private let xenStore: FilePath?
    private var uevents: UeventSocket?
    private let deviceChanged: @Sendable (Uevent?) -> Void
    private let powerChanged: @Sendable (Uevent?) -> Void
    private var watch: XenStoreWatch?
    private var clients: [Client] = []
    private var nextID = 0

    private struct Client {
        let id: Int
        let descriptor: CInt
        let user: UInt32
        var lines = LineSplitter()
        var output: [UInt8] = []
        var closing = false
        /// True while a request is worked on.
        var working = false
        /// True when a whole line may wait in `lines`.
        var waiting = false
        var listening = false
        var gone = false
    }

    /// A server; `xenStore` is the socket whose events make it look at the domains, nil for none. What `uevents` tells
    /// goes to `deviceChanged`, of power supplies and input devices to `powerChanged`: nil when something was missed and
    /// everything has to be looked at.
    init(
        listener: Listener, handler: Handler, context: Context, mailbox: Mailbox, xenStore: FilePath?,
        uevents: UeventSocket?, deviceChanged: @escaping @Sendable (Uevent?) -> Void,
        powerChanged: @escaping @Sendable (Uevent?) -> Void
    ) {
        self.listener = listener
        self.handler = handler
        self.context = context
        self.mailbox = mailbox
        self.xenStore = xenStore
        self.uevents = uevents
        self.deviceChanged = deviceChanged
        self.powerChanged = powerChanged
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP.
    func serve() throws {
        let stop = lapwing_stop_descriptor()
        guard stop >= 0 else { throw Errno(rawValue: -stop) }
        // A domain that comes or goes between the first look and the watch would be missed the other way around.
        connectToXen()
        notify("READY=1\nSTATUS=listening")
        defer {
            for client in clients { close(client.descriptor) }
            if let path = listener.ownPath { _ = lapwing_unlink(path.string) }
        }
        while true {
            var events = [
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                pollfd(
                    fd: listener.descriptor, events: clients.count < Self.clientLimit ? Int16(POLLIN) : 0, revents: 0),
                pollfd(fd: mailbox.readEnd, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watch?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: uevents?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            let first = events.count
            for client in clients {
                let reads = !client.closing && !client.working && client.output.isEmpty
                let wanted = (reads ? POLLIN : 0) | (client.output.isEmpty ? 0 : POLLOUT)
                events.append(pollfd(fd: client.descriptor, events: Int16(wanted), revents: 0))
            }
            if poll(&events, nfds_t(events.count), -1) < 0 {
                if lapwing_errno() == EINTR { continue }
                throw Errno(rawValue: lapwing_errno())
            }
            if events[0].revents != 0 {
                notify("STOPPING=1")
                return
            }
            if events[2].revents != 0 { deliver() }
            if events[3].revents != 0 { followXen() }
            if events[4].revents != 0 { followDevices() }
            for index in clients.indices { turn(&clients[index], events[first + index].revents) }
            for client in clients where client.gone { close(client.descriptor) }
            clients.removeAll(where: \.gone)
            if events[1].revents & Int16(POLLIN) != 0 { accept() }
        }
    }

    private func accept() {
        let peer = lapwing_socket_accept(listener.descriptor)
        guard peer >= 0 else { return }
        let user = lapwing_socket_peer_user(peer)
        guard user >= 0 else {
            close(peer)
            return
        }
        if watch == nil { connectToXen() }
        nextID += 1
        clients.append(Client(id: nextID, descriptor: peer, user: UInt32(clamping: user)))
    }

    // MARK: Xen

    private func connectToXen() {
        guard let xenStore, let watch = try? XenStoreWatch(xenStore) else { return }
        self.watch = watch
        let (domains, devices) = (handler.domains, handler.devices)
        Task {
            await devices.recover()
            await domains.look()
            await domains.autostart()
        }
    }

    private func followXen() {
        guard let changed = watch?.take() else {
            watch = nil
            context.progress.warning("the XenStore is gone; it is looked for again with the next request")
            return
        }
        let domains = handler.domains
        if changed { Task { await domains.look() } }
    }

    // MARK: Devices

    private func followDevices() {
        guard let harvest = uevents?.take() else {
            uevents = nil
            context.progress.warning(
                "the kernel does not tell of devices any more; hot-plug does not work until a restart")
            return
        }
        for event in harvest.events {
            switch event.concern {
            case nil: break
            case .power, .input: powerChanged(event)
            default: deviceChanged(event)
            }
        }
        if harvest.lost {
            deviceChanged(nil)
            powerChanged(nil)
        }
    }

    // MARK: Clients

    private func deliver() {
        for item in mailbox.take() {
            switch item {
            case .answer(let id, let message):
                guard let index = clients.firstIndex(where: { $0.id == id }) else { continue }
                clients[index].working = false
                clients[index].waiting = true
                send(message, to: &clients[index])
            case .event(let message):
                guard let line = try? message.line() else { continue }
                for index in clients.indices where clients[index].listening {
                    clients[index].output += line
                    if clients[index].output.count > Self.outputLimit { clients[index].gone = true }
                }
            }
        }
    }

    private func send(_ message: ControlMessage, to client: inout Client) {
        do {
            client.output += try message.line()
        } catch {
            fail(error, &client)
        }
    }

    /// The stream cannot be followed any more: say why, then close.
    private func fail(_ error: any Error, _ client: inout Client) {
        let failure = error as? LapwingError ?? LapwingError("daemon.bug", "The daemon failed.", cause: "\(error)")
        client.output += (try? ControlMessage.failure(id: nil, ControlFailure(failure)).line()) ?? []
        client.closing = true
    }

    /// Serves what poll found for a client. No request is taken while an earlier one is worked on or its answer waits
    /// to be read: a client that does not read is not served.
    private func turn(_ client: inout Client, _ found: Int16) {
        if found & Int16(POLLIN) != 0, !client.working {
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            let got = chunk.withUnsafeMutableBytes {
                lapwing_socket_receive(client.descriptor, $0.baseAddress, $0.count)
            }
            if got == 0 || (got < 0 && got != -Int(EAGAIN)) {
                client.gone = true
                return
            }
            if got > 0 {
                client.lines.append(chunk[..<got])
                client.waiting = true
            }
        } else if found & Int16(POLLHUP | POLLERR) != 0 {
            client.gone = true
            return
        }
        flush(&client)
        if client.waiting, !client.working, !client.closing, client.output.isEmpty { take(&client) }
        flush(&client)
        if client.closing, client.output.isEmpty { client.gone = true }
    }

    private func flush(_ client: inout Client) {
        while !client.output.isEmpty {
            let sent = client.output.withUnsafeBytes {
                lapwing_socket_send(client.descriptor, $0.baseAddress, $0.count)
            }
            if sent == -Int(EAGAIN) { return }
            if sent <= 0 {
                client.gone = true
                return
            }
            client.output.removeFirst(sent)
        }
    }

    private func take(_ client: inout Client) {
        do {
            guard let line = try client.lines.next() else {
                client.waiting = false
                return
            }
            if case .request(_, "monitor", _)? = try? ControlMessage(line: line) { client.listening = true }
            client.working = true
            let (id, user, handler, mailbox) = (client.id, client.user, handler, mailbox)
            Task { mailbox.post(.answer(client: id, await handler.answer(line, user: user))) }
        } catch {
            fail(error, &client)
        }
    }

    /// sd_notify(3): a datagram to the socket the service manager names.
    private func notify(_ state: String) {
        guard let path = context.environment["NOTIFY_SOCKET"] else { return }
        let bytes = Array(state.utf8)
        let failed = bytes.withUnsafeBytes { lapwing_socket_notify(path, $0.baseAddress, $0.count) }
        if failed != 0 {
            context.progress.warning("the service manager was not reached: \(Errno(rawValue: -failed).description)")
        }
    }
}
