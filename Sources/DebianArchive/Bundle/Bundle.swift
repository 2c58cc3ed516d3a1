// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
public import SystemPackage

/// Everything a build without network needs, in one file: recipe, lock, packages (the tools' too) and sources.
///
/// The file is a tar: `lapwing-export.json` (digests of recipe files and lock), `lock.json`, `recipe/…`,
/// `debs/DIGEST.deb`, `sources/DIGEST`. The same content gives the same bytes.
public struct Bundle: Sendable, Hashable {
    /// A file of the recipe.
    public struct RecipeFile: Sendable, Hashable {
        /// Its path relative to the recipe's directory tree, such as `layers/base.yaml`.
        public var name: String
        /// Its content.
        public var bytes: [UInt8]

        /// Describes a file.
        public init(name: String, bytes: [UInt8]) {
            self.name = name
            self.bytes = bytes
        }
    }

    private struct Manifest: Codable {
        var schemaVersion = 1
        var main: String
        var files: [String: Digest]
    }

    /// The lock.
    public var lock: Lock
    /// The recipe and the layers it is made of.
    public var files: [RecipeFile]
    /// The name of the recipe's own file among them.
    public var main: String

    private static let manifestName = "lapwing-export.json"
    private static let textLimit = 64 << 20

    /// Puts a bundle together; `main` is the recipe's own file among the files.
    public init(lock: Lock, files: [RecipeFile], main: String) {
        self.lock = lock
        self.files = files.sorted { $0.name < $1.name }
        self.main = main
    }

    /// Writes the bundle, whole or not at all, with the store's files; what the store lacks is fetched first.
    public func export(from store: PackageStore, to file: FilePath) async throws {
        for entry in files where !Self.isSafe(entry.name) { throw Self.unsafe(entry.name, file) }
        let items = lock.items
        let paths = try await store.ensure(items: items, verify: .full, date: lock.sourceDateEpoch)
        let lockBytes = try lock.json()
        var digests = ["lock.json": Digest.of(lockBytes)]
        for entry in files { digests["recipe/" + entry.name] = Digest.of(entry.bytes) }
        let manifest = try JSONText.encode(Manifest(main: main, files: digests))
        let part = FilePath(file.string + ".part")
        do {
            try Files.explain("write", part) {
                let descriptor = try FileDescriptor.open(
                    part, .writeOnly, options: [.create, .truncate, .closeOnExec],
                    permissions: [.ownerReadWrite, .groupRead, .otherRead])
                try descriptor.closeAfter {
                    let writer = BundleWriter(descriptor, time: lock.sourceDateEpoch)
                    try writer.add(Self.manifestName, manifest)
                    try writer.add("lock.json", lockBytes)
                    for entry in files { try writer.add("recipe/" + entry.name, entry.bytes) }
                    var written: Set<Digest> = []
                    for item in items.sorted(by: { (Self.name($0)) < (Self.name($1)) }) {
                        guard written.insert(item.sha256).inserted, let path = paths[item.sha256] else { continue }
                        try writer.add(Self.name(item), file: path, size: item.size)
                    }
                    try writer.finish()
                }
            }
            try Files.rename(part, to: file)
        } catch {
            try? Files.remove(part)
            throw error
        }
    }

    /// Reads a bundle and puts its packages and sources into the store. Every byte is checked against the lock or the
    /// bundle's own list before it counts; what the lock does not name, and every entry that is not a plain file of
    /// this format, is refused.
    public static func `import`(_ file: FilePath, into store: PackageStore) async throws -> Bundle {
        let descriptor = try Files.explain("read", file) {
            try FileDescriptor.open(file, .readOnly, options: .closeOnExec)
        }
        defer { try? descriptor.close() }
        var reader = BundleReader(descriptor, file: file.string)
        guard let first = try reader.next(), first.name == manifestName else {
            throw refuse("it does not begin with \(manifestName)", file)
        }
        let manifest = try JSONText.decode(Manifest.self, from: try reader.all(limit: textLimit), file: file.string)
        guard manifest.schemaVersion == 1 else {
            throw refuse("it was written by another version of lapwing", file)
        }
        guard let second = try reader.next(), second.name == "lock.json" else { throw refuse("it has no lock", file) }
        let lockBytes = try reader.all(limit: textLimit)
        guard manifest.files["lock.json"] == Digest.of(lockBytes) else { throw refuse("its lock is damaged", file) }
        let lock = try Lock.parse(lockBytes, file: "\(file.string) (lock.json)")
        let items = Dictionary(lock.items.map { (name($0), $0) }, uniquingKeysWith: { first, _ in first })
        var files: [RecipeFile] = []
        var seen: Set<String> = []
        while let entry = try reader.next() {
            guard seen.insert(entry.name).inserted else { throw refuse("\(entry.name) stands twice", file) }
            if let item = items[entry.name] {
                guard entry.size == item.size else { throw refuse("\(entry.name) has another size", file) }
                store.context.progress.status("importing \(item.name) \(item.version)")
                try take(item, from: &reader, into: store, file)
            } else if entry.name.hasPrefix("recipe/"), let digest = manifest.files[entry.name] {
                let name = String(entry.name.dropFirst(7))
                guard isSafe(name) else { throw unsafe(name, file) }
                let bytes = try reader.all(limit: textLimit)
                guard Digest.of(bytes) == digest else { throw refuse("\(entry.name) is damaged", file) }
                files.append(RecipeFile(name: name, bytes: bytes))
            } else {
                throw refuse("it has an entry nobody asked for: \(entry.name)", file)
            }
        }
        let absent = manifest.files.keys.filter { $0 != "lock.json" && !seen.contains($0) }.sorted()
        guard absent.isEmpty else { throw refuse("it lacks \(absent.joined(separator: ", "))", file) }
        guard files.contains(where: { $0.name == manifest.main }) else { throw refuse("it lacks the recipe", file) }
        let missing = try await store.missing(lock.items)
        guard missing.isEmpty else {
            let names = missing.prefix(5).map { "\($0.name) \($0.version)" }.joined(separator: ", ")
            throw refuse("it lacks \(missing.count) files of its lock: \(names)", file)
        }
        return Bundle(lock: lock, files: files, main: manifest.main)
    }

