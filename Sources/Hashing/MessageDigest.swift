// SPDX-License-Identifier: Apache-2.0

import CLibCrypto

/// One running computation of libcrypto's. Not for use by two threads.
final class MessageDigest {
    private let state: OpaquePointer

    /// A computation that has seen nothing yet, of a method such as `EVP_sha256()`.
    init(_ method: OpaquePointer) {
        state = Self.new()
        // Fails only for want of memory, or where the method is forbidden by the host's configuration.
        precondition(EVP_DigestInit_ex(state, method, nil) == 1, "libcrypto refuses a digest")
    }

    /// A computation that has seen the same as another.
    init(copy other: MessageDigest) {
        state = Self.new()
        precondition(EVP_MD_CTX_copy_ex(state, other.state) == 1, "libcrypto has no memory")
    }

    deinit { EVP_MD_CTX_free(state) }

    private static func new() -> OpaquePointer {
        guard let state = EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory") }
        return state
    }

    /// Takes in more bytes.
    func update(_ bytes: UnsafeRawBufferPointer) {
        precondition(EVP_DigestUpdate(state, bytes.baseAddress, bytes.count) == 1, "libcrypto takes no more bytes")
    }

    /// The digest of everything taken in. Nothing can be taken in after it.
    func finish() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            var length: UInt32 = 0
            precondition(EVP_DigestFinal_ex(state, buffer.baseAddress, &length) == 1, "libcrypto cannot end a digest")
            count = Int(length)
        }
    }
}
