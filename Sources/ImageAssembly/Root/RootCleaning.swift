// SPDX-License-Identifier: Apache-2.0

/// Takes out of a configured root what is secret, what differs from build to build, and what only dpkg and apt wanted.
public enum RootCleaning {
    /// Where the content of `/var` goes: the state partition is filled from it when it is empty, and `/var` is its mount
    /// point.
    public static let factory = "usr/share/lapwing/factory/var"
    /// Where dpkg's database goes: it describes the read-only root, so it belongs to it and not to the state.
    public static let packageDatabase = "usr/share/lapwing/dpkg"

    /// Directories whose content goes and which stay themselves.
    private static let emptied = [
        "tmp", "run", "dev", "proc", "sys", "var/tmp", "var/cache", "var/backups", "var/lib/apt/lists",
        "var/lib/systemd/catalog", "var/lib/dpkg/updates", "var/lib/dpkg/parts", "root",
    ]
    /// Single files.
    private static let files: Set<String> = [
        "etc/.pwd.lock", "etc/passwd-", "etc/group-", "etc/shadow-", "etc/gshadow-", "etc/subuid-", "etc/subgid-",
        "etc/resolv.conf", "etc/mtab", "var/lib/dbus/machine-id", "var/lib/systemd/random-seed",
        "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend", "var/lib/dpkg/triggers/Lock", "var/lib/dpkg/available",
        "vmlinuz", "vmlinuz.old", "initrd.img", "initrd.img.old",
    ]

    /// The cleaned tree. `/etc/machine-id` is left empty (machine-id(5)): on a read-only root systemd then makes one at
    /// boot without taking each boot for the first.
    public static func clean(_ tree: FileTree, epoch: Int64) throws -> FileTree {
        var tree = tree
        for directory in emptied { for child in tree.children(of: directory) { tree.remove(child.path) } }
        tree.removeAll { entry in
            let path = entry.path
            if files.contains(path) || entry.name == "__pycache__" { return true }
            // The directories stay: daemons such as xenstored do not make their own.
            if path.hasPrefix("var/log/") { return !entry.isDirectory }
            if path.hasPrefix("var/lib/dpkg/") { return path.hasSuffix("-old") }
            if path.hasPrefix("etc/ssh/ssh_host_") || path.hasPrefix("boot/initrd.img") { return true }
            return path.hasPrefix("var/lib/ucf/") && (entry.name.last?.isNumber ?? false)
        }
        try tree.addFile("etc/machine-id", [], mode: 0o444, mtime: epoch)
        try tree.addSymlink("etc/mtab", to: "../proc/self/mounts", mtime: epoch)
        return tree
    }

    /// The tree with `/var` emptied: its content is kept at `factory`, dpkg's database at `packageDatabase` with a link in
    /// its old place.
    public static func moveState(_ tree: FileTree, epoch: Int64) throws -> FileTree {
        var result = tree
        try result.addDirectory("usr/share/lapwing", mtime: epoch)
        for (old, new) in [("var/lib/dpkg", packageDatabase), ("var", factory)] {
            let moved = [result[old]].compactMap { $0 } + result.below(old)
            if moved.isEmpty { continue }
            for child in result.children(of: old) { result.remove(child.path) }
            var late: [FileTree.Entry] = []
            for var entry in moved {
                entry.path = new + entry.path.dropFirst(old.count)
                if case .hardlink(let target) = entry.kind, target.hasPrefix(old + "/") {
                    entry.kind = .hardlink(new + target.dropFirst(old.count))
                    late.append(entry)
                } else {
                    try result.insert(entry)
                }
            }
            for entry in late { try result.insert(entry) }
            if old != "var" {
                result.remove(old)
                try result.addSymlink(old, to: "/" + new, mtime: epoch)
            }
        }
        return result
    }
}
