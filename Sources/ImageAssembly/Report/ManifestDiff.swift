// SPDX-License-Identifier: Apache-2.0

import DebianArchive
public import LapwingCore
public import SystemPackage

/// What differs between two builds: packages, outputs, and files where both have a list of them.
public struct ManifestDiff: Sendable, Hashable {
    /// One difference.
    public struct Change: Sendable, Codable, Hashable {
        /// What kind of thing differs.
        public enum Subject: String, Sendable, Codable {
            /// The recipe, lock, root hash, a tool, the compiler.
            case origin
            /// A package.
            case package
            /// A program of ours.
            case program
            /// An output file.
            case output
            /// A file in the root.
            case file
        }

        /// How it differs.
        public enum Kind: String, Sendable, Codable {
            /// Only the second has it.
            case added
            /// Only the first has it.
            case removed
            /// Both have it.
            case changed
        }

        /// What kind of thing.
        public var subject: Subject
        /// Its name.
        public var name: String
        /// How it differs.
        public var kind: Kind
        /// What it was, for the person; nil for what was added.
        public var before: String?
        /// What it is; nil for what was removed.
        public var after: String?
        /// By how many bytes it grew, where that is known.
        public var bytes: Int64?
    }

    /// The differences: origin, packages, programs, outputs, files; by name within each.
    public let changes: [Change]

    /// Compares two manifests, and the lists of files when both are given.
    public init(_ before: Manifest, _ after: Manifest, files: (FileList, FileList)? = nil) {
        var changes = Self.origin(before, after)
        changes += Self.compare(
            .package, Self.packages(before), Self.packages(after), words: Self.words,
            bytes: { $0.reduce(0) { $0 + ($1.installedBytes ?? 0) } },
            equal: { $0.map(\.identity) == $1.map(\.identity) })
        changes += Self.compare(
            .program, Self.byName(before.programs, \.path), Self.byName(after.programs, \.path),
            words: { $0.sha256.short }, bytes: \.size)
        changes += Self.compare(
            .output, Self.byName(before.outputs, \.name), Self.byName(after.outputs, \.name),
            words: { "\($0.size) \($0.sha256.short)" }, bytes: \.size)
        if let files {
            changes += Self.compare(
                .file, Self.byName(files.0.files, \.path), Self.byName(files.1.files, \.path), words: Self.words,
                bytes: { $0.size ?? 0 })
        }
        self.changes = changes
    }

    /// Compares what a person named: manifests, images with their manifests beside them, or output directories.
    public static func of(_ before: FilePath, _ after: FilePath) throws -> ManifestDiff {
        let (a, b) = (try Manifest.find(before), try Manifest.find(after))
        var files: (FileList, FileList)?
        if let one = fileList(a), let two = fileList(b), Files.exists(one), Files.exists(two) {
            files = (try FileList.load(one), try FileList.load(two))
        }
        return ManifestDiff(try Manifest.load(a), try Manifest.load(b), files: files)
    }

    /// The differences as `lapwing diff` shows them.
    public func listing() -> Listing<Change> {
        Listing(
            "changes", changes,
            columns: [
                .init("NAME") { $0.name },
                .init("WHAT") { $0.subject.rawValue },
                .init("CHANGE") { $0.kind.rawValue },
                .init("BEFORE") { $0.before ?? "-" },
                .init("AFTER") { $0.after ?? "-" },
                .init("BYTES", right: true) { change in
                    guard let bytes = change.bytes, bytes != 0 else { return "" }
                    return (bytes > 0 ? "+" : "-") + Figure.bytes(abs(bytes))
                },
            ])
    }

    private static func fileList(_ manifest: FilePath) -> FilePath? {
        guard let name = manifest.lastComponent?.string, name.hasSuffix(".manifest.json") else { return nil }
        return manifest.removingLastComponent().appending(name.dropLast(".manifest.json".count) + ".files.json")
    }

    private static func origin(_ a: Manifest, _ b: Manifest) -> [Change] {
        func facts(_ manifest: Manifest) -> [String: String] {
            var facts = [
                "recipe": "\(manifest.recipe.name) \(manifest.recipe.digest.short)", "lock": manifest.lock.short,
                "architecture": manifest.architecture, "source date": "\(manifest.sourceDateEpoch)",
            ]
            facts["root hash"] = manifest.verityRootHash.map { String($0.prefix(12)) }
            facts["compiler"] = manifest.compiler
            if let hypervisor = manifest.hypervisor {
                facts["hypervisor"] = "\(hypervisor.version) (\(hypervisor.origin))"
                facts["scheduler"] = hypervisor.scheduler
                facts["hypervisor configuration"] = hypervisor.config?.short
                facts["hypervisor compiler"] = hypervisor.compiler
                for file in hypervisor.added ?? [] { facts[file.path] = file.sha256.short }
            }
            for (tool, version) in manifest.tools { facts["tool \(tool)"] = version }
            return facts
        }
        return compare(.origin, facts(a), facts(b), words: { $0 }, bytes: { _ in 0 })
    }

    /// Packages by name and architecture, so that `libc6` of two architectures are two things; a name may stand for
    /// several versions when sets differ.
    private static func packages(_ manifest: Manifest) -> [String: [Manifest.Package]] {
        let foreign = { (package: Manifest.Package) in
            package.architecture == manifest.architecture || package.architecture == "all"
                ? "" : ":" + package.architecture
        }
        return Dictionary(grouping: manifest.packages) { $0.name + foreign($0) }
    }

    private static func words(_ packages: [Manifest.Package]) -> String {
        let sorted = packages.sorted { DebianVersion($0.version) < DebianVersion($1.version) }
        if sorted.count == 1 { return "\(sorted[0].version) (\(sorted[0].sets.joined(separator: " ")))" }
        return sorted.map { "\($0.version) (\($0.sets.joined(separator: " ")))" }.joined(separator: ", ")
    }

    private static func words(_ entry: FileList.Entry) -> String {
        var words = "\(entry.kind) \(entry.mode)"
        if entry.uid != 0 || entry.gid != 0 { words += " \(entry.uid):\(entry.gid)" }
        if let digest = entry.sha256 { words += " " + digest.short }
        if let target = entry.target { words += " -> " + target }
        return words
    }

    private static func byName<T>(_ things: [T], _ name: (T) -> String) -> [String: T] {
        Dictionary(things.map { (name($0), $0) }, uniquingKeysWith: { _, last in last })
    }

    private static func compare<T: Equatable>(
        _ subject: Change.Subject, _ a: [String: T], _ b: [String: T], words: (T) -> String, bytes: (T) -> Int64,
        equal: (T, T) -> Bool = { $0 == $1 }
    ) -> [Change] {
        Set(a.keys).union(b.keys).sorted().compactMap { name in
            switch (a[name], b[name]) {
            case (let before?, let after?):
                if equal(before, after) { return nil }
                return Change(
                    subject: subject, name: name, kind: .changed, before: words(before), after: words(after),
                    bytes: bytes(after) - bytes(before))
            case (let before?, nil):
                return Change(
                    subject: subject, name: name, kind: .removed, before: words(before), after: nil,
                    bytes: -bytes(before))
            case (nil, let after?):
                return Change(
                    subject: subject, name: name, kind: .added, before: nil, after: words(after), bytes: bytes(after))
            case (nil, nil): return nil
            }
        }
    }
}

extension Manifest.Package {
    /// What makes two packages the same; the room they take follows from it.
    fileprivate var identity: [String] { [name, version, architecture, sha256.hex] + sets }
}
