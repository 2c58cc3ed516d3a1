// SPDX-License-Identifier: Apache-2.0

import Hashing
public import LapwingCore
public import SystemPackage

/// The package sets a lock holds.
public enum PackageSetName: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    /// The root file system of the image.
    case root
    /// The tools tree that builds it; of the build host's architecture.
    case tools
    /// The initial RAM file system.
    case initrd
    /// What the device programs are compiled and linked against.
    case sysroot
    /// What compiles parts that are built from source; of the build host's architecture.
    case compiler

    /// Orders by name.
    public static func < (a: PackageSetName, b: PackageSetName) -> Bool { a.rawValue < b.rawValue }
}

/// One signed index the lock was made from.
public struct LockedIndex: Sendable, Hashable, Codable {
    /// Which archive of the configuration it belongs to, such as `debian` or `debian-security`.
    public var archive: String
    /// The suite as asked for, such as `trixie-updates`.
    public var suite: String
    /// The components read, sorted.
    public var components: [String]
    /// The digest of the `InRelease` file.
    public var inRelease: Digest
    /// The index's `Date`, in seconds since 1970 UTC.
    public var date: Int64
    /// The index's `Valid-Until`, in seconds since 1970 UTC; nil when it has none.
    public var validUntil: Int64?

    /// Describes an index.
    public init(
        archive: String, suite: String, components: [String], inRelease: Digest, date: Int64, validUntil: Int64? = nil
    ) {
        self.archive = archive
        self.suite = suite
        self.components = components
        self.inRelease = inRelease
        self.date = date
        self.validUntil = validUntil
    }
}

/// Which packages a set takes besides those named and what they depend on.
public enum PackageBase: String, Sendable, Hashable, Codable, CaseIterable {
    /// None.
    case none
    /// Those marked `Essential: yes`.
    case essential
    /// The essential ones and those of priority `required`.
    case required
}

/// One set as it was asked for.
public struct LockedSet: Sendable, Hashable, Codable {
    /// The Debian architecture its packages were resolved for.
    public var architecture: String
    /// The packages asked for by name, sorted.
    public var requested: [String]
    /// What was taken besides.
    public var base: PackageBase

    /// Describes a set.
    public init(architecture: String, requested: [String], base: PackageBase = .none) {
        self.architecture = architecture
        self.requested = requested.sorted()
        self.base = base
    }
}

/// One binary package, exactly.
public struct LockedPackage: Sendable, Hashable, Codable {
    /// The package's name.
    public var name: String
    /// Its version.
    public var version: String
    /// Its own architecture: a Debian architecture or `all`.
    public var architecture: String
    /// The archive it is fetched from.
    public var archive: String
    /// Its path under that archive's URI, such as `pool/main/x/xen/….deb`.
    public var path: String
    /// The size of the `.deb` in bytes.
    public var size: UInt64
    /// The digest of the `.deb`.
    public var sha256: Digest
    /// The `Installed-Size` field, in KiB.
    public var installedSize: UInt64
    /// The source package's name.
    public var source: String
    /// The source package's version.
    public var sourceVersion: String
    /// True for `Essential: yes`.
    public var essential: Bool
    /// The `Priority` field.
    public var priority: String
    /// The `Depends` field, empty when there is none.
    public var depends: String
    /// The `Pre-Depends` field, empty when there is none.
    public var preDepends: String
    /// The `Provides` field, empty when there is none.
    public var provides: String
    /// The sets it belongs to, sorted.
    public var sets: [PackageSetName]

    /// Describes a package.
    public init(
        name: String, version: String, architecture: String, archive: String, path: String, size: UInt64,
        sha256: Digest, installedSize: UInt64 = 0, source: String? = nil, sourceVersion: String? = nil,
        essential: Bool = false, priority: String = "optional", depends: String = "", preDepends: String = "",
        provides: String = "", sets: [PackageSetName]
    ) {
        self.name = name
        self.version = version
        self.architecture = architecture
        self.archive = archive
        self.path = path
        self.size = size
        self.sha256 = sha256
        self.installedSize = installedSize
        self.source = source ?? name
        self.sourceVersion = sourceVersion ?? version
        self.essential = essential
        self.priority = priority
        self.depends = depends
        self.preDepends = preDepends
        self.provides = provides
        self.sets = sets
    }

    /// `name_version_architecture`, what tells two packages apart.
    public var id: String { "\(name)_\(version)_\(architecture)" }
}