    /// Writes the recipe files, and the lock beside the recipe's own file, below a directory. A file that is there
    /// with other content is an error, and then nothing is written.
    /// - Returns: where the recipe's own file is.
    public func write(to directory: FilePath) throws -> FilePath {
        let lockName = Self.lockName(main)
        let all = files + [RecipeFile(name: lockName, bytes: try lock.json())]
        for entry in all {
            guard Self.isSafe(entry.name) else { throw Self.unsafe(entry.name, directory) }
            let path = directory.appending(entry.name)
            if Files.exists(path), try Files.read(path, limit: Self.textLimit) != entry.bytes {
                throw LapwingError(
                    "import.exists", exit: .badInput, "A file with other content is in the way.",
                    subject: path.string, hint: "Move it away, or import into another directory.")
            }
        }
        for entry in all {
            let path = directory.appending(entry.name)
            try Files.makeDirectory(path.removingLastComponent())
            try Files.write(entry.bytes, to: path)
        }
        return directory.appending(main)
    }

    /// The name of a recipe's lock: `laptop.yaml` has `laptop.lock.json` beside it.
    public static func lockName(_ recipe: String) -> String {
        for ending in [".yaml", ".yml"] where recipe.hasSuffix(ending) {
            return recipe.dropLast(ending.count) + ".lock.json"
        }
        return recipe + ".lock.json"
    }

    private static func take(
        _ item: StoreItem, from reader: inout BundleReader, into store: PackageStore, _ file: FilePath
    ) throws {
        let directory = store.directory(item.kind)
        try Files.makeDirectory(directory.appending("sha256"))
        let part = directory.appending("\(item.sha256.hex).\(UInt32.random(in: 0 ... .max)).import")
        do {
            var hasher = Hasher256()
            try Files.explain("write", part) {
                let output = try FileDescriptor.open(
                    part, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                    permissions: [.ownerReadWrite, .groupRead, .otherRead])
                try output.closeAfter {
                    while true {
                        let bytes = try reader.read(1 << 20)
                        if bytes.isEmpty { break }
                        hasher.update(bytes)
                        _ = try output.writeAll(bytes)
                    }
                }
            }
            guard hasher.finalize() == item.sha256 else { throw refuse("\(name(item)) is damaged", file) }
            try store.adopt(part, item)
        } catch {
            try? Files.remove(part)
            throw error
        }
    }

    private static func name(_ item: StoreItem) -> String {
        "\(item.kind.directory)/\(item.sha256.hex)\(item.kind.ending)"
    }

    /// A relative path of plain parts without control characters.
    private static func isSafe(_ name: String) -> Bool {
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 >= 32 && $0 != 127 && $0 != 92 }) else { return false }
        return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0 != "." && $0 != ".."
        }
    }

    private static func unsafe(_ name: String, _ file: FilePath) -> LapwingError {
        LapwingError(
            "bundle.unsafe-name", exit: .badInput, "A file's path leaves the recipe's directory.",
            subject: file.string, cause: name)
    }

    private static func refuse(_ cause: String, _ file: FilePath) -> LapwingError {
        LapwingError(
            "import.bad-archive", exit: .badInput, "The file is no whole export of lapwing.", subject: file.string,
            cause: cause)
    }
}
