// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
import SystemPackage
import Testing

@testable import DebianArchive

@Suite struct SourceTests {
    private static let digest = String(repeating: "ab", count: 32)

    private static func record(
        name: String = "xen", version: String = "4.20.1-1", directory: String = "pool/main/x/xen",
        files: [String] = ["xen_4.20.1.orig.tar.xz", "xen_4.20.1-1.debian.tar.xz", "xen_4.20.1-1.dsc"]
    ) -> String {
        "Package: \(name)\nVersion: \(version)\nDirectory: \(directory)\nChecksums-Sha256:\n"
            + files.map { " \(digest) 12 \($0)\n" }.joined() + "Files:\n 0123 12 x.dsc\n"
    }

    @Test func `a record gives the tarballs with their digests and leaves the dsc out`() throws {
        let text = Self.record() + "\n" + Self.record() + "\n" + Self.record(version: "4.20.2-1")
        let records = try SourceRecord.parse(text)
        #expect(records.map(\.version) == ["4.20.1-1", "4.20.2-1"])
        let uris: Set = [
            "http://m/debian/pool/main/x/xen/xen_4.20.1.orig.tar.xz",
            "http://m/debian/pool/main/x/xen/xen_4.20.1-1.debian.tar.xz",
        ]
        let package = try #require(records.first).package(
            uris: uris, archives: ["debian": "http://m/debian", "debian-security": "http://m/security"],
            binary: "xen-hypervisor")
        #expect(
            package.files.map(\.path) == [
                "pool/main/x/xen/xen_4.20.1-1.debian.tar.xz", "pool/main/x/xen/xen_4.20.1.orig.tar.xz",
            ])
        #expect(package.files.allSatisfy { $0.archive == "debian" && $0.size == 12 && $0.binary == "xen-hypervisor" })
        #expect(package.files.allSatisfy { $0.sha256.hex == Self.digest })
        #expect(package.series == "4.20")
    }

    @Test func `of a version that two archives have, the one apt would fetch is taken`() throws {
        let records = try SourceRecord.parse(
            Self.record(directory: "pool/updates/main/x/xen") + "\n" + Self.record())
        #expect(records.count == 2)
        let archives = ["debian": "http://m/debian", "debian-security": "http://m/security"]
        for (uri, archive) in [
            ("http://m/debian/pool/main/x/xen/", "debian"),
            ("http://m/security/pool/updates/main/x/xen/", "debian-security"),
        ] {
            let uris = Set(["xen_4.20.1.orig.tar.xz", "xen_4.20.1-1.debian.tar.xz"].map { uri + $0 })
            let package = try SourceRecord.chosen(records, uris: uris, archives: archives).package(
                uris: uris, archives: archives, binary: nil)
            #expect(package.files.allSatisfy { $0.archive == archive })
        }
        let error = #expect(throws: LapwingError.self) {
            try SourceRecord.chosen(records, uris: ["http://m/debian/pool/other"], archives: archives)
        }
        #expect(error?.code == "resolve.unexpected")
    }

    @Test(arguments: [
        (SourceTests.record(name: "../x"), "archive.bad-record"),
        (SourceTests.record(version: "4 20"), "archive.bad-record"),
        (SourceTests.record(directory: "../../etc"), "archive.bad-record"),
        (SourceTests.record(directory: "/etc"), "archive.bad-record"),
        (SourceTests.record(files: ["../a.tar.xz"]), "archive.bad-record"),
        (SourceTests.record(files: ["a/b.tar.xz"]), "archive.bad-record"),
        (SourceTests.record(files: ["a.tar.xz", "a.tar.xz"]), "archive.bad-record"),
        (SourceTests.record(files: ["a b.tar.xz"]), "archive.bad-record"),
        (SourceTests.record(files: []), "archive.weak"),
        ("Package: xen\nVersion: 1\nDirectory: pool\nChecksums-Sha256:\n zz 1 a.tar.xz\n", "archive.bad-record"),
        ("Package: xen\nVersion: 1\nDirectory: pool\nFiles:\n 0123 1 a.tar.xz\n", "archive.weak"),
        ("Version: 1\n", "archive.bad-record"),
        (
            "Package: xen\nVersion: 1\nDirectory: pool\nChecksums-Sha256:\n "
                + String(repeating: "ab", count: 32) + " 99999999999999999999 a.tar.xz\n", "archive.bad-record"
        ),
    ])
    func `an unsafe record is refused`(text: String, code: String) {
        let error = #expect(throws: LapwingError.self) { try SourceRecord.parse(text) }
        #expect(error?.code == code)
    }

    @Test func `noise never crashes the reader of records`() {
        var generator = Noise(state: 7)
        let pieces = [
            "Package: xen\n", "Checksums-Sha256:\n", " ", "\n", Self.digest, "1", "a.tar.xz", ":", "\t", "\r\n", "ü",
        ]
        for _ in 0..<2000 {
            let text = (0..<Int.random(in: 0..<20, using: &generator)).map { _ in
                pieces.randomElement(using: &generator) ?? ""
            }.joined()
            _ = try? SourceRecord.parse(text)
        }
    }

    private struct Noise: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    @Test func `a source without its pair of tarballs, or from nowhere, is refused`() throws {
        let half = try #require(try SourceRecord.parse(Self.record(files: ["xen_4.20.1.orig.tar.xz"])).first)
        let uris: Set = ["http://m/debian/pool/main/x/xen/xen_4.20.1.orig.tar.xz"]
        let archives = ["debian": "http://m/debian"]
        let one = #expect(throws: LapwingError.self) {
            try half.package(uris: uris, archives: archives, binary: nil)
        }
        #expect(one?.code == "archive.bad-record")
        let whole = try #require(try SourceRecord.parse(Self.record()).first)
        let other = #expect(throws: LapwingError.self) {
            try whole.package(uris: uris, archives: archives, binary: nil)
        }
        #expect(other?.code == "resolve.unexpected")
    }

    @Test(arguments: [
        ("4.20.4+63-g7abfd2bce2-0+deb13u1", "4.20"), ("1:2.0-1", "2.0"), ("7", "7"), ("4.21~rc1", "4.21"), ("", ""),
    ])
    func `the series is what stands before the second dot`(version: String, series: String) {
        #expect(SourcePackage.series(version) == series)
    }

    private func source(_ version: String, _ digest: Character = "a") -> LockedSource {
        LockedSource(
            name: "xen", version: version, archive: "debian", path: "pool/xen_\(version).orig.tar.xz", size: 3,
            sha256: .of(String(digest)), binary: "xen-hypervisor")
    }

    private func locked(_ sources: [LockedSource]) -> Lock {
        Lock(recipe: "r", release: "trixie", indices: [], sets: [:], packages: [], sources: sources)
    }

    @Test func `a lock keeps its sources, and one without what they are for is still read`() throws {
        let made = locked([source("1"), source("2")])
        #expect(try Lock.parse(try made.json(), file: "x") == made)
        let old = String(decoding: try made.json(), as: UTF8.self).split(separator: "\n")
            .filter { !$0.contains("\"binary\"") }.joined(separator: "\n")
        #expect(try Lock.parse(Array(old.utf8), file: "x").sources.map(\.binary) == [nil, nil])
    }

    @Test(arguments: ["../x", "X", "a;b"]) func `a lock with a source of a bad name is refused`(name: String) throws {
        var bad = source("1")
        bad.name = name
        let error = #expect(throws: LapwingError.self) { try Lock.parse(try locked([bad]).json(), file: "x") }
        #expect(error?.code == "lock.bad")
    }

    @Test func `the difference names sources too`() {
        let change = locked([source("2")]).difference(from: locked([source("1")]))
        #expect(change.map(\.kind) == [.upgraded])
        #expect(change.first?.name == "xen")
        #expect(change.first?.architecture == "source")
        #expect(locked([source("1", "b")]).difference(from: locked([source("1")])).map(\.kind) == [.replaced])
        #expect(locked([]).difference(from: locked([source("1")])).map(\.kind) == [.removed])
        #expect(locked([source("1")]).difference(from: locked([source("1")])).isEmpty)
    }

    @Test func `sources come from the signed index, the newest version first, each from its own archive`() async throws
    {
        let archive = try await MiniArchive.usual()
        func sources(_ version: String, _ label: String) -> String {
            Self.record(
                name: "thing", version: version, directory: "pool/main/t/thing",
                files: ["thing_\(label).orig.tar.xz", "thing_\(version).debian.tar.xz"])
        }
        try await archive.publish(
            "trixie", in: "debian", [.init(name: "libthing")], sources: sources("1.0-1", "1.0"))
        try await archive.publish(
            "trixie-security", in: "security", [.init(name: "libthing", version: "1.0+deb13u1")],
            sources: sources("1.0-1+deb13u1", "1.0"))
        var release = MiniArchive.release
        release.sources = true
        let indices = try await archive.client().refresh(release)
        let binary = try await indices.candidate("libthing", architecture: "amd64", apt: testedApt)
        #expect(binary.version == "1.0+deb13u1" && binary.source == "libthing")
        let found = try await indices.sources("thing", architecture: "amd64", binary: "libthing", apt: testedApt)
        #expect(found.map(\.version) == ["1.0-1+deb13u1", "1.0-1"])
        #expect(found.map { Set($0.files.map(\.archive)) } == [[Mirrors.security], [Mirrors.debian]])
        let unknown = await #expect(throws: LapwingError.self) {
            try await indices.sources("nothing", architecture: "amd64", apt: testedApt)
        }
        #expect(unknown?.code == "source.unknown")
        await archive.close()
    }

    @Test func `a source with other content than the lock's is refused, with both digests`() async throws {
        let scratch = try Scratch()
        let archive = scratch.path.appending("archive")
        try Files.makeDirectory(archive.appending("pool"))
        try Files.write("new", to: archive.appending("pool/xen_1.orig.tar.xz"))
        let store = PackageStore(liveContext(scratch), cache: scratch.path.appending("cache")) {
            Mirrors(debian: "file:\(archive)", security: "file:\(archive)")
        }
        var wanted = source("1")
        wanted.sha256 = .of("old")
        let error = await #expect(throws: LapwingError.self) {
            try await store.ensure(items: [StoreItem(wanted)])
        }
        #expect(error?.code == "fetch.failed")
        #expect(error?.subject == "xen_1.orig.tar.xz")
        #expect(error?.cause?.contains(Digest.of("new").hex) == true, "\(error?.description ?? "")")
        #expect(error?.cause?.contains(Digest.of("old").hex) == true)
        // A file that ends too early is given up, and not fetched for ever.
        try Files.write("ol", to: archive.appending("pool/xen_1.orig.tar.xz"))
        let short = await #expect(throws: LapwingError.self) {
            try await store.ensure(items: [StoreItem(wanted)])
        }
        #expect(short?.code == "fetch.failed")
        try Files.write("old", to: archive.appending("pool/xen_1.orig.tar.xz"))
        let paths = try await store.ensure(items: [StoreItem(wanted)])
        #expect(try Files.text(try #require(paths[wanted.sha256])) == "old")
    }

    @Test func `a list of sources that is not the signed one is an error`() async throws {
        let archive = try await MiniArchive.usual()
        try await archive.publish("trixie", in: "debian", [.init(name: "a")], sources: Self.record())
        let path = archive.root.appending("debian/dists/trixie/main/source/Sources")
        try Files.write(
            try Files.text(path).split(separator: "\n").map { $0.contains("orig") ? $0.dropLast(1) + "X" : $0[...] }
                .joined(separator: "\n"), to: path)
        var release = MiniArchive.release
        release.sources = true
        let error = await #expect(throws: LapwingError.self) { try await archive.client().refresh(release) }
        #expect(error?.code == "archive.index-mismatch", "\(error?.description ?? "")")
        await archive.close()
    }
}
