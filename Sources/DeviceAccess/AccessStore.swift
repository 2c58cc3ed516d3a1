// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import LapwingCore

/// The administrator's passphrase as set on this device: `password.json` in `/var/lib/lapwing/access`, for root alone.
public struct StoredPassword: Codable, Sendable, Hashable {
    /// The version of the file's shape.
    public var schemaVersion = 1
    /// The hash as crypt(5) writes it.
    public var hash: String
}

/// Where the hash in force comes from.
public enum PasswordOrigin: String, Codable, Sendable {
    /// Set on this device.
    case device
    /// Declared in the recipe.
    case image
    /// There is none: nobody can log in with a password.
    case none
}

/// What is known of the administrator's access, without any secret.
public struct AccessSummary: Codable, Sendable, Hashable {
    /// The user name.
    public var user: String
    /// Where the password comes from.
    public var password: PasswordOrigin
    /// The number of SSH keys.
    public var sshKeys: Int
    /// True when a console will ask for a passphrase.
    public var asks: Bool
}

/// Reads and writes the administrator's access on the device, and makes the user records that NSS and PAM read.
public struct AccessStore: Sendable {
    /// Where things lie.
    public var paths: DevicePaths
    /// What the image and local changes declare.
    public var settings: AccessSettings

    /// A store for the settings in force.
    public init(paths: DevicePaths, settings: AccessSettings) {
        self.paths = paths
        self.settings = settings
    }

    /// The password set on this device; nil when there is none. A file that cannot be read or is none of ours is an
    /// error: silently going back to another password would be worse.
    public func stored() throws -> StoredPassword? {
        let path = paths.access.appending("password.json")
        guard Files.exists(path) else { return nil }
        let stored = try JSONText.decode(
            StoredPassword.self, from: try Files.read(path, limit: 1 << 16), file: path.string)
        guard stored.schemaVersion == 1, PasswordHash.isAcceptable(stored.hash) else {
            throw LapwingError(
                "access.bad-file", exit: .badInput, "The stored passphrase is not readable.", subject: path.string,
                hint: "Set it anew: lapwingctl access set-password.")
        }
        return stored
    }

    /// Stores a hash so that it survives a power cut, then makes it count at once.
    public func store(hash: String) throws {
        guard PasswordHash.isAcceptable(hash) else {
            throw LapwingError("access.bad-hash", exit: .badInput, "That is no password hash this system uses.")
        }
        try Files.makeDirectory(paths.access, permissions: [.ownerReadWriteExecute])
        try Files.write(
            try JSONText.encode(StoredPassword(hash: hash)), to: paths.access.appending("password.json"),
            permissions: [.ownerReadWrite], sync: true)
        try apply()
    }

    /// True when a console must ask: the image says so and this device has no passphrase of its own.
    public func mustAsk() throws -> Bool { try settings.ask && stored() == nil }

    /// The access without its secrets.
    public func summary() throws -> AccessSummary {
        let stored = try stored()
        let origin: PasswordOrigin =
            stored != nil ? .device : acceptable(settings.passwordHash) != nil ? .image : .none
        return AccessSummary(
            user: settings.user, password: origin, sshKeys: settings.sshKeys.count, asks: settings.ask && stored == nil)
    }

    private func acceptable(_ hash: String?) -> String? { hash.flatMap { PasswordHash.isAcceptable($0) ? $0 : nil } }

    /// Writes the administrator's user records to `/run/userdb` and the SSH keys to `/run/lapwing-access`, and makes the
    /// home directory. Doing it again with the same settings changes nothing.
    public func apply() throws {
        let records = try UserRecords(settings: settings, hash: stored()?.hash ?? acceptable(settings.passwordHash))
        try Files.makeDirectory(paths.userRecords)
        for file in try records.files() {
            try Files.write(
                file.bytes, to: paths.userRecords.appending(file.name),
                permissions: file.secret ? [.ownerReadWrite] : [.ownerReadWrite, .groupRead, .otherRead])
        }
        let keys = paths.at("/run/lapwing-access/ssh")
        try Files.makeDirectory(keys)
        try Files.write(
            settings.sshKeys.map { $0 + "\n" }.joined(), to: keys.appending(settings.user))
        try HomeDirectory.make(paths: paths, user: settings.user)
    }
}
