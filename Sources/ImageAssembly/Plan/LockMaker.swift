// SPDX-License-Identifier: Apache-2.0

import BuildEngine
public import DebianArchive
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

    /// The tools tree's set; always of the build host's own architecture.
    static func toolsRequest(_ host: ToolsTree.Host) -> SetRequest {
        SetRequest(.tools, architecture: host.debian, packages: ToolsTree.packages(host), base: .essential)
    }

    /// Resolves everything and returns the lock; nothing is written.
    public func make(_ recipe: Recipe) async throws -> Lock {
        let mirrors = try Self.mirrors(context, recipe)
        let host = ToolsTree.Host.current
        let requests = Self.requests(recipe)
        let tools = Self.toolsRequest(host)
        let client = try ArchiveClient(context, cache: settings.cache, mirrors: mirrors)
        let release = ArchiveRelease(
            recipe.archive.release, components: recipe.archive.components + ["main"],
            pockets: Set(recipe.archive.pockets.compactMap { ArchiveRelease.Pocket(rawValue: $0.rawValue) }),
            architectures: ([tools] + requests).map(\.architecture))
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
        return indices.lock(recipe: recipe.name, sets: resolved)
    }

    /// Fails when the recipe asks for packages the lock was not made for.
    public static func check(_ lock: Lock, _ recipe: Recipe, file: FilePath) throws {
        var missing: [String] = []
        let host = ToolsTree.Host.current
        for request in requests(recipe) + [toolsRequest(host)] {
            guard let set = lock.set(request.set), set.architecture == request.architecture else {
                missing.append("set \(request.set.rawValue) for \(request.architecture)")
                continue
            }
            let locked = Set(set.requested)
            let wanted = Set(request.packages)
            missing += wanted.subtracting(locked).sorted().map { "\($0) is wanted by the recipe and not locked" }
            missing += locked.subtracting(wanted).sorted().map { "\($0) is locked and no longer wanted" }
        }
        guard missing.isEmpty else {
            throw LapwingError(
                "lock.outdated", exit: .badInput, "The lock was made for other packages than the recipe names.",
                subject: file.string, cause: missing.joined(separator: "; "),
                hint: "Run \"lapwing update\" on the recipe.")
        }
    }
}
