// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
public import SystemPackage
import XenChannel

/// A connection to xenstored that tells when a domain came or went. Nothing of what guests write is read here.
public final class XenStoreWatch {
    /// The descriptor, for poll(2).
    public let descriptor: CInt
    private var buffer: [UInt8] = []

    /// Connects and asks for both events. `xenstore.unavailable` when nobody answers.
    public init(_ socket: FilePath) throws {
        descriptor = lapwing_socket_connect(socket.string, 5)
        guard descriptor >= 0 else {
            throw LapwingError(
                "xenstore.unavailable", exit: .unavailable, "The XenStore does not answer.", subject: socket.string,
                cause: Errno(rawValue: -descriptor).description)
        }
        for (number, path) in ["@releaseDomain", "@introduceDomain"].enumerated() {
            let payload = Array(path.utf8) + [0] + Array("lapwing".utf8) + [0]
            let bytes = XenStoreWire.encode(.watch, request: UInt32(number + 1), payload)
            let sent = bytes.withUnsafeBytes { lapwing_socket_send(descriptor, $0.baseAddress, $0.count) }
            guard sent == bytes.count else {
                throw LapwingError("xenstore.unavailable", exit: .unavailable, "The XenStore takes no request.")
            }
        }
    }

    deinit { if descriptor >= 0 { try? FileDescriptor(rawValue: descriptor).close() } }

    /// Reads what has come, after poll(2) said that something is there. True when a domain came or went; nil when the
    /// connection ended or can no longer be followed.
    public func take() -> Bool? {
        var chunk = [UInt8](repeating: 0, count: 8192)
        let got = chunk.withUnsafeMutableBytes { lapwing_socket_receive(descriptor, $0.baseAddress, $0.count) }
        guard got > 0 else { return nil }
        buffer += chunk[..<got]
        var changed = false
        do {
            while let message = try XenStoreWire.next(&buffer) {
                if message.kind == XenStoreWire.Kind.watchEvent.rawValue { changed = true }
                if message.kind == XenStoreWire.Kind.error.rawValue { return nil }
            }
        } catch {
            return nil
        }
        return changed
    }
}
