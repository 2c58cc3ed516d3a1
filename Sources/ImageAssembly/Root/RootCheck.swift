// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What must not be in a finished root; every finding is listed, and any fails the build.
public struct RootCheck: Sendable {
    /// Files that may have set-user-ID or set-group-ID bits: those of trixie's own packages that a dom0 needs.
    public static let usualSetID: Set<String> = [
        "usr/bin/chage", "usr/bin/chfn", "usr/bin/chsh", "usr/bin/expiry", "usr/bin/gpasswd", "usr/bin/mount",
        "usr/bin/newgrp", "usr/bin/passwd", "usr/bin/ssh-agent", "usr/bin/su", "usr/bin/sudo", "usr/bin/umount",
        "usr/lib/dbus-1.0/dbus-daemon-launch-helper", "usr/lib/openssh/ssh-keysign", "usr/sbin/unix_chkpwd",
        "usr/lib/polkit-1/polkit-agent-helper-1", "usr/bin/pkexec", "usr/bin/fusermount3",
    ]

    /// Paths that may have set-ID bits.
    public var setID: Set<String>
    /// Paths that may have file capabilities.
    public var capabilities: Set<String>
    /// The password hashes the recipe declares, by user.
    public var passwordHashes: [String: String]

    /// A check.
    public init(
        setID: Set<String> = RootCheck.usualSetID, capabilities: Set<String> = [],
        passwordHashes: [String: String] = [:]
    ) {
        self.setID = setID
        self.capabilities = capabilities
        self.passwordHashes = passwordHashes
    }

    /// Throws all findings at once.
    public func require(_ tree: FileTree) throws {
        let found = try findings(tree)
        if !found.isEmpty { throw LapwingErrors(found) }
    }

    /// All findings, by path.
    public func findings(_ tree: FileTree) throws -> [LapwingError] {
        var result: [LapwingError] = []
        let reader = ContentReader()
        func add(_ code: String, _ message: String, _ entry: FileTree.Entry, _ hint: String? = nil) {
            result.append(
                LapwingError("root." + code, exit: .badInput, message, subject: "/" + entry.path, hint: hint))
        }
        for entry in tree.entries {
            let path = Self.original(entry.path)
            if path.hasPrefix("etc/ssh/ssh_host_") { add("host-key", "An SSH host key is in the image.", entry) }
            if path == "etc/machine-id" || path == "var/lib/dbus/machine-id", let content = entry.content {
                let text = String(decoding: try reader.bytes(content), as: UTF8.self)
                if !["", "uninitialized\n"].contains(text) {
                    add("machine-id", "The image has a machine id.", entry)
                }
            }
            if entry.name == "random-seed" || entry.name == "urandom.seed" || entry.name == "random.seed" {
                add("random-seed", "A random seed is in the image.", entry)
            }
            if path.hasPrefix("var/log/"), !entry.isDirectory { add("log", "A log is in the image.", entry) }
            switch entry.kind {
            case .symlink: break
            case .character, .block: add("device", "A device node is in the image.", entry)
            case .directory:
                if entry.mode & 0o1002 == 0o002 {
                    add("world-writable", "Anybody may write into a directory that has no sticky bit.", entry)
                }
            default:
                if entry.mode & 0o002 != 0 { add("world-writable", "Anybody may write a file.", entry) }
                if entry.mode & 0o6000 != 0, !setID.contains(path) {
                    add(
                        "set-id", "A file has a set-ID bit that nobody declared.", entry,
                        "Declare it, or leave out the package that brings it.")
                }
                if !entry.xattrs.isEmpty, !capabilities.contains(path) {
                    add(
                        "capability", "A file has capabilities that nobody declared.", entry,
                        "Declare it, or leave out the package that brings it.")
                }
            }
            if path.hasPrefix("etc/"), let content = entry.content, content.size < 1 << 16,
                String(decoding: try reader.bytes(content), as: UTF8.self).contains("PRIVATE KEY-----")
            {
                add("private-key", "A private key is in the image.", entry)
            }
            if ["etc/shadow", "etc/shadow-", "etc/passwd", "etc/passwd-"].contains(path), let content = entry.content {
                let text = String(decoding: try reader.bytes(content), as: UTF8.self)
                for user in undeclaredPasswords(text) {
                    add("password", "The user \(user) has a password that the recipe does not declare.", entry)
                }
            }
        }
        return result
    }

    /// Users of a passwd(5) or shadow(5) file who could log in with a password, or without one, undeclared.
    func undeclaredPasswords(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", omittingEmptySubsequences: false)
            guard fields.count >= 2 else { return nil }
            let (user, word) = (String(fields[0]), String(fields[1]))
            if word == "x" || word.hasPrefix("*") || word.hasPrefix("!") { return nil }
            return passwordHashes[user] == word && !word.isEmpty ? nil : user
        }
    }

    /// Where a path of the factory content will be on the device.
    static func original(_ path: String) -> String {
        path.hasPrefix(RootCleaning.factory + "/")
            ? "var" + path.dropFirst(RootCleaning.factory.count) : path
    }
}
