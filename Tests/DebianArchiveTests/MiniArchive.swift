// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import FoundationEssentials
import Hashing
import LapwingCore
import SystemPackage
import Testing

/// A directory that is gone when the test is.
final class Scratch: Sendable {
    let path: FilePath

    init() throws {
        path = FilePath("/tmp/lapwing-\(UInt32.random(in: 0 ... .max))")
        try Files.makeDirectory(path)
    }

    deinit { try? Files.removeTree(path) }
}

/// Remembers what was said.
final class Talk: Progress, @unchecked Sendable {
    private let path: FilePath
    init(_ scratch: Scratch) { path = scratch.path.appending("talk") }

    private func add(_ text: String) {
        let old = (try? Files.text(path)) ?? ""
        try? Files.write(old + text + "\n", to: path)
    }

    var text: String { (try? Files.text(path)) ?? "" }
    func note(_ text: String) { add("note: " + text) }
    func status(_ text: String) {}
    func warning(_ text: String) { add("warning: " + text) }
}

func liveContext(_ scratch: Scratch) -> Context {
    var context = Context.trapping
    context.runner = SubprocessRunner()
    context.progress = Talk(scratch)
    context.environment = [
        "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": "/nonexistent",
    ]
    return context
}

/// The apt that is tested: the host's, or that of the Debian tree `LAPWING_TEST_APT_TREE` names.
let testedApt: AptProgram = {
    guard let tree = ProcessInfo.processInfo.environment["LAPWING_TEST_APT_TREE"] else { return .host }
    return AptProgram { command, _ in
        var inside = command
        inside.executable = "bwrap"
        inside.arguments =
            ["--ro-bind", tree, "/", "--dev", "/dev", "--proc", "/proc", "--bind", "/tmp", "/tmp", command.executable]
            + command.arguments
        return inside
    }
}()

/// A throw-away archive with two parts (main and security), its own key, and packages with nothing in them.
struct MiniArchive {
    struct Package {
        var name: String
        var version = "1.0"
        var depends = ""
        var provides = ""
        var essential = false
        var priority = "optional"
        var architecture = "amd64"
        /// Bytes of content, to make transfers long enough to be cut.
        var weight = 0
    }

    let scratch: Scratch
    let context: Context
    var root: FilePath { scratch.path.appending("archive") }
    var home: FilePath { scratch.path.appending("gpg") }
    var keyring: FilePath { scratch.path.appending("keyring.gpg") }

    /// Makes the directories and the key.
    init() async throws {
        scratch = try Scratch()
        context = liveContext(scratch)
        try Files.makeDirectory(root)
        try Files.makeDirectory(home, permissions: .ownerReadWriteExecute)
        try await gpg(["--quick-gen-key", "Test archive <archive@example.invalid>", "ed25519", "sign", "never"])
        try await gpg(["--output", keyring.string, "--export"])
    }

    func gpg(_ arguments: [String]) async throws {
        let base = [
            "--homedir", home.string, "--batch", "--yes", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "",
        ]
        try await context.runner.require(Command("gpg", base + arguments))
        // Each waiting agent takes two of the 128 inotify instances a user has.
        await close()
    }

    /// Ends the key's agent; its socket would outlive the test.
    func close() async {
        _ = try? await context.runner.run(Command("gpgconf", ["--homedir", home.string, "--kill", "gpg-agent"]))
    }

    /// Makes a package in the pool of an archive and returns its record.
    func make(_ package: Package, in archive: String) async throws -> String {
        let stem = "\(package.name)_\(package.version)_\(package.architecture)"
        let tree = scratch.path.appending("trees").appending(stem)
        try Files.makeDirectory(tree.appending("DEBIAN"))
        var control = """
            Package: \(package.name)
            Version: \(package.version)
            Architecture: \(package.architecture)
            Maintainer: Nobody <nobody@example.invalid>
            Priority: \(package.priority)
            Installed-Size: 7
            Description: for tests

            """
        if !package.depends.isEmpty { control = "Depends: \(package.depends)\n" + control }
        if !package.provides.isEmpty { control = "Provides: \(package.provides)\n" + control }
        if package.essential { control = "Essential: yes\n" + control }
        try Files.write(control, to: tree.appending("DEBIAN/control"))
        if package.weight > 0 {
            try Files.makeDirectory(tree.appending("usr/share"))
            var generator = SystemRandomNumberGenerator()
            let noise = (0..<package.weight / 8).flatMap { _ in withUnsafeBytes(of: generator.next(), Array.init) }
            try Files.write(noise, to: tree.appending("usr/share/\(package.name)"))
        }
        let path = "pool/main/\(stem).deb"
        let file = root.appending(archive).appending(path)
        try Files.makeDirectory(file.removingLastComponent())
        try await context.runner.require(
            Command("dpkg-deb", ["--root-owner-group", "-Zgzip", "-b", tree.string, file.string]))
        let bytes = try Files.read(file)
        return control + "Filename: \(path)\nSize: \(bytes.count)\nSHA256: \(Digest.of(bytes))\n"
    }

