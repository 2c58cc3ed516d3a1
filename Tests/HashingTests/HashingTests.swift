// SPDX-License-Identifier: Apache-2.0

import Foundation
import Hashing
import LapwingCore
import SystemPackage
import Testing

@Suite struct HashingTests {
    @Test(arguments: [
        // FIPS 180-4's examples, and nothing at all.
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func `SHA-256 of known texts`(_ text: String, _ digest: String) {
        #expect(Digest.of(text).hex == digest)
        var pieces = Hasher256()
        for byte in text.utf8 { pieces.update(CollectionOfOne(byte)) }
        #expect(pieces.finalize().hex == digest)
        var lazily = Hasher256()
        lazily.update(text.utf8.lazy.map { $0 })
        #expect(lazily.finalize().hex == digest)
    }

    @Test func `a copied computation goes its own way, and an ended one goes on`() {
        var first = Hasher256()
        first.update(Array("ab".utf8))
        var second = first
        second.update(Array("c".utf8))
        #expect(second.finalize() == Digest.of("abc"))
        #expect(first.finalize() == Digest.of("ab"))
        second.update(Array("d".utf8))
        #expect(second.finalize() == Digest.of("abcd"))
    }

    @Test func `MD5 of known texts`() {
        // RFC 1321, appendix A.5.
        #expect(LegacyMD5.hex([]) == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(LegacyMD5.hex(Array("message digest".utf8)) == "f96b697d7cb7938d525a2f31aaf161d0")
    }

    @Test func `what is derived from a seed stays what it was`() {
        // Worked out with Python's hmac module over the 64 digits and the label.
        let seed = Seed(Digest.of("abc"))
        #expect(seed.hex("label") == "e5195e8ddc1b773d46dddcdce5b7fe58326e4c53774d3a3703b9919b63226a5f")
        #expect(seed.uuid("label") == "e5195e8d-dc1b-873d-86dd-dcdce5b7fe58")
    }

    @Test func `a file with holes has the digest of its content`() throws {
        let name = "lapwing-hashing-" + String(UInt64.random(in: 0...(.max)), radix: 16)
        let path = FilePath(FileManager.default.temporaryDirectory.path).appending(name)
        var content = [UInt8](repeating: 0, count: 5 << 20)
        content[3 << 20] = 7
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .exclusiveCreate], permissions: .ownerReadWrite)
        defer { try? Files.removeTree(path) }
        try file.closeAfter {
            _ = try file.writeAll(toAbsoluteOffset: 3 << 20, [7])
            try file.resize(to: 5 << 20)
        }
        #expect(try Digest.ofFile(path) == Digest.of(content))
    }
}
