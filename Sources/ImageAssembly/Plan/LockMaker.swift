// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import BuildTools
public import DebianArchive
import HypervisorBuild
public import LapwingCore
public import Recipes
public import SystemPackage

/// Makes locks: resolves every package set of a recipe against the signed indices of this hour.
///
/// The host's apt resolves the tools tree alone; the tools tree, once unpacked, brings the apt that resolves the image,
/// so that the image's packages do not depend on how old the host is.
public struct LockMaker: Sendable {
    let context: Context
    let settings: BuildSettings

    /// A maker of locks.
    public init(context: Context, settings: BuildSettings) {
        self.context = context
        self.settings = settings
    }

    /// The mirrors of this host, with the recipe's archives of old versions behind the user's own.
    static func mirrors(_ context: Context, _ recipe: Recipe) throws -> Mirrors {
        let configuration = try ArchiveConfiguration.load(environment: context.environment)
        var mirrors = try Mirrors.discover(configuration: configuration, environment: context.environment)
        mirrors.oldVersions += recipe.archive.oldVersions
        return mirrors
    }

    /// The sets a recipe needs, the tools tree's excepted.
    static func requests(_ recipe: Recipe) -> [SetRequest] {
        let architecture = recipe.target.architecture.debian
        return [
            SetRequest(.root, architecture: architecture, packages: recipe.rootPackages, base: .essential),
            SetRequest(.initrd, architecture: architecture, packages: recipe.initrd.packages, base: .none),
            SetRequest(.sysroot, architecture: architecture, packages: DeviceSysroot.packages, base: .none),
        ]
    }

    /// The set that compiles the hypervisor, for recipes that build it; of the build host's architecture.
    static func compilerRequest(_ recipe: Recipe, _ host: ToolsTree.Host) -> SetRequest? {
        guard recipe.hypervisor.source == .build else { return nil }
        let packages = CompilerTree.packages(host, target: recipe.hypervisorTarget)
        return SetRequest(.compiler, architecture: host.debian, packages: packages, base: .essential)
    }

    /// The tools tree's set; always of the build host's own architecture.
    static func toolsRequest(_ host: ToolsTree.Host) -> SetRequest {
        SetRequest(.tools, architecture: host.debian, packages: ToolsTree.packages(host), base: .essential)
    }

    /// Resolves everything and returns the lock; nothing is written.
    public func make(_ recipe: Recipe) async throws -> Lock {
        let mirrors = try Self.mirrors(context, recipe)
        let host = ToolsTree.Host.current
        let compiler = Self.compilerRequest(recipe, host)
        let requests = Self.requests(recipe) + (compiler.map { [$0] } ?? [])
        let tools = Self.toolsRequest(host)
        let client = try ArchiveClient(context, cache: settings.cache, mirrors: mirrors)
        let release = ArchiveRelease(
            recipe.archive.release, components: recipe.archive.components + ["main"],
            pockets: Set(recipe.archive.pockets.compactMap { ArchiveRelease.Pocket(rawValue: $0.rawValue) }),
            architectures: ([tools] + requests).map(\.architecture), sources: compiler != nil)
        let indices = try await client.refresh(release)
        let resolvedTools = try await indices.resolve(tools)
        let partial = indices.lock(recipe: recipe.name, sets: [resolvedTools])

        let store = PackageStore(context, cache: settings.cache) { mirrors }
        let step = ToolsTree.step(partial, store: store)
        let engine = Engine(cache: settings.cache, context: context)
        let report = try await engine.run(
            try engine.plan(StepGraph([step]), goals: [step.id], scope: "\(recipe.name).tools"), jobs: settings.jobs)
        let tree = ToolsTree(try report.output(of: step.id))
        let apt = AptProgram { command, directory in
            tree.command(command, reads: [], writes: [directory], network: false)
        }
        var resolved = [resolvedTools]
        for request in requests { resolved.append(try await indices.resolve(request, apt: apt)) }
        let sources = compiler == nil ? [] : try await self.sources(recipe, indices, store, apt)
        return indices.lock(recipe: recipe.name, sets: resolved, sources: sources)
    }

    /// The source of the hypervisor: that of the package's version, or, where the recipe allows it, the newest of the
    /// same series that can be had. It is fetched at once, so that a lock never names what no mirror has.
    private func sources(
        _ recipe: Recipe, _ indices: SignedIndices, _ store: PackageStore, _ apt: AptProgram
    ) async throws -> [LockedSource] {
        let architecture = recipe.target.architecture.debian
        let package = recipe.hypervisor.package
        let binary = try await indices.candidate(package, architecture: architecture, apt: apt)
        let known = try await indices.sources(
            binary.source, architecture: architecture, binary: package, apt: apt)
        let choice = HypervisorSourceChoice(
            binary: binary, known: known, olderAllowed: recipe.hypervisor.olderSource,
            remembered: recipe.rememberedSources(binary.source))
        return try await choice.first { candidate in
            try await store.ensure(items: candidate.files.map(StoreItem.init), date: indices.date)
        } warn: {
            context.progress.warning($0)
        }
    }

    /// Fails when the recipe asks for packages the lock was not made for.
    public static func check(_ lock: Lock, _ recipe: Recipe, file: FilePath) throws {
        var missing: [String] = []
        let host = ToolsTree.Host.current
        let compiler = compilerRequest(recipe, host)
        for request in requests(recipe) + [toolsRequest(host)] + (compiler.map { [$0] } ?? []) {
            guard let set = lock.set(request.set), set.architecture == request.architecture else {
                missing.append("set \(request.set.rawValue) for \(request.architecture)")
                continue
            }
            let locked = Set(set.requested)
            let wanted = Set(request.packages)
            missing += wanted.subtracting(locked).sorted().map { "\($0) is wanted by the recipe and not locked" }
            missing += locked.subtracting(wanted).sorted().map { "\($0) is locked and no longer wanted" }
        }
        let package = recipe.hypervisor.package
        if compiler != nil, !lock.sources.contains(where: { $0.binary == package }) {
            missing.append("the source of \(package) is wanted by the recipe and not locked")
        }
        guard missing.isEmpty else {
            throw LapwingError(
                "lock.outdated", exit: .badInput, "The lock was made for other packages than the recipe names.",
                subject: file.string, cause: missing.joined(separator: "; "),
                hint: "Run \"lapwing update\" on the recipe.")
        }
    }
}
