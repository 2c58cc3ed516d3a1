// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import ImageAssembly
import LapwingCore
import SystemPackage

/// The build host's program: argument parsing and wiring only.
struct Lapwing: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lapwing",
        abstract: "Builds client hypervisor images from recipes, and boots and checks them in an emulator.",
        discussion: """
            A recipe is one YAML file. `lapwing build RECIPE` resolves its packages (once, into RECIPE.lock.json), \
            builds the root file system, and writes a disk image, an ISO, a manifest and a report to out/NAME/.

            Begin with:
              lapwing validate Recipes/laptop-x86_64.yaml
              lapwing build Recipes/laptop-x86_64.yaml
              lapwing check out/laptop-x86_64/laptop-x86_64.raw
              lapwing vm out/laptop-x86_64/laptop-x86_64.raw

            Exit codes: \(ExitStatus.allCases.map { "\($0.rawValue) \($0.meaning)" }.joined(separator: "; ")).
            """,
        version: LapwingVersion.text,
        groupedSubcommands: [
            CommandGroup(name: "Recipes", subcommands: [Validate.self, Schema.self, Update.self, Explain.self]),
            CommandGroup(
                name: "Images", subcommands: [Build.self, PlanVerb.self, Diff.self, Shell.self, Source.self]),
            CommandGroup(name: "Emulator", subcommands: [VM.self, Check.self]),
            CommandGroup(name: "Cache", subcommands: [Export.self, Import.self, Clean.self]),
            CommandGroup(name: "Help", subcommands: [Manual.self]),
        ])
}

@main
enum Main {
    static func main() async {
        // Nothing a build makes may depend on the caller's umask.
        _ = umask(0o022)
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "internal-namespace" {
            exit(await NamespaceEntry.main(Array(arguments.dropFirst())))
        }
        var parsed = false
        do {
            var command = try Lapwing.parseAsRoot(arguments)
            parsed = true
            if let asynchronous = command as? any AsyncParsableCommand {
                // Handed to one task and touched by nobody else.
                nonisolated(unsafe) let work = asynchronous
                try await Interruption.cancelling {
                    var work = work
                    try await work.run()
                }
            } else {
                try command.run()
            }
        } catch {
            // The parser's own errors come from `run` as well: that of the command behind --help.
            let talk =
                error is ExitCode || error is CleanExit || error is ValidationError
                || Lapwing.exitCode(for: error) == .success
            if !parsed || talk { Lapwing.exit(withError: error) }
            exit(Program.report(error).rawValue)
        }
    }
}

/// Text to the two standard streams.
enum Talk {
    /// Data, to standard output.
    static func output(_ text: String) {
        _ = try? FileDescriptor.standardOutput.writeAll(Array(text.utf8))
    }

    /// Talk, to standard error.
    static func error(_ text: String) {
        _ = try? FileDescriptor.standardError.writeAll(Array((text + "\n").utf8))
    }
}
