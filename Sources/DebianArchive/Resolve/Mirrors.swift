// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// What the user configured about archives: `config.json` in `$XDG_CONFIG_HOME/lapwing`.
public struct ArchiveConfiguration: Sendable, Hashable, Codable {
    /// The URI of the Debian archive; nil to read it from the host's apt sources.
    public var mirror: String?
    /// The URI of the security archive; nil to read it from the host's apt sources.
    public var securityMirror: String?
    /// Where superseded packages can still be had, as URI templates with `{path}`, `{archive}`, `{name}`,
    /// `{version}`, `{sha256}` and `{date}` (of the newest index, `YYYYMMDDTHHMMSSZ`).
    public var oldVersions: [String]?

    /// Describes a configuration.
    public init(mirror: String? = nil, securityMirror: String? = nil, oldVersions: [String]? = nil) {
        self.mirror = mirror
        self.securityMirror = securityMirror
        self.oldVersions = oldVersions
    }

    /// Where the configuration stands for a user with this environment; nil without a home directory.
    public static func path(environment: [String: String]) -> FilePath? {
        if let base = environment["XDG_CONFIG_HOME"], base.hasPrefix("/") {
            return FilePath(base).appending("lapwing/config.json")
        }
        guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
        return FilePath(home).appending(".config/lapwing/config.json")
    }

    /// Reads the user's configuration; one that is not there is an empty one, an unknown key is an error.
    public static func load(environment: [String: String]) throws -> ArchiveConfiguration {
        guard let path = path(environment: environment), Files.exists(path) else { return ArchiveConfiguration() }
        let bytes = try Files.read(path, limit: 1 << 20)
        let known = ["mirror", "securityMirror", "oldVersions"]
        if case .object(let members) = try JSONText.decode(JSONValue.self, from: bytes, file: path.string),
            let unknown = members.keys.sorted().first(where: { !known.contains($0) })
        {
            throw LapwingError(
                "config.unknown-key", exit: .badInput, "The configuration has an unknown key.", subject: path.string,
                cause: "\"\(unknown)\"", hint: "The keys are \(known.joined(separator: ", ")).")
        }
        return try JSONText.decode(ArchiveConfiguration.self, from: bytes, file: path.string)
    }
}

/// Where the archives a lock names are to be had on this machine.
public struct Mirrors: Sendable, Hashable {
    /// The archive id of Debian's main archive in locks.
    public static let debian = "debian"
    /// The archive id of Debian's security archive in locks.
    public static let security = "debian-security"

    /// URI of each archive by id, without a final slash.
    public var uris: [String: String]
    /// Templates for superseded packages; see `ArchiveConfiguration.oldVersions`.
    public var oldVersions: [String]

    /// Names the archives' URIs.
    public init(debian: String, security: String, oldVersions: [String] = []) {
        uris = [Self.debian: Self.clean(debian), Self.security: Self.clean(security)]
        self.oldVersions = oldVersions
    }

    /// Finds the archives: `LAPWING_MIRROR` and `LAPWING_SECURITY_MIRROR`, then the configuration, then the apt
    /// sources of the machine whose root is given. Entries of apt are recognised as Debian's by their suites, the
    /// component `main` and who signs them, not by host names. A security archive that is named nowhere is taken to
    /// stand beside the main one under its usual name; the signature decides whether it is the one.
    public static func discover(
        root: FilePath = "/", configuration: ArchiveConfiguration = ArchiveConfiguration(),
        environment: [String: String] = [:]
    ) throws -> Mirrors {
        let given = environment["LAPWING_MIRROR"].flatMap { $0.isEmpty ? nil : $0 }
        let givenSecurity = environment["LAPWING_SECURITY_MIRROR"].flatMap { $0.isEmpty ? nil : $0 }
        let found: (debian: String?, security: String?) =
            given != nil && givenSecurity != nil
            ? (nil, nil) : choose(try AptSources(root: root).candidates())
        guard let debian = given ?? configuration.mirror ?? found.debian else {
            throw LapwingError(
                "archive.no-mirror", exit: .unavailable, "No Debian mirror is known.",
                subject: root.appending("etc/apt").string, cause: "no apt source of this machine is Debian's archive",
                hint: "Set LAPWING_MIRROR, or \"mirror\" in "
                    + (ArchiveConfiguration.path(environment: environment)?.string ?? "lapwing/config.json") + ".")
        }
        let security = givenSecurity ?? configuration.securityMirror ?? found.security ?? clean(debian) + "-security"
        for uri in [debian, security] where !isURI(uri) {
            throw LapwingError(
                "archive.bad-uri", exit: .badInput, "That is no URI of an archive.", subject: uri,
                hint: "Give one that begins with http://, https:// or file:/ and has no spaces or quotes.")
        }
        return Mirrors(debian: debian, security: security, oldVersions: configuration.oldVersions ?? [])
    }

