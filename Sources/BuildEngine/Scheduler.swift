// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// Runs the steps of one plan.
struct Scheduler {
    let engine: Engine
    let plan: Plan
    let jobs: Int

    /// A step came to its result (`ready`, which those after it wait for), and the result was digested and committed.
    private enum Event: Sendable {
        case ready(StepID, PendingResult)
        case committed(StepID, RunReport.StepReport, StepRecord)
        case failed(StepID, any Error)
    }

    func run() async throws -> RunReport {
        let start = ContinuousClock.now
        let began = engine.context.clock.now()
        let ownBefore = ResourceUsage.own
        let childrenBefore = ResourceUsage.children
        let running = plan.running
        let runningSet = Set(running)
        let priority = priorities(runningSet)
        let results = PendingResults()
        let builder = StepBuilder(engine: engine, plan: plan, results: results, start: start)
        var last = LastBuild.load(engine.cache.root, plan.scope)
        var reports: [StepID: RunReport.StepReport] = [:]
        var failures: [(StepID, any Error)] = []
        remember(cachedIn: &last)

        await withTaskGroup(of: Event.self) { group in
            var waiting = running
            var done: Set<StepID> = []
            var active = 0
            var started = 0

            func startReady() {
                let ready = waiting.filter { id in
                    plan.resolved[id]?.step.upstream.allSatisfy { !runningSet.contains($0) || done.contains($0) }
                        ?? false
                }
                let best = ready.sorted { (priority[$0] ?? 0, $1) > (priority[$1] ?? 0, $0) }
                for id in best where active < jobs {
                    guard let step = plan.resolved[id] else { continue }
                    waiting.removeAll { $0 == id }
                    active += 1
                    started += 1
                    let place = "[\(started)/\(running.count)]"
                    group.addTask {
                        do {
                            return .ready(id, try await builder.build(step, place: place))
                        } catch {
                            return .failed(id, error)
                        }
                    }
                }
            }

            startReady()
            while let event = await group.next() {
                switch event {
                case .ready(let id, let pending):
                    active -= 1
                    done.insert(id)
                    // Also after a failure elsewhere: finished work is kept.
                    group.addTask {
                        do {
                            let (report, record) = try await pending.commit.value
                            return .committed(id, report, record)
                        } catch {
                            return .failed(id, error)
                        }
                    }
                case .committed(let id, let report, let record):
                    reports[id] = report
                    warnIfDifferent(id, record, last)
                    last.steps[id.name] = .init(
                        key: record.key, material: record.material, result: record.result, seconds: record.seconds)
                case .failed(let id, let error):
                    failures.append((id, error))
                    waiting = []
                    group.cancelAll()
                }
                if Task.isCancelled {
                    waiting = []
                    group.cancelAll()
                }
                startReady()
            }
        }

        last.steps = last.steps.filter { plan.graph.byID[StepID($0.key)] != nil }
        try last.save(engine.cache.root, plan.scope)
        try throwIfFailed(failures, complete: reports.count == running.count)
        let own = ResourceUsage.own
        let children = ResourceUsage.children
        var report = RunReport(
            scope: plan.scope, began: began, seconds: (ContinuousClock.now - start).inSeconds, jobs: jobs,
            steps: plan.entries.map { reports[$0.step] ?? notRun($0) }, ownUserSeconds: own.user - ownBefore.user,
            ownSystemSeconds: own.system - ownBefore.system, childUserSeconds: children.user - childrenBefore.user,
            childSystemSeconds: children.system - childrenBefore.system, ownPeakBytes: own.peakBytes,
            childPeakBytes: children.peakBytes,
            outputs: Dictionary(
                uniqueKeysWithValues: plan.entries.filter { $0.state != .unneeded }.map {
                    ($0.step.name, engine.cache.output($0.key).string)
                }))
        report.lease = plan.lease
        return report
    }

