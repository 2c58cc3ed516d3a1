// SPDX-License-Identifier: Apache-2.0

import CLibCrypto

/// MD5, for the one format that demands it: dpkg's database names the content of configuration files by it. Never a
/// proof of anything.
public enum LegacyMD5 {
    /// The digest of some bytes, as 32 lower-case hexadecimal digits.
    public static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        let computation = MessageDigest(EVP_md5())
        bytes.withUnsafeBytes(computation.update)
        let text = computation.finish().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}
