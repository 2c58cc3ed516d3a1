// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The operations of the protocol (docs/agent-protocol.md) that are answered at once.
enum Requests {
    /// The version of the protocol.
    static let version = 1
    /// Bytes of a file handed over or taken in one request.
    private static let largestTransfer = 16 << 20

    static func hello(nonce: String) -> [(String, Value)] {
        var boot = ""
        if case .success(let bytes) = content("/proc/sys/kernel/random/boot_id", offset: 0, limit: 64) {
            boot = String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
        }
        return [
            ("agent", .integer(version)), ("nonce", .string(nonce)), ("boot", .string(boot)),
            ("pid", .integer(Int(getpid()))),
        ]
    }

    static func exec(_ request: Value, id: Int, now: Int) -> Result<Job, Failure> {
        guard let words = request["argv"]?.array else { return .failure(Failure("argv is missing")) }
        let arguments = words.compactMap(\.string)
        guard arguments.count == words.count else { return .failure(Failure("argv holds something that is no text")) }
        guard let input = Base64.decode(request["stdin"]?.string ?? "") else {
            return .failure(Failure("stdin is no base64"))
        }
        return Job.start(
            id: id, arguments: arguments, input: input, timeout: request["timeoutMs"]?.integer,
            limit: max(0, min(request["limit"]?.integer ?? 4 << 20, largestTransfer)), now: now)
    }

    static func read(_ request: Value, _ hand: ([UInt8]) -> Void) -> Result<[(String, Value)], Failure> {
        guard let path = request["path"]?.string else { return .failure(Failure("path is missing")) }
        let limit = max(0, min(request["length"]?.integer ?? largestTransfer, largestTransfer))
        switch content(path, offset: request["offset"]?.integer ?? 0, limit: limit) {
        case .failure(let failure): return .failure(failure)
        case .success(let bytes):
            var rest = bytes[...]
            while !rest.isEmpty {
                hand(Array(rest.prefix(24 << 10)))
                rest = rest.dropFirst(24 << 10)
            }
            // A full transfer may not be the whole file; the peer asks again at the next offset.
            return .success([("length", .integer(bytes.count)), ("more", .bool(bytes.count == limit))])
        }
    }

    private static func content(_ path: String, offset: Int, limit: Int) -> Result<[UInt8], Failure> {
        // Non-blocking, so that a FIFO or a terminal cannot stop the agent.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { return .failure(Failure("\(path): \(Failure.text(errno))")) }
        defer { close(file) }
        if offset > 0, lseek(file, offset, SEEK_SET) < 0 { return .failure(Failure("\(path): \(Failure.text(errno))")) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < limit {
            let got = chunk.withUnsafeMutableBytes {
                Glibc.read(file, $0.baseAddress, min($0.count, limit - bytes.count))
            }
            if got < 0 && errno == EINTR { continue }
            if got < 0 { return .failure(Failure("\(path): \(Failure.text(errno))")) }
            if got == 0 { break }
            bytes += chunk[..<got]
        }
        return .success(bytes)
    }

    static func write(_ request: Value) -> Result<[(String, Value)], Failure> {
        guard let path = request["path"]?.string, let bytes = request["data"]?.string.flatMap(Base64.decode) else {
            return .failure(Failure("path or data is missing or malformed"))
        }
        let append = request["append"]?.bool ?? false
        let mode = mode_t(truncatingIfNeeded: request["mode"]?.integer ?? 0o644)
        let flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (append ? O_APPEND : O_TRUNC)
        let file = open(path, flags, mode & 0o7777)
        guard file >= 0 else { return .failure(Failure("\(path): \(Failure.text(errno))")) }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if sent < 0 && errno == EINTR { continue }
            if sent <= 0 { return .failure(Failure("\(path): \(Failure.text(errno))")) }
            rest = rest.dropFirst(sent)
        }
        return .success([("length", .integer(bytes.count))])
    }

    /// Turns the machine off or restarts it: through systemd where it runs, otherwise through the kernel.
    static func shutdown(_ request: Value) -> Result<[(String, Value)], Failure> {
        let restart = request["restart"]?.bool ?? false
        if access("/run/systemd/system", F_OK) == 0 {
            let verb = restart ? "reboot" : "poweroff"
            switch Job.start(
                id: 0, arguments: ["systemctl", "--no-block", verb], input: [], timeout: nil, limit: 0, now: 0)
            {
            case .failure(let failure): return .failure(failure)
            case .success(var job):
                var status: Int32 = 0
                waitpid(job.process, &status, 0)
                job.closeAll()
                return status == 0 ? .success([]) : .failure(Failure("systemctl \(verb) failed"))
            }
        }
        sync()
        // Documentation/admin-guide/sysrq.rst: b restarts, o turns off; neither asks anyone.
        return write(
            .object([
                ("path", .string("/proc/sysrq-trigger")), ("data", .string(Base64.encode((restart ? "b" : "o").utf8))),
            ]))
    }
}
