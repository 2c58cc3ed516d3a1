// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LapwingCore
public import SystemPackage

/// Messages of the XenStore (xen/include/public/io/xs_wire.h): a header of four little numbers, then at most 4096 bytes.
public enum XenStoreWire {
    /// What a message is.
    public enum Kind: UInt32, Sendable {
        /// Asks for the names below a path.
        case directory = 1
        /// Asks for a value.
        case read = 2
        /// Asks to be told of changes below a path.
        case watch = 4
        /// Sets a value.
        case write = 11
        /// Tells of a change.
        case watchEvent = 15
        /// Says that a request failed.
        case error = 16
    }

    /// One message.
    public struct Message: Sendable, Hashable {
        /// The kind's number; other kinds than the known ones do come.
        public var kind: UInt32
        /// The number of the request it answers.
        public var request: UInt32
        /// The content.
        public var payload: [UInt8]
    }

    /// The longest content, XENSTORE_PAYLOAD_MAX.
    public static let payloadLimit = 4096
    static let headerSize = 16

    /// A request as bytes.
    public static func encode(_ kind: Kind, request: UInt32, _ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        for number in [kind.rawValue, request, 0, UInt32(clamping: payload.count)] {
            for shift in [UInt32(0), 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        return bytes + payload
    }

    /// Takes the first message off a buffer; nil while it is not whole. One that is longer than the limit is an error,
    /// after which the stream cannot be followed.
    public static func next(_ buffer: inout [UInt8]) throws(LapwingError) -> Message? {
        guard buffer.count >= headerSize else { return nil }
        func number(_ index: Int) -> UInt32 {
            var value: UInt32 = 0
            for byte in 0..<4 { value |= UInt32(buffer[index * 4 + byte]) << UInt32(8 * byte) }
            return value
        }
        let length = Int(number(3))
        guard length <= payloadLimit else {
            throw LapwingError("xenstore.bad-answer", "The XenStore sent a message of \(length) bytes.")
        }
        guard buffer.count >= headerSize + length else { return nil }
        let message = Message(
            kind: number(0), request: number(1), payload: Array(buffer[headerSize..<headerSize + length]))
        buffer.removeFirst(headerSize + length)
        return message
    }
}

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
