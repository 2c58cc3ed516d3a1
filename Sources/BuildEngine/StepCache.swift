// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
import SystemPackage

/// What is written down of a finished step, `steps/KEY/step.json`. Its presence is what makes a result one: it is
/// put there last, by one rename.
struct StepRecord: Codable, Sendable, Hashable {
    var schemaVersion = 1
    var key: Digest
    var material: KeyMaterial
    /// The texts of short `.value` inputs, for a person who wants to know what a key stands for.
    var values: [String: String]
    var title: String
    /// The digest of the whole result, without stamps.
    var result: Digest
    var files: Int
    var bytes: Int64
    var seconds: Double
    var metrics: [String: Double]
    var commands: [CommandTiming]
}

/// The directory of step results.
///
///     steps/KEY/out         the result
///     steps/KEY/files       every path of it with digest and stamp
///     steps/KEY/step.json   the record, written last
///     tmp/KEY.RANDOM/       a step at work, or a result on its way out; rubbish once nobody holds KEY.build
///     locks/KEY.build       held exclusively by the one process that makes or drops a result
///     locks/KEY.use         held shared by all that have the result in a plan, exclusively by who removes it
///     last/SCOPE.json       what the last build of a recipe was made of
///     published/DIGEST.json what was put into an output directory
struct StepCache: Sendable {
    let root: FilePath

    enum State: Sendable, Equatable {
        case absent
        case damaged(String)
        case intact(StepRecord, ResultListing)
    }

    /// Makes the directories; only their owner may enter, since inputs may hold password hashes.
    func prepare() throws {
        try Files.makeDirectory(root, permissions: .ownerReadWriteExecute)
        for name in ["steps", "tmp", "locks", "last", "published"] { try Files.makeDirectory(root.appending(name)) }
    }

    func entry(_ key: Digest) -> FilePath { root.appending("steps").appending(key.hex) }
    func output(_ key: Digest) -> FilePath { entry(key).appending("out") }
    private func recordPath(_ key: Digest) -> FilePath { entry(key).appending("step.json") }
    private func listingPath(_ key: Digest) -> FilePath { entry(key).appending("files") }
    func buildLock(_ key: String) -> FilePath { root.appending("locks").appending(key + ".build") }
    func useLock(_ key: String) -> FilePath { root.appending("locks").appending(key + ".use") }
    var temporary: FilePath { root.appending("tmp") }

    func temporary(_ key: Digest) -> FilePath {
        temporary.appending("\(key.hex).\(String(UInt64.random(in: 0 ... .max), radix: 36))")
    }

    func isCommitted(_ key: Digest) -> Bool { Files.exists(recordPath(key)) }

    /// The record alone, without a look at the result; nil when there is none that can be read.
    func record(_ key: Digest) -> StepRecord? {
        guard let bytes = try? Files.read(recordPath(key)),
            let record = try? JSONText.decode(StepRecord.self, from: bytes, file: recordPath(key).string),
            record.key == key
        else { return nil }
        return record
    }

    /// The recorded list of a result's files, without a look at them; nil when there is none that can be read.
    func listing(_ key: Digest) -> ResultListing? {
        guard isCommitted(key), let bytes = try? Files.read(listingPath(key)) else { return nil }
        return ResultListing(text: bytes)
    }

    /// Does something to a file of a result that changes its stamp but not its content, such as giving it another
    /// name, and writes the new stamp down. Only if the stamp was right before: damage stays noticeable. Without
    /// `wait`, when the result is busy, the stamp is left to the next check, which then reads the file.
    func keepingStamp(
        of path: FilePath, key: Digest, file: String, wait: Bool, _ body: () throws -> Void
    ) throws {
        let lock =
            try wait
            ? FileLock.wait(buildLock(key.hex), .exclusive) : FileLock.attempt(buildLock(key.hex), .exclusive)
        defer { lock?.release() }
        guard lock != nil, var listing = listing(key),
            let index = listing.entries.firstIndex(where: { $0.path == file }), let before = try Files.status(path),
            listing.entries[index].stamp == ResultEntry.Stamp(before)
        else { return try body() }
        try body()
        guard let after = try Files.status(path), after.inode == before.inode, after.modified == before.modified,
            after.size == before.size
        else { return }
        listing.entries[index].stamp = .init(after)
        try store(listing, key)
    }

    /// The keys that the last builds were made of.
    func keysOfLastBuilds() throws -> Set<Digest> {
        let directory = root.appending("last")
        var keys: Set<Digest> = []
        for name in try Files.names(in: directory) {
            guard let bytes = try? Files.read(directory.appending(name)),
                let last = try? JSONText.decode(LastBuild.self, from: bytes, file: name)
            else { continue }
            keys.formUnion(last.steps.values.map(\.key))
        }
        return keys
    }

