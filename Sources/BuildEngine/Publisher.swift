// SPDX-License-Identifier: Apache-2.0

import Hashing
public import LapwingCore
public import SystemPackage

/// A file of a step's result that is to appear in an output directory.
public struct Publication: Sendable, Hashable {
    /// The step.
    public let step: StepID
    /// The path below the step's result directory.
    public let file: String
    /// The file's name in the output directory.
    public let name: String

    /// Describes a file to be published.
    public init(step: StepID, file: String, name: String) {
        self.step = step
        self.file = file
        self.name = name
    }
}

/// A file in the output directory.
public struct PublishedFile: Sendable, Codable, Hashable {
    /// What was done about it.
    public enum State: String, Sendable, Codable {
        /// It was put there, new or in place of an older one.
        case written
        /// It was there already.
        case unchanged
        /// It had been put there before and was missing or differed; it was put there again.
        case repaired
    }

    /// The name in the output directory.
    public let name: String
    /// The length in bytes.
    public let size: Int64
    /// The SHA-256 of the content.
    public let sha256: Digest
    /// What was done.
    public let state: State
}

/// Puts result files into an output directory: as another name of the cached file where the file system allows it,
/// otherwise as a copy that keeps the holes; read-only in either case. Files that are there already are known by
/// their stamps and read only when those differ.
public struct Publisher: Sendable {
    private let cache: StepCache
    private let context: Context
    private let directory: FilePath

    /// A publisher into `directory`, which is made when it is not there.
    public init(engine: Engine, directory: FilePath) {
        cache = engine.cache
        context = engine.context
        self.directory = engine.context.workingDirectory.pushing(directory)
    }

    /// Publishes files of a finished run.
    ///
    /// A cached result that was damaged through its name in the output directory is noticed by `Engine.plan`, so by
    /// the time of this call the cache is right and the output directory is made to agree with it.
    ///
    /// - Parameter verify: Read every file that is there instead of trusting its stamp.
    /// - Returns: The files, in the order asked for.
    public func publish(
        _ publications: [Publication], from report: RunReport, verify: Bool = false
    ) throws -> [PublishedFile] {
        try Files.makeDirectory(directory)
        var record = PublishedRecord.load(cache.root, directory)
        var result: [PublishedFile] = []
        do {
            for publication in publications {
                let source = try find(publication, report)
                let state = try publish(publication, source, &record, verify)
                result.append(
                    PublishedFile(
                        name: publication.name, size: source.entry.stamp.size, sha256: source.digest, state: state))
            }
        } catch {
            try? record.save(cache.root)
            throw error
        }
        try record.save(cache.root)
        return result
    }

    private struct Source {
        var key: Digest
        var path: FilePath
        var entry: ResultEntry
        var digest: Digest
    }

    private func find(_ publication: Publication, _ report: RunReport) throws -> Source {
        guard let component = FilePath.Component(publication.name), component.kind == .regular else {
            throw LapwingError("build.bad-name", "An output has a name that is none.", subject: publication.name)
        }
        let output = try report.output(of: publication.step)
        guard let step = report.step(publication.step),
            let entry = cache.listing(step.key)?.entries.first(where: { $0.path == publication.file }),
            entry.kind == .file, let digest = entry.digest
        else {
            throw LapwingError(
                "build.no-result-file", "The step \"\(publication.step)\" has no file \"\(publication.file)\".",
                subject: publication.step.name)
        }
        return Source(key: step.key, path: output.appending(publication.file), entry: entry, digest: digest)
    }

    private func publish(
        _ publication: Publication, _ source: Source, _ record: inout PublishedRecord, _ verify: Bool
    ) throws -> PublishedFile.State {
        let target = directory.appending(publication.name)
        let before = record.files[publication.name]
        let there = try Files.status(target)
        if there?.kind == .directory {
            throw LapwingError(
                "build.output-is-directory", exit: .inputOutput,
                "An output file cannot be written: a directory is in its place.",
                subject: target.string)
        }
        if let there, there.kind == .file, try isRight(target, there, source, before, verify) {
            record.files[publication.name] = .init(
                key: source.key, file: publication.file, sha256: source.digest, stamp: .init(there))
            return .unchanged
        }
        let known = before?.sha256 == source.digest
        if known {
            context.progress.warning(
                there == nil
                    ? "\(target.string) was missing and is put there again"
                    : "\(target.string) was changed since it was built and is put there again")
        }
        try place(source, at: target, replacing: before)
        guard let now = try Files.status(target) else {
            throw LapwingError(
                "file.failed", exit: .inputOutput, "An output file vanished while it was written.",
                subject: target.string)
        }
        record.files[publication.name] = .init(
            key: source.key, file: publication.file, sha256: source.digest, stamp: .init(now))
        return known ? .repaired : .written
    }

    /// True when the file that is there has the wanted content, by stamps where those can tell.
    private func isRight(
        _ target: FilePath, _ there: FileStatus, _ source: Source, _ before: PublishedRecord.Entry?, _ verify: Bool
    ) throws -> Bool {
        guard there.size == source.entry.stamp.size, there.permissions & 0o222 == 0 else { return false }
        let stamp = ResultEntry.Stamp(there)
        if !verify {
            // Another name of the cached file, which the plan has checked.
            if let cached = try Files.status(source.path), cached.inode == there.inode, cached.device == there.device,
                stamp == source.entry.stamp
            {
                return true
            }
            // What an earlier build put there, untouched: its digest is known, whether it is the wanted one or not.
            if let before, before.stamp == stamp { return before.sha256 == source.digest }
        }
        return try Digest.ofFile(target) == source.digest
    }

    private func place(_ source: Source, at target: FilePath, replacing before: PublishedRecord.Entry?) throws {
        let temporary = directory.appending(
            ".\(target.lastComponent?.string ?? "output").\(String(UInt64.random(in: 0 ... .max), radix: 36)).tmp")
        defer { try? Files.remove(temporary) }
        // Giving a file another name or taking one away changes its stamp, which would make the cache read it again.
        try cache.keepingStamp(of: source.path, key: source.key, file: source.entry.path, wait: true) {
            let replace = {
                if try !Files.link(source.path, to: temporary) {
                    try Files.copySparse(source.path, to: temporary, permissions: 0o444)
                }
                try Files.rename(temporary, to: target)
            }
            if let before, before.key != source.key {
                let old = cache.output(before.key).appending(before.file)
                try cache.keepingStamp(of: old, key: before.key, file: before.file, wait: false, replace)
            } else {
                try replace()
            }
        }
    }
}

/// What was put into an output directory, `published/DIGEST.json`.
struct PublishedRecord: Codable, Sendable {
    struct Entry: Codable, Sendable {
        var key: Digest
        var file: String
        var sha256: Digest
        var stamp: ResultEntry.Stamp
    }

    var schemaVersion = 1
    var directory: String
    var files: [String: Entry]

    private static func path(_ cache: FilePath, _ directory: String) -> FilePath {
        cache.appending("published").appending(Digest.of(directory).hex + ".json")
    }

    static func load(_ cache: FilePath, _ directory: FilePath) -> PublishedRecord {
        let normal = directory.lexicallyNormalized().string
        let path = path(cache, normal)
        let empty = PublishedRecord(directory: normal, files: [:])
        guard let bytes = try? Files.read(path) else { return empty }
        return (try? JSONText.decode(PublishedRecord.self, from: bytes, file: path.string)) ?? empty
    }

    func save(_ cache: FilePath) throws {
        try Files.write(JSONText.encode(self), to: Self.path(cache, directory))
    }
}
