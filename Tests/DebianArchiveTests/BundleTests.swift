// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import Hashing
import LapwingCore
import SystemPackage
import Testing

private struct Exported {
    let archive: MiniArchive
    let bundle: Bundle
    let file: FilePath

    init() async throws {
        archive = try await MiniArchive()
        try await archive.publish(
            "trixie", in: "debian", [.init(name: "big", weight: 3_000_000), .init(name: "one")])
        try await archive.publish("trixie-updates", in: "debian", [])
        try await archive.publish("trixie-security", in: "security", [])
        var lock = try await archive.client().resolve(
            recipe: "mini", release: MiniArchive.release,
            sets: [SetRequest(.root, architecture: "amd64", packages: ["big", "one"], base: .none)])
        await archive.close()
        let source = Array("the source".utf8)
        try Files.write(source, to: archive.root.appending("debian/pool/main/one_1.0.tar.xz"))
        lock.sources = [
            LockedSource(
                name: "one", version: "1.0", archive: "debian", path: "pool/main/one_1.0.tar.xz",
                size: UInt64(source.count), sha256: .of(source))
        ]
        bundle = Bundle(
            lock: lock,
            files: [
                .init(name: "mini.yaml", bytes: Array("lapwing: 1\n".utf8)),
                .init(name: "layers/base.yaml", bytes: Array("name: base\n".utf8)),
            ], main: "mini.yaml")
        file = archive.scratch.path.appending("mini.lapwing")
        try await bundle.export(from: archive.store(), to: file)
    }

    /// A store of another machine, which has no network.
    var elsewhere: PackageStore {
        PackageStore(archive.context, cache: archive.scratch.path.appending("elsewhere")) {
            throw LapwingError("test.network", "asked for the mirrors")
        }
    }

    func refused(_ bytes: [UInt8]) async throws -> LapwingError {
        let spoiled = archive.scratch.path.appending("spoiled")
        try Files.write(bytes, to: spoiled)
        let error = await #expect(throws: LapwingError.self) { _ = try await Bundle.import(spoiled, into: elsewhere) }
        // Whatever was wrong, nothing wrong is in the store and nothing half-written stays.
        let debs = archive.scratch.path.appending("elsewhere/debs")
        if Files.isDirectory(debs) {
            #expect(try Files.names(in: debs).allSatisfy { !$0.hasSuffix(".import") })
            for package in bundle.lock.packages where Files.exists(elsewhere.path(package.sha256)) {
                #expect(try Digest.ofFile(elsewhere.path(package.sha256)) == package.sha256)
            }
        }
        return try #require(error)
    }

    /// Makes a tar with GNU tar of one file, to be put before the end of the bundle.
    func tar(_ arguments: [String]) async throws -> [UInt8] {
        let result = try await archive.context.runner.require(
            Command("tar", ["--format=ustar", "-c", "-P"] + arguments, workingDirectory: archive.scratch.path))
        return Array(result.output[..<1024])
    }
}

