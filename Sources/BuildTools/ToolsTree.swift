// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import DebianArchive
public import LapwingCore
public import SystemPackage

/// A tree of trixie's own tools, unpacked from locked packages and entered through bubblewrap, so that a build depends
/// on the lock and not on how old the host is.
///
/// The packages are unpacked and not configured: none of the tools needs what maintainer scripts do, and so the tree
/// belongs to whoever builds and needs no privilege.
public struct ToolsTree: Sendable {
    /// The machine the tools run on.
    public enum Host: String, Sendable, Hashable, CaseIterable {
        /// 64-bit x86.
        case amd64
        /// 64-bit ARM.
        case arm64

        /// The architecture's name in Debian.
        public var debian: String { rawValue }

        /// The machine this program was compiled for.
        public static var current: Host {
            #if arch(x86_64)
                .amd64
            #else
                .arm64
            #endif
        }
    }

    /// The name of the step that unpacks the tree.
    public static let stepID: StepID = "tools"

    /// The directory of the tree.
    public let root: FilePath

    /// The tree in the result directory of its step.
    public init(_ result: FilePath) {
        root = result.appending("tree")
    }

    /// The packages of the tree on a host; what they depend on comes with them.
    public static func packages(_ host: Host) -> [String] {
        let emulators =
            switch host {
            case .amd64: ["qemu-system-x86", "systemd-boot-efi"]
            case .arm64: ["qemu-system-arm", "systemd-boot-efi"]
            }
        return
            (emulators + [
                "acpica-tools", "apt", "binutils", "cpio", "cryptsetup-bin", "debian-archive-keyring", "dosfstools",
                "dpkg",
                "e2fsprogs", "erofs-utils", "fdisk", "gpgv", "kmod", "mtools", "ovmf", "python3-virt-firmware",
                "qemu-utils", "sbsigntool", "swtpm", "swtpm-tools", "systemd", "systemd-ukify", "tar", "udev",
                "util-linux",
                "xorriso", "xz-utils", "zstd",
            ]).sorted()
    }

    /// The step that unpacks the tools of a lock, or another set of programs that run on the build host.
    public static func step(
        _ lock: Lock, store: PackageStore, set: PackageSetName = .tools, id: StepID = stepID
    ) -> Step {
        let packages = lock.packages(in: set)
        let value = packages.map { "\($0.id) \($0.sha256)" }.sorted().joined(separator: "\n")
        return Step(
            id, title: "unpack \(packages.count) packages of \(set == .tools ? "tools" : set.rawValue)", version: 1,
            inputs: ["packages": .value(value)]
        ) { run in
            let files = try await store.ensure(packages, verify: .full)
            let tree = run.output.appending("tree")
            try Files.makeDirectory(tree)
            // base-files brings the links /bin, /lib and /sbin into /usr: they must be there before anything else.
            let order = packages.filter { $0.name == "base-files" } + packages.filter { $0.name != "base-files" }
            let paths = order.compactMap { files[$0.sha256] }
            guard let first = paths.first else {
                throw LapwingError("tools.no-packages", exit: .badInput, "The lock has no \(set.rawValue).")
            }
            for part in [[first], Array(paths.dropFirst())] {
                try await PackageUnpacking.unpack(
                    part, into: tree, purpose: "the \(set.rawValue) tree", runner: run.context.runner)
            }
            // Nothing of the tree may be more than the person who runs it.
            try await run.context.runner.require(Command("chmod", ["-R", "u+rwX,u-s,g-s,go-w", tree.string]))
            run.metric("packages", Double(packages.count))
        }
    }

    /// The command that runs a program of the tree with the tree's dynamic loader and libraries, but sees the host's
    /// files: for one that is called hundreds of times, where entering the tree would take longer than the work. The
    /// program must need nothing else of the tree, neither other programs nor its data.
    ///
    /// - Parameter command: Its executable is a path in the tree, without a leading slash.
    public func direct(_ command: Command, on host: Host = .current) -> Command {
        let (loader, libraries) =
            switch host {
            case .amd64: ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu")
            case .arm64: ("usr/lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu")
            }
        var own = command
        own.executable = root.appending(loader).string
        own.arguments = ["--library-path", root.appending(libraries).string, root.appending(command.executable).string]
        own.arguments += command.arguments
        return own
    }

    /// The command that runs another inside the tree, with a clean environment and, unless asked for, no network.
    ///
    /// - Parameters:
    ///   - reads: Absolute paths outside of the tree that are seen inside, read-only, under the same names.
    ///   - writes: As `reads`, writable.
    ///   - network: Whether the host's network is seen.
    ///   - devices: Device nodes of the host, such as `/dev/kvm`.
    ///   - temporary: The directory that is `/tmp` inside; nil for one in memory.
    public func command(
        _ command: Command, reads: [FilePath] = [], writes: [FilePath] = [], network: Bool = false,
        devices: [FilePath] = [], temporary: FilePath? = nil
    ) -> Command {
        var arguments = [
            "--die-with-parent", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try",
        ]
        if !network { arguments.append("--unshare-net") }
        for directory in ["usr", "etc"] {
            arguments += ["--ro-bind", root.appending(directory).string, "/" + directory]
        }
        for link in ["bin", "lib", "lib64", "sbin"] where link != "lib64" || Host.current == .amd64 {
            arguments += ["--symlink", "usr/" + link, "/" + link]
        }
        arguments += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run"]
        if let temporary {
            arguments += ["--bind", temporary.string, "/tmp"]
        } else {
            arguments += ["--tmpfs", "/tmp"]
        }
        arguments += ["--dir", "/var/tmp", "--dir", "/var/lib"]
        for device in devices { arguments += ["--dev-bind", device.string, device.string] }
        for path in reads { arguments += ["--ro-bind", path.string, path.string] }
        for path in writes { arguments += ["--bind", path.string, path.string] }
        if let directory = command.workingDirectory { arguments += ["--chdir", directory.string] }
        arguments += ["--", command.executable] + command.arguments
        var inside = command
        inside.executable = "/usr/bin/bwrap"
        inside.arguments = arguments
        inside.workingDirectory = nil
        inside.cleanEnvironment = true
        inside.environment = [
            "PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/tmp", "TMPDIR": "/tmp",
        ].merging(command.environment) { _, own in own }
        return inside
    }
}
