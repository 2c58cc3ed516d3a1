// SPDX-License-Identifier: Apache-2.0

/// Messages of generic netlink (linux/netlink.h, linux/genetlink.h), in the machine's own byte order.
enum GenericNetlink {
    /// A message that asks for something.
    static func request(family: UInt16, command: UInt8, sequence: UInt32, attributes: [(UInt16, [UInt8])]) -> [UInt8] {
        var body: [UInt8] = [command, 1, 0, 0]
        for (kind, value) in attributes {
            body += bytes(UInt16(4 + value.count)) + bytes(kind) + value
            body += [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
        }
        // NLM_F_REQUEST is 1; the kernel fills in the port.
        return bytes(UInt32(16 + body.count)) + bytes(family) + bytes(UInt16(1)) + bytes(sequence) + bytes(UInt32(0))
            + body
    }

    /// The attributes of the answer to a request, the first of each kind, by kind. Nil when there is no such answer
    /// among the messages: an error, another number, or lengths that do not fit.
    static func answer(_ data: [UInt8], family: UInt16, sequence: UInt32) -> [UInt16: [UInt8]]? {
        var at = 0
        while at + 20 <= data.count {
            guard let length = UInt32(data, at), length >= 16, Int(length) <= data.count - at else { return nil }
            if UInt16(data, at + 4) == family, UInt32(data, at + 8) == sequence, length >= 20 {
                return attributes(data[(at + 20)..<(at + Int(length))])
            }
            at += (Int(length) + 3) / 4 * 4
        }
        return nil
    }

    private static func attributes(_ data: ArraySlice<UInt8>) -> [UInt16: [UInt8]] {
        let data = Array(data)
        var found: [UInt16: [UInt8]] = [:]
        var at = 0
        while at + 4 <= data.count {
            guard let length = UInt16(data, at), length >= 4, Int(length) <= data.count - at,
                let kind = UInt16(data, at + 2)
            else { break }
            // The two highest bits are flags (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
            if found[kind & 0x3FFF] == nil { found[kind & 0x3FFF] = Array(data[(at + 4)..<(at + Int(length))]) }
            at += (Int(length) + 3) / 4 * 4
        }
        return found
    }

    private static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value) { Array($0) }
    }
}

extension FixedWidthInteger {
    /// The number at an offset, in the machine's byte order; nil past the end.
    fileprivate init?(_ data: [UInt8], _ offset: Int) {
        let size = Self.bitWidth / 8
        guard offset >= 0, offset + size <= data.count else { return nil }
        self = data.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Self.self) }
    }
}
