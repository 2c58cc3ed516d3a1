// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import DebianArchive
import HypervisorBuild
import LapwingCore
import Recipes

/// The step that writes the manifest: the last, since it names the digest of every output.
enum ManifestStep {
    static let stepID: StepID = "manifest"
    static let file = "manifest.json"

    static func step(
        recipe: Recipe, recipeDigest: Digest, lock: Lock, lockDigest: Digest, outputs: [StepID],
        hypervisor: HypervisorPlan?
    ) throws -> Step {
        var inputs: [String: StepInput] = [
            "recipe": .value(recipeDigest.hex), "lock": .value(lockDigest.hex),
            "root": .output(RootImageStep.stepID), "programs": .output(DevicePrograms.id),
        ]
        for output in outputs { inputs["output." + output.name] = .output(output) }
        if hypervisor != nil { inputs["hypervisor"] = .output(BuildStep.stepID) }
        return Step(stepID, title: "write the manifest", version: 2, inputs: inputs) { run in
            var files: [Manifest.Output] = []
            for output in outputs {
                files += try await run.resultFiles("output." + output.name).map {
                    Manifest.Output(name: $0.path, size: $0.size, sha256: $0.sha256)
                }
            }
            let programs = try JSONText.decode(
                DevicePrograms.Record.self,
                from: try Files.read(try run.input("programs").appending("programs.json")), file: "programs.json")
            let hash = try BootSteps.rootHash(try run.input("root").appending(RootFiles().hash))
            let manifest = Manifest(
                recipe: .init(name: recipe.name, version: recipe.version, digest: recipeDigest),
                architecture: recipe.target.architecture.rawValue, lock: lockDigest,
                sourceDateEpoch: lock.sourceDateEpoch, verityRootHash: hash.hex, outputs: files,
                packages: lock.packages.map(Self.package),
                tools: Dictionary(
                    lock.packages(in: .tools).filter { toolNames.contains($0.name) }.map { ($0.name, $0.version) },
                    uniquingKeysWith: { first, _ in first }),
                programs: programs.programs.map { .init(path: $0.path, size: Int64($0.size), sha256: $0.sha256) },
                compiler: programs.compiler, hypervisor: try Self.hypervisor(recipe, lock, hypervisor, run))
            try Files.write(try manifest.json(), to: run.output.appending(file))
        }
    }

    /// The tools whose versions a reader of the manifest looks for first; all of them are in the package list too.
    private static let toolNames: Set<String> = [
        "binutils", "cryptsetup-bin", "erofs-utils", "fdisk", "mtools", "ovmf", "qemu-system-x86", "xorriso", "zstd",
    ]

    private static func hypervisor(
        _ recipe: Recipe, _ lock: Lock, _ plan: HypervisorPlan?, _ run: StepRun
    ) throws -> Manifest.Hypervisor {
        let package = recipe.hypervisor.package
        guard let plan else {
            return Manifest.Hypervisor(
                origin: "debian", package: package,
                version: lock.packages(in: .root).first { $0.name == package }?.version ?? "",
                scheduler: recipe.hypervisor.scheduler.rawValue, licence: "/usr/share/doc/\(package)/copyright")
        }
        let record = try JSONText.decode(
            HypervisorRecord.self, from: try Files.read(try run.input("hypervisor").appending(BuildStep.record)),
            file: BuildStep.record)
        return Manifest.Hypervisor(
            origin: "build", package: package, version: plan.settings.version,
            scheduler: recipe.hypervisor.scheduler.rawValue, licence: "GPL-2.0-only", debug: plan.settings.debug,
            config: record.config, compiler: record.compiler,
            sources: plan.sources.map {
                .init(path: $0.path, size: Int64($0.size), sha256: $0.sha256)
            },
            added: record.added.map { .init(path: $0.name, size: Int64($0.size), sha256: $0.sha256) })
    }

    private static func package(_ package: LockedPackage) -> Manifest.Package {
        Manifest.Package(
            name: package.name, version: package.version, architecture: package.architecture, sha256: package.sha256,
            sets: package.sets.map(\.rawValue), source: package.source, sourceVersion: package.sourceVersion,
            licence: package.sets.contains(.root) ? "/usr/share/doc/\(package.name)/copyright" : nil,
            installedBytes: Int64(package.installedSize) * 1024)
    }
}
