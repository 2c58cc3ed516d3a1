// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import BuildEngine
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
