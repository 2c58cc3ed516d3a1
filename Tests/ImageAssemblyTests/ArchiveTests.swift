// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import ImageAssembly

@Suite struct ArchiveTests {
    static func sample() throws -> FileTree {
        var tree = FileTree()
        try tree.addFile("etc/hello", "hello\n", mode: 0o640, mtime: 1_700_000_000)
        try tree.addFile("etc/empty", "")
        let long = String(repeating: "d", count: 90)
        try tree.addFile("\(long)/\(long)/\(long)/file", "deep")
        try tree.addFile("usr/" + String(repeating: "n", count: 200), "long name")
        try tree.addFile("usr/F\u{151}tan\u{fa}s", "accents")
        try tree.addSymlink("link", to: "/" + String(repeating: "t", count: 180))
        try tree.insert(.init("dev/console", .character(major: 5, minor: 1), mode: 0o600))
        try tree.insert(.init("run/pipe", .fifo, mode: 0o644))
        try tree.insert(.init("etc/hello2", .hardlink("etc/hello"), mode: 0o640, mtime: 1_700_000_000))
        try tree.addFile("bin/ping", [1, 2, 3], mode: 0o4755, uid: 3_000_000, gid: 7)
        var ping = try #require(tree["bin/ping"])
        ping.xattrs = ["security.capability": [1, 0, 0, 2, 0, 0x20, 10, 61]]
        try tree.insert(ping)
        try tree.addFile("big", [UInt8](repeating: 7, count: 1_500_000))
        return tree
    }

    /// The tree with every content read into memory, so that trees from different places compare.
    static func loaded(_ tree: FileTree) throws -> FileTree {
        let reader = ContentReader()
        var entries = tree.canonicalEntries
        for index in entries.indices {
            if let content = entries[index].content { entries[index].kind = .file(.bytes(try reader.bytes(content))) }
        }
        return try FileTree(entries)
    }

    @Test func `a tree comes back from its own tar as it was`() async throws {
        try await withTemporaryDirectory { directory in
            let tree = try Self.sample()
            let path = directory.appending("a.tar")
            try TarWriter.write(tree, to: path)
            let back = try TarReader.read(path)
            #expect(try Self.loaded(back) == Self.loaded(tree))
            let again = directory.appending("b.tar")
            try TarWriter.write(back, to: again)
            #expect(try Files.read(path) == Files.read(again))
        }
    }