@Suite struct BundleTests {
    @Test func `a machine without network has everything after the import`() async throws {
        let exported = try await Exported()
        let read = try await Bundle.import(exported.file, into: exported.elsewhere)
        #expect(read == exported.bundle)
        let paths = try await exported.elsewhere.ensure(items: read.lock.items)
        #expect(paths.count == 3)
        for (digest, path) in paths { #expect(try Digest.ofFile(path) == digest) }
        let directory = exported.archive.scratch.path.appending("work")
        let recipe = try read.write(to: directory)
        #expect(try Files.text(recipe) == "lapwing: 1\n")
        #expect(try Files.text(directory.appending("layers/base.yaml")) == "name: base\n")
        #expect(try Lock.read(directory.appending("mini.lock.json")) == read.lock)
        // Once more is fine; over something else is not.
        _ = try read.write(to: directory)
        try Files.write("mine", to: directory.appending("layers/base.yaml"))
        let error = #expect(throws: LapwingError.self) { try read.write(to: directory) }
        #expect(error?.code == "import.exists")
        #expect(try Files.text(directory.appending("layers/base.yaml")) == "mine")
    }

    @Test func `the same content gives the same bytes, which GNU tar reads`() async throws {
        let exported = try await Exported()
        let again = exported.archive.scratch.path.appending("again")
        try await exported.bundle.export(from: exported.archive.store(), to: again)
        #expect(try Digest.ofFile(again) == Digest.ofFile(exported.file))
        let listing = try await exported.archive.context.runner.require(Command("tar", ["-tf", again.string]))
        let names = listing.text.split(separator: "\n")
        #expect(names.first == "lapwing-export.json")
        #expect(names.count == 2 + 2 + 3)
        #expect(listing.errorText.isEmpty)
    }

    @Test func `a changed byte anywhere in a package is found`() async throws {
        let exported = try await Exported()
        var bytes = try Files.read(exported.file)
        bytes[bytes.count - 1_500_000] ^= 1
        #expect(try await exported.refused(bytes).code == "import.bad-archive")
    }

    @Test func `a changed recipe or lock is found`() async throws {
        let exported = try await Exported()
        let bytes = try Files.read(exported.file)
        for text in ["lapwing: 1\n", "\"recipe\" : \"mini\""] {
            let wanted = Array(text.utf8)
            let index = try #require(bytes.indices.first { bytes[$0...].starts(with: wanted) })
            var changed = bytes
            changed[index + wanted.count - 2] ^= 1
            #expect(try await exported.refused(changed).exit == .badInput)
        }
    }

    @Test(arguments: [0, 511, 5000, 1_000_000]) func `a file cut short is refused`(length: Int) async throws {
        let exported = try await Exported()
        let bytes = try Files.read(exported.file)
        #expect(try await exported.refused(Array(bytes[..<length])).exit == .badInput)
        #expect(try await exported.refused(Array(bytes.dropLast(512))).exit == .badInput)
    }

    @Test func `entries that leave the directory, links, devices and strangers are refused`() async throws {
        let exported = try await Exported()
        let bytes = Array(try Files.read(exported.file).dropLast(1024))
        let end = [UInt8](repeating: 0, count: 1024)
        let scratch = exported.archive.scratch.path
        try Files.write("evil", to: scratch.appending("evil"))
        try await exported.archive.context.runner.require(
            Command(
                "sh",
                ["-c", "ln -s /etc/passwd link; mkfifo pipe; mkdir -p recipe; ln -s /etc/passwd recipe/mini.yaml"],
                workingDirectory: scratch))
        let strangers = [
            ["evil"], ["link"], ["pipe"], ["recipe/mini.yaml"], ["--transform=s,^,../../,", "evil"],
            ["--transform=s,^,/tmp/,", "evil"], ["--transform=s,^,recipe/../../,", "evil"],
            ["--transform=s,^,recipe/,", "evil"], ["--transform=s,^evil,lock.json,", "evil"],
        ]
        for arguments in strangers {
            let error = try await exported.refused(bytes + (try await exported.tar(arguments)) + end)
            #expect(error.exit == .badInput, "\(arguments)")
        }
        // The same bytes without the stranger are taken.
        try Files.write(bytes + end, to: scratch.appending("good"))
        _ = try await Bundle.import(scratch.appending("good"), into: exported.elsewhere)
    }

    @Test func `a file that is something else entirely is refused`() async throws {
        let exported = try await Exported()
        #expect(try await exported.refused(Array("#!/bin/sh\n".utf8)).code == "import.bad-archive")
        #expect(try await exported.refused([UInt8](repeating: 0, count: 4096)).exit == .badInput)
        #expect(try await exported.refused([UInt8](repeating: 0x55, count: 4096)).exit == .badInput)
    }

    @Test(arguments: ["../x.yaml", "/x.yaml", "a//b", "", "a/./b", "a\nb"])
    func `a recipe file outside of the recipe's tree is not exported`(name: String) async throws {
        let exported = try await Exported()
        let bundle = Bundle(lock: exported.bundle.lock, files: [.init(name: name, bytes: [])], main: name)
        let target = exported.archive.scratch.path.appending("bad")
        let error = await #expect(throws: LapwingError.self) {
            try await bundle.export(from: exported.archive.store(), to: target)
        }
        #expect(error?.code == "bundle.unsafe-name")
        #expect(!Files.exists(target))
    }
}
