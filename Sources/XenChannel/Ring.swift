// SPDX-License-Identifier: Apache-2.0

import CLinux

/// One direction of a channel, as one of its two ends sees it: a ring of bytes in memory that both sides write. The other
/// side is not believed: of what it writes only its own index is read, and one that cannot be ends the channel.
public struct Ring {
    /// Where the two indices are: first the consumer's, then the producer's, 4 bytes each.
    let indices: UnsafeMutableRawPointer
    let data: UnsafeMutableRawPointer
    /// In bytes, a power of two.
    let size: UInt32
    /// True for the end that puts bytes in.
    let produces: Bool
    private var own: UInt32

    init(indices: UnsafeMutableRawPointer, data: UnsafeMutableRawPointer, size: UInt32, produces: Bool) {
        self.indices = indices
        self.data = data
        self.size = size
        self.produces = produces
        own = lapwing_shared_load(indices + (produces ? 4 : 0))
    }

    /// How many bytes can be put in, or taken out, now. Throws when the other side's index cannot be.
    public func available() throws -> Int {
        let other = lapwing_shared_load(indices + (produces ? 0 : 4))
        // Indices run on and over; their difference is what the ring holds.
        let held = produces ? own &- other : other &- own
        guard held <= size else { throw ChannelError("the other side's index cannot be") }
        return Int(produces ? size - held : held)
    }

    /// The first of the available bytes that lie in one piece.
    public func piece(_ available: Int) -> UnsafeMutableRawBufferPointer {
        let start = Int(own & (size - 1))
        return UnsafeMutableRawBufferPointer(start: data + start, count: min(available, Int(size) - start))
    }

    /// Says that bytes of the piece were put in or taken out.
    public mutating func advance(_ count: Int) {
        own &+= UInt32(count)
        lapwing_shared_store(indices + (produces ? 4 : 0), own)
    }
}