    /// For each step the seconds from its begin to the end of the longest chain that needs it; what was never run
    /// counts as a second.
    private func priorities(_ running: Set<StepID>) -> [StepID: Double] {
        let expected = Dictionary(uniqueKeysWithValues: plan.entries.map { ($0.step, $0.expectedSeconds ?? 1) })
        var after: [StepID: Double] = [:]
        var result: [StepID: Double] = [:]
        for step in plan.graph.steps.reversed() where running.contains(step.id) {
            let total = (expected[step.id] ?? 1) + (after[step.id] ?? 0)
            result[step.id] = total
            for upstream in step.upstream { after[upstream] = max(after[upstream] ?? 0, total) }
        }
        return result
    }

    private func remember(cachedIn last: inout LastBuild) {
        for entry in plan.entries where entry.state == .cached {
            guard let step = plan.resolved[entry.step] else { continue }
            let record = engine.cache.record(entry.key)
            last.steps[entry.step.name] = .init(
                key: entry.key, material: step.material, result: record?.result, seconds: record?.seconds)
        }
    }

    private func warnIfDifferent(_ id: StepID, _ record: StepRecord, _ last: LastBuild) {
        guard let before = last.steps[id.name], before.key == record.key, let result = before.result,
            result != record.result
        else { return }
        engine.context.progress.warning(
            "\(id) gave another result (\(record.result.short)) than before (\(result.short)) from the same inputs; it is not reproducible"
        )
    }

    private func notRun(_ entry: Plan.Entry) -> RunReport.StepReport {
        let record = entry.state == .cached ? engine.cache.record(entry.key) : nil
        return RunReport.StepReport(
            step: entry.step, title: entry.title, outcome: entry.state == .cached ? .cached : .unneeded, reason: nil,
            key: entry.key, result: record?.result, start: nil, seconds: record?.seconds, commitSeconds: nil,
            bytes: record?.bytes, files: record?.files, metrics: record?.metrics ?? [:],
            commands: record?.commands ?? [])
    }

    private func throwIfFailed(_ failures: [(StepID, any Error)], complete: Bool) throws {
        let real = failures.filter { !($0.1 is CancellationError) }
        // Programs stopped by an interruption report that as failures of their own.
        if real.isEmpty || Task.isCancelled {
            if complete { return }
            throw LapwingError(
                "build.interrupted", "The build was interrupted.",
                hint: "Finished steps are kept; run it again to go on.")
        }
        // A program that was stopped because another step failed reports that as a failure of its own: the first counts.
        var errors = StepFailure.explain(real[0].0, real[0].1)
        if let free = try? Files.freeBytes(engine.cache.root), free < 16 << 20 {
            for index in errors.indices {
                errors[index].exit = .inputOutput
                errors[index].hint =
                    "The file system of \(engine.cache.root.string) is full (\(ByteSize(bytes: free)) left). Make room, for example with \"lapwing clean\", and run it again."
            }
        }
        if errors.count == 1 { throw errors[0] }
        throw LapwingErrors(errors)
    }
}

/// Turns whatever a step threw into errors that name the step.
enum StepFailure {
    static func explain(_ id: StepID, _ error: any Error) -> [LapwingError] {
        switch error {
        case let error as LapwingError: return [named(id, error)]
        case let errors as LapwingErrors where !errors.errors.isEmpty: return errors.errors.map { named(id, $0) }
        case let errno as Errno:
            return [
                LapwingError(
                    errno == .noSpace ? "file.no-space" : "build.step-failed", exit: .inputOutput,
                    "The step \"\(id)\" failed.", cause: errno.description,
                    hint: errno == .noSpace ? "Make room on that file system and run the command again." : nil)
            ]
        default:
            return [
                LapwingError("build.step-failed", "The step \"\(id)\" failed.", cause: String(describing: error))
            ]
        }
    }

    private static func named(_ id: StepID, _ error: LapwingError) -> LapwingError {
        var error = error
        error.message = "The step \"\(id)\" failed: " + error.message
        return error
    }
}
