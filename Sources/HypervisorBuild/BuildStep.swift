// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
import BuildTools
import FoundationEssentials
import Hashing
public import LapwingCore
public import SystemPackage

/// How the hypervisor is to be built.
public struct HypervisorSettings: Sendable, Hashable, Codable {
    /// The processor it is for: `x86_64` or `arm64`.
    public var target: String
    /// The version of the source package; it stands in the hypervisor's log.
    public var version: String
    /// True for a build with assertions.
    public var debug: Bool
    /// True when our scheduler runs without `sched=`; else credit2 does.
    public var ownScheduler: Bool

    /// Describes a build.
    public init(target: HypervisorTarget, version: String, debug: Bool, ownScheduler: Bool) {
        self.target = target.rawValue
        self.version = version
        self.debug = debug
        self.ownScheduler = ownScheduler
    }
}

/// What was built, as it stands in the step's result and in the manifest.
public struct HypervisorRecord: Sendable, Hashable, Codable {
    /// The compiler's own name for itself.
    public var compiler: String
    /// SHA-256 of the configuration.
    public var config: Digest
    /// SOURCE_DATE_EPOCH: the date of the source package's last change.
    public var sourceDateEpoch: Int64
    /// The files of our own that were added.
    public var added: [SchedulerFiles.File]
}

/// Configures and compiles the hypervisor.
public enum BuildStep {
    /// The step's name.
    public static let stepID: StepID = "hypervisor.build"
    /// The name of the step that builds the same hypervisor with its assertions, for tests. No image needs it.
    public static let debugID: StepID = "hypervisor.debug"
    /// The EFI application, with its debug sections.
    public static let efi = "xen.efi"
    /// The configuration.
    public static let config = "xen.config"
    /// The record.
    public static let record = "hypervisor.json"

    /// The step.
    /// - Parameters:
    ///   - scheduler: the directory of our scheduler; nil to build Debian's source as it is.
    ///   - id: its name, `debugID` for a second one beside the image's.
    public static func step(
        _ settings: HypervisorSettings, scheduler: FilePath?, id: StepID = BuildStep.stepID
    ) throws -> Step {
        guard let target = HypervisorTarget(rawValue: settings.target) else {
            throw LapwingError(
                "hypervisor.architecture", exit: .badInput, "The hypervisor cannot be built for this architecture.",
                subject: settings.target)
        }
        var inputs: [String: StepInput] = [
            "source": .output(SourceStep.stepID), "compiler": .output(CompilerTree.stepID),
            "settings": .value(try JSONText.string(settings, pretty: false)),
        ]
        if let scheduler { inputs["scheduler"] = .tree(scheduler) }
        let added = try scheduler.map { try SchedulerFiles($0) }
        return Step(
            id, title: "build the hypervisor \(settings.version)\(settings.debug ? " with assertions" : "")",
            version: 2, inputs: inputs
        ) { run in
            let work = Workshop(run: run, compiler: ToolsTree(try run.input("compiler")), target: target)
            try await work.prepare(source: try run.input("source").appending(SourceStep.directory))
            if let added, scheduler != nil {
                try added.add(to: work.tree, isDefault: settings.ownScheduler)
            }
            let epoch = try await work.epoch()
            let config = try await work.configure(settings, scheduler: scheduler != nil, epoch: epoch)
            try await work.make(["build"], settings, epoch: epoch)
            try await work.collect()
            try Files.write(config, to: run.output.appending(BuildStep.config))
            let record = HypervisorRecord(
                compiler: try await work.compilerVersion(), config: Digest.of(Array(config.utf8)),
                sourceDateEpoch: epoch, added: added?.list ?? [])
            try Files.write(try JSONText.encode(record), to: run.output.appending(BuildStep.record))
        }
    }
}

/// The place where one hypervisor is built. Inside it is `/tmp/xen`, wherever the cache is: the path of the source is
/// in no way part of the result.
private struct Workshop {
    let run: StepRun
    let compiler: ToolsTree
    let target: HypervisorTarget

    static let inside: FilePath = "/tmp/xen"

    var directory: FilePath { run.scratch.appending("work") }
    var tree: FilePath { directory.appending("xen") }

    /// Copies the source and gives the build what an unconfigured tree of tools lacks.
    func prepare(source: FilePath) async throws {
        let programs = directory.appending("bin")
        try Files.makeDirectory(programs)
        let executable: FilePermissions = [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]
        // Debian's build asks who built it.
        try Files.write(
            Array("#!/bin/sh\necho Lapwing\n".utf8), to: programs.appending("lsb_release"), permissions: executable)
        try Files.write(
            Array("#!/bin/sh\nexec /usr/bin/mawk \"$@\"\n".utf8), to: programs.appending("awk"), permissions: executable
        )
        for arguments in [
            ["cp", "-r", "--preserve=mode", source.string, Self.inside.string],
            ["chmod", "-R", "u+w", Self.inside.string],
        ] {
            try await run.context.runner.require(command(arguments, reads: [source]))
        }
    }

    /// A command in the place, where `/tmp` is the working directory of the step.
    func command(_ words: [String], reads: [FilePath] = [], environment: [String: String] = [:]) -> Command {
        var environment = environment
        environment["PATH"] = "/tmp/bin:/usr/sbin:/usr/bin"
        return compiler.command(
            Command(words[0], Array(words.dropFirst()), environment: environment), reads: reads,
            temporary: directory)
    }

