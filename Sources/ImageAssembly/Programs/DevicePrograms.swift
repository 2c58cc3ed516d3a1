// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
import Hashing
public import LapwingCore
import SystemPackage

/// Builds the device programs and all that goes with them into the root: units, manual pages, completions.
public struct DevicePrograms: Sendable {
    /// The step's name.
    public static let id: StepID = "programs"
    /// Where, seen from inside, the build happens. It is the same for every user and directory, so no path of the
    /// host can get into a program; the prefix map takes out even this one.
    static let place = "/tmp/lapwing-device"

    /// The processor architecture, as Swift's target triples name it.
    public enum Architecture: String, Sendable, Codable {
        /// 64-bit x86.
        case x86_64
        /// 64-bit ARM.
        case aarch64

        /// The directory name of the architecture's libraries in Debian.
        var multiarch: String { rawValue + "-linux-gnu" }
        /// The path of the dynamic loader, which runs a program of the sysroot on another system.
        var loader: String {
            switch self {
            case .x86_64: "usr/lib64/ld-linux-x86-64.so.2"
            case .aarch64: "usr/lib/ld-linux-aarch64.so.1"
            }
        }
    }

    /// What was built, for the image's manifest: `programs.json` in the step's result.
    public struct Record: Codable, Sendable, Hashable {
        /// One program.
        public struct Program: Codable, Sendable, Hashable {
            /// Its path on the device.
            public var path: String
            /// Its size in bytes.
            public var size: Int
            /// The digest of its content.
            public var sha256: Digest
        }

        /// What the compiler says of itself.
        public var compiler: String
        /// The versions of the Swift packages, by name.
        public var packages: [String: String]
        /// The programs by path.
        public var programs: [Program]
    }

    let toolchain: SwiftToolchain
    let sources: ProgramSources
    let architecture: Architecture

    /// A build of the sources for an architecture.
    public init(toolchain: SwiftToolchain, sources: ProgramSources, architecture: Architecture) throws {
        guard architecture == .x86_64 else {
            throw LapwingError(
                "programs.no-cross", exit: .unavailable, "Device programs cannot be built for this architecture yet.",
                subject: architecture.rawValue)
        }
        self.toolchain = toolchain
        self.sources = sources
        self.architecture = architecture
    }

    /// The step. Its result holds `root`, laid out as the image's root, and `programs.json`.
    public func step(sysroot: StepID = DeviceSysroot.id) throws -> Step {
        var inputs: [String: StepInput] = [
            "sysroot": .output(sysroot), "manifest": .value(ProgramSources.manifest()),
            "manifestTail": .value(ProgramSources.manifestTail),
            "compiler": .value(toolchain.version), "architecture": .value(architecture.rawValue),
            "versions": .value(try JSONText.string(sources.versions, pretty: false)),
            "files": .tree(sources.source.appending("Firmware/Device")),
        ]
        for (place, path) in sources.trees { inputs[place] = .tree(path) }
        for (place, path) in sources.files { inputs[place] = .file(path) }
        let places = (sources.trees.keys.sorted() + sources.files.keys.sorted()).sorted()
        return Step(Self.id, title: "build the device programs", version: 5, inputs: inputs) { run in
            try await build(run, places)
        }
    }

    private func build(_ run: StepRun, _ places: [String]) async throws {
        let work = run.scratch.appending("work")
        for place in places { try Self.copy(try run.input(place), to: work.pushing(FilePath(place))) }
        let tail = try run.value("manifestTail")
        for place in places where place.hasSuffix("/Package.swift") {
            let manifest = work.pushing(FilePath(place))
            try Files.write(try Files.read(manifest) + Array(tail.utf8), to: manifest)
        }
        try Files.write(try run.value("manifest"), to: work.appending("Package.swift"))
        try await compile(work, sysroot: try run.input("sysroot"), context: run.context)

        let root = run.output.appending("root")
        try Self.copy(try run.input("files"), to: root)
        let binaries = root.pushing(FilePath("usr/bin"))
        try Files.makeDirectory(binaries)
        var record = Record(
            compiler: toolchain.version,
            packages: try JSONText.decode(
                [String: String].self, from: Array(try run.value("versions").utf8), file: "versions"), programs: [])
        for name in ProgramSources.programs {
            let bytes = try Files.read(work.pushing(FilePath("build/release/" + name)))
            try ProgramCheck.check(bytes, name: name)
            try Files.write(
                bytes, to: binaries.appending(name),
                permissions: [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute])
            record.programs.append(.init(path: "/usr/bin/" + name, size: bytes.count, sha256: Digest.of(bytes)))
            run.metric("\(name), bytes", Double(bytes.count))
        }
        record.programs.sort { $0.path < $1.path }
        try await document(run, binaries: binaries, root: root)
        try Files.write(try JSONText.encode(record), to: run.output.appending("programs.json"))
    }

    /// Runs SwiftPM in a namespace without network, where the work always has the same path.
    private func compile(_ work: FilePath, sysroot: FilePath, context: Context) async throws {
        let command = inside(
            [
                (work, Self.place, true), (sysroot, Self.place + "-sysroot", false),
            ],
            [toolchain.directory.appending("bin/swift-build").string] + arguments(), directory: Self.place)
        let result = try await context.runner.run(command)
        guard result.succeeded else {
            let errors = (result.text + result.errorText).split(separator: "\n").filter { $0.contains("error:") }
            var failed = result
            failed.error = Array((errors.isEmpty ? result.errorText : errors.joined(separator: "\n")).utf8)
            throw CommandFailure.error(command, failed, "The device programs could not be built.")
        }
    }

