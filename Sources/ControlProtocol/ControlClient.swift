// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LapwingCore
public import SystemPackage

/// Asks the daemon, one request at a time.
public struct ControlClient: Sendable {
    /// The daemon's socket.
    public var socket: FilePath
    /// How long an answer may take, in seconds.
    public var seconds: Int

    /// A client of the socket.
    public init(socket: FilePath, seconds: Int = 15) {
        self.socket = socket
        self.seconds = seconds
    }

    /// Sends a request and returns its result. A daemon that is not there is `control.no-daemon` (exit 69), one that
    /// refuses the caller `control.not-permitted` (77), no answer in time `control.no-answer` (75); an error the
    /// daemon sends is thrown as it is.
    public func ask(_ method: String, _ params: [String: JSONValue] = [:]) throws -> JSONValue {
        let raw = lapwing_socket_connect(socket.string, Int32(seconds))
        guard raw >= 0 else { throw refused(Errno(rawValue: -raw)) }
        let descriptor = FileDescriptor(rawValue: raw)
        return try descriptor.closeAfter {
            try send(try ControlMessage.request(id: 1, method: method, params: params).line(), descriptor)
            var lines = LineSplitter()
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            while true {
                while let line = try lines.next() {
                    switch try ControlMessage(line: line) {
                    case .result(id: 1, let value): return value
                    case .failure(_, let failure): throw failure.error
                    default: continue
                    }
                }
                let got = chunk.withUnsafeMutableBytes {
                    lapwing_socket_receive(raw, $0.baseAddress, $0.count)
                }
                guard got > 0 else { throw noAnswer(got) }
                lines.append(chunk[..<got])
            }
        }
    }

    /// Asks for events and hands each over, its name and its data, until the daemon ends. Throws as `ask` does, and what
    /// the body throws; the connection's end is `control.no-answer`.
    public func listen(_ body: (String, JSONValue) throws -> Void) throws {
        let raw = lapwing_socket_connect(socket.string, Int32(seconds))
        guard raw >= 0 else { throw refused(Errno(rawValue: -raw)) }
        let descriptor = FileDescriptor(rawValue: raw)
        try descriptor.closeAfter {
            try send(try ControlMessage.request(id: 1, method: "monitor", params: [:]).line(), descriptor)
            var lines = LineSplitter()
            var chunk = [UInt8](repeating: 0, count: 1 << 14)
            while true {
                while let line = try lines.next() {
                    switch try ControlMessage(line: line) {
                    case .event(let name, let data): try body(name, data)
                    case .failure(_, let failure): throw failure.error
                    default: continue
                    }
                }
                let got = chunk.withUnsafeMutableBytes {
                    lapwing_socket_receive(raw, $0.baseAddress, $0.count)
                }
                guard got > 0 else { throw noAnswer(got) }
                lines.append(chunk[..<got])
            }
        }
    }

    private func send(_ bytes: [UInt8], _ descriptor: FileDescriptor) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                lapwing_socket_send(descriptor.rawValue, $0.baseAddress, $0.count)
            }
            guard sent > 0 else { throw noAnswer(sent) }
            rest = rest.dropFirst(sent)
        }
    }

    private func noAnswer(_ result: Int) -> LapwingError {
        LapwingError(
            "control.no-answer", exit: .busy, "The daemon did not answer.", subject: socket.string,
            cause: result < 0 ? Errno(rawValue: CInt(-result)).description : "it closed the connection",
            hint: "systemctl status lapwingd")
    }

    private func refused(_ errno: Errno) -> LapwingError {
        switch errno {
        case .permissionDenied, .notPermitted:
            LapwingError(
                "control.not-permitted", exit: .notPermitted, "You may not talk to the daemon.",
                subject: socket.string, hint: "Run it as root or as a member of the group lapwing.")
        default:
            LapwingError(
                "control.no-daemon", exit: .unavailable, "The daemon does not run.", subject: socket.string,
                cause: errno.description, hint: "systemctl start lapwingd.socket")
        }
    }
}
