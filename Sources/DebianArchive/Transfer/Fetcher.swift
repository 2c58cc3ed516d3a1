// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
import SystemPackage

/// Fetches files with curl, several at once, in rounds: what did not arrive in one is tried again in the next, from
/// where it stopped or from another place.
struct Fetcher {
    let context: Context
    /// A directory on the file system that is filled.
    let space: FilePath
    let proxy: HostProxy
    /// What was fetched and seen whole so far.
    private(set) var verified: [Digest: VerifiedRecords.Stamp] = [:]

    private var owned: Set<Digest> = []

    /// Attempts on one URI that bring nothing before it is given up.
    private static let patience = 4

    init(context: Context, space: FilePath, proxy: HostProxy) {
        self.context = context
        self.space = space
        self.proxy = proxy
    }

    /// Fetches all; throws when some could not be had, after the others have arrived.
    mutating func run(_ jobs: [FetchJob]) async throws {
        var open = jobs
        var failed: [FetchJob] = []
        var round = 0
        let total = jobs.reduce(UInt64(0)) { $0 + $1.item.size }
        try checkSpace(open)
        context.progress.note("fetching \(jobs.count) files, \(ByteSize(bytes: total))")
        while !open.isEmpty {
            try Task.checkCancellation()
            var next: [FetchJob] = []
            for (job, end) in try await transfer(open, all: jobs.count, total: total) {
                if let again = try react(job, end) {
                    next.append(again)
                } else if end != .done {
                    failed.append(job.refused(end))
                }
            }
            open = next
            round += 1
            if let most = open.map(\.attempts).max(), most > 0 {
                try await Task.sleep(for: .milliseconds(250 << min(most, 5)))
            }
        }
        if !failed.isEmpty { throw Self.failure(failed) }
    }

    /// What to do after a transfer: the job to go on with, or nil when it is done or given up.
    private func react(_ job: FetchJob, _ end: TransferEnd) throws -> FetchJob? {
        var job = job
        switch end {
        case .done: return nil
        case .writeFailed(let said):
            let free = (try? Files.freeBytes(space)) ?? 0
            throw LapwingError(
                free < max(job.item.size, 1 << 20) ? "file.no-space" : "fetch.write-failed", exit: .inputOutput,
                free < max(job.item.size, 1 << 20)
                    ? "There is no room for the packages." : "A package could not be written.",
                subject: space.string, cause: "\(job.item.label): \(said)",
                hint: "Make room on that file system and run the command again; what has arrived is kept.")
        case .again(let fromStart, _):
            if fromStart { try Files.remove(job.part) }
            job.attempts += 1
            if job.attempts < Self.patience { return job }
        case .absent, .unfit: break
        }
        job = job.refused(end)
        if case .again = end {} else { try Files.remove(job.part) }
        if job.uris.count <= 1 { return nil }
        job.uris.removeFirst()
        job.attempts = 0
        job.reached = 0
        return job
    }

    /// Makes what an earlier run left a file of our own. A curl that outlived its lapwing may still write to the old
    /// one, even after that would have been checked and moved into the store.
    private mutating func own(_ job: FetchJob) throws {
        guard owned.insert(job.item.sha256).inserted, let status = try Files.status(job.part) else { return }
        let copy = FilePath(job.part.string + ".copy")
        try Files.remove(copy)
        if status.kind == .file, status.size <= Int64(job.item.size) {
            try Files.copySparse(job.part, to: copy, permissions: 0o644)
            try Files.rename(copy, to: job.part)
        } else {
            try Files.remove(job.part)
        }
    }

    private func checkSpace(_ jobs: [FetchJob]) throws {
        let needed = try jobs.reduce(UInt64(0)) { sum, job in
            sum + job.item.size - min(job.item.size, UInt64(max(0, try Files.status(job.part)?.size ?? 0)))
        }
        let free = try Files.freeBytes(space)
        if free < needed {
            throw LapwingError(
                "file.no-space", exit: .inputOutput, "There is no room for the packages.", subject: space.string,
                cause: "\(ByteSize(bytes: needed)) are needed, \(ByteSize(bytes: free)) are free",
                hint: "Make room on that file system and run the command again.")
        }
    }