    @Test func `GNU tar lists our archive as we meant it`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("a.tar")
            try TarWriter.write(try Self.sample(), to: path)
            let listing = try await SubprocessRunner().require(
                Command(
                    "tar", ["--numeric-owner", "-tvf", path.string], environment: ["LC_ALL": "C.UTF-8", "TZ": "UTC"]))
            let lines = listing.text.split(separator: "\n")
            #expect(lines.count == (try Self.sample().count))
            #expect(lines.contains { $0.hasPrefix("-rwsr-xr-x 3000000/7 ") && $0.hasSuffix(" bin/ping") })
            #expect(
                lines.contains { $0.hasPrefix("crw------- 0/0") && $0.contains("5,1") && $0.hasSuffix("dev/console") })
            #expect(lines.contains { $0.hasPrefix("hrw-r-----") && $0.hasSuffix("etc/hello2 link to etc/hello") })
            #expect(lines.contains { $0.contains("6 2023-11-14 22:13 etc/hello") })
            #expect(listing.error.isEmpty)
        }
    }

    @Test(arguments: ["gnu", "pax", "ustar", "oldgnu"])
    func `archives of GNU tar are read in each of its forms`(format: String) async throws {
        try await withTemporaryDirectory { directory in
            let deep = directory.appending("in").appending(String(repeating: "p", count: 90))
                .appending(String(repeating: "q", count: format == "ustar" ? 40 : 140))
            try Files.makeDirectory(deep)
            try Files.write("deep", to: deep.appending("file"))
            try Files.write([UInt8](repeating: 1, count: 70_000), to: directory.appending("in/big"))
            let runner = SubprocessRunner()
            try await runner.require(
                Command("ln", [directory.appending("in/big").string, directory.appending("in/two").string]))
            let target = String(repeating: "t", count: format == "ustar" ? 90 : 150)
            try await runner.require(Command("ln", ["-s", target, directory.appending("in/link").string]))
            let path = directory.appending("a.tar")
            try await runner.require(
                Command("tar", ["--format=\(format)", "-C", directory.appending("in").string, "-cf", path.string, "."]))
            let tree = try TarReader.read(path)
            #expect(tree.count == 7)
            #expect(tree["link"]?.kind == .symlink(target))
            let file = try #require(tree.entries.first { $0.path.hasSuffix("/file") }?.content)
            #expect(try ContentReader().bytes(file) == Array("deep".utf8))
            #expect(tree.content("big")?.size == 70_000)
            #expect(tree.content("two") == tree.content("big"))
        }
    }

    @Test func `a cpio archive has the members in order and expands hard links`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("a.cpio")
            let tree = try Self.sample()
            try CpioWriter.write(tree, to: path)
            let bytes = try Files.read(path)
            #expect(bytes.count % 512 == 0)
            let members = try CpioMember.parse(bytes)
            #expect(members.map(\.name) == ["."] + tree.entries.dropFirst().map(\.path) + ["TRAILER!!!"])
            #expect(members.dropLast().map(\.inode) == Array(1...UInt32(tree.count)))
            #expect(members.first { $0.name == "etc/hello2" }?.content == Array("hello\n".utf8))
            #expect(members.first { $0.name == "bin/ping" }?.mode == 0o104755)
            #expect(members.first { $0.name == "big" }?.content.count == 1_500_000)
        }
    }

    @Test func `what a hostile archive tries is refused with a code`() async throws {
        try await withTemporaryDirectory { directory in
            func header(_ name: String, type: Character = "0", size: UInt64 = 0, link: String = "") -> [UInt8] {
                var header = TarHeader()
                header.name = Array(name.utf8)
                header.type = type.asciiValue ?? 0
                header.size = size
                header.link = Array(link.utf8)
                return header.encoded()
            }
            let end = [UInt8](repeating: 0, count: 1024)
            var damaged = header("a")
            damaged[0] = UInt8(ascii: "b")
            var negative = TarHeader()
            negative.name = Array("n".utf8)
            var negativeBlock = negative.encoded()
            for index in 124..<136 { negativeBlock[index] = 0xff }
            Self.seal(&negativeBlock)
            var huge = header("h")
            for index in 124..<136 { huge[index] = index == 124 ? 0x80 : 0xff }
            Self.seal(&huge)
            let cases: [(String, [UInt8], String)] = [
                ("parent", header("../x") + end, "tree.bad-path"),
                ("inner parent", header("a/../../x") + end, "tree.bad-path"),
                ("absolute", header("/etc/passwd") + end, "tree.bad-path"),
                ("empty", header("") + end, "tree.bad-path"),
                (
                    "through link", header("l", type: "2", link: "/etc") + header("l/x") + end,
                    "tree.parent-not-directory"
                ),
                ("hard link out", header("l", type: "1", link: "../etc/shadow") + end, "tree.bad-path"),
                ("hard link to nothing", header("l", type: "1", link: "no") + end, "tree.bad-hardlink"),
                ("hard link with content", header("l", type: "1", size: 5, link: "no") + end, "tar.bad-hardlink"),
                ("empty link", header("l", type: "2") + end, "tar.bad-symlink"),
                ("huge", header("x", size: 0o77777777777) + end, "tar.truncated"),
                ("huge in base 256", huge + end, "tar.bad-number"),
                ("negative", negativeBlock + end, "tar.bad-number"),
                ("no end", header("x"), "tar.truncated"),
                ("cut header", Array(header("x")[..<300]), "tar.truncated"),
                ("nothing", [], "tar.truncated"),
                ("checksum", damaged + end, "tar.bad-checksum"),
                ("type", header("x", type: "V") + end, "tar.unknown-type"),
                ("sparse", header("x", type: "S") + end, "tar.unknown-type"),
                ("large pax", header("x", type: "x", size: 1 << 30) + end, "tar.too-large"),
                ("cut pax", header("x", type: "x", size: 9000) + end, "tar.truncated"),
                (
                    "bad pax",
                    header("x", type: "x", size: 4) + Array("9 a=".utf8) + [UInt8](repeating: 0, count: 508) + end,
                    "tar.bad-pax"
                ),
                (
                    "pax alone",
                    header("x", type: "x", size: 8) + Array("8 a=bcd\n".utf8) + [UInt8](repeating: 0, count: 504) + end,
                    "nil"
                ),
                ("root as file", header("./") + end, "tree.bad-root"),
                ("file over directory", header("d/x") + header("d") + end, "tree.kind-conflict"),
            ]
            for (name, bytes, expected) in cases {
                let path = directory.appending("x.tar")
                try Files.write(bytes, to: path)
                var found = "nil"
                do { _ = try TarReader.read(path) } catch { found = (error as? LapwingError)?.code ?? "\(error)" }
                #expect(found == expected, "\(name)")
            }
        }
    }

    @Test func `a damaged archive is read or refused but never crashes`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.appending("a.tar")
            var small = try Self.sample()
            small.remove("big")
            try TarWriter.write(small, to: path)
            let good = try Files.read(path)
            var random = SplitMix(state: 2026)
            var refused = 0
            var accepted = 0
            for round in 0..<400 {
                var bytes = good
                for _ in 0...Int.random(in: 0..<4, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                        in: 0 ... .max, using: &random)
                }
                // Most rounds repair the checksums, so that the damage reaches what lies behind them.
                if round % 4 != 0 {
                    for start in stride(from: 0, to: bytes.count - 511, by: 512)
                    where Array(bytes[(start + 257)..<(start + 262)]) == Array("ustar".utf8) {
                        var block = Array(bytes[start..<(start + 512)])
                        Self.seal(&block)
                        bytes.replaceSubrange(start..<(start + 512), with: block)
                    }
                }
                if round % 7 == 0 { bytes = Array(bytes[..<Int.random(in: 0..<bytes.count, using: &random)]) }
                try Files.write(bytes, to: path)
                do {
                    let tree = try TarReader.read(path)
                    accepted += 1
                    for entry in tree.entries {
                        try TreePath.check(entry.path)
                        if case .range(_, let offset, let size)? = entry.content {
                            #expect(offset >= 0 && size >= 0 && offset + size <= Int64(bytes.count))
                        }
                    }
                } catch let error as LapwingError {
                    #expect(error.code.hasPrefix("tar.") || error.code.hasPrefix("tree."))
                    refused += 1
                }
            }
            #expect(refused > 40 && accepted > 40)
        }
    }

    /// Sets a header block's checksum right.
    static func seal(_ block: inout [UInt8]) {
        for index in 148..<156 { block[index] = UInt8(ascii: " ") }
        let sum = block.reduce(0) { $0 + Int($1) }
        let digits = Array(String(sum, radix: 8).utf8)
        let text = [UInt8](repeating: UInt8(ascii: "0"), count: 6 - digits.count) + digits + [0]
        block.replaceSubrange(148..<155, with: text)
    }
}

