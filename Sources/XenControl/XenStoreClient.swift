// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
public import SystemPackage
import XenChannel

/// Reads and writes single entries of the XenStore over xenstored's socket. One connection per question: the daemon asks
/// seldom, and a connection that is not open cannot go wrong in between.
///
/// Only paths that dom0 alone may write (`/libxl`, `/local/domain/0`) are to be believed.
public struct XenStoreClient: Sendable {
    /// The socket.
    public var socket: FilePath
    /// How long xenstored may take to answer, in seconds.
    static let patience: Int32 = 5

    /// A client of a socket.
    public init(socket: FilePath) { self.socket = socket }

    /// The value of an entry; nil when there is none. `xenstore.unavailable` (69) when nobody answers.
    public func read(_ path: String) throws -> String? { try ask(.read, path).map(Self.text) }

    /// The names below an entry, sorted; none when there is no such entry.
    public func names(_ path: String) throws -> [String] {
        guard let payload = try ask(.directory, path) else { return [] }
        return payload.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    /// Sets the value of an entry.
    public func write(_ path: String, _ value: String) throws {
        guard try ask(.write, path, Array(value.utf8)) != nil else {
            throw LapwingError("xenstore.refused", "The XenStore did not take a value.", subject: path)
        }
    }

    /// Removes an entry and all below it; nothing there is fine.
    public func remove(_ path: String) throws { _ = try ask(.remove, path) }

    private static func text(_ payload: [UInt8]) -> String {
        SafeText.printable(String(decoding: payload, as: UTF8.self))
    }

    /// The answer's content; nil when the XenStore answers with an error.
    private func ask(_ kind: XenStoreWire.Kind, _ path: String, _ value: [UInt8] = []) throws -> [UInt8]? {
        let raw = lapwing_socket_connect(socket.string, Self.patience)
        guard raw >= 0 else { throw unavailable(Errno(rawValue: -raw).description) }
        let descriptor = FileDescriptor(rawValue: raw)
        return try descriptor.closeAfter {
            let request = XenStoreWire.encode(kind, request: 1, Array(path.utf8) + [0] + value)
            let sent = request.withUnsafeBytes { lapwing_socket_send(raw, $0.baseAddress, $0.count) }
            guard sent == request.count else { throw unavailable("it takes no request") }
            var buffer: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096 + XenStoreWire.headerSize)
            while true {
                while let message = try next(&buffer) {
                    guard message.request == 1 else { continue }
                    if message.kind == XenStoreWire.Kind.error.rawValue { return nil }
                    if message.kind == kind.rawValue { return message.payload }
                }
                let got = chunk.withUnsafeMutableBytes { lapwing_socket_receive(raw, $0.baseAddress, $0.count) }
                guard got > 0 else { throw unavailable("it does not answer") }
                buffer += chunk[..<got]
            }
        }
    }

    private func next(_ buffer: inout [UInt8]) throws -> XenStoreWire.Message? {
        do {
            return try XenStoreWire.next(&buffer)
        } catch {
            throw unavailable(error.description)
        }
    }

    private func unavailable(_ cause: String) -> LapwingError {
        LapwingError(
            "xenstore.unavailable", exit: .unavailable, "The XenStore does not answer.", subject: socket.string,
            cause: cause)
    }
}
