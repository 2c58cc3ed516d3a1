// SPDX-License-Identifier: Apache-2.0

/// Little-endian numbers out of bytes that nobody vouches for: beyond the end there is nothing, not a crash.
struct ByteReader: Sendable {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var count: Int { bytes.count }

    func byte(_ offset: Int) -> UInt8? {
        offset >= 0 && offset < bytes.count ? bytes[offset] : nil
    }

    func word(_ offset: Int) -> UInt16? {
        guard let low = byte(offset), let high = byte(offset &+ 1) else { return nil }
        return UInt16(high) << 8 | UInt16(low)
    }

    func long(_ offset: Int) -> UInt32? {
        guard let low = word(offset), let high = word(offset &+ 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }
}