    /// One run of curl over all jobs; says how each ended.
    private mutating func transfer(
        _ jobs: [FetchJob], all: Int, total: UInt64
    ) async throws -> [(FetchJob, TransferEnd)] {
        var ends: [Int: TransferEnd] = [:]
        var sent: [Int] = []
        var before: [Int: Int64] = [:]
        for (index, job) in jobs.enumerated() {
            try own(job)
            let size = try Files.status(job.part)?.size ?? 0
            if size == Int64(job.item.size) {
                // It had arrived as a whole when an earlier run ended.
                ends[index] = try finish(job)
                if ends[index] == .done { continue }
                try Files.remove(job.part)
            } else {
                before[index] = size
            }
            sent.append(index)
        }
        if !sent.isEmpty {
            let results = try await curl(jobs, sent, all: all, total: total)
            for index in sent {
                ends[index] = try judge(jobs[index], results[index], before: before[index] ?? 0)
            }
        }
        return jobs.enumerated().map { index, job in
            var job = job
            // More than ever before, or a file that ends too early would be fetched for ever: to its end, then, since
            // nothing follows, from the start.
            let size = (try? Files.status(job.part))?.size ?? 0
            let grown = size > max(before[index] ?? 0, job.reached)
            job.reached = max(job.reached, size)
            if case .again(false, _) = ends[index], grown { job.attempts = 0 }
            return (job, ends[index] ?? .again(fromStart: false, "curl said nothing of it"))
        }
    }

    private mutating func judge(_ job: FetchJob, _ result: CurlResult?, before: Int64) throws -> TransferEnd {
        guard let result else { return .again(fromStart: false, "the transfer was cut off") }
        if result.oversize { return .unfit("it is larger than the lock says") }
        guard result.exit == 0 else {
            return TransferEnd.judge(exit: result.exit, status: result.status, message: result.message)
        }
        let size = try Files.status(job.part)?.size ?? 0
        if size > Int64(job.item.size) { return .unfit("it is larger than the lock says") }
        if size < Int64(job.item.size) {
            return .again(fromStart: size <= before, "it ended after \(size) of \(job.item.size) bytes")
        }
        let end = try finish(job)
        if case .unfit(let said) = end, before > 0 { return .again(fromStart: true, said) }
        return end
    }

    /// Takes a whole file into the store if its content is the right one.
    private mutating func finish(_ job: FetchJob) throws -> TransferEnd {
        let digest = try Digest.ofFile(job.part)
        guard digest == job.item.sha256 else {
            return .unfit("its content is another one (SHA-256 \(digest), expected \(job.item.sha256))")
        }
        try Files.setPermissions(job.part, 0o444)
        try Files.rename(job.part, to: job.target)
        if let status = try Files.status(job.target) { verified[digest] = .init(status) }
        return .done
    }

    private static func failure(_ failed: [FetchJob]) -> LapwingError {
        let names = failed.map(\.item.label).sorted()
        let shown = names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
        let causes = failed.sorted { $0.item.label < $1.item.label }.prefix(3).flatMap(\.refusals)
        let cause = causes.joined(separator: "\n         ")
        if failed.allSatisfy(\.gone) {
            return LapwingError(
                "fetch.gone", exit: .unavailable, "The mirror no longer has what the lock names.", subject: shown,
                cause: cause,
                hint: "Run \"lapwing update\" for a new lock, or name an archive of old versions as \"oldVersions\" in "
                    + "the configuration.")
        }
        return LapwingError(
            "fetch.failed", exit: .unavailable, "Some files could not be fetched.", subject: shown, cause: cause,
            hint: "Run the command again: what has arrived is kept. If it stays so, try another mirror.")
    }
}

extension FetchJob {
    /// The job with the reason noted why its present URI does not serve.
    fileprivate func refused(_ end: TransferEnd) -> FetchJob {
        var job = self
        let uri = uris.first ?? ""
        switch end {
        case .absent(let said): job.refusals.append("\(uri): \(said)")
        case .unfit(let said), .again(_, let said), .writeFailed(let said):
            job.refusals.append("\(uri): \(said)")
            job.gone = false
        case .done: break
        }
        return job
    }
}
