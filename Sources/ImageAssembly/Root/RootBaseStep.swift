// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
import CLinux
public import DebianArchive
import LapwingCore
public import SystemPackage

/// The step from packages to a configured root.
public enum RootBaseStep {
    /// The file of the step's result: the configured root, before anything of the recipe is put into it.
    public static let tar = "root.tar"

    /// What the step reads besides its packages.
    private struct Settings: Codable {
        var packages: [String]
        var documentation: DocumentationPolicy
        var epoch: Int64
    }

    /// The step. Its result is `root.tar`, the same for root and for an ordinary user, on any host and with any cores.
    ///
    /// - Parameters:
    ///   - id: The step's name.
    ///   - packages: The packages of the root; their order does not matter.
    ///   - store: Where the packages lie.
    ///   - tools: The step that unpacks the tools.
    ///   - epoch: Seconds since 1970; no time of the root is later.
    ///   - executable: The program that answers to `internal-namespace` (`NamespaceEntry`).
    public static func step(
        _ id: StepID = "root.base", packages: [LockedPackage], store: PackageStore,
        tools: StepID = ToolsTree.stepID, documentation: DocumentationPolicy = .licences, epoch: Int64,
        executable: FilePath
    ) throws -> Step {
        let settings = Settings(
            packages: packages.map { "\($0.id) \($0.sha256)" }.sorted(), documentation: documentation, epoch: epoch)
        return Step(
            id, title: "unpack and configure \(packages.count) packages", version: 4,
            inputs: ["tools": .output(tools), "settings": .value(try JSONText.string(settings))]
        ) { run in
            let files = try await store.ensure(packages, verify: .full)
            let sources = packages.sorted { $0.id < $1.id }.compactMap { package in
                files[package.sha256].map {
                    DebReader.Source(name: "\(package.name)_\(package.architecture)", path: $0.string)
                }
            }
            let (spool, work) = (run.scratch.appending("spool"), run.scratch.appending("work"))
            for directory in [spool, work] { try Files.makeDirectory(directory) }
            let request = RootBuild.Request(
                packages: sources, tools: try run.input("tools").string, spool: spool.string, work: work.string,
                output: run.output.appending(tar).string, log: run.scratch.appending("configure.log").string,
                documentation: documentation, epoch: epoch, jobs: max(2, hostProcessors()),
                inMemory: fitsInMemory(packages))
            try await HostNamespaces.run(
                "build-root", request, executable: executable, scratch: run.scratch, context: run.context
            ) { run.metric($0, $1) }
            run.metric("packages", Double(packages.count))
        }
    }

    /// True when the machine has memory to hold the root twice over and a gigabyte more; otherwise it is made on disk.
    private static func fitsInMemory(_ packages: [LockedPackage]) -> Bool {
        guard let text = try? Files.text("/proc/meminfo", limit: 1 << 16) else { return false }
        let size = packages.reduce(UInt64(0)) { $0 + $1.installedSize * 1024 }
        return availableMemory(text) > 2 * size + 1 << 30
    }

    /// The bytes `/proc/meminfo` calls available.
    static func availableMemory(_ text: String) -> UInt64 {
        for line in text.split(separator: "\n") where line.hasPrefix("MemAvailable:") {
            return (line.split(separator: " ").compactMap { UInt64($0) }.first ?? 0) * 1024
        }
        return 0
    }
}

/// The number of processors this process may use.
func hostProcessors() -> Int { Int(max(1, lapwing_processors())) }