    /// Looks at every path of a result by its status; reads what looks changed, or everything with `verify`.
    func check(_ key: Digest, verify: Bool = false) throws -> State {
        guard isCommitted(key) else { return .absent }
        guard let record = record(key) else { return .damaged("step.json") }
        guard let bytes = try? Files.read(listingPath(key)), let recorded = ResultListing(text: bytes),
            recorded.digest == record.result
        else { return .damaged("the list of files") }
        guard Files.isDirectory(output(key)) else { return .damaged("the result directory is gone") }
        var found = try ResultListing.scan(output(key))
        if let different = Self.firstDifference(recorded.entries.map(\.path), found.entries.map(\.path)) {
            return .damaged(different)
        }
        var refreshed = false
        for index in found.entries.indices {
            let before = recorded.entries[index]
            let now = found.entries[index]
            found.entries[index].digest = before.digest
            if before.looksLike(now) && !verify { continue }
            guard before.kind == now.kind, before.permissions == now.permissions,
                before.kind == .directory || before.stamp.size == now.stamp.size,
                try ResultListing.content(output(key), now) == before.digest
            else { return .damaged(before.path) }
            refreshed = true
        }
        if refreshed { try store(found, key) }
        return .intact(record, found)
    }

    private static func firstDifference(_ before: [String], _ now: [String]) -> String? {
        if before == now { return nil }
        for (a, b) in zip(before, now) where a != b {
            return a.utf8.lexicographicallyPrecedes(b.utf8) ? "\(a) is gone" : "\(b) was added"
        }
        return before.count > now.count ? "\(before[now.count]) is gone" : "\(now[before.count]) was added"
    }

    /// Writes the stamps anew, for example after a hard link changed them.
    func store(_ listing: ResultListing, _ key: Digest) throws {
        try Files.write(listing.text, to: listingPath(key))
    }

    /// Makes the result one. The caller holds the build lock and has the files at `output(key)`.
    func commit(_ record: StepRecord, _ listing: ResultListing) throws {
        try store(listing, record.key)
        try Files.write(JSONText.encode(record), to: recordPath(record.key))
    }

    /// Takes a result out of the cache by one rename; its bytes go later, with `remove`. Nil when nothing was there.
    func detach(_ key: Digest) throws -> FilePath? {
        guard try Files.status(entry(key)) != nil else { return nil }
        let rubbish = temporary(key)
        try Files.rename(entry(key), to: rubbish)
        return rubbish
    }

    /// Removes a tree of this cache. What an unpacked root left there with user ids of a namespace goes with the
    /// help of such a namespace; what cannot be removed at all is a warning.
    func remove(_ path: FilePath, _ context: Context) async {
        do {
            try Files.removeTree(path)
        } catch {
            if effectiveUserID() != 0 {
                let arguments = ["--user", "--map-root-user", "--map-auto", "--", "rm", "-rf", "--", path.string]
                if let result = try? await context.runner.run(Command("unshare", arguments)), result.succeeded {
                    return
                }
            }
            context.progress.warning("could not remove \(path.string): \(Failure.text(error))")
        }
    }

    /// Marks results as used now, for cleaning by age.
    func touch(_ key: Digest) {
        try? Files.touch(recordPath(key))
    }

    /// Seconds since 1970 of the last use; nil when there is no result.
    func lastUse(_ key: Digest) throws -> Double? {
        try Files.status(recordPath(key)).map { Double($0.modified) / 1e9 }
    }

    /// The keys of everything under `steps`, finished or not.
    func keys() throws -> [Digest] {
        guard Files.isDirectory(root.appending("steps")) else { return [] }
        return try Files.names(in: root.appending("steps")).compactMap { Digest(hex: $0) }
    }

    /// Removes what killed builds left behind: a working directory whose build lock is free, and results that were
    /// never finished.
    func sweep(_ context: Context) async throws {
        for name in try Files.names(in: temporary) {
            let key = String(name.prefix { $0 != "." })
            guard let lock = try FileLock.attempt(buildLock(key), .exclusive) else { continue }
            await remove(temporary.appending(name), context)
            lock.release()
        }
        for key in try keys() where !isCommitted(key) {
            guard let lock = try FileLock.attempt(buildLock(key.hex), .exclusive) else { continue }
            if !isCommitted(key), let rubbish = try detach(key) { await remove(rubbish, context) }
            lock.release()
        }
    }
}

/// Keeps the results of a plan from being removed by another process, as long as it lives.
final class CacheLease: Sendable {
    private let locks: [FileLock]

    init(_ cache: StepCache, _ keys: [Digest]) throws {
        locks = try Set(keys).sorted().map { try FileLock.wait(cache.useLock($0.hex), .shared) }
    }
}

/// Words for an error that may not be one of ours.
enum Failure {
    static func text(_ error: any Error) -> String {
        switch error {
        case let error as LapwingError: error.message + (error.cause.map { " (\($0))" } ?? "")
        default: String(describing: error)
        }
    }
}
