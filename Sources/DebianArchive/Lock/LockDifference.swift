// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// How one package of a set changed between two locks.
public struct PackageChange: Sendable, Hashable, Codable {
    /// The kind of a change.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The set has it now and had it not.
        case added
        /// The set had it and has it no more.
        case removed
        /// The new version is the higher.
        case upgraded
        /// The new version is the lower.
        case downgraded
        /// The same version with other content: an archive should never do that.
        case replaced
    }

    /// The kind of change.
    public var kind: Kind
    /// The package's name.
    public var name: String
    /// The architecture of the set; `source` for the source of a part that is built.
    public var architecture: String
    /// The sets it changed in, sorted; empty for a source.
    public var sets: [PackageSetName]
    /// The version before, nil when added.
    public var from: String?
    /// The version now, nil when removed.
    public var to: String?
}

extension Lock {
    /// What changed since an older lock, sorted by name; a change that several sets share is one entry.
    public func difference(from older: Lock) -> [PackageChange] {
        struct Key: Hashable {
            var kind: PackageChange.Kind
            var name: String
            var architecture: String
            var from: String?
            var to: String?
        }
        var changes: [Key: Set<PackageSetName>] = [:]
        for set in PackageSetName.allCases {
            let before = Self.byName(older.packages(in: set))
            let now = Self.byName(packages(in: set))
            let architecture = self.set(set)?.architecture ?? older.set(set)?.architecture ?? ""
            for name in Set(before.keys).union(now.keys) {
                let (old, new) = (before[name], now[name])
                guard let kind = Self.kind(old, new) else { continue }
                let key = Key(
                    kind: kind, name: name, architecture: architecture, from: old?.version, to: new?.version)
                changes[key, default: []].insert(set)
            }
        }
        for change in sourceChanges(from: older) {
            let key = Key(
                kind: change.kind, name: change.name, architecture: "source", from: change.from, to: change.to)
            changes[key] = []
        }
        return changes.map { key, sets in
            PackageChange(
                kind: key.kind, name: key.name, architecture: key.architecture, sets: sets.sorted(), from: key.from,
                to: key.to)
        }.sorted {
            ($0.name, $0.architecture, $0.kind.rawValue, $0.from ?? "") < (
                $1.name, $1.architecture, $1.kind.rawValue, $1.from ?? ""
            )
        }
    }

    /// What changed of the sources, each of which is one change however many files it has.
    private func sourceChanges(
        from older: Lock
    ) -> [(kind: PackageChange.Kind, name: String, from: String?, to: String?)] {
        func byName(_ lock: Lock) -> [String: (version: String, files: [Digest])] {
            Dictionary(grouping: lock.sources, by: \.name).compactMapValues { files in
                files.first.map { ($0.version, files.map(\.sha256).sorted()) }
            }
        }
        let (before, now) = (byName(older), byName(self))
        return Set(before.keys).union(now.keys).sorted().compactMap { name in
            let (old, new) = (before[name], now[name])
            let kind: PackageChange.Kind
            switch (old, new) {
            case (nil, _): kind = .added
            case (_, nil): kind = .removed
            case (let old?, let new?):
                let (from, to) = (DebianVersion(old.version), DebianVersion(new.version))
                if from == to && old.files == new.files { return nil }
                kind = from < to ? .upgraded : to < from ? .downgraded : .replaced
            }
            return (kind, name, old?.version, new?.version)
        }
    }

    private static func byName(_ packages: [LockedPackage]) -> [String: LockedPackage] {
        Dictionary(packages.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    private static func kind(_ old: LockedPackage?, _ new: LockedPackage?) -> PackageChange.Kind? {
        guard let old else { return .added }
        guard let new else { return .removed }
        let (from, to) = (DebianVersion(old.version), DebianVersion(new.version))
        if from < to { return .upgraded }
        if to < from { return .downgraded }
        return old.sha256 == new.sha256 ? nil : .replaced
    }
}
