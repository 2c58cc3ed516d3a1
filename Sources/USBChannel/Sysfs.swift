// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import XenChannel

/// The few files of sysfs that USB/IP is worked by, below a root that tests choose.
struct Sysfs: Sendable {
    var root: String

    /// The first line of a file; nil when there is none.
    func line(_ path: String) -> String? {
        let file = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let got = read(file, &bytes, bytes.count)
        guard got > 0 else { return nil }
        return String(decoding: bytes[..<got].prefix { $0 != 10 && $0 != 0 }, as: UTF8.self)
    }

    /// All of a file, 16 KiB at most; nil when there is none.
    func text(_ path: String) -> String? {
        let file = open("\(root)/\(path)", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var text: [UInt8] = []
        var bytes = [UInt8](repeating: 0, count: 4096)
        while text.count < 16384 {
            let got = read(file, &bytes, bytes.count)
            if got <= 0 { break }
            text += bytes[..<got]
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The last name of a link's target; nil when there is none.
    func link(_ path: String) -> String? {
        var bytes = [CChar](repeating: 0, count: 1024)
        let length = lapwing_readlink("\(root)/\(path)", &bytes, UInt(bytes.count))
        guard length > 0 else { return nil }
        return String(decoding: bytes[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: "/")
            .last.map(String.init)
    }

    func exists(_ path: String) -> Bool { access("\(root)/\(path)", F_OK) == 0 }

    /// Writes in one call, as the kernel's files want it.
    func write(_ text: String, _ path: String) throws {
        let file = open("\(root)/\(path)", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { throw ChannelError("\(root)/\(path)", errno) }
        defer { close(file) }
        guard Glibc.write(file, text, text.utf8.count) == text.utf8.count else {
            throw ChannelError("\(root)/\(path)", errno)
        }
    }
}