    /// Writes and signs one suite.
    func publish(
        _ suite: String, in archive: String, _ packages: [Package], date: String = "Sat, 01 Nov 2025 10:00:00 UTC",
        validUntil: String? = nil, sources: String? = nil, edit: (String) -> String = { $0 }
    ) async throws {
        var records: [String] = []
        for package in packages { records.append(try await make(package, in: archive)) }
        try await publish(
            suite, in: archive, records: edit(records.joined(separator: "\n")), date: date, validUntil: validUntil,
            sources: sources)
    }

    /// Writes and signs one suite of given records.
    func publish(
        _ suite: String, in archive: String, records: String, date: String = "Sat, 01 Nov 2025 10:00:00 UTC",
        validUntil: String? = nil, sources: String? = nil
    ) async throws {
        let directory = root.appending(archive).appending("dists").appending(suite)
        try Files.makeDirectory(directory.appending("main/binary-amd64"))
        try Files.write(records, to: directory.appending("main/binary-amd64/Packages"))
        let packages = Array(records.utf8)
        var release = """
            Origin: Test
            Suite: \(suite)
            Codename: \(suite)
            Date: \(date)
            Architectures: amd64
            Components: main

            """
        if let validUntil { release += "Valid-Until: \(validUntil)\n" }
        release += "SHA256:\n \(Digest.of(packages)) \(packages.count) main/binary-amd64/Packages\n"
        // A suite of an archive with sources has a list of them, if an empty one.
        let list = Array((sources ?? "").utf8)
        try Files.makeDirectory(directory.appending("main/source"))
        try Files.write(list, to: directory.appending("main/source/Sources"))
        release += " \(Digest.of(list)) \(list.count) main/source/Sources\n"
        try Files.write(release, to: directory.appending("Release"))
        try await gpg([
            "--clearsign", "--output", directory.appending("InRelease").string, directory.appending("Release").string,
        ])
        try Files.remove(directory.appending("Release"))
    }

    /// The usual archive: an application, its library, one essential package, and a newer library in security.
    static func usual() async throws -> MiniArchive {
        let archive = try await MiniArchive()
        try await archive.publish(
            "trixie", in: "debian",
            [
                Package(name: "app", version: "1:2.0-1+b1", depends: "libthing (>= 1.0), mail-agent | nothing"),
                Package(name: "libthing"), Package(name: "base", essential: true, priority: "required"),
                Package(name: "toolbox", priority: "required"), Package(name: "postman", provides: "mail-agent"),
                Package(name: "other"),
            ])
        try await archive.publish("trixie-updates", in: "debian", [], date: "Mon, 03 Nov 2025 10:00:00 UTC")
        try await archive.publish(
            "trixie-security", in: "security", [Package(name: "libthing", version: "1.0+deb13u1")])
        return archive
    }

    /// The archive as files.
    var mirrors: Mirrors {
        Mirrors(debian: "file:\(root)/debian", security: "file:\(root)/security")
    }

    func client(keyring: FilePath? = nil, mirrors: Mirrors? = nil) throws -> ArchiveClient {
        try ArchiveClient(
            context, cache: scratch.path.appending("cache"), mirrors: mirrors ?? self.mirrors,
            keyring: keyring ?? self.keyring)
    }

    static let release = ArchiveRelease("trixie", architectures: ["amd64"])

    /// Reads the indices of the release with the apt that is tested.
    func refresh(keyring: FilePath? = nil) async throws -> SignedIndices {
        try await client(keyring: keyring).refresh(Self.release, apt: testedApt)
    }

    /// Locks the library from the release and the given suites beside it.
    func lock(pockets: Set<ArchiveRelease.Pocket>) async throws -> Lock {
        let release = ArchiveRelease("trixie", pockets: pockets, architectures: ["amd64"])
        let indices = try await client().refresh(release, apt: testedApt)
        let request = SetRequest(.tools, architecture: "amd64", packages: ["libthing"])
        return indices.lock(recipe: "mini", sets: [try await indices.resolve(request, apt: testedApt)])
    }

    func store(_ mirrors: Mirrors? = nil) -> PackageStore {
        let mirrors = mirrors ?? self.mirrors
        return PackageStore(context, cache: scratch.path.appending("cache")) { mirrors }
    }
}
