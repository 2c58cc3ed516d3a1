// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import BuildTools
import DebianArchive
import LapwingCore
import Recipes
import SystemPackage

extension ImageBuilder {
    /// Writes what differs by nature: the timings and the report that shows them. Both stand outside the digests.
    func writeReport(_ report: RunReport, began: Double) throws {
        let manifestPath = try report.output(of: ManifestStep.stepID).appending(ManifestStep.file)
        let manifest = try Manifest.load(manifestPath)
        let timings = BuildTimings(
            recipe: recipe.name, seconds: context.clock.now() - began,
            phases: [
                .init("recipe, lock and plan", seconds: max(0, report.began - began)),
                .init("steps", seconds: report.seconds),
            ], run: report, processors: hostProcessors())
        try Files.write(try timings.json(), to: directory.appending("\(recipe.name).timings.json"))
        let list = try report.output(of: RootImageStep.stepID).appending(RootImageStep.files)
        let page = BuildReport(manifest: manifest, timings: timings, directories: try FileList.load(list).sizes())
        try Files.write(Array(page.html().utf8), to: directory.appending("\(recipe.name).html"))
    }

    /// Holds what was built against the recipe's limits; all that are passed are named.
    func checkBudget(_ report: RunReport, _ lock: Lock) throws {
        func size(_ step: StepID, _ file: String) throws -> UInt64? {
            guard report.step(step) != nil else { return nil }
            return try Files.status(report.output(of: step).appending(file)).map { UInt64(max(0, $0.size)) }
        }
        try BudgetCheck.check(
            recipe.budget,
            MeasuredSizes(
                root: try size(RootImageStep.stepID, RootFiles().data), initrd: try size("initrd", InitrdStep.file),
                disk: try size("disk", "\(recipe.name).raw"), iso: try size("iso", "\(recipe.name).iso"),
                packages: lock.packages(in: .root).count))
    }

    /// A shell, or a command, in the root of the recipe's last build. Changes are forgotten. Returns the exit code.
    public func shell(_ words: [String]) async throws -> Int32 {
        let graph = try await ImageGraph(self, existingLock())
        let plan = try engine.plan(graph.steps, goals: [RootImageStep.stepID, ToolsTree.stepID], scope: recipe.name)
        guard plan.isUpToDate else {
            throw LapwingError(
                "shell.not-built", exit: .unavailable, "The root of this recipe is not built, or not any more.",
                subject: settings.recipe.string, hint: "Run \"lapwing build\" on the recipe.")
        }
        let report = try await engine.run(plan, jobs: 1)
        let tools = ToolsTree(try report.output(of: ToolsTree.stepID))
        let image = try report.output(of: RootImageStep.stepID).appending(RootFiles().data)
        let place = settings.cache.appending("tmp").appending("shell.\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(place)
        defer { try? Files.removeTree(place) }
        context.progress.note("unpacking the root")
        let tree = place.appending("root")
        try await context.runner.require(
            tools.command(
                Command("fsck.erofs", ["--extract=\(tree)", "--no-preserve-owner", image.string]), reads: [image],
                writes: [place]), "The root could not be unpacked.")
        let arguments = [
            "--bind", tree.string, "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--tmpfs", "/tmp",
            "--ro-bind", tree.appending("usr/share/lapwing/factory/var").string, "/var", "--unshare-pid",
            "--unshare-ipc", "--unshare-uts", "--unshare-net", "--die-with-parent", "--chdir", "/", "--",
        ]
        let result = try await context.runner.run(
            Command(
                "/usr/bin/bwrap", arguments + (words.isEmpty ? ["/bin/bash"] : words),
                environment: [
                    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                    "TERM": context.environment["TERM"] ?? "dumb",
                ], cleanEnvironment: true, input: .inherit, output: .inherit, error: .inherit))
        switch result.ending {
        case .exited(let code): return code
        case .signalled(let signal): return 128 + signal
        case .timedOut: return 1
        }
    }

    /// Writes one archive with which a machine without network builds the same bits.
    public func export(to file: FilePath) async throws {
        let lock = try await lock()
        let base = settings.recipe.removingLastComponent()
        let files = try loaded.files.map { path in
            var relative = context.workingDirectory.pushing(path)
            guard relative.removePrefix(base) else {
                throw LapwingError(
                    "export.outside", exit: .badInput, "A layer lies outside of the recipe's directory.",
                    subject: path.string, cause: "an export keeps the layers' places relative to the recipe",
                    hint: "Move the recipe beside its layers, or above them.")
            }
            return Bundle.RecipeFile(name: relative.string, bytes: try Files.read(path))
        }
        let main = settings.recipe.lastComponent?.string ?? ""
        try await Bundle(lock: lock, files: files, main: main).export(from: store, to: file)
    }
}
