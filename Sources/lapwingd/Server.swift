// SPDX-License-Identifier: Apache-2.0

import CLinux
import ControlProtocol
import LapwingCore
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// The event loop: poll(2) without a timeout, so that an idle daemon never wakes up. Requests are answered one after
/// the other; what a client can make the daemon hold is bounded.
struct Server {
    /// The most clients at once; more wait in the kernel's queue.
    static let clientLimit = 32

    let listener: Listener
    let handler: Handler
    let context: Context

    private struct Client {
        let descriptor: CInt
        var lines = LineSplitter()
        var output: [UInt8] = []
        var closing = false
        /// True when a whole line may wait in `lines` already.
        var waiting = false
    }

    /// Serves until SIGTERM, SIGINT or SIGHUP.
    func serve() async throws {
        let stop = lapwing_stop_descriptor()
        guard stop >= 0 else { throw Errno(rawValue: -stop) }
        notify("READY=1\nSTATUS=listening")
        var clients: [Client] = []
        defer {
            for client in clients { close(client.descriptor) }
            if let path = listener.ownPath { _ = lapwing_unlink(path.string) }
        }
        while true {
            var events = [
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
                pollfd(
                    fd: listener.descriptor, events: clients.count < Self.clientLimit ? Int16(POLLIN) : 0, revents: 0),
            ]
            for client in clients {
                let reads = !client.closing && !client.waiting && client.output.isEmpty
                let wanted = (reads ? POLLIN : 0) | (client.output.isEmpty ? 0 : POLLOUT)
                events.append(pollfd(fd: client.descriptor, events: Int16(wanted), revents: 0))
            }
            let busy = clients.contains { $0.waiting && $0.output.isEmpty }
            if poll(&events, nfds_t(events.count), busy ? 0 : -1) < 0 {
                if lapwing_errno() == EINTR { continue }
                throw Errno(rawValue: lapwing_errno())
            }
            if events[0].revents != 0 {
                notify("STOPPING=1")
                return
            }
            var kept: [Client] = []
            for (var client, event) in zip(clients, events.dropFirst(2)) {
                if await turn(&client, event.revents) { kept.append(client) } else { close(client.descriptor) }
            }
            clients = kept
            if events[1].revents & Int16(POLLIN) != 0 {
                let peer = lapwing_socket_accept(listener.descriptor)
                if peer >= 0 { clients.append(Client(descriptor: peer)) }
            }
        }
    }

    /// Serves what poll found for a client; false when the client is done. One request of each client is answered
    /// per turn, and none while an earlier answer waits to be taken: a client that does not read is not served.
    private func turn(_ client: inout Client, _ found: Int16) async -> Bool {
        if found & Int16(POLLIN) != 0 {
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            let got = chunk.withUnsafeMutableBytes {
                lapwing_socket_receive(client.descriptor, $0.baseAddress, $0.count)
            }
            if got == 0 || (got < 0 && got != -Int(EAGAIN)) { return false }
            if got > 0 {
                client.lines.append(chunk[..<got])
                client.waiting = true
            }
        } else if found & Int16(POLLHUP | POLLERR) != 0 {
            return false
        }
        if client.waiting, client.output.isEmpty { await answerLine(&client) }
        while !client.output.isEmpty {
            let sent = client.output.withUnsafeBytes {
                lapwing_socket_send(client.descriptor, $0.baseAddress, $0.count)
            }
            if sent == -Int(EAGAIN) { break }
            if sent <= 0 { return false }
            client.output.removeFirst(sent)
        }
        return !(client.closing && client.output.isEmpty)
    }

    private func answerLine(_ client: inout Client) async {
        do {
            guard let line = try client.lines.next() else {
                client.waiting = false
                return
            }
            client.output = try await handler.answer(line).line()
        } catch {
            // The stream cannot be followed any more: say why, then close.
            let failure = error as? LapwingError ?? LapwingError("daemon.bug", "The daemon failed.", cause: "\(error)")
            client.output = (try? ControlMessage.failure(id: nil, ControlFailure(failure)).line()) ?? []
            client.closing = true
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
