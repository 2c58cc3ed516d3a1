// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import LapwingCore
public import SystemPackage

/// A connected Unix stream socket that carries lines. One reader thread hands them over in order; what is no complete
/// line when the peer goes is dropped.
public final class LineChannel: Sendable {
    /// The lines, without their newlines; ends when the peer closes or `close` is called.
    public let lines: AsyncStream<[UInt8]>
    private let socket: Socket
    private let writer = DispatchQueue(label: "lapwing.line-channel.write")

    /// The longest line taken, in bytes; longer ones are dropped up to their end.
    public static let longestLine = 4 << 20

    /// Takes over a connected socket.
    public init(descriptor: FileDescriptor) {
        let socket = Socket(descriptor)
        self.socket = socket
        let (stream, continuation) = AsyncStream.makeStream(of: [UInt8].self)
        lines = stream
        DispatchQueue(label: "lapwing.line-channel.read").async {
            var splitter = LineSplitter(limit: Self.longestLine)
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let got = chunk.withUnsafeMutableBytes { recv(socket.raw, $0.baseAddress, $0.count, 0) }
                if got < 0 && errno == EINTR { continue }
                if got <= 0 { break }
                for line in splitter.take(chunk[..<got]) { continuation.yield(line) }
            }
            continuation.finish()
        }
    }

    deinit { close() }

    /// The descriptor, closed once neither the reader nor the channel needs it any more.
    private final class Socket: Sendable {
        let raw: Int32
        init(_ descriptor: FileDescriptor) { raw = descriptor.rawValue }
        deinit { _ = Glibc.close(raw) }
    }

    /// Connects to a socket file; retries until `deadline` passes, because the server may just be starting.
    public static func connect(_ path: FilePath, within deadline: Duration) async throws -> LineChannel {
        let clock = ContinuousClock()
        let end = clock.now + deadline
        while true {
            do {
                return LineChannel(descriptor: try UnixSocket.connect(path))
            } catch let error as Errno {
                let early =
                    error == .noSuchFileOrDirectory || error == .connectionRefused
                    || error == .resourceTemporarilyUnavailable
                guard early, clock.now < end else {
                    throw LapwingError(
                        "emulator.socket", exit: .unavailable, "Could not connect to the emulator's socket.",
                        subject: path.string, cause: error.description)
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    /// Sends a line; `bytes` has no newline in it.
    public func send(_ bytes: [UInt8]) async throws {
        let socket = socket
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            writer.async {
                var rest = (bytes + [UInt8(ascii: "\n")])[...]
                while !rest.isEmpty {
                    let sent = rest.withUnsafeBytes {
                        Glibc.send(socket.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                    }
                    if sent < 0 && errno == EINTR { continue }
                    if sent < 0 {
                        continuation.resume(throwing: Errno(rawValue: errno))
                        return
                    }
                    rest = rest.dropFirst(sent)
                }
                continuation.resume()
            }
        }
    }

    /// Ends the connection in both directions; `lines` ends and a blocked `send` fails.
    public func close() {
        _ = shutdown(socket.raw, Int32(SHUT_RDWR))
    }
}

/// Cuts a stream of bytes into lines.
struct LineSplitter {
    private var partial: [UInt8] = []
    private var skipping = false
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Adds bytes and returns the lines they complete. A line longer than the limit is dropped as a whole.
    mutating func take(_ bytes: some Collection<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if !skipping { lines.append(partial) }
                partial = []
                skipping = false
            } else if !skipping {
                partial.append(byte)
                if partial.count > limit {
                    partial = []
                    skipping = true
                }
            }
        }
        return lines
    }
}

/// The few socket calls swift-system does not have.
enum UnixSocket {
    private static func address<T>(
        _ path: FilePath, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> T
    ) throws -> T {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.string.utf8) + [0]
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else { throw Errno.fileNameTooLong }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return try withUnsafePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                try body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func make() throws -> Int32 {
        let raw = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { throw Errno(rawValue: errno) }
        return raw
    }

    /// A connected socket.
    static func connect(_ path: FilePath) throws -> FileDescriptor {
        let raw = try make()
        do {
            try address(path) { pointer, length in
                if Glibc.connect(raw, pointer, length) != 0 { throw Errno(rawValue: errno) }
            }
        } catch {
            _ = Glibc.close(raw)
            throw error
        }
        return FileDescriptor(rawValue: raw)
    }

    /// A listening socket; a socket file that is there already is an error.
    static func listen(_ path: FilePath) throws -> FileDescriptor {
        let raw = try make()
        do {
            try address(path) { pointer, length in
                if bind(raw, pointer, length) != 0 { throw Errno(rawValue: errno) }
            }
            if Glibc.listen(raw, 4) != 0 { throw Errno(rawValue: errno) }
        } catch {
            _ = Glibc.close(raw)
            throw error
        }
        return FileDescriptor(rawValue: raw)
    }

    /// The next connection of a listening socket; blocks its thread.
    static func accept(_ listener: FileDescriptor) throws -> FileDescriptor {
        while true {
            let raw = Glibc.accept(listener.rawValue, nil, nil)
            if raw >= 0 { return FileDescriptor(rawValue: raw) }
            if errno != EINTR { throw Errno(rawValue: errno) }
        }
    }
}
