// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
public import Hashing
import LapwingCore
import SystemPackage

/// What a recipe puts into its configured root.
public struct RootContents: Sendable, Codable, Hashable {
    /// A file, directory or link.
    public struct Item: Sendable, Codable, Hashable {
        /// The path from the root, without a leading slash.
        public var path: String
        /// The content of a file; nil for what is no file.
        public var bytes: [UInt8]?
        /// What a link says; nil for what is no link. Neither bytes nor link: a directory.
        public var link: String?
        /// Permission bits.
        public var mode: UInt32

        /// A file of text.
        public static func file(_ path: String, _ text: String, mode: UInt32 = 0o644) -> Item {
            Item(path: path, bytes: Array(text.utf8), link: nil, mode: mode)
        }
        /// A file of bytes.
        public static func file(_ path: String, bytes: [UInt8], mode: UInt32 = 0o644) -> Item {
            Item(path: path, bytes: bytes, link: nil, mode: mode)
        }
        /// A link.
        public static func link(_ path: String, to target: String) -> Item {
            Item(path: path, bytes: nil, link: target, mode: 0o777)
        }
        /// A directory.
        public static func directory(_ path: String, mode: UInt32 = 0o755) -> Item {
            Item(path: path, bytes: nil, link: nil, mode: mode)
        }
    }

    /// The host's name.
    public var hostname: String
    /// Files, directories and links, laid over the packages' own.
    public var items: [Item]
    /// Units to enable; done last.
    public var enable: [String]
    /// Units to disable; done first.
    public var disable: [String]
    /// Units to mask.
    public var mask: [String]
    /// Paths whose set-ID bits and capabilities are taken off.
    public var stripped: [String]
    /// Paths beyond the usual that keep set-ID bits.
    public var allowedSetID: [String]
    /// Paths that keep their capabilities.
    public var allowedCapabilities: [String]
    /// Password hashes, crypt(5), by user; set in `/etc/shadow`.
    public var passwordHashes: [String: String]

    /// Contents; by default GStreamer's clock helper, which QEMU's package brings along, loses its capabilities.
    public init(
        hostname: String, items: [Item] = [], enable: [String] = [], disable: [String] = [], mask: [String] = [],
        stripped: [String] = ["usr/lib/x86_64-linux-gnu/gstreamer1.0/gstreamer-1.0/gst-ptp-helper"],
        allowedSetID: [String] = [], allowedCapabilities: [String] = [], passwordHashes: [String: String] = [:]
    ) {
        self.hostname = hostname
        self.items = items
        self.enable = enable
        self.disable = disable
        self.mask = mask
        self.stripped = stripped
        self.allowedSetID = allowedSetID
        self.allowedCapabilities = allowedCapabilities
        self.passwordHashes = passwordHashes
    }

    /// The finished tree: contents and overlays put in, cleaned, `/var` moved to the factory, times clamped, checked.
    /// `prepare` changes the tree once the overlays are in.
    public func finish(
        _ base: FileTree, overlays: [FileTree], epoch: Int64, prepare: (inout FileTree) throws -> Void = { _ in }
    ) throws -> FileTree {
        var tree = try RootCleaning.clean(base, epoch: epoch)
        for overlay in overlays { try tree.overlay(overlay, keepDirectories: true, throughLinks: true) }
        try prepare(&tree)
        try tree.addFile("etc/hostname", hostname + "\n", mtime: epoch)
        var own = FileTree()
        for item in items {
            let kind: FileTree.Kind =
                item.link.map { .symlink($0) } ?? item.bytes.map { .file(.bytes($0)) } ?? .directory
            try own.insert(.init(item.path, kind, mode: item.mode, mtime: epoch))
        }
        try tree.overlay(own, keepDirectories: false, throughLinks: true)
        for unit in disable { UnitLinks.disable(unit, in: &tree) }
        for unit in mask { try UnitLinks.mask(unit, in: &tree, epoch: epoch) }
        for unit in enable { try UnitLinks.enable(unit, in: &tree, epoch: epoch) }
        for path in stripped {
            guard var entry = tree[path], case .file = entry.kind else { continue }
            entry.mode &= 0o777
            entry.xattrs = [:]
            try tree.insert(entry)
        }
        try setPasswords(&tree)
        tree = try RootCleaning.moveState(tree, epoch: epoch)
        tree.clampTimes(to: epoch)
        try RootCheck(
            setID: RootCheck.usualSetID.union(allowedSetID), capabilities: Set(allowedCapabilities),
            passwordHashes: passwordHashes
        ).require(tree)
        return tree
    }

