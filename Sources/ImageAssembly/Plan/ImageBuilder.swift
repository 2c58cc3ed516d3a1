// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import DebianArchive
public import LapwingCore
public import Recipes
public import SystemPackage

/// Turns one recipe into its outputs. The only place where recipe, lock, steps and output directory meet.
public struct ImageBuilder: Sendable {
    /// The outside world.
    public let context: Context
    /// Paths and choices.
    public let settings: BuildSettings
    /// The recipe, merged and checked.
    public let loaded: LoadedRecipe
    /// Runs the steps.
    public let engine: Engine

    /// The recipe.
    public var recipe: Recipe { loaded.recipe }

    /// Reads the recipe; all its mistakes are in the error.
    public init(context: Context, settings: BuildSettings) throws {
        self.context = context
        self.settings = settings
        loaded = try RecipeLoader(context).load(settings.recipe, variables: settings.variables)
        engine = Engine(cache: settings.cache, context: context)
    }

    /// Where the image's files go.
    public var directory: FilePath { settings.output.appending(recipe.name) }

    /// The store of packages; the mirrors are looked up when something has to be fetched and not before.
    public var store: PackageStore {
        let (context, recipe) = (context, recipe)
        return PackageStore(context, cache: settings.cache) { try LockMaker.mirrors(context, recipe) }
    }

    // MARK: - Lock

    /// Resolves again; nothing is written.
    public func newLock() async throws -> (old: Lock?, new: Lock) {
        let old = Files.exists(settings.lock) ? try Lock.read(settings.lock) : nil
        return (old, try await LockMaker(context: context, settings: settings).make(recipe))
    }

    /// The lock that is there, if it fits the recipe.
    public func existingLock() throws -> Lock {
        guard Files.exists(settings.lock) else {
            throw LapwingError(
                "lock.missing", exit: .unavailable, "The recipe has no lock yet.", subject: settings.lock.string,
                hint: "Run \"lapwing update\" or \"lapwing build\" on the recipe.")
        }
        let lock = try Lock.read(settings.lock)
        try LockMaker.check(lock, recipe, file: settings.lock)
        return lock
    }

    /// The lock that is there, or a new one, which is written, when there is none.
    public func lock() async throws -> Lock {
        if Files.exists(settings.lock) { return try existingLock() }
        context.progress.note("\(settings.lock) is not there yet; resolving")
        let lock = try await LockMaker(context: context, settings: settings).make(recipe)
        try lock.write(to: settings.lock)
        context.progress.note("\(settings.lock): \(lock.packages.count) packages")
        return lock
    }

    // MARK: - Build

    /// What a build would do.
    public func plan() async throws -> Plan {
        let lock = try await lock()
        let graph = try await ImageGraph(self, lock)
        return try engine.plan(graph.steps, goals: graph.goals, scope: recipe.name, verify: settings.verify)
    }

    /// Brings one step to its result, and returns the directory of it in the cache: to be read, not changed.
    public func result(of step: StepID) async throws -> FilePath {
        let lock = try await lock()
        // The hypervisor needs nothing of the image: it can be built where the image's programs cannot.
        let hypervisor = try HypervisorPlan(recipe, lock, checkout: settings.source)
        let alone = try StepGraph(try hypervisor?.steps(lock, store: store) ?? [])
        let steps = alone.steps.contains { $0.id == step } ? alone : try await ImageGraph(self, lock).steps
        let plan = try engine.plan(
            steps, goals: [step], scope: "\(recipe.name).\(step)", verify: settings.verify)
        return try await engine.run(plan, jobs: settings.jobs).output(of: step)
    }

    /// What a build has made.
    public struct Outcome: Sendable, Encodable {
        /// The directory of the outputs.
        public var directory: String
        /// The outputs.
        public var files: [PublishedFile]
        /// Seconds it took.
        public var seconds: Double
        /// Steps that ran.
        public var ran: [String]
    }

    /// Builds, publishes and reports.
    public func build() async throws -> Outcome {
        let began = context.clock.now()
        let lock = try await lock()
        let graph = try await ImageGraph(self, lock)
        let plan = try engine.plan(graph.steps, goals: graph.goals, scope: recipe.name, verify: settings.verify)
        let report = try await engine.run(plan, jobs: settings.jobs)
        try checkBudget(report, lock)
        let publisher = Publisher(engine: engine, directory: directory)
        let files = try publisher.publish(graph.publications, from: report, verify: settings.verify)
        // A build with nothing to do leaves the report of the one that did something.
        let last = directory.appending("\(recipe.name).html")
        if !plan.isUpToDate || !Files.exists(last) { try writeReport(report, began: began) }
        return Outcome(
            directory: directory.string, files: files, seconds: report.seconds, ran: plan.running.map(\.name))
    }
}
