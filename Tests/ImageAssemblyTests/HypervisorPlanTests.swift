// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import Hashing
import LapwingCore
import Recipes
import SystemPackage
import Testing

@testable import ImageAssembly

@Suite struct HypervisorPlanTests {
    private let binary = LockedPackage(
        name: "xen-hypervisor-4.20-amd64", version: "4.20.4-1", architecture: "amd64", archive: "debian",
        path: "pool/x.deb", size: 1, sha256: .of("deb"), source: "xen", sourceVersion: "4.20.4-1", sets: [])

    private func package(_ version: String) -> SourcePackage {
        SourcePackage(name: "xen", version: version, files: [file(version)])
    }

    private func file(_ version: String, binary: String? = nil) -> LockedSource {
        LockedSource(
            name: "xen", version: version, archive: "debian", path: "pool/xen_\(version).orig.tar.xz", size: 1,
            sha256: .of(version), binary: binary)
    }

    private func choose(
        _ versions: [String], older: Bool, gone: Set<String> = []
    ) async throws -> (version: String?, warnings: [String]) {
        var warnings: [String] = []
        let choice = HypervisorSourceChoice(
            binary: binary, known: versions.map(package), olderAllowed: older)
        let files = try await choice.first { candidate in
            if gone.contains(candidate.version) {
                throw LapwingError("fetch.gone", "gone", cause: candidate.version)
            }
        } warn: {
            warnings.append($0)
        }
        return (files.first?.version, warnings)
    }

    @Test func `the source of the package's own version is taken and nothing said`() async throws {
        let choice = try await choose(["4.20.5-1", "4.20.4-1", "4.20.3-1"], older: true)
        #expect(choice.version == "4.20.4-1")
        #expect(choice.warnings.isEmpty)
    }

    @Test func `where it cannot be had, an older one of the series is taken by permission, with a warning`()
        async throws
    {
        let choice = try await choose(
            ["4.20.4-1", "4.20.3-1", "4.20.2-1", "4.19.9-1"], older: true, gone: ["4.20.4-1", "4.20.3-1"])
        #expect(choice.version == "4.20.2-1")
        #expect(choice.warnings.count == 1)
        #expect(choice.warnings.first?.contains("4.20.4-1") == true)
    }

    @Test func `what the recipe remembers comes last, and only by permission and of the series`() async throws {
        func choose(_ remembered: [String], older: Bool = true) async throws -> String? {
            let choice = HypervisorSourceChoice(
                binary: binary, known: [package("4.20.4-1"), package("4.20.2-1")], olderAllowed: older,
                remembered: remembered.map(package))
            return try await choice.first { candidate in
                if ["4.20.4-1", "4.20.2-1"].contains(candidate.version) { throw LapwingError("fetch.gone", "gone") }
            } warn: { _ in
            }.first?.version
        }
        #expect(try await choose(["4.20.3-1", "4.20.1-1"]) == "4.20.3-1")
        for (remembered, older) in [(["4.19.9-1", "4.20.5-1"], true), (["4.20.3-1"], false)] {
            let error = await #expect(throws: LapwingError.self) { _ = try await choose(remembered, older: older) }
            #expect(error?.code == "source.gone")
        }
        var recipe = recipe(.build)
        recipe.hypervisor.knownSources = ["4.20.1-1", "4.20.3-1", "4.20.3-1"].enumerated().map { index, version in
            var known = KnownSource()
            (known.path, known.version, known.size) = ("pool/main/x/xen/\(index).tar.xz", version, 7)
            known.sha256 = String(repeating: "ab", count: 32)
            return known
        }
        let sources = recipe.rememberedSources("xen")
        #expect(sources.map(\.version) == ["4.20.3-1", "4.20.1-1"] && sources.map(\.files.count) == [2, 1])
        #expect(sources.flatMap(\.files).allSatisfy { $0.size == 7 && $0.binary == recipe.hypervisor.package })
    }

