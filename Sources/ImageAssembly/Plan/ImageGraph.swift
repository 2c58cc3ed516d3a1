// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import BuildTools
import DebianArchive
import DiskLayout
import Hashing
import HypervisorBuild
import LapwingCore
import Recipes
import SystemPackage

/// The steps of one image, and which of their results are its outputs. Here, and only here, the pieces are joined.
struct ImageGraph {
    let steps: StepGraph
    let goals: [StepID]
    let publications: [Publication]

    init(_ builder: ImageBuilder, _ lock: Lock) async throws {
        let (recipe, store, epoch) = (builder.recipe, builder.store, lock.sourceDateEpoch)
        let recipeDigest = Digest.of(builder.loaded.canonical)
        let lockDigest = try lock.digest()
        let seed = Seed(.of(recipeDigest.hex + lockDigest.hex))
        let architecture = try Self.architecture(recipe)
        let hypervisor = try HypervisorPlan(recipe, lock, checkout: builder.settings.source)
        let base: StepID = "root.base"
        let name = recipe.name

        var steps = [
            ToolsTree.step(lock, store: store),
            try DeviceSysroot.step(lock, store: store),
            try await Self.programs(builder, architecture),
            PowerTables.step(sources: builder.settings.source.appending("Firmware").appending("ACPI")),
            try RootBaseStep.step(
                base, packages: lock.packages(in: .root), store: store, epoch: epoch,
                executable: try HostNamespaces.ownExecutable()),
            try RootImageStep.step(
                base: base, programs: DevicePrograms.id, tables: PowerTables.id,
                contents: try Self.contents(recipe, recipeDigest, lockDigest), seed: seed, epoch: epoch),
            try InitrdStep.step(
                root: base, packages: Self.initrdPackages(lock), store: store,
                hooks: builder.settings.source.appending("Firmware").appending("Initrd"),
                modules: recipe.initrd.modules,
                hidden: recipe.initrd.hiddenModules),
            BootSteps.parts(
                root: base, architecture: architecture, microcode: recipe.hypervisor.ucode,
                hypervisor: hypervisor == nil ? nil : BuildStep.stepID),
        ]
        if let hypervisor { steps += try hypervisor.steps(lock, store: store) }
        func boot(_ id: StepID, live: String?) throws -> Step {
            try BootSteps.bootFile(
                id, verity: RootImageStep.stepID, hashFile: RootFiles().hash, xenOptions: recipe.xenOptions,
                kernelOptions: recipe.dom0.kernelOptions, state: recipe.security.state.rawValue, live: live,
                identity: BootIdentity(image: name, version: recipe.version))
        }
        var publications: [Publication] = []
        if recipe.outputs.disk.enabled {
            let disk = recipe.outputs.disk
            steps.append(try boot("boot.disk", live: nil))
            steps.append(
                try DiskSteps.disk(
                    name: "\(name).raw", architecture: architecture,
                    sizes: LayoutSizes(
                        esp: disk.espSize.bytes, root: disk.rootSlotSize.bytes, state: disk.stateSize.bytes),
                    seed: seed, epoch: epoch, boot: "boot.disk", root: RootImageStep.stepID))
            publications.append(Publication(step: "disk", file: "\(name).raw", name: "\(name).raw"))
        }
        if recipe.outputs.iso.enabled {
            let volume = IsoVolume(label: recipe.outputs.iso.label, epoch: epoch, seed: seed)
            steps.append(try boot("boot.live", live: volume.uuid))
            steps.append(
                try DiskSteps.iso(
                    name: "\(name).iso", architecture: architecture, volume: volume, seed: seed, epoch: epoch,
                    boot: "boot.live", root: RootImageStep.stepID))
            publications.append(Publication(step: "iso", file: "\(name).iso", name: "\(name).iso"))
        }
        steps.append(
            try ManifestStep.step(
                recipe: recipe, recipeDigest: recipeDigest, lock: lock, lockDigest: lockDigest,
                outputs: publications.map(\.step), hypervisor: hypervisor))
        publications.append(
            Publication(step: ManifestStep.stepID, file: ManifestStep.file, name: "\(name).manifest.json"))
        publications.append(
            Publication(step: RootImageStep.stepID, file: RootImageStep.files, name: "\(name).files.json"))
        self.steps = try StepGraph(steps)
        self.publications = publications
        goals = publications.map(\.step)
    }

    private static func architecture(_ recipe: Recipe) throws -> DiskArchitecture {
        guard let architecture = DiskArchitecture(rawValue: recipe.target.architecture.debian) else {
            throw LapwingError(
                "build.architecture", exit: .badInput, "Images cannot be built for this architecture.",
                subject: recipe.target.architecture.rawValue)
        }
        return architecture
    }

    private static func programs(_ builder: ImageBuilder, _ architecture: DiskArchitecture) async throws -> Step {
        try DevicePrograms(
            toolchain: try await SwiftToolchain.discover(builder.context),
            sources: try ProgramSources(source: builder.settings.source),
            architecture: architecture == .amd64 ? .x86_64 : .aarch64
        ).step()
    }

    /// What the initrd needs and the root does not have.
    private static func initrdPackages(_ lock: Lock) -> [LockedPackage] {
        lock.packages(in: .initrd).filter { !$0.sets.contains(.root) }
    }

    /// What the recipe puts into the root.
    private static func contents(
        _ recipe: Recipe, _ recipeDigest: Digest, _ lockDigest: Digest
    ) throws -> RootContents {
        let configuration = try DeviceOverlay.configuration(
            recipe, recipeDigest: recipeDigest, lockDigest: lockDigest)
        let trees = [try DeviceOverlay.configurationTree(configuration), try DeviceOverlay.policyTree(recipe)]
        var items = try trees.flatMap(\.entries).compactMap { entry in
            try entry.content.map { content in
                RootContents.Item.file(entry.path, bytes: try ContentReader().bytes(content), mode: entry.mode)
            }
        }
        items += SystemSettings.items(recipe)
        items += recipe.dom0.files.map { file in
            .file(String(file.path.drop { $0 == "/" }), bytes: file.bytes, mode: file.permissions)
        }
        return RootContents(
            hostname: recipe.dom0.hostname, items: items, enable: recipe.dom0.services.enable,
            disable: recipe.dom0.services.disable, mask: recipe.dom0.services.mask,
            allowedSetID: recipe.security.allowedSetuid.map { String($0.drop { $0 == "/" }) })
    }
}
