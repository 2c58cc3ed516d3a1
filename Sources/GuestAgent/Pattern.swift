// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Bytes that follow from a seed, and the sum of any bytes: for data whose way through a device is to be proved. Whoever
/// holds the file behind the device can make the same sum.
public enum Pattern {
    /// The sum of no bytes: FNV-1a's offset basis for 64 bits (RFC 9923, section 5).
    public static let empty: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Carries a sum on (FNV-1a of 64 bits).
    public static func sum(_ bytes: some Sequence<UInt8>, from start: UInt64 = empty) -> UInt64 {
        var sum = start
        for byte in bytes { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return sum
    }

    /// The bytes of a seed, as many as wanted: SplitMix64, eight bytes a step, lowest first.
    struct Bytes {
        private var state: UInt64
        init(seed: UInt64) { state = seed }

        mutating func next(_ count: Int) -> [UInt8] {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count + 8)
            while bytes.count < count {
                state &+= 0x9e37_79b9_7f4a_7c15
                var word = state
                word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
                word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
                word ^= word >> 31
                for shift in stride(from: UInt64(0), to: 64, by: 8) {
                    bytes.append(UInt8(truncatingIfNeeded: word >> shift))
                }
            }
            return Array(bytes[..<count])
        }
    }

    private static let piece = 1 << 16
    /// BLKFLSBUF of linux/fs.h, `_IO(0x12, 97)`, a macro that Swift cannot import: writes back and drops what the kernel
    /// keeps of a block device.
    private static let flushBuffers: UInt = 0x1261

    /// Writes the bytes of a seed to the beginning of a block device or file and says their sum.
    static func fill(_ path: String, mebibytes: Int, seed: UInt64) -> Result<UInt64, Failure> {
        let file = open(path, O_WRONLY | O_SYNC | O_CLOEXEC)
        guard file >= 0 else { return .failure(Failure("open: \(lapwing_errno())")) }
        defer { close(file) }
        var source = Bytes(seed: seed)
        var total = empty
        for _ in 0..<mebibytes * (1 << 20) / piece {
            let bytes = source.next(piece)
            var done = 0
            while done < piece {
                let written = bytes[done...].withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
                if written <= 0 { return .failure(Failure("write: \(lapwing_errno())")) }
                done += written
            }
            total = sum(bytes, from: total)
        }
        if fsync(file) != 0 { return .failure(Failure("fsync: \(lapwing_errno())")) }
        _ = ioctl(file, flushBuffers, 0)
        return .success(total)
    }

    /// Reads so much of the beginning of a block device or file, past what the kernel may have kept, and says its sum.
    static func read(_ path: String, mebibytes: Int) -> Result<UInt64, Failure> {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return .failure(Failure("open: \(lapwing_errno())")) }
        defer { close(file) }
        _ = ioctl(file, flushBuffers, 0)
        var chunk = [UInt8](repeating: 0, count: piece)
        var (total, left) = (empty, mebibytes << 20)
        while left > 0 {
            let got = Glibc.read(file, &chunk, min(piece, left))
            if got < 0 { return .failure(Failure("read: \(lapwing_errno())")) }
            if got == 0 { return .failure(Failure("read: it ends \(left) bytes too early")) }
            total = sum(chunk[..<got], from: total)
            left -= got
        }
        return .success(total)
    }

    /// The sum of the beginning of a block device or file as text, nil when it cannot be read: for the system whose
    /// device it was, or is again.
    public static func sum(ofFile path: String, mebibytes: Int) -> String? {
        if case .success(let sum) = read(path, mebibytes: mebibytes) { text(sum) } else { nil }
    }

    /// A sum as 16 hexadecimal digits.
    public static func text(_ sum: UInt64) -> String {
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
