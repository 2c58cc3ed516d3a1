// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BuildEngine
import DebianArchive
import ImageAssembly
import LapwingCore
import SystemPackage

/// `lapwing clean`
struct Clean: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove cached results of builds.",
        discussion: """
            Without options, keeps what the last build of each recipe used. Packages are kept unless --packages is \
            given. Safe while another build runs: what is in use stays.
            """)

    @Flag(help: "Remove all results of steps.")
    var all = false
    @Option(help: ArgumentHelp("Remove results not used for this many days.", valueName: "days"))
    var unused: Double?
    @Flag(help: "Remove the downloaded packages too.")
    var packages = false
    @Flag(help: "Show what would go and remove nothing.")
    var dryRun = false
    @Option(help: "The cache directory.", completion: .directory)
    var cache: String?
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if all && unused != nil { throw ValidationError("--all and --unused exclude each other.") }
        if let unused, unused < 0 { throw ValidationError("--unused takes a number of days from 0.") }
    }

    func run() async throws {
        let context = output.context()
        let directory =
            try cache.map { context.workingDirectory.pushing(FilePath($0)) } ?? BuildSettings.userCache(context)
        let engine = Engine(cache: directory, context: context)
        let policy: CleaningPolicy = all ? .all : unused.map { .unused(seconds: $0 * 86_400) } ?? .keepLast
        let plan = try engine.planCleaning(policy)
        try output.print(plan.listing())
        if dryRun { return }
        let report = try await engine.clean(plan)
        context.progress.note(
            "removed \(report.removed) results, \(ByteSize(bytes: UInt64(clamping: report.bytes)))"
                + (report.inUse > 0 ? "; \(report.inUse) are in use and stay" : ""))
        if packages {
            for part in ["debs", "sources", "apt"] { try Files.removeTree(directory.appending(part)) }
            context.progress.note("removed the downloaded packages")
        }
    }
}

/// `lapwing export`
struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write one archive with which a machine without network builds the same image.",
        discussion: "It holds the recipe and its layers, the lock, all packages and the tools. See also: import.")

    @OptionGroup var recipe: RecipeOptions
    @Argument(help: "The archive to write.", completion: .file())
    var file: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let builder = try ImageBuilder(context: context, settings: try recipe.settings(context))
        let path = context.workingDirectory.pushing(FilePath(file))
        try await builder.export(to: path)
        let size = try Files.status(path).map { ByteSize(bytes: UInt64(max(0, $0.size))).description } ?? ""
        context.progress.note("\(file): \(size)")
    }
}

/// `lapwing import`
struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take in an archive of lapwing export.",
        discussion: """
            Checks every digest, puts the packages into the cache and writes recipe, layers and lock below the \
            directory. A file that is there with other content is an error and nothing is written.
            """)

    @Argument(help: "The archive.", completion: .file())
    var file: String
    @Argument(help: "The directory for recipe, layers and lock.", completion: .directory)
    var directory = "."
    @Option(help: "The cache directory.", completion: .directory)
    var cache: String?
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let base = context.workingDirectory
        let store = PackageStore(
            context, cache: try cache.map { base.pushing(FilePath($0)) } ?? BuildSettings.userCache(context)
        ) {
            throw LapwingError("import.incomplete", exit: .badInput, "The archive lacks packages of its lock.")
        }
        let bundle = try await Bundle.import(base.pushing(FilePath(file)), into: store)
        let recipe = try bundle.write(to: base.pushing(FilePath(directory)))
        context.progress.note("\(bundle.lock.packages.count) packages; build with: lapwing build \(recipe)")
    }
}
