// SPDX-License-Identifier: Apache-2.0

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
        /// Removes an entry and all below it.
        case remove = 13
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
    /// The length of what stands before the content.
    public static let headerSize = 16

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
    public static func next(_ buffer: inout [UInt8]) throws(ChannelError) -> Message? {
        guard buffer.count >= headerSize else { return nil }
        func number(_ index: Int) -> UInt32 {
            var value: UInt32 = 0
            for byte in 0..<4 { value |= UInt32(buffer[index * 4 + byte]) << UInt32(8 * byte) }
            return value
        }
        let length = Int(number(3))
        guard length <= payloadLimit else {
            throw ChannelError("the XenStore sent a message of \(length) bytes")
        }
        guard buffer.count >= headerSize + length else { return nil }
        let message = Message(
            kind: number(0), request: number(1), payload: Array(buffer[headerSize..<headerSize + length]))
        buffer.removeFirst(headerSize + length)
        return message
    }
}
