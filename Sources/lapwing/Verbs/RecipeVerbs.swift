// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DebianArchive
import ImageAssembly
import LapwingCore
import Recipes
import SystemPackage

/// `lapwing validate`
struct Validate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find all mistakes of a recipe and its layers.",
        discussion: "Each is one line, file:line:column: sentence, with a suggestion. Exit code 65 when there are any.")

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let loaded = try RecipeLoader(context).load(
            context.workingDirectory.pushing(FilePath(recipe.recipe)), variables: try recipe.parsedVariables())
        if output.json { Talk.output(String(decoding: loaded.canonical, as: UTF8.self)) }
        context.progress.note("\(recipe.recipe): valid (\(loaded.files.count) files)")
    }
}

/// `lapwing schema`
struct Schema: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the JSON Schema of recipes, for editors.")

    func run() throws {
        Talk.output(try RecipeSchema.jsonSchema())
    }
}

/// `lapwing update`
struct Update: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Resolve a recipe's packages again and write its lock.",
        discussion: """
            Reads the signed indices of the host's mirror, solves with apt, writes RECIPE.lock.json and shows what \
            changed. A bad, missing or expired signature is an error and leaves the lock as it was.
            """)

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Show what would change and write nothing.")
    var dryRun = false

    func run() async throws {
        let context = output.context()
        let builder = try ImageBuilder(context: context, settings: try recipe.settings(context))
        let (old, new) = try await builder.newLock()
        let changes = new.difference(
            from: old ?? Lock(recipe: new.recipe, release: new.release, indices: [], sets: [:], packages: []))
        try output.print(
            Listing(
                "changes", changes,
                columns: [
                    .init("CHANGE") { $0.kind.rawValue }, .init("PACKAGE") { $0.name },
                    .init("FROM") { $0.from ?? "-" }, .init("TO") { $0.to ?? "-" },
                    .init("SETS") { change in
                        change.sets.isEmpty ? change.architecture : change.sets.map(\.rawValue).joined(separator: " ")
                    },
                ]))
        if dryRun { return }
        try new.write(to: builder.settings.lock)
        context.progress.note(
            "\(builder.settings.lock): \(new.packages.count) packages, \(changes.count) changes")
    }
}

/// `lapwing explain`
struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say why a package is in an image.",
        discussion: "Prints the dependency paths from what the recipe names to the package.")

    @OptionGroup var recipe: RecipeOptions
    @Argument(help: "The package.")
    var package: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let builder = try ImageBuilder(context: context, settings: try recipe.settings(context))
        let lock = try builder.existingLock()
        try output.print(
            Listing(
                "reasons", try lock.explain(package),
                columns: [
                    .init("SET") { $0.set.rawValue }, .init("VERSION") { $0.version },
                    .init("WHY") { $0.kind.rawValue },
                    .init("PATH") { reason in
                        (reason.path.map(\.package) + [package]).joined(separator: " -> ")
                    },
                ]))
    }
}
