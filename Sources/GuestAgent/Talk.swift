// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A network interface brought up by hand, and an exchange over it: no DHCP, no routes, one TCP connection.
struct Talk {
    /// The interface.
    var interface: String
    /// Its address; the network is the /24 around it.
    var address: String
    /// Who sends back what it gets, in that network.
    var peer: String
    /// The peer's TCP port.
    var port: UInt16
    /// How much is sent.
    var kibibytes: Int
    /// What is sent.
    var seed: UInt64

    /// What came of it.
    struct Outcome: Equatable {
        var sent: Int
        var received: Int
        var sentSum: UInt64
        var receivedSum: UInt64
    }

    /// Sends and receives, for at most two minutes.
    func run() -> Result<Outcome, Failure> {
        if let failure = bringUp() { return .failure(failure) }
        let raw = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC | O_NONBLOCK, 0)
        guard raw >= 0 else { return .failure(Failure("socket: \(lapwing_errno())")) }
        defer { close(raw) }
        var name = Self.name(peer, port: port)
        let connected = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(raw, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if connected != 0, lapwing_errno() != EINPROGRESS { return .failure(Failure("connect: \(lapwing_errno())")) }
        return exchange(raw)
    }

    private func exchange(_ raw: Int32) -> Result<Outcome, Failure> {
        var source = Pattern.Bytes(seed: seed)
        var outcome = Outcome(sent: 0, received: 0, sentSum: Pattern.empty, receivedSum: Pattern.empty)
        var unsent: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let total = kibibytes << 10
        let end = time(nil) + 120
        while outcome.received < total {
            if time(nil) >= end {
                return .failure(Failure("time is over: sent \(outcome.sent), received \(outcome.received)"))
            }
            let left = total - outcome.sent - unsent.count
            if unsent.isEmpty, left > 0 { unsent = source.next(min(1 << 14, left)) }
            var waits = pollfd(fd: raw, events: Int16(POLLIN) | (unsent.isEmpty ? 0 : Int16(POLLOUT)), revents: 0)
            if poll(&waits, 1, 1000) <= 0 { continue }
            if waits.revents & Int16(POLLOUT) != 0, !unsent.isEmpty {
                let sent = unsent.withUnsafeBytes { write(raw, $0.baseAddress, $0.count) }
                if sent > 0 {
                    outcome.sent += sent
                    outcome.sentSum = Pattern.sum(unsent[..<sent], from: outcome.sentSum)
                    unsent.removeFirst(sent)
                } else if lapwing_errno() != EAGAIN {
                    return .failure(Failure("send: \(lapwing_errno())"))
                }
            }
            if waits.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
                let got = read(raw, &chunk, chunk.count)
                if got > 0 {
                    outcome.received += got
                    outcome.receivedSum = Pattern.sum(chunk[..<got], from: outcome.receivedSum)
                } else if got == 0 || lapwing_errno() != EAGAIN {
                    return .failure(Failure("receive: \(got == 0 ? 0 : lapwing_errno()) after \(outcome.received)"))
                }
            }
        }
        return .success(outcome)
    }

    /// Address, mask, up (netdevice(7)): `struct ifreq` is a name of 16 bytes and a union, which is written as bytes.
    private func bringUp() -> Failure? {
        let raw = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | O_CLOEXEC, 0)
        guard raw >= 0 else { return Failure("socket: \(lapwing_errno())") }
        defer { close(raw) }
        for (request, text) in [(SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.0")] {
            let name = Self.name(text, port: 0)
            if ask(raw, request, withUnsafeBytes(of: name) { Array($0) }) != 0 {
                return Failure("address: \(lapwing_errno())")
            }
        }
        let flags = UInt16(truncatingIfNeeded: IFF_UP | IFF_RUNNING)
        if ask(raw, SIOCSIFFLAGS, [UInt8(flags & 255), UInt8(flags >> 8)]) != 0 {
            return Failure("up: \(lapwing_errno())")
        }
        // A card tells of its link a moment after it was brought up.
        for _ in 0..<300 {
            if Files.text("/sys/class/net/\(interface)/carrier").hasPrefix("1") { return nil }
            usleep(100_000)
        }
        return Failure("no carrier")
    }

    private func ask(_ raw: Int32, _ request: Int32, _ value: [UInt8]) -> Int32 {
        var bytes = Array(interface.utf8.prefix(15))
        bytes += [UInt8](repeating: 0, count: 16 - bytes.count) + value
        bytes += [UInt8](repeating: 0, count: 40 - bytes.count)
        return bytes.withUnsafeMutableBytes { buffer in
            buffer.baseAddress.map { ioctl(raw, UInt(request), $0) } ?? -1
        }
    }

    private static func name(_ address: String, port: UInt16) -> sockaddr_in {
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        inet_pton(AF_INET, address, &name.sin_addr)
        return name
    }
}
