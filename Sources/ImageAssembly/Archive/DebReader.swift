// SPDX-License-Identifier: Apache-2.0

public import BuildTools
public import LapwingCore
public import SystemPackage

/// What a `.deb` holds: the files it installs and its control members.
public struct DebContents: Sendable {
    /// The name the package was asked for by, for messages.
    public var name: String
    /// The files, contents in the spool.
    public var files: FileTree
    /// The paths in the order of the archive, as dpkg lists them.
    public var order: [String]
    /// `control`, `postinst` and so on, by name.
    public var control: [String: [UInt8]]
}

/// Reads `.deb` archives through the tools tree's `dpkg-deb`, which undoes the compression (trixie's liblzma takes 40 %
/// less time for it than bookworm's); what comes out is taken as hostile.
public enum DebReader {
    /// One archive to read.
    public struct Source: Sendable, Hashable, Codable {
        /// The package's name, for messages and for the name of its spool file; letters, digits, `+-.:` alone.
        public var name: String
        /// The archive.
        public var path: String

        /// Describes an archive.
        public init(name: String, path: String) {
            self.name = name
            self.path = path
        }
    }

    /// Reads one archive. Its uncompressed files stay in `spool`, which must outlive the tree.
    public static func read(
        _ source: Source, spool: FilePath, tools: ToolsTree, runner: any ProcessRunner
    ) async throws -> DebContents {
        let data = spool.appending(source.name + ".data.tar")
        let control = spool.appending(source.name + ".control.tar")
        try await unpack(.files, source, to: data, tools: tools, runner: runner)
        try await unpack(.control, source, to: control, tools: tools, runner: runner)
        let (files, order) = try TarReader.readInOrder(data)
        let reader = ContentReader()
        var members: [String: [UInt8]] = [:]
        for entry in try TarReader.read(control).entries {
            guard let content = entry.content, !entry.path.utf8.contains(UInt8(ascii: "/")) else { continue }
            guard content.size < 16 << 20 else {
                throw LapwingError(
                    "deb.control-too-large", exit: .badInput, "A control member of a package is too large.",
                    subject: source.path, cause: entry.path)
            }
            members[entry.path] = try reader.bytes(content)
        }
        try Files.remove(control)
        guard members["control"] != nil else {
            throw LapwingError(
                "deb.no-control", exit: .badInput, "A package has no control file.", subject: source.path)
        }
        return DebContents(name: source.name, files: files, order: order, control: members)
    }

    /// The two archives in a package.
    enum Part: String {
        /// What it installs.
        case files = "--fsys-tarfile"
        /// Its description and scripts.
        case control = "--ctrl-tarfile"
    }

    /// Writes one of a package's archives into a new file, uncompressed.
    static func unpack(
        _ part: Part, _ source: Source, to target: FilePath, tools: ToolsTree, runner: any ProcessRunner
    ) async throws {
        let descriptor = try Files.explain("write", target) {
            try FileDescriptor.open(
                target, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: [.ownerReadWrite])
        }
        defer { try? descriptor.close() }
        let command = tools.direct(
            Command("usr/bin/dpkg-deb", [part.rawValue, source.path], output: .descriptor(descriptor)))
        let result = try await runner.run(command)
        guard result.succeeded else {
            var error = CommandFailure.error(command, result, "A package could not be unpacked.")
            error.code = "deb.unreadable"
            error.hint = "If the disk is not full, the file is damaged: remove it from the store and build again."
            throw error
        }
    }

    /// Reads many archives, `jobs` at a time; the result is in the order of the sources.
    public static func readAll(
        _ sources: [Source], spool: FilePath, jobs: Int, tools: ToolsTree, runner: any ProcessRunner,
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> [DebContents] {
        // The largest first: a big one that comes last would run alone.
        let sized = try sources.enumerated().map { index, source in
            (index: index, size: try Files.status(FilePath(source.path))?.size ?? 0)
        }
        let order = sized.sorted { ($0.size, $1.index) > ($1.size, $0.index) }.map(\.index)
        var results = [DebContents?](repeating: nil, count: sources.count)
        try await withThrowingTaskGroup(of: (Int, DebContents).self) { group in
            var next = 0
            func start() {
                guard next < order.count else { return }
                let index = order[next]
                next += 1
                group.addTask { (index, try await read(sources[index], spool: spool, tools: tools, runner: runner)) }
            }
            for _ in 0..<max(1, jobs) { start() }
            var done = 0
            while let (index, contents) = try await group.next() {
                results[index] = contents
                done += 1
                progress(done)
                start()
            }
        }
        return results.compactMap { $0 }
    }
}