    @Test func `without permission the missing version is named, with what could be built`() async throws {
        let error = await #expect(throws: LapwingError.self) {
            _ = try await choose(["4.20.4-1", "4.20.3-1"], older: false, gone: ["4.20.4-1"])
        }
        #expect(error?.code == "source.gone")
        #expect(error?.subject == "xen 4.20.4-1")
        #expect(error?.hint?.contains("olderSource: true") == true)
        #expect(error?.hint?.contains("4.20.3-1") == true)
    }

    @Test func `another series never comes in its place`() async throws {
        let gone = await #expect(throws: LapwingError.self) {
            _ = try await choose(["4.20.4-1", "4.19.9-1"], older: true, gone: ["4.20.4-1"])
        }
        #expect(gone?.code == "source.gone")
        let unknown = await #expect(throws: LapwingError.self) { _ = try await choose(["4.19.9-1"], older: true) }
        #expect(unknown?.code == "source.no-version")
        #expect(unknown?.cause?.contains("4.19.9-1") == true)
    }

    @Test func `another failure than a missing file is not hidden by an older source`() async throws {
        let choice = HypervisorSourceChoice(
            binary: binary, known: [package("4.20.4-1"), package("4.20.3-1")], olderAllowed: true)
        let error = await #expect(throws: LapwingError.self) {
            _ = try await choice.first { _ in
                throw LapwingError("fetch.failed", "no network")
            } warn: { _ in
            }
        }
        #expect(error?.code == "fetch.failed")
    }

    private func recipe(_ source: HypervisorSource) -> Recipe {
        var recipe = Recipe()
        recipe.name = "test"
        recipe.hypervisor.source = source
        recipe.hypervisor.package = "xen-hypervisor-4.20-amd64"
        recipe.dom0.kernel = "linux-image-amd64"
        return recipe
    }

    private func lock(_ recipe: Recipe, sources: [LockedSource]) -> Lock {
        let requests =
            LockMaker.requests(recipe) + [LockMaker.toolsRequest(.current)]
            + (LockMaker.compilerRequest(recipe, .current).map { [$0] } ?? [])
        let sets = requests.map {
            ($0.set, LockedSet(architecture: $0.architecture, requested: $0.packages))
        }
        return Lock(
            recipe: recipe.name, release: "trixie", indices: [], sets: Dictionary(uniqueKeysWithValues: sets),
            packages: [], sources: sources)
    }

    @Test func `a hypervisor that is built needs a compiler and its source in the lock`() throws {
        let built = recipe(.build)
        let whole = lock(built, sources: [file("4.20.4-1", binary: "xen-hypervisor-4.20-amd64")])
        try LockMaker.check(whole, built, file: "x")
        for bad in [lock(built, sources: []), lock(built, sources: [file("4.20.4-1", binary: "other")])] {
            let error = #expect(throws: LapwingError.self) { try LockMaker.check(bad, built, file: "x") }
            #expect(error?.code == "lock.outdated")
            #expect(error?.cause?.contains("source of xen-hypervisor") == true)
        }
        let error = #expect(throws: LapwingError.self) {
            try LockMaker.check(lock(recipe(.debian), sources: whole.sources), built, file: "x")
        }
        #expect(error?.cause?.contains("set compiler") == true)
        #expect(LockMaker.compilerRequest(recipe(.debian), .current) == nil)
    }

    @Test func `the package of a hypervisor that is built is not in the root`() {
        #expect(!recipe(.build).rootPackages.contains("xen-hypervisor-4.20-amd64"))
        #expect(recipe(.debian).rootPackages.contains("xen-hypervisor-4.20-amd64"))
    }

    @Test func `a recipe with our scheduler needs the checkout that has it`() throws {
        var wanted = recipe(.build)
        wanted.hypervisor.scheduler = .lapwing
        let error = #expect(throws: LapwingError.self) {
            try HypervisorPlan(wanted, lock(wanted, sources: []), checkout: "/nonexistent")
        }
        #expect(error?.code == "hypervisor.no-scheduler")
        #expect(try HypervisorPlan(recipe(.debian), lock(wanted, sources: []), checkout: "/nonexistent") == nil)
    }
}
