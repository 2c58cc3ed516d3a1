// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
public import DiskLayout
public import Hashing
import LapwingCore
import SystemPackage

/// The files of the step that makes root file system and hash tree.
public struct RootFiles: Sendable, Hashable, Codable {
    /// The file system.
    public var data: String
    /// The dm-verity hash tree.
    public var verity: String
    /// The root hash, as text.
    public var hash: String

    /// Names the files.
    public init(data: String = "root.erofs", verity: String = "root.verity", hash: String = "root.hash") {
        self.data = data
        self.verity = verity
        self.hash = hash
    }
}

/// The steps that make the media.
public enum DiskSteps {
    private struct Settings: Codable {
        var architecture: DiskArchitecture
        var sizes: LayoutSizes
        var seed: String
        var epoch: Int64
        var files: RootFiles
    }

    /// The raw disk image: ESP with boot loader and the file of slot A, slot A, empty slot B, state. The result is the
    /// sparse file `name`.
    public static func disk(
        _ id: StepID = "disk", name: String, architecture: DiskArchitecture, sizes: LayoutSizes, seed: Seed,
        epoch: Int64,
        boot: StepID, root: StepID, files: RootFiles = RootFiles(), tools: StepID = ToolsTree.stepID
    ) throws -> Step {
        let settings = Settings(
            architecture: architecture, sizes: sizes, seed: seed.digest.hex, epoch: epoch, files: files)
        return Step(
            id, title: "write the disk image", version: 1,
            inputs: [
                "boot": .output(boot), "parts": .output(BootSteps.partsID), "root": .output(root),
                "tools": .output(tools), "name": .value(name),
                "settings": .value(try JSONText.string(settings, pretty: false)),
            ]
        ) { run in
            let root = try run.input("root")
            let (data, verity) = (root.appending(files.data), root.appending(files.verity))
            let efi = try run.input("boot").appending(BootSteps.file)
            let loader = try run.input("parts").appending(BootSteps.loader)
            try checkRoom(
                sizes, esp: EspWriter.needed(bootFile: try bytes(efi), loader: try bytes(loader)),
                data: try bytes(data), verity: try bytes(verity))
            let layout = try layout(
                architecture: architecture, sizes: sizes, seed: seed,
                rootHash: try BootSteps.rootHash(root.appending(files.hash)))
            let image = run.output.appending(name)
            try create(image, size: layout.size)
            let tools = ToolsTree(try run.input("tools"))
            try await run.context.runner.require(
                tools.command(
                    Command(
                        "sfdisk", ["--quiet", "--no-reread", "--no-tell-kernel", image.string],
                        input: .bytes(Array(layout.sfdiskScript.utf8))),
                    writes: [run.output]), "The partition table could not be written.")
            let configuration = run.scratch.appending("loader.conf")
            try Files.write(loaderConfiguration, to: configuration)
            if let esp = layout.partition(.esp) {
                try await EspWriter(tools: tools, context: run.context, epoch: epoch).write(
                    image: image, offset: esp.offset, size: esp.size, volume: volumeNumber(seed, "disk"),
                    files: [
                        ("EFI/BOOT/" + architecture.removableLoader, loader),
                        ("EFI/systemd/" + architecture.systemdBoot, loader), (BootNames.bootFile(.a), efi),
                        ("loader/loader.conf", configuration),
                    ])
            }
            for (role, path) in [(PartitionRole.root(.a), data), (.verity(.a), verity)] {
                if let partition = layout.partition(role) { try copy(path, into: image, at: partition.offset) }
            }
            run.metric("bytes", Double(layout.size))
            run.metric("allocatedBytes", Double(try status(image).allocated))
        }
    }

    /// The layout of an image: slot A has the system with the root hash, all UUIDs come from the seed.
    static func layout(
        architecture: DiskArchitecture, sizes: LayoutSizes, seed: Seed, rootHash: Digest
    ) throws -> Layout {
        let identifiers = try LayoutIdentifiers(rootHashes: [.a: rootHash]) { label in
            guard let guid = GUID(seed.uuid("disk: " + label)) else {
                throw LapwingError("disk.bad-uuid", "The seed gave no UUID.", subject: label)
            }
            return guid
        }
        return Layout(architecture: architecture, sizes: sizes, identifiers: identifiers)
    }

    /// No menu and no editor: the boot loader starts the newest system that has tries left; holding a key shows the
    /// menu.
    static let loaderConfiguration = "timeout 0\neditor no\n"

    /// Throws `disk.too-small`, naming all that does not fit.
    static func checkRoom(_ sizes: LayoutSizes, esp: UInt64, data: UInt64, verity: UInt64) throws {
        var errors: [LapwingError] = []
        func check(_ what: String, _ key: String, _ has: UInt64, _ needs: UInt64) {
            if needs <= has { return }
            errors.append(
                LapwingError(
                    "disk.too-small", exit: .badInput, "\(what) is too small.", subject: key,
                    cause: "it has \(ByteSize(bytes: has)), \(ByteSize(bytes: needs)) are needed",
                    hint: "Raise \(key) in the recipe."))
        }
        check("The EFI system partition", "outputs.disk.espSize", Layout.aligned(sizes.esp), esp)
        check("The root slot", "outputs.disk.rootSlotSize", Layout.aligned(sizes.root), data)
        check(
            "The hash partition", "outputs.disk.rootSlotSize",
            Layout.aligned(Layout.veritySize(data: Layout.aligned(sizes.root))), verity)
        if !errors.isEmpty { throw LapwingErrors(errors) }
    }

    static func volumeNumber(_ seed: Seed, _ label: String) -> UInt32 {
        seed.bytes("fat volume: " + label).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    static func bytes(_ path: FilePath) throws -> UInt64 { UInt64(max(0, try status(path).size)) }

    static func status(_ path: FilePath) throws -> FileStatus {
        guard let status = try Files.status(path) else {
            throw LapwingError(
                "disk.no-file", exit: .unavailable, "A file of the image is missing.", subject: path.string)
        }
        return status
    }

    /// Makes a file that is one hole.
    static func create(_ path: FilePath, size: UInt64) throws {
        try Files.explain("write", path) {
            let descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try descriptor.closeAfter { try descriptor.resize(to: Int64(size)) }
        }
    }

    /// Copies a file into an image, by the kernel where it can.
    static func copy(_ source: FilePath, into image: FilePath, at offset: UInt64) throws {
        let size = Int64(try bytes(source))
        try Files.explain("write", image) {
            let target = try FileDescriptor.open(image, .writeOnly, options: .closeOnExec)
            try target.closeAfter {
                try target.seek(offset: Int64(offset), from: .start)
                try ContentReader().copy(.range(source, offset: 0, size: size), to: target)
            }
        }
    }
}
