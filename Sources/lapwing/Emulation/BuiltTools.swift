// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import BuildTools
import DebianArchive
import Emulator
import ImageAssembly
import LapwingCore
import SystemPackage

/// The tools tree an image was built with, found by what the image's manifest says of it.
enum BuiltTools {
    static func tree(_ manifest: Manifest, cache: FilePath, context: Context) async throws -> ToolsTree {
        let packages = manifest.packages.filter { $0.sets.contains(PackageSetName.tools.rawValue) }.map { package in
            // The manifest names no mirror's paths: what is not in the store any more cannot be fetched by it.
            LockedPackage(
                name: package.name, version: package.version, architecture: package.architecture, archive: "none",
                path: "gone", size: 1, sha256: package.sha256, sets: [.tools])
        }
        let lock = Lock(
            recipe: manifest.recipe.name, release: "", indices: [],
            sets: [.tools: LockedSet(architecture: ToolsTree.Host.current.debian, requested: [])], packages: packages)
        let store = PackageStore(context, cache: cache) {
            throw LapwingError(
                "check.no-tools", exit: .unavailable,
                "The tools this image was built with are not in the cache any more.",
                hint: "Run \"lapwing build\" on the recipe again.")
        }
        let step = ToolsTree.step(lock, store: store)
        let engine = Engine(cache: cache, context: context)
        let plan = try engine.plan(StepGraph([step]), goals: [step.id], scope: "\(manifest.recipe.name).tools")
        return ToolsTree(try await engine.run(plan, jobs: 1).output(of: step.id))
    }

    static func emulator(_ tree: ToolsTree) -> EmulatorTools {
        EmulatorTools(root: tree.root) { command, reads, writes in
            // What lies in the tree itself, such as the firmware, is seen without a bind.
            let outside = reads.filter { !$0.string.hasPrefix("/usr/") }
            let devices: [FilePath] = Files.exists("/dev/kvm") ? ["/dev/kvm"] : []
            return tree.command(command, reads: outside, writes: writes, devices: devices)
        }
    }
}
