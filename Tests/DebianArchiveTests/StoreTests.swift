// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import Hashing
import LapwingCore
import SystemPackage
import Testing

/// One archive with three packages and their lock, served with faults.
private struct Served {
    let archive: MiniArchive
    let server: FileServer
    let lock: Lock
    var store: PackageStore { archive.store(server.mirrors) }
    var big: LockedPackage {
        get throws { try #require(lock.packages.first { $0.name == "big" }) }
    }

    init(_ faults: [String] = []) async throws {
        archive = try await MiniArchive()
        try await archive.publish(
            "trixie", in: "debian",
            [.init(name: "big", version: "1:1.0+x", weight: 300_000), .init(name: "one"), .init(name: "two")])
        try await archive.publish("trixie-updates", in: "debian", [])
        try await archive.publish("trixie-security", in: "security", [])
        lock = try await archive.client().resolve(
            recipe: "mini", release: MiniArchive.release,
            sets: [SetRequest(.root, architecture: "amd64", packages: ["big", "one", "two"], base: .none)])
        await archive.close()
        server = try await FileServer(archive, faults: faults)
    }

    /// Fetches all and checks every file byte for byte.
    func ensureAll(_ store: PackageStore? = nil) async throws {
        let paths = try await (store ?? self.store).ensure(lock.packages)
        #expect(paths.count == 3)
        for package in lock.packages {
            let path = try #require(paths[package.sha256])
            #expect(try Digest.ofFile(path) == package.sha256)
        }
        let debs = archive.scratch.path.appending("cache/debs/sha256")
        for directory in try Files.names(in: debs) {
            #expect(try Files.names(in: debs.appending(directory)).allSatisfy { $0.hasSuffix(".deb") })
        }
    }

    func failure(_ store: PackageStore? = nil) async throws -> LapwingError {
        let error = await #expect(throws: LapwingError.self) {
            _ = try await (store ?? self.store).ensure(lock.packages)
        }
        return try #require(error)
    }

    func asked(_ ending: String) throws -> [String] {
        try server.requests.filter { $0.contains(ending) }
    }
}

@Suite struct StoreTests {
    @Test func `what is missing is fetched once and then nothing is asked for`() async throws {
        let served = try await Served()
        try await served.ensureAll()
        #expect(try served.server.requests.count == 3)
        try await served.ensureAll()
        #expect(try served.server.requests.count == 3)
        // With everything there, not even the mirrors are looked up.
        let offline = PackageStore(served.archive.context, cache: served.archive.scratch.path.appending("cache")) {
            throw LapwingError("test.network", "asked for the mirrors")
        }
        try await served.ensureAll(offline)
        _ = try await offline.ensure(served.lock.packages, verify: .full)
        #expect(try await offline.missing(served.lock.items).isEmpty)
    }

    @Test func `a transfer that dies goes on from where it stopped`() async throws {
        let served = try await Served(["big_1:1.0+x_amd64.deb cut 100000 2"])
        try await served.ensureAll()
        let asked = try served.asked("/big_")
        #expect(asked.map { $0.split(separator: " ")[1] } == ["-", "bytes=100000-", "bytes=200000-"])
    }

    @Test func `what an earlier run left is gone on with`() async throws {
        let served = try await Served()
        let package = try served.big
        let path = served.store.path(package.sha256)
        let content = try Files.read(served.archive.root.appending("debian").appending(package.path))
        try Files.makeDirectory(path.removingLastComponent())
        try Files.write(
            Array(content[..<1000]), to: path.removingLastComponent().appending(package.sha256.hex + ".part"))
        try await served.ensureAll()
        #expect(try served.asked("/big_").map { $0.split(separator: " ")[1] } == ["bytes=1000-"])
    }

    @Test(arguments: [1000, 400_000]) func `what an earlier run left wrong is thrown away`(size: Int) async throws {
        let served = try await Served()
        let package = try served.big
        let path = served.store.path(package.sha256)
        try Files.makeDirectory(path.removingLastComponent())
        try Files.write(
            [UInt8](repeating: 7, count: size),
            to: path.removingLastComponent().appending(package.sha256.hex + ".part"))
        try await served.ensureAll()
    }

    @Test func `a whole file an earlier run left is taken without asking`() async throws {
        let served = try await Served()
        let package = try served.big
        let path = served.store.path(package.sha256)
        try Files.makeDirectory(path.removingLastComponent())
        try Files.write(
            try Files.read(served.archive.root.appending("debian").appending(package.path)),
            to: path.removingLastComponent().appending(package.sha256.hex + ".part"))
        try await served.ensureAll()
        #expect(try served.asked("/big_").isEmpty)
    }

    @Test func `a server without ranges serves it from the start`() async throws {
        let served = try await Served(["big_1:1.0+x_amd64.deb noranges 0 9"])
        let package = try served.big
        let path = served.store.path(package.sha256)
        try Files.makeDirectory(path.removingLastComponent())
        try Files.write(
            [1, 2, 3], to: path.removingLastComponent().appending(package.sha256.hex + ".part"))
        try await served.ensureAll()
    }

    @Test(arguments: ["status 503 2", "short 1000 1", "slow 300 1", "status 429 1"])
    func `what passes is waited for`(fault: String) async throws {
        try await Served(["big_1:1.0+x_amd64.deb \(fault)"]).ensureAll()
    }

