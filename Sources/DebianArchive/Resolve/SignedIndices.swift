// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore

/// Indices whose signatures were checked, ready to resolve sets against. Holds a lock on its directory while it lives.
public final class SignedIndices: Sendable {
    private let client: ArchiveClient
    private let directory: AptDirectory
    private let lock: FileLock
    /// The release they are of.
    public let release: ArchiveRelease
    /// The indices.
    public let indices: [LockedIndex]

    init(
        client: ArchiveClient, release: ArchiveRelease, indices: [LockedIndex], directory: AptDirectory, lock: FileLock
    ) {
        self.client = client
        self.release = release
        self.indices = indices
        self.directory = directory
        self.lock = lock
    }

    /// Resolves one set: the newest versions that go together, no recommended packages. Needs no network.
    public func resolve(_ request: SetRequest, apt: AptProgram = .host) async throws -> ResolvedSet {
        guard release.architectures.contains(request.architecture) else {
            throw LapwingError(
                "resolve.architecture", exit: .badInput, "The indices were not read for this architecture.",
                subject: request.architecture, cause: "they are for \(release.architectures.joined(separator: ", "))")
        }
        for name in request.packages + request.without where !PackageSyntax.isName(name) {
            throw LapwingError(
                "resolve.bad-name", exit: .badInput, "That is no package name.", subject: name)
        }
        client.context.progress.status("resolving the set \(request.set.rawValue)")
        var arguments = ["install"] + request.packages
        if request.base != .none { arguments.append("?essential") }
        if request.base == .required { arguments.append("?priority(required)") }
        arguments += request.without.map { $0 + "-" }
        let result = try await run("apt-get", ["-qq", "--print-uris"] + arguments, request, apt)
        guard result.succeeded, AptTalk.complaints(result.errorText).isEmpty else {
            // Asked for less quiet, apt says which dependencies are in the way.
            throw AptTalk.solverError(try await run("apt-get", ["-q", "-s"] + arguments, request, apt), request)
        }
        let planned = try result.text.split(separator: "\n").filter { $0.hasPrefix("'") }.map(
            PlannedPackage.init(line:))
        if planned.isEmpty {
            try Self.check(request, [])
            return ResolvedSet(request: request, packages: [])
        }
        // The records, as apt has them from the verified indices.
        let names = planned.map { "\($0.name)=\($0.version)" }
        let shown = try await run("apt-cache", ["-q", "show"] + names, request, apt)
        guard shown.succeeded else { throw AptTalk.solverError(shown, request) }
        var records: [String: [[String: String]]] = [:]
        for record in ControlText.paragraphs(shown.text) {
            let key = "\(record["package"] ?? "")_\(record["version"] ?? "")_\(record["architecture"] ?? "")"
            records[key, default: []].append(record)
        }
        let uris = client.mirrors.uris
        let packages = try planned.map { try $0.locked(records, uris: uris, set: request.set) }
        try Self.check(request, packages)
        return ResolvedSet(request: request, packages: packages.sorted { $0.name < $1.name })
    }

    /// What was asked for has to be there under its own name or as provided: apt also takes regular expressions, and
    /// names with an appended sign as something to leave out.
    private static func check(_ request: SetRequest, _ packages: [LockedPackage]) throws {
        var names = Set(packages.map(\.name))
        for package in packages { names.formUnion(Relations.provided(package)) }
        let missing = request.packages.filter { !names.contains($0) }
        if missing.isEmpty { return }
        throw AptTalk.noSuchPackage(missing, request)
    }

    /// The URIs of the archives, by name.
    var archives: [String: String] { client.mirrors.uris }

    func run(
        _ executable: String, _ arguments: [String], _ request: SetRequest, _ apt: AptProgram
    ) async throws -> CommandResult {
        let command = directory.command(
            executable, arguments, configuration: request.architecture, environment: client.context.environment)
        return try await client.context.runner.run(try await apt.command(command, directory.path))
    }

    /// The date of the newest index, in seconds since 1970.
    public var date: Int64 { indices.map(\.date).max() ?? 0 }

    /// Makes a lock of resolved sets.
    public func lock(recipe: String, sets: [ResolvedSet], sources: [LockedSource] = []) -> Lock {
        let described = sets.map { set in
            (
                set.request.set,
                LockedSet(
                    architecture: set.request.architecture, requested: set.request.packages, base: set.request.base)
            )
        }
        return Lock(
            recipe: recipe, release: release.codename, indices: indices,
            sets: Dictionary(described, uniquingKeysWith: { _, last in last }), packages: sets.flatMap(\.packages),
            sources: sources)
    }
}

/// A line of `apt-get --print-uris`: `'uri' name_version_architecture.deb size hash`.
struct PlannedPackage: Hashable {
    var uri: String
    var name: String
    var version: String
    var architecture: String
    var size: UInt64

    init(line: Substring) throws {
        let words = line.split(separator: " ")
        guard words.count >= 3, words[0].hasPrefix("'"), words[0].hasSuffix("'"), words[1].hasSuffix(".deb"),
            let size = UInt64(words[2])
        else { throw Self.unexpected(String(line)) }
        let parts = words[1].dropLast(4).split(separator: "_", omittingEmptySubsequences: false)
        guard parts.count == 3 else { throw Self.unexpected(String(line)) }
        uri = String(words[0].dropFirst().dropLast())
        name = Self.unquoted(parts[0])
        version = Self.unquoted(parts[1])
        architecture = Self.unquoted(parts[2])
        self.size = size
    }

    private static func unexpected(_ text: String) -> LapwingError {
        LapwingError("resolve.unexpected", "apt answered in a way that was not expected.", cause: text)
    }

    /// A text without its `%xx` escapes.
    static func unquoted(_ text: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The package with what its record in the verified index says. The record's path has to be the one apt would
    /// fetch, which also says which archive it is in.
    func locked(
        _ records: [String: [[String: String]]], uris: [String: String], set: PackageSetName
    ) throws -> LockedPackage {
        let key = "\(name)_\(version)_\(architecture)"
        let wanted = Self.unquoted(uri.hasPrefix("copy:") ? "file:" + uri.dropFirst(5) : uri)
        for record in records[key] ?? [] {
            guard let path = record["filename"],
                let archive = uris.sorted(by: { $0.key < $1.key }).first(where: {
                    wanted == "\(Self.unquoted($0.value))/\(path)"
                })?.key
            else { continue }
            guard let hex = record["sha256"], let sha256 = Digest(hex: hex), record["size"] == String(size) else {
                throw LapwingError(
                    "archive.weak", "An index gives no SHA-256 for a package.", subject: key,
                    hint: "Only archives with SHA-256 in their indices are used.")
            }
            guard LockCheck.isSafePath(path), PackageSyntax.isName(name), PackageSyntax.isVersion(version) else {
                throw LapwingError("archive.bad-record", "An index has an unsafe entry.", subject: key, cause: path)
            }
            let source = ControlText.words(record["source"])
            return LockedPackage(
                name: name, version: version, architecture: architecture, archive: archive, path: path, size: size,
                sha256: sha256, installedSize: UInt64(record["installed-size"] ?? "") ?? 0, source: source.first,
                sourceVersion: source.count > 1 ? String(source[1].dropFirst().dropLast()) : nil,
                essential: record["essential"] == "yes", priority: record["priority"] ?? "optional",
                depends: record["depends"] ?? "", preDepends: record["pre-depends"] ?? "",
                provides: record["provides"] ?? "", sets: [set])
        }
        throw LapwingError(
            "resolve.unexpected", "apt chose a package that no index describes.", subject: key, cause: uri)
    }
}
