// SPDX-License-Identifier: Apache-2.0

import DebianArchive
import LapwingCore
import Recipes
import SystemPackage
import Testing

@testable import ImageAssembly

@Suite struct PlanTests {
    private func context(_ environment: [String: String], in directory: FilePath) -> Context {
        var context = Context.trapping
        context.environment = environment
        context.workingDirectory = directory
        return context
    }

    @Test func `the lock stands beside the recipe`() {
        #expect(BuildSettings.lockPath(for: "a/laptop.yaml") == "a/laptop.lock.json")
    }

    @Test(arguments: [
        (["XDG_CACHE_HOME": "/c", "HOME": "/h"], "/c/lapwing"), (["HOME": "/h"], "/h/.cache/lapwing"),
        (["XDG_CACHE_HOME": "relative", "HOME": "/h"], "/h/.cache/lapwing"),
    ])
    func `the cache is the user's`(environment: [String: String], expected: String) throws {
        #expect(try BuildSettings.userCache(context(environment, in: "/")) == FilePath(expected))
    }

    @Test func `without a home the cache must be named`() {
        let error = #expect(throws: LapwingError.self) { try BuildSettings.userCache(context([:], in: "/")) }
        #expect(error?.code == "build.no-cache")
    }

    @Test func `a recipe outside of any checkout needs one named`() {
        let error = #expect(throws: LapwingError.self) {
            try BuildSettings(recipe: "r.yaml", context: context(["HOME": "/h"], in: "/nonexistent"))
        }
        #expect(error?.code == "build.no-source")
    }

    private func lock(_ recipe: Recipe, without: String? = nil, more: [String] = []) -> Lock {
        let requests = LockMaker.requests(recipe) + [LockMaker.toolsRequest(.current)]
        let sets = requests.map { request in
            (
                request.set,
                LockedSet(
                    architecture: request.architecture,
                    requested: request.packages.filter { $0 != without } + (request.set == .root ? more : []))
            )
        }
        return Lock(
            recipe: recipe.name, release: "trixie", indices: [], sets: Dictionary(uniqueKeysWithValues: sets),
            packages: [])
    }

    private var recipe: Recipe {
        var recipe = Recipe()
        recipe.name = "test"
        recipe.dom0.kernel = "linux-image-amd64"
        recipe.dom0.packages = ["less"]
        return recipe
    }

    @Test func `a lock made for the recipe fits it`() throws {
        try LockMaker.check(lock(recipe), recipe, file: "test.lock.json")
    }

    @Test func `a lock that lacks a package of the recipe, or has one too many, is refused by name`() {
        let lacking = #expect(throws: LapwingError.self) {
            try LockMaker.check(lock(recipe, without: "less"), recipe, file: "test.lock.json")
        }
        #expect(lacking?.code == "lock.outdated")
        #expect(lacking?.cause?.contains("less is wanted") == true)
        let more = #expect(throws: LapwingError.self) {
            try LockMaker.check(lock(recipe, more: ["nano"]), recipe, file: "test.lock.json")
        }
        #expect(more?.cause?.contains("nano is locked") == true)
    }
}
