// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
import BuildTools
public import DebianArchive
import LapwingCore
import SystemPackage

/// Unpacks the hypervisor's source and applies Debian's own patches, and no others.
public enum SourceStep {
    /// The step's name.
    public static let stepID: StepID = "hypervisor.source"
    /// The directory of the source in the result.
    public static let directory = "source"

    /// The step for the tarballs of a lock.
    public static func step(_ sources: [LockedSource], store: PackageStore) throws -> Step {
        let items = sources.map(StoreItem.init)
        let list = sources.map { "\($0.path) \($0.size) \($0.sha256)" }.sorted().joined(separator: "\n")
        let archives = try Tarballs(sources)
        let release = "\(archives.upstream.name) \(archives.upstream.version)"
        return Step(
            stepID, title: "unpack \(release) and apply its patches", version: 1,
            inputs: ["sources": .value(list), "compiler": .output(CompilerTree.stepID)]
        ) { run in
            let paths = try await store.ensure(items: items, verify: .full)
            let compiler = ToolsTree(try run.input("compiler"))
            let tree = run.output.appending(directory)
            func unpack(_ source: LockedSource, to target: FilePath, strip: Int) async throws {
                guard let path = paths[source.sha256] else {
                    throw LapwingError(
                        "hypervisor.no-source", exit: .unavailable, "A source of the hypervisor is not in the store.",
                        subject: source.path)
                }
                try Files.makeDirectory(target)
                try await run.context.runner.require(
                    compiler.command(
                        Command(
                            "tar",
                            [
                                "--extract", "--file", path.string, "--directory", target.string, "--no-same-owner",
                                "--no-same-permissions", "--strip-components=\(strip)",
                            ] + compression(source.path)),
                        reads: [path], writes: [run.output]),
                    "A source of the hypervisor could not be unpacked.")
            }
            try await unpack(archives.upstream, to: tree, strip: 1)
            for (name, component) in archives.components {
                try await unpack(component, to: tree.appending(name), strip: 1)
            }
            try await unpack(archives.debian, to: tree, strip: 0)
            let patches = try await patch(tree, compiler, run)
            run.metric("patches", Double(patches))
        }
    }

    /// What tells tar the compression; the file's own name in the store does not.
    private static func compression(_ path: String) -> [String] {
        switch path.split(separator: ".").last {
        case "xz": ["--xz"]
        case "gz": ["--gzip"]
        case "bz2": ["--bzip2"]
        default: []
        }
    }

    /// Applies `debian/patches/series` as dpkg-source does: in order, without fuzz.
    static func patch(_ tree: FilePath, _ compiler: ToolsTree, _ run: StepRun) async throws -> Int {
        let directory = tree.appending("debian/patches")
        let list = directory.appending("series")
        guard Files.exists(list) else { return 0 }
        let series = try PatchSeries(try Files.text(list, limit: 1 << 20))
        for entry in series.patches {
            let arguments = [
                "--strip=\(entry.strip)", "--fuzz=0", "--unified", "--forward", "--batch", "--remove-empty-files",
                "--no-backup-if-mismatch", "--reject-file=-", "--quiet", "--version-control=never",
                "--input=\(directory.appending(entry.name))",
            ]
            try await run.context.runner.require(
                compiler.command(
                    Command("patch", arguments, workingDirectory: tree), writes: [run.output]),
                "A patch of the source package does not apply: \(entry.name).")
        }
        return series.patches.count
    }
}

/// The tarballs of one source package by their parts in it.
struct Tarballs: Hashable {
    var upstream: LockedSource
    var debian: LockedSource
    /// Further upstream tarballs, by the directory they are unpacked to.
    var components: [String: LockedSource] = [:]

    init(_ sources: [LockedSource]) throws {
        var upstream: [LockedSource] = []
        var debian: [LockedSource] = []
        for source in sources {
            let file = source.path.split(separator: "/").last.map(String.init) ?? ""
            if file.contains(".debian.tar.") {
                debian.append(source)
            } else if let name = file.firstMatch(of: /\.orig-([a-zA-Z0-9-]+)\.tar\./) {
                components[String(name.1)] = source
            } else if file.contains(".orig.tar.") {
                upstream.append(source)
            }
        }
        guard let first = upstream.first, let second = debian.first, upstream.count == 1, debian.count == 1,
            Set(sources.map(\.version)).count == 1
        else {
            throw LapwingError(
                "hypervisor.no-source", exit: .badInput, "The lock does not name one whole source of the hypervisor.",
                subject: sources.map(\.path).joined(separator: ", "), hint: "Run \"lapwing update\" on the recipe.")
        }
        self.upstream = first
        self.debian = second
    }
}
