// SPDX-License-Identifier: Apache-2.0

import BuildTools
import CLinux
import LapwingCore
import SystemPackage

/// Builds a root from packages, as root of a namespace: reads the archives in parallel, lays them over each other,
/// writes the files and dpkg's database, lets dpkg configure everything in one pass, and packs what has become of it.
struct RootBuild {
    /// What is asked for.
    struct Request: Codable {
        var packages: [DebReader.Source]
        /// The result of the step that unpacks the tools.
        var tools: String
        /// An empty directory for the uncompressed packages.
        var spool: String
        /// An empty directory where the root comes to be.
        var work: String
        /// The tar to write.
        var output: String
        /// The log of everything the packages' scripts print.
        var log: String
        var documentation: DocumentationPolicy
        var epoch: Int64
        var jobs: Int
        /// True to hold the root in memory while it is made.
        var inMemory: Bool
    }

    let request: Request
    let context: Context
    let root: String

    init(_ request: Request, context: Context) {
        self.request = request
        self.context = context
        root = request.work
    }

    /// Programs that are replaced while packages are configured and come back afterwards. They would only do what is
    /// thrown away later: Python's caches, an initrd, a boot menu.
    static let silenced = [
        "usr/bin/py3compile", "usr/sbin/update-initramfs", "usr/sbin/update-grub", "usr/bin/kernel-install",
    ]
    /// Files that exist while packages are configured, so that their scripts leave something be.
    static let temporary: [(path: String, text: String, mode: UInt32)] = [
        ("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755),
        ("etc/ssh/ssh_host_rsa_key", "", 0o600), ("etc/ssh/ssh_host_ecdsa_key", "", 0o600),
        ("etc/ssh/ssh_host_ed25519_key", "", 0o600),
    ]

    func run() async throws {
        try checked(lapwing_mounts_private(), "make mounts private below", "/")
        try checked(lapwing_set_host_name("lapwing"), "set the name of", "the namespace")
        if request.inMemory {
            try checked(
                lapwing_mount("tmpfs", root, "tmpfs", 0, "mode=0755,size=90%"), "mount a memory file system on", root)
        }
        let log = try Log(FilePath(request.log))
        var clock = ContinuousClock.now
        func lap(_ what: String) {
            let now = ContinuousClock.now
            let spent = (now - clock).components
            clock = now
            let milliseconds = spent.seconds * 1000 + spent.attoseconds / 1_000_000_000_000_000
            say("\(NamespaceEntry.metricMark) milliseconds.\(what) \(milliseconds)")
        }

        let total = request.packages.count
        let contents = try await DebReader.readAll(
            request.packages, spool: FilePath(request.spool), jobs: request.jobs,
            tools: ToolsTree(FilePath(request.tools)), runner: context.runner
        ) { done in say("unpacked \(done) of \(total) packages") }
        lap("read")
        let database = try DpkgDatabase(contents)
        let files = try database.files(request.documentation)
        var tree = files
        try tree.overlay(try database.database(), throughLinks: true)
        for path in Self.silenced where tree[path]?.content != nil {
            try tree.insert(.init(path, .file(.bytes(Array("#!/bin/sh\nexit 0\n".utf8))), mode: 0o755))
        }
        for (path, text, mode) in Self.temporary where tree[path] == nil { try tree.addFile(path, text, mode: mode) }
        lap("merge")
        try await DirectoryWriter(faithful: true).write(tree, to: FilePath(root))
        lap("write")

        try mountForScripts()
        try await preinsts(database, log)
        lap("preinst")
        try await configure(database, log)
        lap("configure")
        try unmount()
        try checkStatus()

        var result = try DirectoryReader.read(FilePath(root))
        for path in Self.silenced {
            if let original = files[path], result[path] != nil { try result.insert(original) }
        }
        for (path, _, _) in Self.temporary where files[path] == nil { result.remove(path) }
        // Logs and the machine id would differ from build to build; the result of this step must not.
        result = try RootCleaning.clean(result, epoch: request.epoch)
        result.clampTimes(to: request.epoch)
        try TarWriter.write(result, to: FilePath(request.output))
        lap("pack")
        if !request.inMemory {
            for name in try Files.names(in: FilePath(root)) { try Files.removeTree(FilePath(root).appending(name)) }
        }
    }

    private func say(_ text: String) {
        _ = try? FileDescriptor.standardOutput.writeAll(Array((text + "\n").utf8))
    }

    // MARK: - Scripts

    private var environment: [String: String] {
        [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C",
            "TZ": "UTC", "TERM": "dumb", "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true",
            "DEBIAN_PRIORITY": "critical", "INITRD": "No", "SOURCE_DATE_EPOCH": String(request.epoch),
            "PYTHONDONTWRITEBYTECODE": "1",
        ]
    }

    private func inside(_ words: [String], _ more: [String: String] = [:], output: FileDescriptor) -> Command {
        Command(
            "/usr/sbin/chroot", [root] + words, environment: environment.merging(more) { $1 }, cleanEnvironment: true,
            output: .descriptor(output), error: .descriptor(output))
    }

    private func mountForScripts() throws {
        try checked(lapwing_mount("proc", root + "/proc", "proc", 4, nil), "mount /proc in", root)
        // No /sys: scripts that look there for a running hypervisor must find none.
        try checked(lapwing_mount("tmpfs", root + "/dev", "tmpfs", 0, "mode=0755,size=1m"), "mount /dev in", root)
        for name in ["null", "zero", "full", "random", "urandom", "tty"] {
            let path = FilePath(root + "/dev/" + name)
            try Files.write("", to: path)
            try checked(lapwing_mount("/dev/" + name, path.string, nil, 1, nil), "bind /dev/\(name) in", root)
        }
        for (name, target) in [
            ("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] {
            try checked(lapwing_symlink(target, root + "/dev/" + name), "make a link", "/dev/" + name)
        }
        try Files.makeDirectory(FilePath(root + "/dev/shm"))
        try checked(lapwing_mount("tmpfs", root + "/run", "tmpfs", 4, "mode=0755"), "mount /run in", root)
        try checked(lapwing_mount("tmpfs", root + "/tmp", "tmpfs", 4, "mode=1777"), "mount /tmp in", root)
    }

    private func unmount() throws {
        for name in ["tmp", "run", "dev", "proc"] {
            try checked(lapwing_unmount(root + "/" + name), "unmount", "/" + name)
        }
    }

    private func preinsts(_ database: DpkgDatabase, _ log: Log) async throws {
        for package in database.preinstOrder {
            let script = "/var/lib/dpkg/info/\(package.stem).preinst"
            let command = inside(
                [script, "install"],
                [
                    "DPKG_MAINTSCRIPT_PACKAGE": package.name, "DPKG_MAINTSCRIPT_ARCH": package.architecture,
                    "DPKG_MAINTSCRIPT_NAME": "preinst", "DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT": "1",
                    "DPKG_ADMINDIR": "/var/lib/dpkg", "DPKG_RUNNING_VERSION": "1.22.21", "DPKG_ROOT": "",
                ], output: log.descriptor)
            let result = try await context.runner.run(command)
            if !result.succeeded { throw failure("A package's preinst script failed.", package.name, log) }
        }
    }

    private func configure(_ database: DpkgDatabase, _ log: Log) async throws {
        say("configuring \(database.packages.count) packages")
        let command = inside(
            ["dpkg", "--force-unsafe-io", "--configure"] + database.configureOrder, output: log.descriptor)
        let result = try await context.runner.run(command)
        if !result.succeeded { throw failure("dpkg could not configure the packages.", nil, log) }
    }

    private func failure(_ message: String, _ subject: String?, _ log: Log) -> LapwingError {
        LapwingError("root.configure", message, subject: subject, cause: log.tail())
    }

    /// Every package must have come to the state `installed`.
    private func checkStatus() throws {
        let text = try Files.text(FilePath(root + "/var/lib/dpkg/status"))
        var package = ""
        var bad: [String] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Package: ") { package = String(line.dropFirst(9)) }
            if line.hasPrefix("Status: "), line != "Status: install ok installed" {
                bad.append("\(package) (\(line.dropFirst(8)))")
            }
        }
        if !bad.isEmpty {
            throw LapwingError(
                "root.not-installed", "Packages did not come to be installed.", subject: bad.joined(separator: ", "))
        }
    }

    /// A log file that commands write to as well.
    private final class Log {
        let path: FilePath
        let descriptor: FileDescriptor

        init(_ path: FilePath) throws {
            self.path = path
            descriptor = try Files.explain("write", path) {
                try FileDescriptor.open(
                    path, .writeOnly, options: [.create, .truncate, .append, .closeOnExec],
                    permissions: [.ownerReadWrite, .groupRead, .otherRead])
            }
        }

        deinit { try? descriptor.close() }

        func write(_ text: String) throws { _ = try descriptor.writeAll(Array(text.utf8)) }

        func tail() -> String {
            let text = (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self) } ?? ""
            return text.split(separator: "\n").suffix(15).joined(separator: "\n         ")
        }
    }
}
