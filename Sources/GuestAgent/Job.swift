// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One program the agent runs: its pipes, its limits, and what is left to hand over.
struct Job {
    let id: Int
    let process: pid_t
    var input: Int32
    var output: Int32
    var error: Int32
    var pendingInput: ArraySlice<UInt8>
    /// Milliseconds of the monotonic clock at which it is killed; nil for never.
    let deadline: Int?
    /// Bytes of output that may still be handed over, both streams together.
    var allowance: Int
    var truncated = false
    var timedOut = false
    /// The status `waitpid` gave.
    var status: Int32?

    /// Starts a program in a session of its own. The error is the text for the peer.
    static func start(
        id: Int, arguments: [String], input: [UInt8], timeout: Int?, limit: Int, now: Int
    ) -> Result<Job, Failure> {
        guard let program = arguments.first, arguments.allSatisfy({ !$0.utf8.contains(0) }) else {
            return .failure(Failure("argv is empty or holds a NUL byte"))
        }
        var ends: [Int32] = []
        for _ in 0..<3 {
            var pair: [Int32] = [-1, -1]
            guard pipe(&pair) == 0 else {
                for end in ends { close(end) }
                return .failure(Failure("pipe: \(Failure.text(errno))"))
            }
            // The agent has one thread, so nothing can be started between these calls.
            for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            ends += pair
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_adddup2(&actions, ends[3], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[5], 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The agent ignores SIGPIPE; its children must not.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, newSession | Int16(POSIX_SPAWN_SETSIGDEF))
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) }
        variables.append(nil)
        defer { for word in words + variables { free(word) } }
        var process: pid_t = 0
        let code = posix_spawnp(&process, program, &actions, &attributes, words, variables)
        for end in [ends[0], ends[3], ends[5]] { close(end) }
        guard code == 0 else {
            for end in [ends[1], ends[2], ends[4]] { close(end) }
            return .failure(Failure("\(program): \(Failure.text(code))"))
        }
        for end in [ends[1], ends[2], ends[4]] { _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK) }
        var job = Job(
            id: id, process: process, input: ends[1], output: ends[2], error: ends[4], pendingInput: input[...],
            deadline: timeout.map { now + $0 }, allowance: limit)
        if input.isEmpty { job.closeInput() }
        return .success(job)
    }

    /// `POSIX_SPAWN_SETSID` of glibc's spawn.h, which stands behind `_GNU_SOURCE`.
    private static let newSession: Int16 = 0x80

    private static let environment = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root",
        "TERM=dumb", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0",
    ]

    /// Writes as much input as the pipe takes.
    mutating func feed() {
        guard input >= 0 else { return }
        let sent = pendingInput.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
        if sent < 0 {
            if errno != EAGAIN && errno != EINTR { closeInput() }
            return
        }
        pendingInput = pendingInput.dropFirst(sent)
        if pendingInput.isEmpty { closeInput() }
    }

    /// Reads what one of the output pipes holds now, one chunk; closes it at its end. Nil when there is nothing.
    mutating func drain(_ stream: WritableKeyPath<Job, Int32>) -> [UInt8]? {
        guard self[keyPath: stream] >= 0 else { return nil }
        var chunk = [UInt8](repeating: 0, count: 24 << 10)
        let got = chunk.withUnsafeMutableBytes { read(self[keyPath: stream], $0.baseAddress, $0.count) }
        if got < 0 && (errno == EAGAIN || errno == EINTR) { return nil }
        guard got > 0 else {
            close(self[keyPath: stream])
            self[keyPath: stream] = -1
            return nil
        }
        let kept = min(got, allowance)
        allowance -= kept
        if kept < got { truncated = true }
        return kept > 0 ? Array(chunk[..<kept]) : nil
    }

    /// Kills the program and all of its session's first process group.
    mutating func expire() {
        timedOut = true
        kill(-process, SIGKILL)
        kill(process, SIGKILL)
    }

    /// Looks whether the program has ended.
    mutating func reap() {
        guard status == nil else { return }
        var raw: Int32 = 0
        let got = waitpid(process, &raw, WNOHANG)
        if got == process { status = raw } else if got < 0 && errno == ECHILD { status = 0 }
    }

    /// Closes what is still open.
    mutating func closeAll() {
        closeInput()
        for end in [output, error] where end >= 0 { close(end) }
        output = -1
        error = -1
    }

    private mutating func closeInput() {
        if input >= 0 { close(input) }
        input = -1
        pendingInput = []
    }

    /// The answer for a program that has ended.
    func summary(_ status: Int32) -> Value {
        // wait(2): the low seven bits are the signal, the next byte the exit code.
        let signal = status & 0x7F
        return .object([
            signal == 0 ? ("exit", .integer(Int(status >> 8 & 0xFF))) : ("signal", .integer(Int(signal))),
            ("timedOut", .bool(timedOut)), ("truncated", .bool(truncated)),
        ])
    }
}

/// Why a request could not be served, as text for the peer.
struct Failure: Error {
    let text: String

    init(_ text: String) { self.text = text }

    /// The system's words for an error number.
    static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
