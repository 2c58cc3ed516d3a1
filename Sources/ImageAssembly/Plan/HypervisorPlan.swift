// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import DebianArchive
import HypervisorBuild
public import LapwingCore
import Recipes
public import SystemPackage

extension Recipe {
    /// The processor the hypervisor is built for.
    var hypervisorTarget: HypervisorTarget {
        switch target.architecture {
        case .x86_64: .x86_64
        case .arm64: .arm64
        }
    }
}

/// Which version of the hypervisor's source is built.
struct HypervisorSourceChoice {
    /// The package whose place it takes.
    let binary: LockedPackage
    /// What the indices have, the newest first.
    let known: [SourcePackage]
    /// Whether an older one of the same series will do.
    let olderAllowed: Bool
    /// What the recipe knows besides, for the case that nothing of the indices can be had.
    var remembered: [SourcePackage] = []

    /// The versions to try, the best first; an error when the indices do not have the binary's own.
    func candidates() throws -> [SourcePackage] {
        let wanted = DebianVersion(binary.sourceVersion)
        let exact = known.filter { DebianVersion($0.version) == wanted }
        let series = SourcePackage.series(binary.sourceVersion)
        let older =
            known.filter { DebianVersion($0.version) < wanted && $0.series == series }
            + remembered.filter { DebianVersion($0.version) <= wanted && $0.series == series }
        guard !exact.isEmpty || (olderAllowed && !older.isEmpty) else {
            throw LapwingError(
                "source.no-version", exit: .unavailable, "The indices have no source of the package's version.",
                subject: "\(binary.source) \(binary.sourceVersion), for \(binary.name)",
                cause: "there is " + known.map(\.version).joined(separator: ", "), hint: hint(older.first))
        }
        return exact + (olderAllowed ? older : [])
    }

    /// The first version that can be fetched.
    func first(
        _ fetch: (SourcePackage) async throws -> Void, warn: (String) -> Void
    ) async throws -> [LockedSource] {
        var gone: LapwingError?
        for candidate in try candidates() {
            do {
                try await fetch(candidate)
            } catch let error as LapwingError where error.code == "fetch.gone" {
                gone = gone ?? error
                continue
            }
            if candidate.version != binary.sourceVersion {
                warn(
                    "no mirror has the source of \(binary.source) \(binary.sourceVersion): the hypervisor is built "
                        + "from \(candidate.version), and lacks what was mended in between")
            }
            return candidate.files
        }
        let series = SourcePackage.series(binary.sourceVersion)
        let older = known.first {
            DebianVersion($0.version) < DebianVersion(binary.sourceVersion) && $0.series == series
        }
        throw LapwingError(
            "source.gone", exit: .unavailable, "No mirror has the source of the hypervisor's package.",
            subject: "\(binary.source) \(binary.sourceVersion)", cause: gone?.cause, hint: hint(older))
    }

    private func hint(_ older: SourcePackage?) -> String {
        let way = "Name an archive that has it as \"oldVersions\" in the configuration, or write \"source: debian\""
        guard let older, !olderAllowed else { return way + "." }
        return way + ", or \"olderSource: true\" to build \(older.version)."
    }
}

extension Recipe {
    /// The sources the recipe itself vouches for, of a source package's name, the newest first.
    func rememberedSources(_ name: String) -> [SourcePackage] {
        let files = hypervisor.knownSources.compactMap { file in
            Digest(hex: file.sha256).map {
                LockedSource(
                    name: name, version: file.version, archive: "debian", path: file.path, size: UInt64(file.size),
                    sha256: $0, binary: hypervisor.package)
            }
        }
        return Dictionary(grouping: files, by: \.version)
            .map { SourcePackage(name: name, version: $0, files: $1.sorted { $0.path < $1.path }) }
            .sorted { DebianVersion($1.version) < DebianVersion($0.version) }
    }
}

/// The steps that build the hypervisor of a recipe.
struct HypervisorPlan {
    /// The settings of the build.
    let settings: HypervisorSettings
    /// The tarballs.
    let sources: [LockedSource]
    /// Our scheduler's directory, when the checkout has it.
    let scheduler: FilePath?

