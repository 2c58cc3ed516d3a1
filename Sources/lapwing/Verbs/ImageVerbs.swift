// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BuildEngine
import ImageAssembly
import LapwingCore
import SystemPackage

/// `lapwing build`
struct Build: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Build the images of a recipe.",
        discussion: """
            Writes OUT/NAME/NAME.raw, .iso, .manifest.json, .html and .timings.json. Makes RECIPE.lock.json on first \
            use and obeys it afterwards; needs no network when the cache has all packages of the lock. What has not \
            changed since the last build is not made again.
            """)

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var output: OutputOptions
    @Flag(help: "Read all cached results and outputs again instead of trusting file times.")
    var verify = false
    @Option(
        help: ArgumentHelp(
            "Make only what this step needs and print where its result is, for example hypervisor.build.",
            valueName: "name"))
    var step: String?

    func run() async throws {
        let context = output.context()
        let builder = try ImageBuilder(context: context, settings: try recipe.settings(context, verify: verify))
        if let step {
            let directory = try await builder.result(of: StepID(step))
            let names = try Files.names(in: directory).sorted()
            return try output.print(
                Listing("files", names, columns: [.init("FILE") { directory.appending($0).string }]))
        }
        let outcome = try await builder.build()
        let directory = outcome.directory
        try output.print(
            Listing(
                "outputs", outcome.files,
                columns: [
                    .init("FILE") { "\(directory)/\($0.name)" },
                    .init("SIZE", right: true) { ByteSize(bytes: UInt64(clamping: $0.size)).description },
                    .init("STATE") { $0.state.rawValue },
                    .init("SHA-256") { $0.sha256.hex },
                ]))
        context.progress.note(
            outcome.ran.isEmpty
                ? "nothing to do (\(Seconds.text(outcome.seconds)))"
                : "\(outcome.ran.count) steps in \(Seconds.text(outcome.seconds)): \(directory)")
    }
}

/// `lapwing plan`
struct PlanVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Show the steps of a build: which will run and why.")

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let builder = try ImageBuilder(context: context, settings: try recipe.settings(context))
        try output.print(try await builder.plan().listing())
    }
}

/// `lapwing diff`
struct Diff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare two builds: packages, files, sizes.",
        discussion: "A and B are manifests, or images with their manifest beside them.")

    @Argument(help: "The older manifest or image.", completion: .file())
    var older: String
    @Argument(help: "The newer manifest or image.", completion: .file())
    var newer: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let difference = try ManifestDiff.of(
            context.workingDirectory.pushing(FilePath(older)), context.workingDirectory.pushing(FilePath(newer)))
        try output.print(difference.listing())
    }
}
/// `lapwing shell`
struct Shell: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look into the root of a built image.",
        discussion: """
            Unpacks the root of the recipe's last build into a private namespace and starts a shell in it, or the \
            command given after --. Changes are forgotten.
            """)

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var output: OutputOptions
    @Argument(parsing: .postTerminator, help: "The command to run instead of a shell.")
    var command: [String] = []

    func run() async throws {
        let context = output.context()
        let builder = try ImageBuilder(context: context, settings: try recipe.settings(context))
        let code = try await builder.shell(command)
        if code != 0 { throw ExitCode(code) }
    }
}