    func arguments() -> [String] {
        let sysroot = Self.place + "-sysroot"
        var arguments = [
            "--configuration", "release", "--static-swift-stdlib", "--disable-sandbox", "--scratch-path",
            Self.place + "/build", "--disable-build-manifest-caching", "--cache-path", "/tmp/cache",
        ]
        func compiler(_ words: [String]) { arguments += words.flatMap { ["-Xswiftc", $0] } }
        func clang(_ words: [String]) { arguments += words.flatMap { ["-Xcc", $0] } }
        func linker(_ words: [String]) { arguments += words.flatMap { ["-Xlinker", $0] } }
        compiler(["-sysroot", sysroot, "-gnone", "-use-ld=lld", "-no-toolchain-stdlib-rpath"])
        // A module whose sources are compiled in one go would be read and type-checked a second time for its interface
        // alone, so that others can begin earlier; on few processors that takes longer.
        compiler(["-no-emit-module-separately-wmo"])
        compiler(["-file-prefix-map", "\(Self.place)=/lapwing", "-suppress-warnings"])
        clang(["--sysroot=" + sysroot, "-g0", "-ffile-prefix-map=\(Self.place)=/lapwing"])
        // libdrm's headers find each other in a directory of their own, as its pkg-config file says.
        clang(["-isystem", sysroot + "/usr/include/libdrm"])
        // No _FORTIFY_SOURCE: its overloads of read(2) and others are ambiguous to Swift's importer.
        clang(["-fstack-protector-strong"])
        linker(["--sysroot=" + sysroot, "-s", "--gc-sections", "--icf=safe", "--build-id=none"])
        linker(["-z", "relro", "-z", "now"])
        // 44,000 relocations in a bitmap instead of a megabyte that has to be read at every start (DT_RELR; glibc 2.36).
        linker(["-z", "pack-relative-relocs"])
        return arguments
    }

    /// A command that sees the host read-only, an empty `/tmp` with the given directories below it, and no network.
    private func inside(
        _ binds: [(path: FilePath, place: String, writable: Bool)], _ words: [String], directory: String
    ) -> Command {
        var arguments = [
            "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--unshare-net",
            "--unshare-ipc", "--unshare-pid", "--die-with-parent", "--new-session", "--clearenv",
        ]
        // The tool chain may itself lie in what the empty directory covers.
        arguments += ["--ro-bind", toolchain.directory.string, toolchain.directory.string]
        for bind in binds { arguments += [bind.writable ? "--bind" : "--ro-bind", bind.path.string, bind.place] }
        let environment = [
            "PATH": toolchain.directory.appending("bin").string + ":/usr/bin:/bin", "HOME": "/tmp/home",
            "LC_ALL": "C.UTF-8", "TZ": "UTC", "TMPDIR": "/tmp",
        ]
        for name in environment.keys.sorted() { arguments += ["--setenv", name, environment[name] ?? ""] }
        return Command("bwrap", arguments + ["--chdir", directory, "--"] + words)
    }

    /// Manual pages and completions, from what the programs themselves say of their commands. They run under the
    /// sysroot's own loader: the host's C library may be older.
    private func document(_ run: StepRun, binaries: FilePath, root: FilePath) async throws {
        let sysroot = try run.input("sysroot")
        let place = Self.place
        for name in ProgramSources.describedPrograms {
            func say(_ words: [String]) async throws -> [UInt8] {
                let libraries = "\(place)-sysroot/usr/lib/\(architecture.multiarch)"
                let loader = ["\(place)-sysroot/" + architecture.loader, "--library-path", libraries]
                let command = inside(
                    [(binaries, place, false), (sysroot, place + "-sysroot", false)],
                    loader + ["\(place)/\(name)"] + words, directory: place)
                return try await run.context.runner.require(command).output
            }
            let help = try await say(["--experimental-dump-help"])
            for page in try ManualPages(dump: help, section: name == "lapwingctl" ? 1 : 8).pages() {
                let directory = root.pushing(FilePath("usr/share/man/man\(page.section)"))
                try Files.makeDirectory(directory)
                try Files.write(page.text, to: directory.appending(page.file))
            }
            for shell in CompletionShell.allCases {
                let script = try await say(["--generate-completion-script", shell.rawValue])
                let path = root.pushing(FilePath(shell.path(of: name)))
                try Files.makeDirectory(path.removingLastComponent())
                try Files.write(script, to: path)
            }
        }
    }

    private static func copy(_ from: FilePath, to target: FilePath) throws {
        if Files.isDirectory(from) {
            try Files.makeDirectory(target)
            for name in try Files.names(in: from) { try copy(from.appending(name), to: target.appending(name)) }
        } else {
            try Files.makeDirectory(target.removingLastComponent())
            try Files.write(try Files.read(from), to: target)
        }
    }
}

/// The shells that get completions.
public enum CompletionShell: String, Sendable, CaseIterable {
    /// bash-completion's directory.
    case bash
    /// zsh's vendor directory in Debian.
    case zsh
    /// fish's vendor directory.
    case fish

    /// Where a program's completions go, from the root.
    public func path(of program: String) -> String {
        switch self {
        case .bash: "usr/share/bash-completion/completions/" + program
        case .zsh: "usr/share/zsh/vendor-completions/_" + program
        case .fish: "usr/share/fish/vendor_completions.d/\(program).fish"
        }
    }
}
