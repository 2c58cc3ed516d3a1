// SPDX-License-Identifier: Apache-2.0

import CCrypt
import CLinux
import LapwingCore

/// Password hashes as crypt(5) writes them.
public enum PasswordHash {
    /// A yescrypt hash with a salt of the kernel's randomness (`crypt_gensalt_rn` without bytes of ours asks
    /// getrandom(2)) and libxcrypt's default cost. The caller erases the passphrase.
    public static func make(_ passphrase: [UInt8]) throws -> String {
        var setting = [CChar](repeating: 0, count: Int(CRYPT_GENSALT_OUTPUT_SIZE))
        guard crypt_gensalt_rn("$y$", 0, nil, 0, &setting, Int32(setting.count)) != nil else {
            throw LapwingError("access.no-salt", "No salt for the passphrase could be made.")
        }
        guard let hash = hash(passphrase, setting: setting), isAcceptable(hash) else {
            throw LapwingError("access.no-hash", "The passphrase could not be hashed.")
        }
        return hash
    }

    /// True when the passphrase gives this hash.
    public static func matches(_ passphrase: [UInt8], _ expected: String) -> Bool {
        guard isAcceptable(expected), let found = hash(passphrase, setting: expected.utf8.map { CChar($0) } + [0])
        else { return false }
        let (a, b) = (Array(found.utf8), Array(expected.utf8))
        return a.count == b.count && zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private static func hash(_ passphrase: [UInt8], setting: [CChar]) -> String? {
        var phrase = passphrase.map { CChar(bitPattern: $0) } + [0]
        let data = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
        defer {
            lapwing_erase(&phrase, phrase.count)
            lapwing_erase(data, MemoryLayout<crypt_data>.size)
            data.deallocate()
        }
        lapwing_erase(data, MemoryLayout<crypt_data>.size)
        guard let text = crypt_rn(phrase, setting, data, Int32(MemoryLayout<crypt_data>.size)) else { return nil }
        return String(cString: text)
    }

    /// True for a whole hash of a method that is fit for passwords today: yescrypt, gost-yescrypt, scrypt, bcrypt,
    /// SHA-512, SHA-256. DES, MD5, empty and locked (`!`, `*`) fields are not.
    public static func isAcceptable(_ hash: String) -> Bool {
        let methods = ["$y$", "$gy$", "$7$", "$2b$", "$6$", "$5$"]
        let plain = hash.utf8.allSatisfy { (33...126).contains($0) && $0 != UInt8(ascii: ":") }
        return plain && hash.utf8.count >= 40 && hash.utf8.count <= 512 && methods.contains { hash.hasPrefix($0) }
            && !hash.contains("*") && !hash.contains("!")
    }
}

/// The minimal rule a new passphrase must meet. It is about guessing at a console, not about taste.
public enum PassphraseRule {
    /// Shortest passphrase, in characters.
    public static let shortest = 8
    /// Longest passphrase, in bytes (libxcrypt's `CRYPT_MAX_PASSPHRASE_SIZE` is 512 with its final zero).
    public static let longest = 511

    /// What is wrong with a passphrase, as a sentence; nil when it will do.
    public static func objection(_ passphrase: [UInt8], user: String) -> String? {
        guard let text = String(validating: passphrase, as: UTF8.self) else { return "It is not UTF-8 text." }
        if text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return "It holds control characters."
        }
        if text.count < shortest { return "It is shorter than \(shortest) characters." }
        if passphrase.count > longest { return "It is longer than \(longest) bytes." }
        if Set(text).count < 4 { return "It has fewer than 4 different characters." }
        let lowered = text.lowercased()
        if !user.isEmpty, lowered.contains(user.lowercased()), text.count < user.count + shortest {
            return "It is little more than the user name."
        }
        if ["password", "passphrase", "12345678", "qwertyui"].contains(where: { lowered.hasPrefix($0) }),
            text.count < 14
        {
            return "It is among the first that anyone tries."
        }
        return nil
    }
}
