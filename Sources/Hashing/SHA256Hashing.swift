// SPDX-License-Identifier: Apache-2.0

import CLibCrypto
public import LapwingCore
public import SystemPackage

/// SHA-256 over values, files and streams.
public struct Hasher256: Sendable {
    // Changed only while nobody else has it, so that copies go their own ways, on whatever thread.
    nonisolated(unsafe) private var state = MessageDigest(EVP_sha256())

    /// An empty hasher.
    public init() {}

    /// Takes in more bytes.
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { update($0) }
        }
    }

    /// Takes in more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if !isKnownUniquelyReferenced(&state) { state = MessageDigest(copy: state) }
        state.update(bytes)
    }

    private static let zeros = [UInt8](repeating: 0, count: 1 << 18)

    /// Takes in the zeros of the hole of a file that begins at a place, if one does, and returns its length. Reading a
    /// hole would make the kernel fill a page of its cache for each of its pages: most of the time for a disk image.
    mutating func skipHole(of file: FileDescriptor, at place: Int64) throws -> Int64 {
        let end: Int64
        do {
            // SEEK_DATA of lseek(2), which SystemPackage has no name for on Linux.
            end = try file.seek(offset: place, from: FileDescriptor.SeekOrigin(rawValue: 3))
        } catch Errno.noSuchAddressOrDevice {
            // No data from here on: a hole to the end, or the end.
            end = max(place, try file.seek(offset: 0, from: .end))
        } catch Errno.invalidArgument {
            return 0  // A file system that knows no holes.
        }
        var left = end - place
        while left > 0 {
            let piece = min(left, Int64(Self.zeros.count))
            Self.zeros.withUnsafeBytes { update(UnsafeRawBufferPointer(rebasing: $0[..<Int(piece)])) }
            left -= piece
        }
        return end - place
    }

    /// The digest of everything taken in.
    public func finalize() -> Digest {
        Digest(bytes: MessageDigest(copy: state).finish())
    }
}

extension LapwingCore.Digest {
    /// The digest of some bytes.
    public static func of(_ bytes: some Sequence<UInt8>) -> Digest {
        var hasher = Hasher256()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// The digest of a text's UTF-8.
    public static func of(_ text: String) -> Digest { of(Array(text.utf8)) }

    /// The digest of a file's content.
    public static func ofFile(_ path: FilePath) throws -> Digest {
        try Files.explain("read", path) {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try descriptor.closeAfter {
                var hasher = Hasher256()
                let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
                defer { buffer.deallocate() }
                var place: Int64 = 0
                while true {
                    place += try hasher.skipHole(of: descriptor, at: place)
                    let got = try descriptor.read(fromAbsoluteOffset: place, into: buffer)
                    if got == 0 { return hasher.finalize() }
                    hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                    place += Int64(got)
                }
            }
        }
    }
}
