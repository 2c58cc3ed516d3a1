// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import Hashing
import LapwingCore
import SystemPackage
import Testing

@Suite struct ResolveTests {
    private func resolved(_ base: PackageBase, _ packages: [String], without: [String] = []) async throws
        -> [String]
    {
        let archive = try await MiniArchive.usual()
        let request = SetRequest(.root, architecture: "amd64", packages: packages, base: base, without: without)
        let set = try await archive.refresh().resolve(request, apt: testedApt)
        await archive.close()
        return set.packages.map { "\($0.name) \($0.version)" }
    }

    @Test func `a set is what is asked for, what that needs, and the essential packages, newest versions first`()
        async throws
    {
        #expect(
            try await resolved(.essential, ["app"]) == [
                "app 1:2.0-1+b1", "base 1.0", "libthing 1.0+deb13u1", "postman 1.0",
            ])
    }

    @Test func `without a base only dependencies come in, with required all of that priority`() async throws {
        #expect(try await resolved(.none, ["other"]) == ["other 1.0"])
        #expect(try await resolved(.required, ["other"]) == ["base 1.0", "other 1.0", "toolbox 1.0"])
    }

    @Test func `a lock has sizes, digests, paths, archives and the date of the newest index`() async throws {
        let archive = try await MiniArchive.usual()
        let lock = try await archive.client().resolve(
            recipe: "mini", release: MiniArchive.release,
            sets: [
                SetRequest(.root, architecture: "amd64", packages: ["app"]),
                SetRequest(.tools, architecture: "amd64", packages: ["libthing"]),
            ])
        await archive.close()
        #expect(lock.sourceDateEpoch == 1_762_164_000)
        #expect(lock.indices.map(\.suite) == ["trixie", "trixie-updates", "trixie-security"])
        let library = try #require(lock.packages.first { $0.name == "libthing" })
        #expect(library.archive == Mirrors.security)
        #expect(library.sets == [.root, .tools])
        #expect(library.installedSize == 7)
        for package in lock.packages {
            let directory = package.archive == Mirrors.debian ? "debian" : "security"
            let bytes = try Files.read(archive.root.appending(directory).appending(package.path))
            #expect(package.size == UInt64(bytes.count))
            #expect(package.sha256 == .of(bytes))
        }
        #expect(lock.packages.first { $0.name == "base" }?.essential == true)
        #expect(try Lock.parse(try lock.json(), file: "x") == lock)
    }

    @Test func `only the suites asked for beside the release are read`() async throws {
        let archive = try await MiniArchive.usual()
        let locks = [
            try await archive.lock(pockets: [.updates]), try await archive.lock(pockets: [.security]),
            try await archive.lock(pockets: []),
        ]
        await archive.close()
        #expect(
            locks.map { $0.indices.map(\.suite) } == [
                ["trixie", "trixie-updates"], ["trixie", "trixie-security"], ["trixie"],
            ])
        #expect(
            locks.map { $0.packages.first { $0.name == "libthing" }?.version } == ["1.0", "1.0+deb13u1", "1.0"])
    }

    @Test func `a package nobody has is named`() async throws {
        let error = await #expect(throws: LapwingError.self) { try await resolved(.essential, ["app", "nowhere"]) }
        #expect(error?.code == "resolve.no-such-package")
        #expect(error?.subject == "nowhere")
    }

    @Test func `a package that must stay out is not brought in by a dependency`() async throws {
        let error = await #expect(throws: LapwingError.self) {
            try await resolved(.none, ["app"], without: ["libthing"])
        }
        #expect(error?.code == "resolve.conflict")
        #expect(error?.cause?.contains("libthing") == true, "\(error?.description ?? "")")
    }

    @Test(arguments: ["--help", "../x", "a b", "?essential", "app-", "app=1"])
    func `what is no package name never reaches apt`(name: String) async throws {
        let archive = try await MiniArchive.usual()
        let indices = try await archive.refresh()
        await archive.close()
        // "app-" is spelled like a name and is none the archive has.
        let error = await #expect(throws: LapwingError.self) {
            try await indices.resolve(SetRequest(.root, architecture: "amd64", packages: [name]))
        }
        #expect(error?.exit == .badInput)
    }
}

