// SPDX-License-Identifier: Apache-2.0

import BuildTools
import DiskLayout
import Emulator
import FoundationEssentials
import ImageAssembly
import LapwingCore
import SystemPackage

/// What `vm` and `check` need to know of an image file, read from it and from the manifest beside it.
struct ImageFile {
    let path: FilePath
    let kind: CheckedImage.Kind
    let manifest: Manifest
    let table: PartitionTable

    init(_ path: FilePath) throws {
        guard Files.exists(path) else {
            throw LapwingError(
                "image.missing", exit: .unavailable, "The image is not there.", subject: path.string,
                hint: "Build it with \"lapwing build\".")
        }
        switch path.extension {
        case "raw": kind = .disk
        case "iso": kind = .iso
        default:
            throw LapwingError(
                "image.unknown-kind", exit: .usage, "The file is neither a .raw nor an .iso image.",
                subject: path.string)
        }
        self.path = path
        manifest = try Manifest.load(try Manifest.find(path))
        let descriptor = try Files.explain("read", path) {
            try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
        }
        let head = try descriptor.closeAfter { try descriptor.readAll(at: 0, count: PartitionTable.length) }
        table = try PartitionTable(reading: head, subject: path.string)
    }

    private var architecture: DiskArchitecture { manifest.architecture == "arm64" ? .arm64 : .amd64 }

    /// The image with a boot file of its own for the throw-away copy, which is written into `work`.
    /// - Parameter debugHypervisor: the same Xen built with its assertions (`xen.efi`), for the groups that want it.
    func prepared(
        agent: FilePath, tools: ToolsTree, work: FilePath, debugHypervisor: FilePath?, context: Context
    ) async throws -> CheckedImage {
        guard let esp = table.esp else {
            throw LapwingError("image.no-esp", exit: .badInput, "The image has no EFI partition.", subject: path.string)
        }
        let name = kind == .disk ? BootNames.bootFile(.a) : BootNames.directory + "/lapwing-live.efi"
        let shipped = work.appending("shipped.efi")
        try await context.runner.require(
            tools.command(
                Command("mcopy", ["-n", "-i", "\(path)@@\(esp.offset)", "::/\(name)", shipped.string]),
                reads: [path], writes: [work]), "The boot file could not be read from the image.")
        let archive = work.appending("agent.cpio")
        try CpioWriter.write(try payload(agent), to: archive)
        let (efi, cpio) = (try Files.read(shipped), try Files.read(archive))
        guard let hash = manifest.verityRootHash.flatMap({ Digest(hex: $0) }) else {
            throw LapwingError(
                "image.no-root-hash", exit: .badInput, "The manifest names no root hash.", subject: path.string)
        }
        var debug: PEImage?
        if let debugHypervisor {
            let stripped = work.appending("debug-xen.efi")
            try await context.runner.require(
                BootSteps.stripping(debugHypervisor, to: stripped, tools),
                "The hypervisor with assertions is no program.")
            debug = try PEImage(try Files.read(stripped), subject: debugHypervisor.string)
        }
        return CheckedImage(
            path: path, kind: kind, architecture: architecture == .arm64 ? .arm64 : .x86_64,
            bootFileSystem: .init(offset: esp.offset, size: esp.size), bootFile: name, slots: slots,
            expected: .init(
                rootHash: hash, xenVersion: xenVersion, scheduler: manifest.hypervisor?.scheduler,
                programVersion: LapwingVersion.text,
                accountsWithPassword: [], stateUnlock: try stateUnlock(shipped)), hasDebugHypervisor: debug != nil
        ) { [debug] change in
            let test = work.appending("test.efi")
            let rewritten = try BootFile.rewritten(
                efi: efi, subject: path.string, appendInitrd: cpio,
                appendKernelOptions: AgentPayload.commandLine + change.kernelOptions,
                appendXenOptions: change.xenOptions, version: change.version,
                xen: change.debugHypervisor ? debug : nil)
            try Files.write(rewritten, to: test)
            return test
        }
    }

    /// The slots of a disk image.
    private var slots: [CheckedImage.Slot] {
        if kind == .iso { return [] }
        return Slot.allCases.compactMap { slot in
            guard let root = table.entry(.root(slot), architecture),
                let verity = table.entry(.verity(slot), architecture)
            else { return nil }
            return CheckedImage.Slot(bootFile: BootNames.bootFile(slot), root: .init(root), verity: .init(verity))
        }
    }

    /// Major and minor version of the hypervisor's package.
    private var xenVersion: String? {
        if let hypervisor = manifest.hypervisor { return hypervisor.series }
        let package = manifest.packages.first { $0.name.hasPrefix("xen-hypervisor-") && $0.sets.contains("root") }
        return package?.version.split(separator: ".").prefix(2).joined(separator: ".")
    }

    /// What the boot file's command line declares of the state partition.
    private func stateUnlock(_ efi: FilePath) throws -> String {
        if kind == .iso { return "none" }
        let options = try BootFile(reading: try Files.read(efi), subject: efi.string).options.kernel
        let key = "lapwing.state="
        return options.first { $0.hasPrefix(key) }.map { String($0.dropFirst(key.count)) } ?? "none"
    }

    private func payload(_ agent: FilePath) throws -> FileTree {
        var tree = FileTree()
        for entry in AgentPayload(agent: agent).entries {
            switch entry.content {
            case .text(let text): try tree.addFile(entry.path, text, mode: UInt32(entry.mode))
            case .file(let file): try tree.addFile(entry.path, try Files.read(file), mode: UInt32(entry.mode))
            case .link(let target): try tree.addSymlink(entry.path, to: target)
            }
        }
        return tree
    }
}

extension CheckedImage.Part {
    fileprivate init(_ entry: PartitionTable.Entry) {
        self.init(number: entry.number, extent: .init(offset: entry.offset, size: entry.size))
    }
}