    private func setPasswords(_ tree: inout FileTree) throws {
        if passwordHashes.isEmpty { return }
        guard var entry = tree["etc/shadow"], let content = entry.content else {
            throw LapwingError("root.no-shadow", exit: .badInput, "The root has no /etc/shadow to set a password in.")
        }
        var missing = Set(passwordHashes.keys)
        let text = String(decoding: try ContentReader().bytes(content), as: UTF8.self)
        let lines = text.split(separator: "\n").map { line in
            var fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            if fields.count > 1, let hash = passwordHashes[fields[0]] {
                missing.remove(fields[0])
                fields[1] = hash
            }
            return fields.joined(separator: ":")
        }
        if let user = missing.min() {
            throw LapwingError(
                "root.no-user", exit: .badInput, "There is no such user to give a password.", subject: user)
        }
        entry.kind = .file(.bytes(Array((lines.joined(separator: "\n") + "\n").utf8)))
        try tree.insert(entry)
    }
}

/// The step from a configured root to the read-only image and its hash tree.
public enum RootImageStep {
    /// The usual name of the step.
    public static let stepID: StepID = "root.image"

    /// The file of the result that lists the root's files with their digests (`FileList`).
    public static let files = "files.json"

    private struct Settings: Codable {
        var contents: RootContents
        var epoch: Int64
        var uuid: String
        var verityUUID: String
        var salt: String
    }

    /// The step. Its result: `root.erofs`, `root.verity`, `root.hash` (64 digits), `files.json` (`FileList`).
    ///
    /// - Parameters:
    ///   - base: The step whose result has `root.tar` (`RootBaseStep`).
    ///   - programs: The step whose result holds the device programs (`DevicePrograms`).
    ///   - tables: The step whose result holds guests' ACPI tables (`PowerTables`).
    public static func step(
        _ id: StepID = stepID, base: StepID = "root.base", programs: StepID, tables: StepID, contents: RootContents,
        seed: Seed, epoch: Int64, tools: StepID = ToolsTree.stepID
    ) throws -> Step {
        let settings = Settings(
            contents: contents, epoch: epoch, uuid: seed.uuid("root.erofs"), verityUUID: seed.uuid("root.verity"),
            salt: seed.hex("root.verity.salt"))
        let inputs: [String: StepInput] = [
            "base": .output(base), "programs": .output(programs), "tables": .output(tables),
            "tools": .output(tools), "settings": .value(try JSONText.string(settings)),
        ]
        return Step(id, title: "finish the root and make its verity image", version: 5, inputs: inputs) { run in
            let base = try TarReader.read(try run.input("base").appending(RootBaseStep.tar))
            let laid = [
                try DeviceOverlay.programsTree(try run.input("programs")),
                try DeviceOverlay.resultTree(try run.input("tables")),
            ]
            let tree = try contents.finish(base, overlays: laid, epoch: epoch, prepare: DeviceOverlay.prepare)
            let tar = run.scratch.appending("root.tar")
            try TarWriter.write(tree, to: tar)
            async let list = FileList(tree).json()
            try await image(ToolsTree(try run.input("tools")), tar, settings, run)
            try Files.write(try await list, to: run.output.appending(files))
            run.metric("files", Double(tree.count))
            run.metric("bytes", Double(tree.contentSize))
        }
    }

    private static func image(_ tools: ToolsTree, _ tar: FilePath, _ settings: Settings, _ run: StepRun) async throws {
        let (data, verity) = (run.output.appending("root.erofs"), run.output.appending("root.verity"))
        // lz4 in clusters of 64 KiB: a third smaller than raw in little time; zstd takes four times as long for 20 % less.
        try await run.context.runner.require(
            tools.command(
                Command(
                    "mkfs.erofs",
                    [
                        "--quiet", "--tar=f", "-zlz4", "-C65536", "--workers=\(hostProcessors())",
                        "-T\(settings.epoch)",
                        "--mkfs-time", "-U", settings.uuid, "-L", "lapwing-root", data.string, tar.string,
                    ]),
                reads: [run.scratch], writes: [run.output]),
            "The root file system could not be made.")
        let result = try await run.context.runner.require(
            tools.command(
                Command(
                    "veritysetup",
                    [
                        "format", "--hash=sha256", "--data-block-size=4096", "--hash-block-size=4096",
                        "--salt=\(settings.salt)", "--uuid=\(settings.verityUUID)", data.string, verity.string,
                    ]), writes: [run.output]),
            "The hash tree of the root could not be made.")
        let line = result.text.split(separator: "\n").first { $0.hasPrefix("Root hash:") }
        guard let hash = line.flatMap({ Digest(hex: $0.dropFirst(10).drop { $0 == " " || $0 == "\t" }) }) else {
            throw LapwingError("root.no-hash", "veritysetup gave no root hash.", cause: result.text)
        }
        try Files.write(hash.hex + "\n", to: run.output.appending("root.hash"))
    }
}
