// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ImageAssembly
import LapwingCore
import SystemPackage

extension ProgressMode: ExpressibleByArgument {}

/// How a verb talks and prints.
struct OutputOptions: ParsableArguments {
    @Option(help: "Progress on standard error: auto, plain or none.")
    var progress = ProgressMode.auto

    @Flag(help: "Print data as JSON.")
    var json = false

    @Flag(name: .shortAndLong, help: "Print names only.")
    var quiet = false

    var format: ListingFormat { json ? .json : quiet ? .quiet : .table }

    func context() -> Context { .live(progress: progress) }

    func print(_ listing: Listing<some Encodable & Sendable>) throws {
        Talk.output(try listing.render(format))
    }
}

/// Which recipe, and where a build keeps its things.
struct RecipeOptions: ParsableArguments {
    @Argument(help: "The recipe file.", completion: .file(extensions: ["yaml"]))
    var recipe: String

    @Option(name: .customLong("set"), help: ArgumentHelp("Set a variable of the recipe.", valueName: "name=value"))
    var variables: [String] = []

    @Option(help: "The cache directory (default: lapwing in the user's cache directory).", completion: .directory)
    var cache: String?

    @Option(help: "The directory for outputs.", completion: .directory)
    var output = "out"

    @Option(help: "The lock file (default: RECIPE.lock.json beside the recipe).", completion: .file())
    var lock: String?

    @Option(help: "The checkout with the device programs (default: the one above the recipe).", completion: .directory)
    var source: String?

    @Option(name: .shortAndLong, help: "How many steps run at once.")
    var jobs = 2

    func settings(_ context: Context, verify: Bool = false) throws -> BuildSettings {
        try BuildSettings(
            recipe: FilePath(recipe), variables: try parsedVariables(), cache: cache.map { FilePath($0) },
            output: FilePath(output), lock: lock.map { FilePath($0) }, source: source.map { FilePath($0) },
            jobs: jobs, verify: verify, context: context)
    }

    func parsedVariables() throws -> [String: String] {
        var result: [String: String] = [:]
        for text in variables {
            guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
                throw ValidationError("--set takes NAME=VALUE, not \"\(text)\".")
            }
            result[String(text[..<equals])] = String(text[text.index(after: equals)...])
        }
        return result
    }
}
