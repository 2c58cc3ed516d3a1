// SPDX-License-Identifier: Apache-2.0

import CLibCrypto
public import LapwingCore

/// The one seed of a build. Every UUID, salt and id of an image is derived from it by HMAC-SHA-256 over a label, so
/// equal inputs give equal images and no two labels collide.
public struct Seed: Sendable, Hashable {
    /// What the seed was made of.
    public let digest: LapwingCore.Digest

    /// A seed from the digest of everything that identifies the build.
    public init(_ digest: LapwingCore.Digest) {
        self.digest = digest
    }

    /// 32 bytes for a label.
    public func bytes(_ label: String) -> [UInt8] {
        let (key, text) = (Array(digest.hex.utf8), Array(label.utf8))
        return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            var length: UInt32 = 0
            let made = HMAC(EVP_sha256(), key, Int32(key.count), text, text.count, buffer.baseAddress, &length)
            precondition(made != nil, "libcrypto refuses HMAC-SHA-256")
            count = Int(length)
        }
    }

    /// A UUID for a label, in the lower-case text form, marked as version 8 (RFC 9562 section 5.8).
    public func uuid(_ label: String) -> String {
        var bytes = Array(bytes(label).prefix(16))
        bytes[6] = bytes[6] & 0x0f | 0x80
        bytes[8] = bytes[8] & 0x3f | 0x80
        let hex = bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }
        let cuts = [0..<4, 4..<6, 6..<8, 8..<10, 10..<16]
        return cuts.map { hex[$0].joined() }.joined(separator: "-")
    }

    /// 64 hexadecimal digits for a label, for example a dm-verity salt.
    public func hex(_ label: String) -> String {
        LapwingCore.Digest(bytes: bytes(label)).hex
    }
}
