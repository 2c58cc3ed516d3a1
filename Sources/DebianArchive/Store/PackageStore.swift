// SPDX-License-Identifier: Apache-2.0

import Hashing
public import LapwingCore
public import SystemPackage

/// The content-addressed store of packages and sources under the user's cache directory. A file is found by its
/// digest and handed out only after its content was seen to have it.
public struct PackageStore: Sendable {
    /// How sure to be of files that are there already.
    public enum Verification: Sendable {
        /// Hash what is new or looks changed (inode, size, times); cheap.
        case quick
        /// Hash everything.
        case full
    }

    let context: Context
    let cache: FilePath
    let mirrors: @Sendable () throws -> Mirrors

    /// A store.
    /// - Parameters:
    ///   - cache: the user's cache directory of lapwing; packages go to `debs`, sources to `sources` in it.
    ///   - mirrors: asked for the archives when something is missing, and not before; may throw, for example to
    ///     forbid the network.
    public init(_ context: Context, cache: FilePath, mirrors: @escaping @Sendable () throws -> Mirrors) {
        self.context = context
        self.cache = cache
        self.mirrors = mirrors
    }

    /// Where a file of this content stands, whether it is there or not.
    public func path(_ digest: Digest, _ kind: StoreItem.Kind = .package) -> FilePath {
        // One text, not piece by piece: thousands of these are made in an unchanged build.
        FilePath("\(cache.string)/\(kind.directory)/sha256/\(digest.hex.prefix(2))/\(digest.hex)\(kind.ending)")
    }

    func directory(_ kind: StoreItem.Kind) -> FilePath { cache.appending(kind.directory) }

    /// Makes sure that all packages are in the store and whole, fetching what is missing and repairing what is
    /// damaged; returns where each stands. Several processes may do so at once.
    @discardableResult
    public func ensure(
        _ packages: [LockedPackage], verify: Verification = .quick, date: Int64? = nil
    ) async throws -> [Digest: FilePath] {
        try await ensure(items: packages.map(StoreItem.init), verify: verify, date: date)
    }

    /// As for packages, for any items. `date` (seconds since 1970) fills `{date}` in the templates for superseded
    /// packages.
    @discardableResult
    public func ensure(
        items: [StoreItem], verify: Verification = .quick, date: Int64? = nil
    ) async throws -> [Digest: FilePath] {
        var result: [Digest: FilePath] = [:]
        for kind in StoreItem.Kind.allCases {
            let wanted = try Self.unique(items.filter { $0.kind == kind })
            if wanted.isEmpty { continue }
            try Files.makeDirectory(directory(kind).appending("sha256"))
            let absent = try await absent(wanted, kind, verify)
            if !absent.isEmpty { try await fetch(absent, kind, date) }
            for item in wanted { result[item.sha256] = path(item.sha256, kind) }
        }
        return result
    }

    /// The items that are not in the store, or not whole; nothing is fetched or changed.
    public func missing(_ items: [StoreItem], verify: Verification = .quick) async throws -> [StoreItem] {
        var result: [StoreItem] = []
        for kind in StoreItem.Kind.allCases {
            let wanted = try Self.unique(items.filter { $0.kind == kind })
            if wanted.isEmpty || !Files.isDirectory(directory(kind)) {
                result += wanted
            } else {
                result += try await absent(wanted, kind, verify)
            }
        }
        return result
    }

    private static func unique(_ items: [StoreItem]) throws -> [StoreItem] {
        var seen: [Digest: StoreItem] = [:]
        for item in items {
            if let other = seen[item.sha256], other.size != item.size {
                throw LapwingError(
                    "lock.bad", exit: .badInput, "The lock gives two sizes for one content.", subject: item.label)
            }
            seen[item.sha256] = seen[item.sha256] ?? item
        }
        return seen.values.sorted { ($0.path, $0.sha256) < ($1.path, $1.sha256) }
    }

    /// What is missing or damaged; records what was found whole.
    private func absent(
        _ items: [StoreItem], _ kind: StoreItem.Kind, _ verify: Verification
    ) async throws -> [StoreItem] {
        var records = VerifiedRecords(directory: directory(kind))
        var absent: [StoreItem] = []
        var doubtful: [(item: StoreItem, stamp: VerifiedRecords.Stamp)] = []
        for item in items {
            guard let status = try Files.status(path(item.sha256, kind)), status.kind == .file,
                status.size == Int64(item.size)
            else {
                absent.append(item)
                continue
            }
            let stamp = VerifiedRecords.Stamp(status)
            if verify == .full || records.stamps[item.sha256] != stamp { doubtful.append((item, stamp)) }
        }
        if doubtful.isEmpty { return absent }
        context.progress.status("checking \(doubtful.count) files of the store")
        let wrong = try await wrongContent(doubtful.map(\.item), kind)
        var good: [Digest: VerifiedRecords.Stamp] = [:]
        for (item, stamp) in doubtful where !wrong.contains(item.sha256) { good[item.sha256] = stamp }
        try records.record(good, dropping: wrong)
        return absent + doubtful.map(\.item).filter { wrong.contains($0.sha256) }
    }

    /// The digests whose files have another content, hashed four at a time.
    private func wrongContent(_ items: [StoreItem], _ kind: StoreItem.Kind) async throws -> Set<Digest> {
        try await withThrowingTaskGroup(of: Digest?.self) { group in
            var wrong: Set<Digest> = []
            var started = 0
            for item in items {
                if started >= 4, let done = try await group.next(), let digest = done { wrong.insert(digest) }
                let path = path(item.sha256, kind)
                group.addTask { try Digest.ofFile(path) == item.sha256 ? nil : item.sha256 }
                started += 1
            }
            for try await done in group {
                if let digest = done { wrong.insert(digest) }
            }
            return wrong
        }
    }

    private func fetch(_ items: [StoreItem], _ kind: StoreItem.Kind, _ date: Int64?) async throws {
        let progress = context.progress
        let lock = try await FileLock.acquire(directory(kind).appending("fetch.lock"), .exclusive) {
            progress.note("waiting for another lapwing that fetches packages")
        }
        defer { withExtendedLifetime(lock) {} }
        // Another process may have fetched them meanwhile.
        let absent = try await absent(items, kind, .quick)
        if absent.isEmpty { return }
        for item in absent where Files.exists(path(item.sha256, kind)) {
            context.progress.warning("\(item.label) in the store is damaged and is fetched again")
            try Files.remove(path(item.sha256, kind))
        }
        let jobs = try absent.map { item in
            let target = path(item.sha256, kind)
            try Files.makeDirectory(target.removingLastComponent())
            return FetchJob(
                item: item, target: target, part: target.removingLastComponent().appending(item.sha256.hex + ".part"),
                uris: [])
        }
        let mirrors = try mirrors()
        let placed = try jobs.map { job in
            var job = job
            job.uris = try FetchJob.uris(job.item, mirrors, date: date)
            return job
        }
        var fetcher = Fetcher(context: context, space: directory(kind), proxy: await HostProxy.read(context))
        defer {
            var records = VerifiedRecords(directory: directory(kind))
            try? records.record(fetcher.verified)
        }
        try await fetcher.run(placed)
    }

    /// Puts a file into the store whose content was already seen to have the digest; the file is moved.
    func adopt(_ file: FilePath, _ item: StoreItem) throws {
        let target = path(item.sha256, item.kind)
        try Files.makeDirectory(target.removingLastComponent())
        try Files.rename(file, to: target)
    }
}
