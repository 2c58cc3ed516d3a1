// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import FoundationEssentials
public import LapwingCore
public import Recipes
public import SystemPackage

/// What the device programs add to a root file system.
public enum DeviceOverlay {
    /// The recipe as the device reads it.
    public static func configuration(
        _ recipe: Recipe, recipeDigest: Digest, lockDigest: Digest? = nil
    ) throws -> DeviceConfiguration {
        let access = recipe.security.access
        return DeviceConfiguration(
            image: ImageFacts(
                name: recipe.name, version: recipe.version, description: recipe.description,
                architecture: recipe.target.architecture.rawValue, release: recipe.archive.release,
                recipeDigest: recipeDigest, lockDigest: lockDigest, boards: recipe.target.boards),
            dom0: Dom0Settings(
                hostname: recipe.dom0.hostname, memory: recipe.dom0.memory, vcpus: recipe.dom0.vcpus,
                locale: recipe.dom0.locale, timezone: recipe.dom0.timezone, keymap: recipe.dom0.keymap),
            access: AccessSettings(
                user: access.user, passwordHash: access.passwordHash, sshKeys: access.sshKeys, ask: access.ask),
            state: StateSettings(encryption: try value(recipe.security.state.rawValue, StateSettings.Encryption.self)),
            network: NetworkSettings(wired: try value(recipe.network.wired.rawValue, NetworkSettings.Wired.self)),
            power: try PowerOverlay.settings(recipe.power),
            domains: try recipe.domains.mapValues { domain in
                DomainSettings(
                    description: domain.description, type: try value(domain.type.rawValue, DomainSettings.Kind.self),
                    memory: domain.memory, vcpus: domain.vcpus, cpus: domain.cpus,
                    disks: domain.disks.map {
                        .init(
                            name: $0.name, size: $0.size, file: $0.file, device: $0.device, cdrom: $0.cdrom,
                            readOnly: $0.readOnly)
                    },
                    kernel: domain.kernel, ramdisk: domain.ramdisk, cmdline: domain.cmdline,
                    boot: try domain.boot.map { try value($0.rawValue, DomainSettings.BootDevice.self) },
                    display: try value(domain.display.rawValue, DomainSettings.Display.self),
                    autostart: domain.autostart, startOrder: domain.startOrder,
                    onCrash: try value(domain.onCrash.rawValue, DomainSettings.OnCrash.self),
                    battery: try value(domain.battery.rawValue, DomainSettings.Battery.self))
            },
            installer: InstallerSettings(enabled: recipe.installer.enabled))
    }

    /// The device's own word for a word of the recipe.
    static func value<T: RawRepresentable>(_ raw: String, _ type: T.Type) throws -> T where T.RawValue == String {
        guard let value = T(rawValue: raw) else {
            throw LapwingError("programs.config", "The recipe has a value the device does not know.", subject: raw)
        }
        return value
    }

    /// The configuration's files as a tree. The recipe's password hash is in it, so that file is for root alone.
    public static func configurationTree(_ configuration: DeviceConfiguration) throws -> FileTree {
        var tree = FileTree()
        for (name, bytes) in try configuration.files() {
            let mode: UInt32 = name == ConfigSection.access.file ? 0o600 : 0o644
            try tree.addFile("usr/lib/lapwing/" + name, bytes, mode: mode)
        }
        return tree
    }

    /// The recipe's rules as the file that the device reads. Local files are ordered around it by their names.
    public static func policyTree(_ recipe: Recipe) throws -> FileTree {
        var tree = FileTree()
        let head = "# The rules of the recipe. Local ones go into /var/lib/lapwing/policy.d.\n"
        let text = head + recipe.passthrough.policy.map { $0 + "\n" }.joined()
        try tree.addFile(policyFile, Array(text.utf8), mode: 0o644)
        return tree
    }

    /// Where the recipe's rules are in the root.
    static let policyFile = "usr/lib/lapwing/policy.d/50-recipe.rules"

