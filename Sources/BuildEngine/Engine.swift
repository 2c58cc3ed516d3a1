// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// Runs the steps of a graph whose results are not there yet, and keeps every result under the digest of all that
/// went into it.
///
/// Several processes may use one cache directory at once: of a step that both need, one makes the result and the other
/// waits for it. A process killed at any moment leaves working directories behind, which the next run removes, and
/// never a result that looks finished and is not.
public struct Engine: Sendable {
    let cache: StepCache
    let context: Context

    /// An engine with its results in `cache`, which is made when it is not there.
    public init(cache: FilePath, context: Context) {
        self.cache = StepCache(root: context.workingDirectory.pushing(cache))
        self.context = context
    }

    /// The directory of the cache.
    public var directory: FilePath { cache.root }

    /// Finds out what has to run. Nothing is built; files that look changed are read.
    ///
    /// - Parameters:
    ///   - goals: The steps whose results are wanted.
    ///   - scope: Whose build it is, most often the recipe's name: reasons are given against the last build of it.
    ///   - verify: Read every wanted result instead of trusting its stamps.
    /// - Throws: `LapwingError` for a goal or an input that is not there.
    public func plan(
        _ graph: StepGraph, goals: [StepID], scope: String = "default", verify: Bool = false
    ) throws -> Plan {
        try cache.prepare()
        for goal in goals where graph.byID[goal] == nil {
            throw LapwingError(
                "build.unknown-step", exit: .usage, "There is no step \"\(goal)\".", subject: goal.name,
                hint: "Steps: " + graph.steps.map(\.id.name).joined(separator: " "))
        }
        let resolved = try KeyResolver.resolve(graph)
        let lease = try CacheLease(cache, resolved.values.map(\.key))
        let last = LastBuild.load(cache.root, scope)

        var states: [StepID: Plan.State] = [:]
        var damaged: [StepID: String] = [:]
        func need(_ id: StepID) throws {
            guard states[id] == nil, let step = resolved[id] else { return }
            switch try cache.check(step.key, verify: verify) {
            case .intact:
                states[id] = .cached
                return
            case .damaged(let what): damaged[id] = what
            case .absent: break
            }
            states[id] = .run
            for upstream in step.step.upstream { try need(upstream) }
        }
        for goal in goals { try need(goal) }

        let entries = graph.steps.compactMap { step -> Plan.Entry? in
            guard let found = resolved[step.id] else { return nil }
            let committed = cache.isCommitted(found.key)
            if committed { cache.touch(found.key) }
            let state = states[step.id] ?? (committed ? .cached : .unneeded)
            return Plan.Entry(
                step: step.id, title: step.title, state: state,
                reason: state == .run ? last.reason(found, damage: damaged[step.id]) : nil, key: found.key,
                expectedSeconds: last.steps[step.id.name]?.seconds)
        }
        return Plan(
            entries: entries, goals: goals, scope: scope, graph: graph, resolved: resolved, damaged: damaged,
            lease: lease)
    }

    /// Does what the plan says, `jobs` steps at once, the longest way to the goals first.
    ///
    /// - Throws: `LapwingError` that names the step; the others are cancelled, finished results are kept. When the
    ///   task is cancelled, `build.interrupted`.
    public func run(_ plan: Plan, jobs: Int) async throws -> RunReport {
        try await cache.sweep(context)
        for (step, what) in plan.damaged.sorted(by: { $0.key < $1.key }) {
            context.progress.warning("the kept result of \(step) is damaged (\(what)); it is made again")
        }
        return try await Scheduler(engine: self, plan: plan, jobs: max(1, jobs)).run()
    }
}
