// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import LapwingCore

/// The administrator as JSON user and group records (systemd.io/USER_RECORD, nss-systemd(8)): files of a drop-in
/// directory, the secret part in a file of its own that only root may read.
public struct UserRecords: Sendable {
    /// The administrator's number: the first of the regular users.
    public static let uid: UInt32 = 1000
    /// The groups of the system the administrator belongs to: `sudo` may become root, `lapwing` may talk to the daemon,
    /// the others read the journal.
    public static let groups = ["adm", "lapwing", "sudo", "systemd-journal"]

    /// One file.
    public struct File: Sendable, Hashable {
        /// The file's name.
        public var name: String
        /// Its content.
        public var bytes: [UInt8]
        /// True when only root may read it.
        public var secret: Bool
    }

    private let settings: AccessSettings
    private let hash: String?

    /// The records for the settings; without a hash nobody can log in with a password.
    public init(settings: AccessSettings, hash: String?) throws {
        let first = settings.user.utf8.first.map { (97...122).contains($0) || $0 == UInt8(ascii: "_") } ?? false
        let plain = settings.user.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
        guard first, plain, settings.user.utf8.count <= 31, settings.user != "root" else {
            throw LapwingError(
                "access.bad-user", exit: .badInput, "The administrator's user name is not usable.",
                subject: settings.user,
                hint: "Use small letters, digits, _ and -, beginning with a letter; not root.")
        }
        self.settings = settings
        self.hash = hash
    }

    /// The files, by name. nss-systemd looks a record up by name and by number, so each is there under both.
    public func files() throws -> [File] {
        let user = User(
            userName: settings.user, homeDirectory: HomeDirectory.path(settings.user), uid: Self.uid, gid: Self.uid)
        let secret = Secret(
            privileged: .init(
                hashedPassword: [hash ?? "!*"], sshAuthorizedKeys: settings.sshKeys.isEmpty ? nil : settings.sshKeys))
        let group = Group(groupName: settings.user, gid: Self.uid)
        let number = String(Self.uid)
        var files: [File] = []
        for name in [settings.user, number] {
            files.append(File(name: name + ".user-privileged", bytes: try JSONText.encode(secret), secret: true))
            files.append(File(name: name + ".user", bytes: try JSONText.encode(user), secret: false))
            files.append(File(name: name + ".group", bytes: try JSONText.encode(group), secret: false))
        }
        for group in Self.groups {
            files.append(File(name: "\(settings.user):\(group).membership", bytes: Array("{}\n".utf8), secret: false))
        }
        return files.sorted { $0.name < $1.name }
    }

    private struct User: Encodable {
        var userName: String
        var realName = "Administrator"
        var disposition = "regular"
        var shell = "/bin/bash"
        var homeDirectory: String
        var uid: UInt32
        var gid: UInt32
    }

    private struct Secret: Encodable {
        struct Privileged: Encodable {
            var hashedPassword: [String]
            var sshAuthorizedKeys: [String]?
        }
        var privileged: Privileged
    }

    private struct Group: Encodable {
        var groupName: String
        var gid: UInt32
        var disposition = "regular"
    }
}