    /// The result of the step `programs` as a tree, with the modes and owners of the device.
    public static func programsTree(_ result: FilePath) throws -> FileTree {
        var tree = try resultTree(result)
        for (link, target) in links { try tree.addSymlink("usr/lib/systemd/system/" + link, to: target) }
        return tree
    }

    /// What a step has in `root` of its result, laid out as the image's root, as a tree.
    public static func resultTree(_ result: FilePath) throws -> FileTree {
        var tree = FileTree()
        func walk(_ directory: FilePath, _ path: String) throws {
            for name in try Files.names(in: directory) {
                let here = directory.appending(name)
                let place = path.isEmpty ? name : path + "/" + name
                if Files.isDirectory(here) {
                    try tree.addDirectory(place)
                    try walk(here, place)
                } else {
                    let size = try Files.status(here)?.size ?? 0
                    let mode: UInt32 = place.hasPrefix("usr/bin/") ? 0o755 : 0o644
                    try tree.insert(
                        .init(place, .file(.range(here, offset: 0, size: Int64(size))), mode: mode))
                }
            }
        }
        try walk(result.appending("root"), "")
        return tree
    }

    /// What `systemctl enable` would make, under /usr: the root's /etc stays the packages' own.
    static let links = [
        "sockets.target.wants/lapwingd.socket": "../lapwingd.socket",
        "multi-user.target.wants/lapwingd.service": "../lapwingd.service",
        "sysinit.target.wants/lapwing-access.service": "../lapwing-access.service",
        "sysinit.target.wants/lapwing-hide-devices.service": "../lapwing-hide-devices.service",
    ]

    /// Makes the root ready for the device programs: the group `lapwing`, a locked root account, and NSS that reads
    /// user records (nss-systemd(8)). Doing it again changes nothing.
    public static func prepare(_ root: inout FileTree) throws {
        try edit(&root, "etc/group") { addLine($0, "lapwing:x:\(groupID):") }
        try edit(&root, "etc/gshadow") { addLine($0, "lapwing:!::") }
        try edit(&root, "etc/shadow") { lines in
            lines.map { $0.hasPrefix("root:") ? lock($0) : $0 }
        }
        try edit(&root, "etc/nsswitch.conf") { lines in
            lines.map { line in
                for (name, sources) in databases where line.hasPrefix(name + ":") { return "\(name):  \(sources)" }
                return line
            }
        }
    }

    /// The group's number: fixed, for the state partition outlives an update of the image; in the range Debian leaves
    /// to the local administrator's system groups (Debian Policy 9.2.2), far above what packages take in order.
    static let groupID = 970
    private static let databases = [
        ("passwd", "files systemd"), ("group", "files [SUCCESS=merge] systemd"), ("shadow", "files systemd"),
        ("gshadow", "files systemd"),
    ]

    private static func addLine(_ lines: [String], _ line: String) -> [String] {
        let name = line.prefix { $0 != ":" } + ":"
        return lines.contains { $0.hasPrefix(name) } ? lines : lines + [line]
    }

    /// The shadow line with its password field locked.
    private static func lock(_ line: String) -> String {
        var fields = line.split(separator: ":", omittingEmptySubsequences: false).map { String($0) }
        if fields.count > 1 { fields[1] = "!*" }
        return fields.joined(separator: ":")
    }

    private static func edit(_ root: inout FileTree, _ path: String, _ change: ([String]) -> [String]) throws {
        guard var entry = root[path], let content = entry.content else {
            throw LapwingError(
                "programs.no-file", "The root lacks a file that the accounts need.", subject: "/" + path)
        }
        let text = String(decoding: try ContentReader().bytes(content), as: UTF8.self)
        let lines = change(text.split(separator: "\n", omittingEmptySubsequences: true).map { String($0) })
        entry.kind = .file(.bytes(Array((lines.joined(separator: "\n") + "\n").utf8)))
        try root.insert(entry)
    }
}
