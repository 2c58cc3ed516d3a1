// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Why a package is in a set.
public struct PackageReason: Sendable, Hashable, Codable {
    /// The kind of a reason.
    public enum Kind: String, Sendable, Codable {
        /// The recipe names it.
        case requested
        /// It is marked essential, and the set takes those.
        case essential
        /// It has priority `required`, and the set takes those.
        case required
        /// Another package of the set needs it.
        case dependency
    }

    /// One step from a package to one that it needs.
    public struct Step: Sendable, Hashable, Codable {
        /// The package that needs something.
        public var package: String
        /// `Depends` or `Pre-Depends`.
        public var field: String
        /// What it needs, as it is written there without versions: `a | b`.
        public var relation: String
    }

    /// The set.
    public var set: PackageSetName
    /// The version in that set.
    public var version: String
    /// The kind.
    public var kind: Kind
    /// For dependencies the shortest way to the package, from one that is there for a reason of its own; else empty.
    public var path: [Step]
}

extension Lock {
    /// All reasons why a package is in the sets it is in: by set, its own reasons first, then the shortest way of
    /// dependencies. A package that is in no set is an error.
    public func explain(_ name: String) throws -> [PackageReason] {
        let reasons = PackageSetName.allCases.flatMap { self.reasons(name, in: $0) }
        if reasons.isEmpty {
            let near = Set(packages.map(\.name)).filter { $0.contains(name) || Self.distance($0, name) <= 2 }.sorted()
            throw LapwingError(
                "explain.not-locked", exit: .badInput, "The lock does not have that package.", subject: name,
                hint: near.isEmpty ? nil : "Did you mean \(near.prefix(3).joined(separator: ", "))?")
        }
        return reasons
    }

    private func reasons(_ name: String, in set: PackageSetName) -> [PackageReason] {
        let members = packages(in: set)
        guard let described = self.set(set), let package = members.first(where: { $0.name == name }) else { return [] }
        func own(_ package: LockedPackage) -> [PackageReason.Kind] {
            var kinds: [PackageReason.Kind] = []
            if described.requested.contains(package.name) { kinds.append(.requested) }
            if package.essential, described.base != .none { kinds.append(.essential) }
            if package.priority == "required", described.base == .required { kinds.append(.required) }
            return kinds
        }
        var result = own(package).map { PackageReason(set: set, version: package.version, kind: $0, path: []) }
        // Two searches: what the recipe names is the better explanation, also where the way is longer.
        let named = members.filter { described.requested.contains($0.name) }
        let others = members.filter { !own($0).isEmpty }
        if let path = Self.path(to: name, from: named, members) ?? Self.path(to: name, from: others, members) {
            result.append(PackageReason(set: set, version: package.version, kind: .dependency, path: path))
        }
        return result
    }

    /// The shortest way, breadth first; ties go by name. Nil when there is none of at least one step.
    private static func path(
        to target: String, from roots: [LockedPackage], _ members: [LockedPackage]
    ) -> [PackageReason.Step]? {
        let byName = Dictionary(members.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var providers: [String: [String]] = [:]
        for package in members {
            for name in Relations.provided(package) { providers[name, default: []].append(package.name) }
        }
        var came: [String: PackageReason.Step] = [:]
        var queue = roots.map(\.name).filter { $0 != target }
        var seen = Set(queue)
        var index = 0
        while index < queue.count {
            let name = queue[index]
            index += 1
            guard let package = byName[name] else { continue }
            for (field, text) in [("Pre-Depends", package.preDepends), ("Depends", package.depends)] {
                for group in Relations.groups(text) {
                    for needed in group.flatMap({ [$0] + (providers[$0] ?? []) }) {
                        guard byName[needed] != nil, seen.insert(needed).inserted else { continue }
                        came[needed] = .init(package: name, field: field, relation: group.joined(separator: " | "))
                        queue.append(needed)
                    }
                }
            }
        }
        guard came[target] != nil else { return nil }
        var steps: [PackageReason.Step] = []
        var at = target
        while let step = came[at] {
            steps.append(step)
            at = step.package
        }
        return steps.reversed()
    }

    /// The number of single changes between two names (Levenshtein).
    private static func distance(_ a: String, _ b: String) -> Int {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var corner = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let next = min(row[j] + 1, row[j + 1] + 1, corner + (x == y ? 0 : 1))
                corner = row[j + 1]
                row[j + 1] = next
            }
        }
        return row[b.count]
    }
}
