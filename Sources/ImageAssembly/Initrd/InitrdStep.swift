// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
public import DebianArchive
import LapwingCore
public import SystemPackage

/// The step that makes the initrd.
public enum InitrdStep {
    /// The step's name.
    public static let stepID: StepID = "initrd"
    /// The file of its result: a cpio archive, compressed with zstd.
    public static let file = "initrd.zst"

    private struct Settings: Codable {
        var modules: [String]
        var hidden: [String]
        var packages: [String]
    }

    /// The step. Its result depends on the configured packages, the hooks and the lists alone, so it stays when the
    /// recipe's own files change.
    ///
    /// - Parameters:
    ///   - root: The step that gives `root.tar`, the packages of the root.
    ///   - packages: Further packages the initrd takes files from, such as libraries loaded at run time.
    ///   - hooks: The directory `Firmware/Initrd`.
    ///   - modules: Kernel modules beyond those the hooks name.
    ///   - hidden: Kernel modules that must not be in.
    public static func step(
        root: StepID, packages: [LockedPackage], store: PackageStore, tools: StepID = ToolsTree.stepID, hooks: FilePath,
        modules: [String], hidden: [String]
    ) throws -> Step {
        let settings = Settings(
            modules: modules.sorted(), hidden: hidden.sorted(),
            packages: packages.map { "\($0.id) \($0.sha256)" }.sorted())
        return Step(
            stepID, title: "make the initrd", version: 1,
            inputs: [
                "root": .output(root), "tools": .output(tools), "hooks": .tree(hooks),
                "settings": .value(try JSONText.string(settings, pretty: false)),
            ]
        ) { run in
            var source = try TarReader.read(try run.input("root").appending("root.tar"))
            let files = try await store.ensure(packages, verify: .full)
            let tools = ToolsTree(try run.input("tools"))
            for (index, package) in packages.sorted(by: { $0.id < $1.id }).enumerated() {
                guard let path = files[package.sha256] else { continue }
                let tar = run.scratch.appending("\(index).tar")
                try await DebReader.unpack(
                    .files, .init(name: package.name, path: path.string), to: tar, tools: tools,
                    runner: run.context.runner)
                try source.overlay(try TarReader.read(tar), keepDirectories: true, throughLinks: true)
            }
            let tree = try InitrdTree.make(
                source: source, hooks: try hookTree(try run.input("hooks")),
                kernel: try InitrdTree.kernelRelease(source), modules: modules, hidden: hidden)
            let archive = run.scratch.appending("initrd.cpio")
            try CpioWriter.write(tree, to: archive)
            let output = run.output.appending(file)
            // One thread: the frame does not depend on the machine's number of processors.
            try await run.context.runner.require(
                tools.command(
                    Command("zstd", ["-q", "-6", "--single-thread", archive.string, "-o", output.string]),
                    reads: [archive], writes: [run.output]))
            run.metric("files", Double(tree.count))
            run.metric("unpackedBytes", Double(tree.contentSize))
            run.metric("bytes", Double(try DiskSteps.bytes(output)))
        }
    }

    /// The hooks as a tree: names and contents, nothing else.
    static func hookTree(_ directory: FilePath) throws -> FileTree {
        var tree = FileTree()
        for name in try Files.names(in: directory) {
            let path = directory.appending(name)
            if Files.isDirectory(path) {
                for inner in try Files.names(in: path) {
                    try tree.addFile("\(name)/\(inner)", try Files.read(path.appending(inner), limit: 1 << 20))
                }
            } else {
                try tree.addFile(name, try Files.read(path, limit: 1 << 20))
            }
        }
        return tree
    }
}