/// Every way in which an index can be less than signed and current, each after a good first reading: apt then has old
/// indices it would go on with.
@Suite struct SignatureTests {
    private func failure(
        afterGood: Bool, _ spoil: (MiniArchive, FilePath) async throws -> Void
    ) async throws -> LapwingError {
        let archive = try await MiniArchive.usual()
        if afterGood { _ = try await archive.refresh() }
        try await spoil(archive, archive.root.appending("security/dists/trixie-security"))
        let error = await #expect(throws: LapwingError.self) {
            _ = try await archive.refresh()
        }
        await archive.close()
        let found = try #require(error)
        #expect(found.subject == "file:\(archive.root)/security trixie-security")
        return found
    }

    @Test(arguments: [false, true]) func `a changed index is an error`(afterGood: Bool) async throws {
        let error = try await failure(afterGood: afterGood) { _, directory in
            let text = try Files.text(directory.appending("InRelease"))
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let changed = lines.map { $0.hasPrefix("Origin: Test") ? "Origin: Evil" : $0 }.joined(separator: "\n")
            try Files.write(changed, to: directory.appending("InRelease"))
        }
        #expect(error.code == "archive.bad-signature")
    }

    @Test(arguments: [false, true]) func `an index without a signature is an error`(afterGood: Bool) async throws {
        let error = try await failure(afterGood: afterGood) { _, directory in
            let text = try Files.text(directory.appending("InRelease"))
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let body = lines.drop { !$0.hasPrefix("Origin") }.prefix { !$0.hasPrefix("-----") }
            try Files.write(body.joined(separator: "\n") + "\n", to: directory.appending("Release"))
            try Files.remove(directory.appending("InRelease"))
        }
        #expect(error.code == "archive.unsigned")
    }

    @Test(arguments: [false, true]) func `no index at all is an error`(afterGood: Bool) async throws {
        let error = try await failure(afterGood: afterGood) { _, directory in
            try Files.remove(directory.appending("InRelease"))
        }
        #expect(["archive.unsigned", "archive.not-found"].contains(error.code), "\(error)")
    }

    @Test(arguments: [false, true]) func `an index signed by somebody else is an error`(afterGood: Bool) async throws {
        let stranger = try await MiniArchive.usual()
        let error = try await failure(afterGood: afterGood) { _, directory in
            let theirs = stranger.root.appending("security/dists/trixie-security")
            for name in ["InRelease", "main/binary-amd64/Packages"] {
                try Files.write(try Files.read(theirs.appending(name)), to: directory.appending(name))
            }
        }
        await stranger.close()
        #expect(error.code == "archive.unknown-key")
    }

    @Test(arguments: [false, true]) func `an index past its date is an error`(afterGood: Bool) async throws {
        let error = try await failure(afterGood: afterGood) { archive, _ in
            try await archive.publish(
                "trixie-security", in: "security", [], validUntil: "Sun, 02 Nov 2025 10:00:00 UTC")
        }
        #expect(error.code == "archive.expired")
    }

    @Test(arguments: [false, true]) func `a package list that is not the signed one is an error`(afterGood: Bool)
        async throws
    {
        let error = try await failure(afterGood: afterGood) { archive, directory in
            // Sign a new list, then put another one of the same length in its place.
            try await archive.publish(
                "trixie-security", in: "security", [.init(name: "libthing", version: "1.0+deb13u2")])
            let file = directory.appending("main/binary-amd64/Packages")
            var bytes = try Files.read(file)
            bytes[bytes.count - 3] ^= 1
            try Files.write(bytes, to: file)
        }
        #expect(error.code == "archive.index-mismatch", "\(error)")
    }

    @Test func `another suite under the asked one's name is an error`() async throws {
        let error = try await failure(afterGood: false) { archive, directory in
            let updates = archive.root.appending("debian/dists/trixie-updates")
            for name in ["InRelease", "main/binary-amd64/Packages"] {
                try Files.write(try Files.read(updates.appending(name)), to: directory.appending(name))
            }
        }
        #expect(error.code == "archive.wrong-suite")
    }

    @Test func `a list without SHA-256 is an error`() async throws {
        let archive = try await MiniArchive.usual()
        try await archive.publish("trixie", in: "debian", [.init(name: "app")]) { records in
            records.split(separator: "\n").filter { !$0.hasPrefix("SHA256") }.joined(separator: "\n") + "\n"
        }
        let error = await #expect(throws: LapwingError.self) {
            try await archive.refresh().resolve(
                SetRequest(.root, architecture: "amd64", packages: ["app"], base: .none))
        }
        await archive.close()
        #expect(error?.code == "archive.weak")
    }
}