    @Test func `other content of the same size is refused and says which file`() async throws {
        let served = try await Served(["one_1.0_amd64.deb other 0 99"])
        let error = try await served.failure()
        #expect(error.code == "fetch.failed")
        #expect(error.subject == "one_1.0_amd64.deb")
        #expect(error.cause?.contains("content") == true)
        // The others arrived, the bad one left nothing.
        #expect(try await served.store.missing(served.lock.items).map(\.name) == ["one"])
        let names = try Files.names(
            in: served.store.path(try #require(served.lock.packages.first { $0.name == "one" }).sha256)
                .removingLastComponent())
        #expect(!names.contains { $0.hasSuffix(".part") })
    }

    @Test func `a file that never ends is cut off at the size the lock says`() async throws {
        let served = try await Served(["one_1.0_amd64.deb endless 100000 99"])
        let clock = ContinuousClock()
        var code = ""
        let time = try await clock.measure { code = try await served.failure().code }
        #expect(code == "fetch.failed")
        // The server would go on for two minutes, each time it is asked.
        #expect(time < .seconds(60))
        #expect(try await served.store.missing(served.lock.items).map(\.name) == ["one"])
    }

    @Test func `a package gone from the mirror is named, with the advice to update`() async throws {
        let served = try await Served(["two_1.0_amd64.deb status 404 99"])
        let error = try await served.failure()
        #expect(error.code == "fetch.gone")
        #expect(error.subject == "two_1.0_amd64.deb")
        #expect(error.hint?.contains("lapwing update") == true)
        #expect(error.exit == .unavailable)
    }

    @Test func `a package gone from the mirror comes from the archive of old versions`() async throws {
        let served = try await Served()
        let package = try served.big
        let there = served.archive.root.appending("debian").appending(package.path)
        let old = served.archive.root.appending("old/20251101T100000Z/debian")
        try Files.makeDirectory(old)
        try Files.rename(there, to: old.appending("big_1:1.0+x.deb"))
        let mirrors = served.server.mirrors(oldVersions: [
            "http://127.0.0.1:\(served.server.port)/nothing/{path}",
            "http://127.0.0.1:\(served.server.port)/old/{date}/{archive}/{name}_{version}.deb",
        ])
        let paths = try await served.archive.store(mirrors).ensure(
            [package], date: served.lock.indices.map(\.date).min())
        #expect(try Digest.ofFile(try #require(paths[package.sha256])) == package.sha256)
    }

    @Test func `a damaged file in the store is noticed, said and fetched again`() async throws {
        let served = try await Served()
        try await served.ensureAll()
        let path = served.store.path(try served.big.sha256)
        var bytes = try Files.read(path)
        bytes[bytes.count / 2] ^= 1
        try Files.remove(path)
        try Files.write(bytes, to: path)
        try await served.ensureAll()
        #expect((served.archive.context.progress as? Talk)?.text.contains("damaged") == true)
        // A truncated one as well.
        try Files.remove(path)
        try Files.write(Array(bytes[..<10]), to: path)
        try await served.ensureAll()
        // And one that is a directory or a link elsewhere is not taken for the file.
        try Files.remove(path)
        try await served.archive.context.runner.require(Command("ln", ["-s", "/etc/hostname", path.string]))
        try await served.ensureAll()
    }

    @Test func `damage that keeps size and times is found by the full check`() async throws {
        let served = try await Served()
        try await served.ensureAll()
        let path = served.store.path(try served.big.sha256)
        let bytes = try Files.read(path)
        // Forge the record as if the damaged file had been the one that was hashed.
        try Files.remove(path)
        try Files.write([UInt8](repeating: 0, count: bytes.count), to: path)
        let status = try #require(try Files.status(path))
        let record = served.archive.scratch.path.appending("cache/debs/verified")
        let digest = try served.big.sha256.hex
        let lines = try Files.text(record).split(separator: "\n").map { line in
            line.hasPrefix(digest)
                ? "\(digest) \(status.device) \(status.inode) \(status.size) \(status.modified) \(status.changed)"
                : String(line)
        }
        try Files.write(lines.joined(separator: "\n") + "\n", to: record)
        #expect(try await served.store.missing(served.lock.items).isEmpty)
        #expect(try await served.store.missing(served.lock.items, verify: .full).map(\.name) == ["big"])
    }

    @Test func `damaged or lost records only cost time`() async throws {
        let served = try await Served()
        try await served.ensureAll()
        try Files.write("rubbish\n\u{0} 1 2\n", to: served.archive.scratch.path.appending("cache/debs/verified"))
        try await served.ensureAll()
        #expect(try served.server.requests.count == 3)
    }

    @Test func `two builds at once fetch everything once`() async throws {
        let served = try await Served(["big_1:1.0+x_amd64.deb slow 500 1"])
        async let first: Void = served.ensureAll()
        async let second: Void = served.ensureAll()
        _ = try await (first, second)
        #expect(try served.server.requests.count == 3)
    }

    @Test func `a network that is not there is an error that says so`() async throws {
        let served = try await Served()
        let error = try await served.failure(
            served.archive.store(Mirrors(debian: "http://127.0.0.1:1/debian", security: "http://127.0.0.1:1/s")))
        #expect(error.code == "fetch.failed")
        #expect(error.exit == .unavailable)
        #expect(error.cause?.contains("127.0.0.1:1") == true)
    }

    @Test func `packages come from files as from a server`() async throws {
        let served = try await Served()
        try await served.ensureAll(served.archive.store())
        #expect(try served.server.requests.isEmpty)
    }
}