/// A small reader of newc archives, written from the format's description, to check the writer against.
struct CpioMember {
    var name: String
    var inode: UInt32
    var mode: UInt32
    var content: [UInt8]

    static func parse(_ bytes: [UInt8]) throws -> [CpioMember] {
        var result: [CpioMember] = []
        var at = 0
        while result.last?.name != "TRAILER!!!" {
            try #require(at % 4 == 0 && at + 110 <= bytes.count)
            #expect(Array(bytes[at..<(at + 6)]) == Array("070701".utf8))
            func field(_ index: Int) throws -> Int {
                let start = at + 6 + index * 8
                return try #require(Int(String(decoding: bytes[start..<(start + 8)], as: UTF8.self), radix: 16))
            }
            let (size, length) = (try field(6), try field(11))
            let name = String(decoding: bytes[(at + 110)..<(at + 110 + length - 1)], as: UTF8.self)
            let start = (at + 110 + length + 3) / 4 * 4
            result.append(
                CpioMember(
                    name: name, inode: UInt32(try field(0)), mode: UInt32(try field(1)),
                    content: Array(bytes[start..<(start + size)])))
            at = (start + size + 3) / 4 * 4
        }
        return result
    }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// Runs a test with an empty directory that is removed afterwards.
func withTemporaryDirectory(_ body: (FilePath) async throws -> Void) async throws {
    let path = FilePath("/tmp/lapwing-test-\(UInt64.random(in: 0 ... .max))")
    try Files.makeDirectory(path)
    var failure: (any Error)?
    do { try await body(path) } catch { failure = error }
    _ = try await SubprocessRunner().run(Command("rm", ["-rf", path.string]))
    if let failure { throw failure }
}