    static func clean(_ uri: String) -> String {
        var uri = uri.hasPrefix("copy:") ? "file:" + uri.dropFirst(5) : uri
        while uri.hasSuffix("/") { uri.removeLast() }
        return uri
    }

    static func isURI(_ text: String) -> Bool {
        ["http://", "https://", "file:/", "copy:/"].contains { text.hasPrefix($0) }
            && text.utf8.allSatisfy { $0 > 32 && $0 < 127 && !"\"'\\[]<>{}".utf8.contains($0) }
    }

    /// The best candidate of each archive: who says the Debian keyring signs it goes before who says nothing.
    private static func choose(_ candidates: [AptSources.Candidate]) -> (debian: String?, security: String?) {
        func best(_ security: Bool) -> String? {
            let fitting = candidates.filter { $0.security == security }
            return (fitting.first(where: \.signedByDebian) ?? fitting.first)?.uri
        }
        return (best(false), best(true))
    }
}

/// Which of a machine's apt sources are Debian's own archives.
struct AptSources {
    struct Candidate: Hashable {
        var uri: String
        var security: Bool
        var signedByDebian: Bool
    }

    let root: FilePath

    private static let releases: Set<String> = [
        "buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid", "oldoldstable", "oldstable", "stable",
        "testing", "unstable",
    ]

    /// Nil when the suite is none of Debian's; else whether it is one of the security archive.
    static func isSecurity(suite: String) -> Bool? {
        if releases.contains(suite) { return false }
        for suffix in ["-security", "/updates"] where suite.hasSuffix(suffix) {
            if releases.contains(String(suite.dropLast(suffix.count))) { return true }
        }
        for suffix in ["-updates", "-backports", "-proposed-updates"] where suite.hasSuffix(suffix) {
            if releases.contains(String(suite.dropLast(suffix.count))) { return false }
        }
        return nil
    }

    func candidates() throws -> [Candidate] {
        var result: [Candidate] = []
        for source in try AptSource.all(root: root) where source.components.contains("main") {
            let byDebian = source.signedBy.contains("debian-archive")
            guard source.signedBy.isEmpty || byDebian else { continue }
            for security in Set(source.suites.compactMap(Self.isSecurity(suite:))).sorted(by: { !$0 && $1 }) {
                for uri in try source.uris.flatMap(resolved) {
                    result.append(Candidate(uri: Mirrors.clean(uri), security: security, signedByDebian: byDebian))
                }
            }
        }
        return result
    }

    /// The URIs an entry stands for: itself, or what the file of a `mirror+file:` names; none for what only apt
    /// can fetch from.
    private func resolved(_ uri: String) throws -> [String] {
        guard uri.hasPrefix("mirror+file:") else { return Mirrors.isURI(uri) ? [uri] : [] }
        let path = uri.dropFirst(12).drop { $0 == "/" }
        let list = root.appending(String(path))
        guard Files.exists(list) else { return [] }
        return try ControlText.lines(Files.text(list, limit: 1 << 20)).compactMap { line in
            let word = ControlText.words(String(line.prefix { $0 != "#" })).first
            return word.flatMap { Mirrors.isURI($0) ? $0 : nil }
        }
    }
}
