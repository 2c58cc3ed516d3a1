// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import DebianArchive
import HypervisorBuild
import LapwingCore
import Recipes
import SystemPackage

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

    /// The versions to try, the best first; an error when the indices do not have the binary's own.
    func candidates() throws -> [SourcePackage] {
        let wanted = DebianVersion(binary.sourceVersion)
        let exact = known.filter { DebianVersion($0.version) == wanted }
        let series = SourcePackage.series(binary.sourceVersion)
        let older = known.filter { DebianVersion($0.version) < wanted && $0.series == series }
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

    func steps(_ lock: Lock, store: PackageStore) throws -> [Step] {
        [
            CompilerTree.step(lock, store: store), try SourceStep.step(sources, store: store),
            try BuildStep.step(settings, scheduler: scheduler),
        ]
    }
}
