// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// Which results are to go.
public enum CleaningPolicy: Sendable, Hashable {
    /// All.
    case all
    /// Those that no plan has counted on for this many seconds.
    case unused(seconds: Double)
    /// All but those of the last build of each recipe.
    case keepLast
}

/// What cleaning will remove, before it does.
public struct CleaningPlan: Sendable {
    /// A result that is to go.
    public struct Entry: Sendable, Codable, Hashable {
        /// The step's name; empty when the record cannot be read.
        public let step: String
        /// The step's key.
        public let key: Digest
        /// The bytes of the result's files. Less is freed where an output directory has another name for a file.
        public let bytes: Int64
        /// Days since the result was last used.
        public let idleDays: Double
    }

    /// What is to go, the largest first.
    public let entries: [Entry]

    /// The sum in bytes.
    public var bytes: Int64 { entries.reduce(0) { $0 + $1.bytes } }

    /// The plan as `lapwing clean --dry-run` shows it.
    public func listing() -> Listing<Entry> {
        Listing(
            "results", entries,
            columns: [
                .init("STEP") { $0.step },
                .init("KEY") { $0.key.short },
                .init("SIZE", right: true) { ByteSize(bytes: UInt64(clamping: $0.bytes)).description },
                .init("IDLE", right: true) { "\(Int($0.idleDays)) d" },
            ])
    }
}

/// What cleaning did.
public struct CleaningReport: Sendable, Codable, Hashable {
    /// The number of results removed.
    public var removed: Int
    /// Their bytes.
    public var bytes: Int64
    /// Results left alone because another process uses them.
    public var inUse: Int

    /// Creates a report.
    public init(removed: Int, bytes: Int64, inUse: Int) {
        self.removed = removed
        self.bytes = bytes
        self.inUse = inUse
    }
}

extension Engine {
    /// Finds out what a policy would remove.
    public func planCleaning(_ policy: CleaningPolicy) throws -> CleaningPlan {
        try cache.prepare()
        let now = context.clock.now()
        var kept: Set<Digest> = []
        if policy == .keepLast { kept = try cache.keysOfLastBuilds() }
        var entries: [CleaningPlan.Entry] = []
        for key in try cache.keys() where !kept.contains(key) {
            let idle = max(0, now - (try cache.lastUse(key) ?? 0))
            if case .unused(let seconds) = policy, idle < seconds { continue }
            let record = cache.record(key)
            entries.append(
                CleaningPlan.Entry(
                    step: record?.material.id ?? "", key: key, bytes: record?.bytes ?? 0, idleDays: idle / 86400))
        }
        return CleaningPlan(entries: entries.sorted { ($1.bytes, $0.key) < ($0.bytes, $1.key) })
    }

    /// Removes what the plan says, but nothing that another process has in a plan or is making. Working directories
    /// of killed builds go as well.
    public func clean(_ plan: CleaningPlan) async throws -> CleaningReport {
        try cache.prepare()
        var report = CleaningReport(removed: 0, bytes: 0, inUse: 0)
        for entry in plan.entries {
            try Task.checkCancellation()
            guard let use = try FileLock.attempt(cache.useLock(entry.key.hex), .exclusive),
                let build = try FileLock.attempt(cache.buildLock(entry.key.hex), .exclusive)
            else {
                report.inUse += 1
                continue
            }
            if let rubbish = try cache.detach(entry.key) {
                await cache.remove(rubbish, context)
                report.removed += 1
                report.bytes += entry.bytes
            }
            build.removeFile(cache.buildLock(entry.key.hex))
            use.removeFile(cache.useLock(entry.key.hex))
        }
        try await cache.sweep(context)
        return report
    }
}