    /// The date of the newest entry of `debian/changelog`, so that the result depends on the source and not on the day
    /// the lock was made.
    func epoch() async throws -> Int64 {
        let log = try Files.text(tree.appending("debian/changelog"), limit: 16 << 20)
        let trailer = log.split(separator: "\n").first { $0.hasPrefix(" -- ") } ?? ""
        let date = trailer.split(separator: ">").last.map(String.init) ?? ""
        let said = try await run.context.runner.require(command(["date", "--date=\(date)", "+%s"])).text
        guard trailer.contains(">"), let seconds = Int64(said.filter { !$0.isWhitespace }), seconds > 0 else {
            throw LapwingError(
                "hypervisor.no-date", exit: .badInput, "The hypervisor's source does not say when it was changed.",
                subject: "debian/changelog", cause: String(trailer))
        }
        return seconds
    }

    /// What make is told, as `debian/rules` tells it, but for who builds and where.
    func arguments(_ settings: HypervisorSettings) -> [String] {
        let map = "-ffile-prefix-map=\(Self.inside)=. -fdebug-prefix-map=\(Self.inside)=."
        let host = HypervisorTarget.host(.current)
        return [
            "-C", Self.inside.appending("xen").string, "V=1", "CC=\(target.triplet)-gcc", "LD=\(target.triplet)-ld",
            "CROSS_COMPILE=\(target.triplet)-", "HOSTCC=\(host.triplet)-gcc", "XEN_COMPILE_ARCH=\(host.rawValue)",
            "XEN_TARGET_ARCH=\(target.rawValue)", "EXTRA_CFLAGS_XEN_CORE=\(map)",
        ]
    }

    func make(_ goals: [String], _ settings: HypervisorSettings, epoch: Int64) async throws {
        let jobs = max(1, ProcessInfo.processInfo.activeProcessorCount)
        let command = command(
            ["make", "-j\(jobs)"] + arguments(settings) + goals,
            environment: [
                "SOURCE_DATE_EPOCH": String(epoch), "DEB_VERSION": settings.version,
                "DEB_MAINTAINER": "Lapwing <lapwing@localhost>", "XEN_WHOAMI": "lapwing", "XEN_DOMAIN": "localhost",
                "XEN_BUILD_HOST": "localhost", "WGET": "/bin/false", "GIT": "/bin/false",
            ])
        let result = try await run.context.runner.run(command)
        if result.succeeded { return }
        var failed = result
        let lines = (result.text + result.errorText).split(separator: "\n")
        let errors = lines.filter { $0.contains("error:") || $0.contains("Error ") || $0.contains("undefined ") }
        failed.error = Array((errors.isEmpty ? result.errorText : errors.joined(separator: "\n")).utf8)
        throw CommandFailure.error(command, failed, "The hypervisor could not be built.")
    }

    /// Debian's configuration with what the recipe changes, brought to its end; returns it.
    func configure(_ settings: HypervisorSettings, scheduler: Bool, epoch: Int64) async throws -> String {
        let path = tree.appending("xen/.config")
        var base = try Files.text(tree.appending("debian/xen-kconfig"), limit: 1 << 20)
            .split(separator: "\n").filter { !$0.contains("CONFIG_DEBUG=") }.joined(separator: "\n")
        base += "\nCONFIG_DEBUG=\(settings.debug ? "y" : "n")\n"
        try Files.write(base, to: path)
        try await make(["olddefconfig"], settings, epoch: epoch)
        let config = try Files.text(path, limit: 1 << 20)
        let lines = Set(config.split(separator: "\n").map(String.init))
        var wanted = [settings.debug ? "CONFIG_DEBUG=y" : "# CONFIG_DEBUG is not set"]
        wanted.append("CONFIG_SCHED_DEFAULT=\"\(settings.ownScheduler ? SchedulerFiles.name : "credit2")\"")
        if scheduler { wanted.append("CONFIG_\(SchedulerFiles.symbol)=y") }
        let missing = wanted.filter { !lines.contains($0) }
        guard missing.isEmpty else {
            throw LapwingError(
                "hypervisor.config", "The hypervisor's configuration did not come out as asked for.",
                subject: "xen/.config", cause: "it lacks " + missing.joined(separator: ", "))
        }
        return config
    }

    /// Copies what the build made into the result.
    func collect() async throws {
        let built = tree.appending("xen")
        if target == .arm64 {
            // There the build ends with the plain image.
            let image = Self.inside.appending("xen/xen").string
            try await run.context.runner.require(command(["gzip", "--no-name", "--best", "--keep", image]))
        }
        // On ARM the image is an EFI application itself.
        let efi = target == .arm64 ? "xen" : BuildStep.efi
        for (name, target) in [
            ("xen.gz", "xen.gz"), (efi, BuildStep.efi), ("xen-syms", "xen-syms"), ("xen-syms.map", "xen-syms.map"),
        ] {
            let path = built.appending(name)
            guard Files.exists(path) else {
                throw LapwingError(
                    "hypervisor.incomplete", "The build of the hypervisor left a file out.", subject: name)
            }
            let bytes = try Files.read(path)
            try Files.write(bytes, to: run.output.appending(target))
            run.metric("\(target), bytes", Double(bytes.count))
        }
    }

    func compilerVersion() async throws -> String {
        let text = try await run.context.runner.require(command(["\(target.triplet)-gcc", "--version"])).text
        return text.split(separator: "\n").first.map(String.init) ?? ""
    }
}
