// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Synchronization
import SystemPackage

/// A step that has come to its result, the files of which are in place but still being digested.
struct PendingResult: Sendable {
    /// Ends once the result is committed. Not cancelled with the build: it is short, and finished work is kept.
    let commit: Task<(RunReport.StepReport, StepRecord), any Error>
    /// The files with their digests, once known.
    let files: Task<[ResultFile], any Error>
}

/// The pending results of one run, for steps that ask for the digests of an upstream result.
final class PendingResults: Sendable {
    private let results = Mutex<[StepID: PendingResult]>([:])

    subscript(id: StepID) -> PendingResult? {
        get { results.withLock { $0[id] } }
        set { results.withLock { $0[id] = newValue } }
    }
}

/// Brings one step to its result.
struct StepBuilder: Sendable {
    let engine: Engine
    let plan: Plan
    let results: PendingResults
    let start: ContinuousClock.Instant

    private var cache: StepCache { engine.cache }
    private var progress: any Progress { engine.context.progress }

    func build(_ resolved: ResolvedStep, place: String) async throws -> PendingResult {
        let step = resolved.step
        let lock = try await FileLock.acquire(cache.buildLock(resolved.key.hex), .exclusive) {
            progress.note("\(place) \(step.id): waiting for another build that is making it")
        }
        let began = ContinuousClock.now
        if case .intact(let record, let listing) = try cache.check(resolved.key) {
            progress.note("\(place) \(step.id): made by another build")
            return pending(step.id, report(resolved, .shared, began, record), record, listing.files)
        }
        if let rubbish = try cache.detach(resolved.key) { await cache.remove(rubbish, engine.context) }
        progress.status("\(place) \(step.id): \(step.title) …")

        let work = cache.temporary(resolved.key)
        let notes = StepNotes()
        let sealed: ResultListing
        do {
            sealed = try await perform(resolved, in: work, notes)
        } catch {
            await cache.remove(work, engine.context)
            throw error
        }
        await cache.remove(work, engine.context)
        let seconds = (ContinuousClock.now - began).inSeconds
        progress.note("\(place) \(step.id): \(step.title)  \(Seconds.text(seconds))")
        return commit(resolved, sealed, notes, lock, began: began, seconds: seconds)
    }

    /// Runs the step in a working directory and moves its result into place.
    private func perform(_ resolved: ResolvedStep, in work: FilePath, _ notes: StepNotes) async throws -> ResultListing
    {
        let step = resolved.step
        let output = work.appending("out")
        let scratch = work.appending("scratch")
        for directory in [output, scratch] {
            try Files.makeDirectory(directory)
            try Files.setPermissions(directory, 0o755)
        }
        var context = engine.context
        context.runner = notes.noting(engine.context.runner)
        context.progress = StepProgress(inner: engine.context.progress, step: step.id)
        var paths: [String: FilePath] = [:]
        for (name, input) in step.inputs {
            switch input {
            case .value: break
            case .file(let path), .tree(let path): paths[name] = path
            case .output(let id): paths[name] = plan.resolved[id].map { cache.output($0.key) }
            }
        }
        try Task.checkCancellation()
        try await step.run(
            StepRun(
                output: output, scratch: scratch, context: context, step: step, paths: paths, files: resultFiles,
                notes: notes))
        try Task.checkCancellation()
        for (name, stamp) in resolved.stamps {
            guard let path = paths[name], try SourceStamp.of(path) != stamp else { continue }
            throw LapwingError(
                "build.input-changed", exit: .busy, "The input \"\(name)\" changed while it was being used.",
                subject: path.string, hint: "Run the build again.")
        }
        let sealed = try ResultListing.seal(output)
        try Files.makeDirectory(cache.entry(resolved.key))
        try Files.rename(output, to: cache.output(resolved.key))
        return sealed
    }

    @Sendable private func resultFiles(_ id: StepID) async throws -> [ResultFile] {
        if let pending = results[id] { return try await pending.files.value }
        guard let resolved = plan.resolved[id], case .intact(_, let listing) = try cache.check(resolved.key) else {
            throw LapwingError("build.no-result", "The result of \"\(id)\" is not there.", subject: id.name)
        }
        return listing.files
    }

    /// Digests the result and commits it while the steps after it may begin. The lock is held until then.
    private func commit(
        _ resolved: ResolvedStep, _ sealed: ResultListing, _ notes: StepNotes, _ lock: FileLock,
        began: ContinuousClock.Instant, seconds: Double
    ) -> PendingResult {
        let cache = cache
        let digesting = Task { () async throws -> ResultListing in
            try await sealed.digested(cache.output(resolved.key))
        }
        let committing = Task { () async throws -> (RunReport.StepReport, StepRecord) in
            defer { lock.release() }
            let committed = ContinuousClock.now
            let listing = try await digesting.value
            let record = StepRecord(
                key: resolved.key, material: resolved.material, values: Self.shortValues(resolved.step),
                title: resolved.step.title, result: listing.digest, files: listing.files.count, bytes: listing.bytes,
                seconds: seconds, metrics: notes.metrics, commands: notes.commands)
            try cache.commit(record, listing)
            var report = report(resolved, .built, began, record)
            report.commitSeconds = (ContinuousClock.now - committed).inSeconds
            return (report, record)
        }
        let pending = PendingResult(commit: committing, files: Task { try await digesting.value.files })
        results[resolved.step.id] = pending
        return pending
    }

    private func pending(
        _ id: StepID, _ report: RunReport.StepReport, _ record: StepRecord, _ files: [ResultFile]
    ) -> PendingResult {
        let pending = PendingResult(commit: Task { (report, record) }, files: Task { files })
        results[id] = pending
        return pending
    }

    private func report(
        _ resolved: ResolvedStep, _ outcome: RunReport.Outcome, _ began: ContinuousClock.Instant, _ record: StepRecord
    ) -> RunReport.StepReport {
        RunReport.StepReport(
            step: resolved.step.id, title: resolved.step.title, outcome: outcome,
            reason: plan.entries.first { $0.step == resolved.step.id }?.reason, key: resolved.key,
            result: record.result, start: (began - start).inSeconds, seconds: record.seconds, commitSeconds: nil,
            bytes: record.bytes, files: record.files, metrics: record.metrics, commands: record.commands)
    }

    private static func shortValues(_ step: Step) -> [String: String] {
        step.inputs.compactMapValues { input in
            if case .value(let text) = input, text.utf8.count <= 4096 { text } else { nil }
        }
    }
}
