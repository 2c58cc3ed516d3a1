// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// One file the store can hold: known by its content, fetched by its path.
public struct StoreItem: Sendable, Hashable {
    /// What the file is.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// A binary package.
        case package
        /// A source file.
        case source

        /// The directory below the cache.
        var directory: String { self == .package ? "debs" : "sources" }
        /// What is put behind the digest to name the file.
        var ending: String { self == .package ? ".deb" : "" }
    }

    /// What it is.
    public var kind: Kind
    /// The package's name.
    public var name: String
    /// The package's version.
    public var version: String
    /// The archive it is in.
    public var archive: String
    /// Its path under the archive's URI.
    public var path: String
    /// Its size in bytes.
    public var size: UInt64
    /// Its digest.
    public var sha256: Digest

    /// The file of a locked package.
    public init(_ package: LockedPackage) {
        kind = .package
        name = package.name
        version = package.version
        archive = package.archive
        path = package.path
        size = package.size
        sha256 = package.sha256
    }

    /// A locked source file.
    public init(_ source: LockedSource) {
        kind = .source
        name = source.name
        version = source.version
        archive = source.archive
        path = source.path
        size = source.size
        sha256 = source.sha256
    }

    /// The file's own name in the archive, for people.
    var label: String { path.split(separator: "/").last.map(String.init) ?? path }
}

extension Lock {
    /// All files the lock names, packages first.
    public var items: [StoreItem] { packages.map(StoreItem.init) + sources.map(StoreItem.init) }
}