/// One source file (an upstream or Debian tarball), for parts that are built from source.
public struct LockedSource: Sendable, Hashable, Codable {
    /// The source package's name.
    public var name: String
    /// Its version.
    public var version: String
    /// The archive it is fetched from.
    public var archive: String
    /// Its path under that archive's URI.
    public var path: String
    /// Its size in bytes.
    public var size: UInt64
    /// Its digest.
    public var sha256: Digest
    /// The binary package in whose place the source is built; nil for none.
    public var binary: String?

    /// Describes a source file.
    public init(
        name: String, version: String, archive: String, path: String, size: UInt64, sha256: Digest,
        binary: String? = nil
    ) {
        self.binary = binary
        self.name = name
        self.version = version
        self.archive = archive
        self.path = path
        self.size = size
        self.sha256 = sha256
    }
}

/// What a recipe was resolved to: every package of every set, exactly. It names no mirror, so it means the same on
/// every machine; where an archive is to be had stands in the user's configuration.
public struct Lock: Sendable, Hashable, Codable {
    /// The version of the shape this program reads and writes.
    public static let currentSchemaVersion = 1

    /// The version of this lock's shape.
    public var schemaVersion: Int
    /// The name of the recipe.
    public var recipe: String
    /// The Debian release, such as `trixie`.
    public var release: String
    /// The date of the newest index, in seconds since 1970 UTC: the build's SOURCE_DATE_EPOCH.
    public var sourceDateEpoch: Int64
    /// The signed indices it was made from, sorted by archive and suite.
    public var indices: [LockedIndex]
    /// The sets, by name.
    public var sets: [String: LockedSet]
    /// All packages, sorted by name, architecture and version.
    public var packages: [LockedPackage]
    /// Source files, sorted by name and path.
    public var sources: [LockedSource]

    /// Makes a lock in canonical order; `sourceDateEpoch` is the date of the newest index. The same package given
    /// for several sets becomes one entry.
    public init(
        recipe: String, release: String, indices: [LockedIndex], sets: [PackageSetName: LockedSet],
        packages: [LockedPackage], sources: [LockedSource] = []
    ) {
        schemaVersion = Self.currentSchemaVersion
        self.recipe = recipe
        self.release = release
        sourceDateEpoch = indices.map(\.date).max() ?? 0
        self.indices = indices.sorted { ($0.archive, $0.suite) < ($1.archive, $1.suite) }
        self.sets = Dictionary(uniqueKeysWithValues: sets.map { ($0.key.rawValue, $0.value) })
        var merged: [String: LockedPackage] = [:]
        for package in packages {
            let known = merged[package.id]?.sets ?? []
            var entry = package
            entry.sets = Set(known + package.sets).sorted()
            merged[package.id] = entry
        }
        self.packages = merged.values.sorted(by: Self.inOrder)
        self.sources = sources.sorted { ($0.name, $0.path) < ($1.name, $1.path) }
    }

    private static func inOrder(_ a: LockedPackage, _ b: LockedPackage) -> Bool {
        (a.name, a.architecture, a.version) < (b.name, b.architecture, b.version)
    }

    /// A set as it was asked for, or nil when the lock has none of that name.
    public func set(_ name: PackageSetName) -> LockedSet? { sets[name.rawValue] }

    /// The packages of one set, sorted by name.
    public func packages(in set: PackageSetName) -> [LockedPackage] {
        packages.filter { $0.sets.contains(set) }
    }

    /// The lock's JSON, the same bytes for the same content.
    public func json() throws -> [UInt8] { try JSONText.encode(self) }

    /// The digest of everything the lock says.
    public func digest() throws -> Digest { Digest.of(try JSONText.encode(self, pretty: false)) }

    /// Reads and checks a lock; what is no lock, or an unsafe one (a path that leaves the archive, a name that is no
    /// package's), is an error with exit status 65.
    public static func read(_ path: FilePath) throws -> Lock {
        try parse(try Files.read(path, limit: 64 << 20), file: path.string)
    }

    /// Reads and checks a lock's bytes; `file` names them in errors.
    public static func parse(_ bytes: [UInt8], file: String) throws -> Lock {
        struct Version: Decodable { var schemaVersion: Int }
        let version = try JSONText.decode(Version.self, from: bytes, file: file).schemaVersion
        guard version == currentSchemaVersion else {
            throw LapwingError(
                "lock.version", exit: .badInput, "The lock was written by another version of lapwing.", subject: file,
                cause: "its schemaVersion is \(version), this program reads \(currentSchemaVersion)",
                hint: "Run \"lapwing update\" with this version to make a new lock.")
        }
        let lock = try JSONText.decode(Lock.self, from: bytes, file: file)
        try LockCheck(file: file).check(lock)
        return lock
    }

    /// Writes the lock, whole or not at all.
    public func write(to path: FilePath) throws {
        try Files.write(try json(), to: path)
    }
}
