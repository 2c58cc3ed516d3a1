// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import GuestAgent

@Suite struct PatternTests {
    @Test(arguments: [
        ("", "cbf29ce484222325"), ("a", "af63dc4c8601ec8c"), ("foobar", "85944171f73967e8"),
    ])
    func `the sum is FNV-1a of 64 bits`(text: String, sum: String) {
        // The test vectors of RFC 9923, appendix C.
        #expect(Pattern.text(Pattern.sum(text.utf8)) == sum)
    }

    @Test func `the bytes of a seed are SplitMix64's, in whatever pieces they are taken`() {
        var whole = Pattern.Bytes(seed: 0)
        // The first output for the seed 0 (Vigna's splitmix64.c).
        #expect(whole.next(8) == [0xaf, 0xcd, 0x1d, 0x7b, 0x39, 0xa8, 0x20, 0xe2])
        var one = Pattern.Bytes(seed: 7)
        var two = Pattern.Bytes(seed: 7)
        #expect(one.next(32) == two.next(16) + two.next(16))
        var other = Pattern.Bytes(seed: 8)
        var again = Pattern.Bytes(seed: 7)
        #expect(again.next(8) != other.next(8))
    }

    @Test func `what was written is read back with the same sum, and a changed byte is noticed`() throws {
        var template = Array("/tmp/lapwing-pattern-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        try #require(file >= 0)
        defer { close(file) }
        let path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(path) }
        let written = try Pattern.fill(path, mebibytes: 1, seed: 5).get()
        #expect(try Pattern.read(path, mebibytes: 1).get() == written)
        #expect(Pattern.sum(ofFile: path, mebibytes: 1) == Pattern.text(written))
        var byte: UInt8 = 0
        try #require(pread(file, &byte, 1, 70_000) == 1)
        byte ^= 1
        try #require(pwrite(file, &byte, 1, 70_000) == 1)
        #expect(try Pattern.read(path, mebibytes: 1).get() != written)
        #expect(Pattern.sum(ofFile: path, mebibytes: 2) == nil)
        #expect(Pattern.sum(ofFile: path + ".none", mebibytes: 1) == nil)
    }
}
