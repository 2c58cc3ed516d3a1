// SPDX-License-Identifier: Apache-2.0

import struct Crypto.SHA256
public import LapwingCore
public import SystemPackage

/// SHA-256 over values, files and streams.
public struct Hasher256: Sendable {
    private var state = SHA256()

    /// An empty hasher.
    public init() {}

    /// Takes in more bytes.
    public mutating func update(_ bytes: some Sequence<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ state.update(bufferPointer: UnsafeRawBufferPointer($0)) }) == nil {
            state.update(data: Array(bytes))
        }
    }

    /// Takes in more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        state.update(bufferPointer: bytes)
    }

    /// The digest of everything taken in.
    public func finalize() -> Digest {
        Digest(bytes: state.finalize())
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
                while true {
                    let got = try descriptor.read(into: buffer)
                    if got == 0 { return hasher.finalize() }
                    hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                }
            }
        }
    }
}
