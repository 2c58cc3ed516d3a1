// SPDX-License-Identifier: Apache-2.0

import Hashing
public import LapwingCore
public import SystemPackage

/// The release whose signed indices are read.
public struct ArchiveRelease: Sendable, Hashable {
    /// The code name, such as `trixie`.
    public var codename: String
    /// The components, such as `main` and `non-free-firmware`, sorted.
    public var components: [String]
    /// A suite that stands beside the release.
    public enum Pocket: String, Sendable, Hashable, CaseIterable {
        /// Changes that cannot wait for the next point release.
        case updates
        /// Security fixes, from an archive of their own.
        case security
    }

    /// The suites taken beside the release itself.
    public var pockets: Set<Pocket>
    /// The architectures, sorted.
    public var architectures: [String]
    /// Whether the indices of sources are read too.
    public var sources: Bool

    /// Names a release.
    public init(
        _ codename: String, components: [String] = ["main"], pockets: Set<Pocket> = Set(Pocket.allCases),
        architectures: [String], sources: Bool = false
    ) {
        self.sources = sources
        self.codename = codename
        self.pockets = pockets
        self.components = Set(components).sorted()
        self.architectures = Set(architectures).sorted()
    }

    /// The suites with the archive each stands in.
    var suites: [(archive: String, suite: String)] {
        [(Mirrors.debian, codename)]
            + Pocket.allCases.filter(pockets.contains).map {
                ($0 == .security ? Mirrors.security : Mirrors.debian, "\(codename)-\($0.rawValue)")
            }
    }
}

/// What to resolve for one set.
public struct SetRequest: Sendable, Hashable {
    /// The set.
    public var set: PackageSetName
    /// The Debian architecture.
    public var architecture: String
    /// The packages asked for.
    public var packages: [String]
    /// What is taken besides.
    public var base: PackageBase
    /// Packages that must not come in.
    public var without: [String]

    /// Describes a set.
    public init(
        _ set: PackageSetName, architecture: String, packages: [String], base: PackageBase = .essential,
        without: [String] = []
    ) {
        self.set = set
        self.architecture = architecture
        self.packages = Set(packages).sorted()
        self.base = base
        self.without = Set(without).sorted()
    }
}

/// One set after resolving.
public struct ResolvedSet: Sendable, Hashable {
    /// What was asked for.
    public let request: SetRequest
    /// The packages, exactly.
    public let packages: [LockedPackage]
}

/// Reads Debian's signed indices and resolves package sets with apt's own solver in a private directory.
public struct ArchiveClient: Sendable {
    let context: Context
    let cache: FilePath
    let mirrors: Mirrors
    let keyring: FilePath

    /// A client.
    /// - Parameters:
    ///   - cache: the user's cache directory of lapwing; apt's directories go to `apt` in it.
    ///   - mirrors: where the archives are.
    ///   - keyring: whose signatures count; nil for the Debian keyring of the host.
    public init(_ context: Context, cache: FilePath, mirrors: Mirrors, keyring: FilePath? = nil) throws {
        self.context = context
        self.cache = cache
        self.mirrors = mirrors
        self.keyring = try keyring ?? Self.debianKeyring()
    }

    /// The Debian keyring below a root; an error when it is not installed.
    public static func debianKeyring(root: FilePath = "/") throws -> FilePath {
        let directory = root.appending("usr/share/keyrings")
        for name in ["debian-archive-keyring.gpg", "debian-archive-keyring.pgp"] {
            let path = directory.appending(name)
            if Files.exists(path) { return path }
        }
        throw LapwingError(
            "archive.no-keyring", exit: .unavailable, "The keyring of the Debian archive is not there.",
            subject: directory.string, hint: "Install the package debian-archive-keyring.")
    }

    /// Fetches the release's indices, or sees that they are unchanged, and checks their signatures and dates. Anything
    /// less than a good and current signature over every index is an error that names the index. While the result
    /// lives, other processes wait to refresh the same indices.
    public func refresh(_ release: ArchiveRelease, apt: AptProgram = .host) async throws -> SignedIndices {
        let keys = try Digest.ofFile(keyring)
        let identity =
            release.suites.map(\.suite) + [keys.hex] + release.components + release.architectures
            + (release.sources ? ["sources"] : [])
        let places = mirrors.uris.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        let name = Digest.of((identity + places).joined(separator: "\n")).short
        let directory = AptDirectory(path: cache.appending("apt").appending(name))
        guard directory.path.string.utf8.allSatisfy({ $0 > 32 && !"\"'\\[];{}".utf8.contains($0) }) else {
            throw LapwingError(
                "archive.bad-directory", exit: .badInput, "apt cannot work in a directory of that name.",
                subject: directory.path.string, hint: "Set XDG_CACHE_HOME to a path without spaces and quotes.")
        }
        try Files.makeDirectory(directory.path)
        let progress = context.progress
        let lock = try await FileLock.acquire(directory.path.appending("lock"), .exclusive) {
            progress.note("waiting for another lapwing that reads the same indices")
        }
        let proxy = await HostProxy.read(context)
        try directory.prepare(release, mirrors, keyring: keyring, proxy: proxy)
        context.progress.note("reading the signed indices of \(release.codename)")
        let command = directory.command(
            "apt-get", ["-q", "update", "--error-on=any"], configuration: "update", environment: context.environment)
        let result = try await context.runner.run(try await apt.command(command, directory.path))
        if let error = AptTalk.indexError(
            result.errorText, succeeded: result.succeeded, release: release, mirrors: mirrors)
        {
            throw error
        }
        let indices = try release.suites.map { try readIndex($0.archive, $0.suite, release, directory) }
        return SignedIndices(
            client: self, release: release, indices: indices, directory: directory, lock: lock)
    }

    /// Resolves sets and makes a lock: reads the indices once, then solves each set with the apt given for it.
    public func resolve(
        recipe: String, release: ArchiveRelease, sets: [SetRequest], sources: [LockedSource] = [],
        apt: AptProgram = .host
    ) async throws -> Lock {
        let indices = try await refresh(release)
        var resolved: [ResolvedSet] = []
        for request in sets { resolved.append(try await indices.resolve(request, apt: apt)) }
        return indices.lock(recipe: recipe, sets: resolved, sources: sources)
    }

    /// Reads one `InRelease` apt has verified.
    private func readIndex(
        _ archive: String, _ suite: String, _ release: ArchiveRelease, _ directory: AptDirectory
    ) throws -> LockedIndex {
        let lists = directory.path.appending("lists")
        let ending = "_dists_\(suite)_InRelease"
        let files = try Files.names(in: lists).filter { $0.hasSuffix(ending) }
        guard let file = files.first, files.count == 1 else {
            throw LapwingError(
                "archive.unsigned", "The archive has no InRelease file for a suite.",
                subject: "\(mirrors.uris[archive] ?? archive) \(suite)",
                hint: "Only archives with clear-signed indices are used.")
        }
        let bytes = try Files.read(lists.appending(file), limit: 16 << 20)
        let text = ControlText.signedPart(String(decoding: bytes, as: UTF8.self))
        guard let fields = ControlText.paragraphs(text).first, let date = fields["date"].flatMap(ControlText.date),
            fields["codename"] == suite || fields["suite"] == suite
        else {
            throw LapwingError(
                "archive.bad-index", "An index says neither what it is nor when it was made.",
                subject: "\(mirrors.uris[archive] ?? archive) \(suite)")
        }
        return LockedIndex(
            archive: archive, suite: suite, components: release.components, inRelease: .of(bytes), date: date,
            validUntil: fields["valid-until"].flatMap(ControlText.date))
    }
}
