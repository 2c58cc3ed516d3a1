// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The agent's one loop: a port, the programs it runs, and nothing else. Everything is non-blocking, so a program that
/// hangs never keeps a `ping` from being answered.
public struct Agent {
    private let path: String
    private var port: Int32 = -1
    private var inbox: [UInt8] = []
    private var skipping = false
    private var outbox: [UInt8] = []
    private var jobs: [Job] = []

    /// The longest request line; longer ones are dropped.
    private static let longestLine = 4 << 20
    /// Above this many unsent bytes no more output is taken from programs.
    private static let highWater = 1 << 20

    /// An agent for the port at `path`, which may appear later.
    public init(path: String) { self.path = path }

    /// Serves until `done` says so, which is asked between two requests; for ever unless told otherwise.
    public mutating func run(until done: () -> Bool = { false }) {
        defer { if port >= 0 { hangUp() } }
        while !done() {
            if port < 0 {
                port = Agent.open(path)
                if port < 0 {
                    usleep(200_000)
                    continue
                }
            }
            step()
        }
    }

    /// Opens the port: a character device, or a socket to connect to (for tests outside of a machine).
    private static func open(_ path: String) -> Int32 {
        var status = stat()
        guard stat(path, &status) == 0 else { return -1 }
        if status.st_mode & S_IFMT == S_IFSOCK {
            let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            let bytes = Array(path.utf8) + [0]
            guard raw >= 0, bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else { return -1 }
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
            let connected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(raw, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard connected == 0 else {
                close(raw)
                return -1
            }
            _ = fcntl(raw, F_SETFL, O_NONBLOCK)
            return raw
        }
        return Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    private mutating func step() {
        var polled = [pollfd(fd: port, events: Int16(POLLIN), revents: 0)]
        if !outbox.isEmpty { polled[0].events |= Int16(POLLOUT) }
        let taking = outbox.count < Agent.highWater
        for job in jobs {
            if job.input >= 0 { polled.append(pollfd(fd: job.input, events: Int16(POLLOUT), revents: 0)) }
            for end in [job.output, job.error] where end >= 0 && taking {
                polled.append(pollfd(fd: end, events: Int16(POLLIN), revents: 0))
            }
        }
        // A program's end is noticed by looking: its pipes may be held open by what it left behind.
        _ = poll(&polled, nfds_t(polled.count), jobs.isEmpty ? -1 : 50)
        // A virtio port hangs up while nobody listens on the other side.
        if polled[0].revents & Int16(POLLHUP | POLLERR | POLLNVAL) != 0, polled[0].revents & Int16(POLLIN) == 0 {
            hangUp()
            return
        }
        if polled[0].revents & Int16(POLLIN) != 0, !receive() {
            hangUp()
            return
        }
        serveJobs(taking: taking)
        flush()
    }

    /// The peer is gone: what was meant for it goes too, its programs included.
    private mutating func hangUp() {
        close(port)
        port = -1
        inbox = []
        outbox = []
        skipping = false
        for index in jobs.indices {
            jobs[index].expire()
            jobs[index].closeAll()
            var status: Int32 = 0
            waitpid(jobs[index].process, &status, 0)
        }
        jobs = []
        usleep(100_000)
    }

    /// Reads what is there; false when the peer has gone.
    private mutating func receive() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let got = chunk.withUnsafeMutableBytes { read(port, $0.baseAddress, $0.count) }
        if got < 0 { return errno == EAGAIN || errno == EINTR }
        if got == 0 { return false }
        for byte in chunk[..<got] {
            if byte == UInt8(ascii: "\n") {
                let line = inbox
                inbox = []
                if !skipping, let request = ValueParser.parse(line) { serve(request) }
                skipping = false
            } else if !skipping {
                inbox.append(byte)
                if inbox.count > Agent.longestLine {
                    inbox = []
                    skipping = true
                }
            }
        }
        return true
    }

    private mutating func flush() {
        guard !outbox.isEmpty else { return }
        let sent = outbox.withUnsafeBytes { write(port, $0.baseAddress, min($0.count, 1 << 15)) }
        if sent > 0 { outbox.removeFirst(sent) }
    }

    private mutating func send(_ members: [(String, Value)]) {
        outbox += Array(Value.object(members).text.utf8)
        outbox.append(UInt8(ascii: "\n"))
    }

    private mutating func serveJobs(taking: Bool) {
        let now = Agent.now()
        var index = 0
        while index < jobs.count {
            jobs[index].feed()
            jobs[index].reap()
            if taking {
                for (name, stream) in [("stdout", \Job.output), ("stderr", \Job.error)] {
                    // Once the program has ended everything it left in its pipes is taken.
                    while let chunk = jobs[index].drain(stream) {
                        send([
                            ("id", .integer(jobs[index].id)), ("event", .string(name)),
                            ("data", .string(Base64.encode(chunk))),
                        ])
                        if jobs[index].status == nil { break }
                    }
                }
            }
            if let status = jobs[index].status, taking {
                send([("id", .integer(jobs[index].id)), ("done", jobs[index].summary(status))])
                jobs[index].closeAll()
                jobs.remove(at: index)
                continue
            }
            if let deadline = jobs[index].deadline, now >= deadline, !jobs[index].timedOut { jobs[index].expire() }
            index += 1
        }
    }

    private mutating func serve(_ request: Value) {
        guard let id = request["id"]?.integer, let operation = request["op"]?.string else { return }
        let answer: Result<[(String, Value)], Failure>
        switch operation {
        case "hello":
            answer = .success(Requests.hello(nonce: request["nonce"]?.string ?? ""))
        case "ping":
            answer = .success([])
        case "exec":
            let started = Requests.exec(request, id: id, now: Agent.now())
            switch started {
            case .success(let job):
                jobs.append(job)
                return
            case .failure(let failure): answer = .failure(failure)
            }
        case "read":
            answer = Requests.read(request) { chunk in
                send([("id", .integer(id)), ("event", .string("data")), ("data", .string(Base64.encode(chunk)))])
            }
        case "write": answer = Requests.write(request)
        case "shutdown": answer = Requests.shutdown(request)
        default: answer = .failure(Failure("unknown operation"))
        }
        switch answer {
        case .success(let members): send([("id", .integer(id)), ("done", .object(members))])
        case .failure(let failure): send([("id", .integer(id)), ("error", .string(failure.text))])
        }
    }
}