    /// Nil for a recipe that takes Debian's binary.
    init?(_ recipe: Recipe, _ lock: Lock, checkout: FilePath) throws {
        guard recipe.hypervisor.source == .build else { return nil }
        sources = lock.sources.filter { $0.binary == recipe.hypervisor.package }
        let directory = checkout.appending("Firmware").appending("Hypervisor")
        scheduler = Files.isDirectory(directory) ? directory : nil
        guard scheduler != nil || recipe.hypervisor.scheduler != .lapwing else {
            throw LapwingError(
                "hypervisor.no-scheduler", exit: .unavailable, "The scheduler the recipe names is not there.",
                subject: directory.string, hint: "Give the checkout with --source DIR.")
        }
        settings = HypervisorSettings(
            target: recipe.hypervisorTarget, version: sources.first?.version ?? "", debug: recipe.hypervisor.debug,
            ownScheduler: recipe.hypervisor.scheduler == .lapwing)
    }

    /// The image's own hypervisor, and the same with assertions, which nothing asks for but tests.
    func steps(_ lock: Lock, store: PackageStore) throws -> [Step] {
        var checked = settings
        checked.debug = true
        return [
            CompilerTree.step(lock, store: store), try SourceStep.step(sources, store: store),
            try BuildStep.step(settings, scheduler: scheduler),
            try BuildStep.step(checked, scheduler: scheduler, id: BuildStep.debugID),
        ]
    }
}

extension ImageBuilder {
    /// Writes the source the recipe's hypervisor is built from: Debian's, verified and with its patches applied, and
    /// our scheduler added. The directory must be empty or not there.
    public func writeHypervisorSource(to directory: FilePath) async throws -> WrittenSource {
        let lock = try await lock()
        guard let plan = try HypervisorPlan(recipe, lock, checkout: settings.source) else {
            throw LapwingError(
                "source.not-built", exit: .badInput, "The recipe takes Debian's hypervisor as it is.",
                subject: settings.recipe.string,
                hint: "Its source is Debian's source package; write \"source: build\" to build from it.")
        }
        if Files.exists(directory), try !Files.isDirectory(directory) || !Files.names(in: directory).isEmpty {
            throw LapwingError(
                "source.not-empty", exit: .usage, "The directory is not empty.", subject: directory.string)
        }
        let steps = try StepGraph(try plan.steps(lock, store: store))
        let goal = try engine.plan(steps, goals: [SourceStep.stepID], scope: "\(recipe.name).source")
        let tree = try await engine.run(goal, jobs: settings.jobs).output(of: SourceStep.stepID)
            .appending(SourceStep.directory)
        try Files.makeDirectory(directory)
        for words in [
            ["cp", "-r", "--preserve=mode,links", tree.string + "/.", directory.string],
            ["chmod", "-R", "u+w", directory.string],
        ] {
            try await context.runner.require(Command(words[0], Array(words.dropFirst())))
        }
        let added = try plan.scheduler.map { try SchedulerFiles($0) }
        try added?.add(to: directory, isDefault: plan.settings.ownScheduler)
        return WrittenSource(
            directory: directory.string, version: plan.settings.version,
            files: plan.sources.map { .init(name: $0.path, origin: "archive", sha256: $0.sha256) }
                + (added?.list ?? []).map { .init(name: $0.name, origin: "lapwing", sha256: $0.sha256) })
    }
}

/// The source of a hypervisor as it was written out.
public struct WrittenSource: Sendable, Encodable {
    /// A file that went into it.
    public struct File: Sendable, Encodable {
        /// Its path: in the archive, or in the source.
        public var name: String
        /// `archive` or `lapwing`.
        public var origin: String
        /// The SHA-256 of the content.
        public var sha256: Digest
    }

    /// Where it is.
    public var directory: String
    /// The version of the source package.
    public var version: String
    /// Debian's tarballs, then the files added.
    public var files: [File]
}
