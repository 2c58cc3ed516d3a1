// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// What the daemon means to do with a domain, written down before it is done.
public struct DomainRecord: Codable, Sendable, Hashable {
    /// How far the daemon is with a domain.
    public enum Phase: String, Codable, Sendable, CaseIterable {
        /// It is not there and should not be.
        case stopped
        /// It is being made, or about to be.
        case starting
        /// It has been let run.
        case running
        /// It is being ended.
        case stopping
        /// It crashed and is kept for a look.
        case kept
    }

    /// How far the daemon is.
    public var phase: Phase
    /// Why it is so, when there is more to say.
    public var reason: String?
    /// Since when, in seconds since 1970.
    public var since: Double
    /// When the daemon started it again by itself, in seconds since 1970; only what counts for the limit is kept.
    public var restarts: [Double]

    /// Describes a phase.
    public init(phase: Phase, reason: String? = nil, since: Double, restarts: [Double] = []) {
        self.phase = phase
        self.reason = reason
        self.since = since
        self.restarts = restarts
    }
}

/// The records of all domains, in `/run`: they mean nothing after a restart of the machine.
public struct DomainRecords: Codable, Sendable, Hashable {
    /// The version of the file's shape.
    public var schemaVersion = 1
    /// True once the domains that start with the machine have been.
    public var autostarted = false
    /// The records by name.
    public var domains: [String: DomainRecord] = [:]

    /// No records.
    public init() {}
}

/// What is known of a domain for ever: on the state partition.
public struct DomainIdentity: Codable, Sendable, Hashable {
    /// Its UUID, made once: operating systems tie their licence and their name to it.
    public var uuid: String
    /// The disks whose images have been made. One of these that is missing later is an error and is not made anew.
    public var disks: [String]

    /// Describes an identity.
    public init(uuid: String, disks: [String] = []) {
        self.uuid = uuid
        self.disks = disks
    }

    /// A fresh one: a random UUID (RFC 9562, version 4).
    public static func fresh() -> DomainIdentity {
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255) }
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return DomainIdentity(uuid: text)
    }
}

/// Reads and writes both, each file whole or not at all.
public struct DomainFiles: Sendable {
    /// The directory with identities.
    public var identities: FilePath
    /// The directory that goes with a restart of the machine.
    public var run: FilePath
    static let limit = 1 << 20

    /// The files in two directories.
    public init(identities: FilePath, run: FilePath) {
        self.identities = identities
        self.run = run
    }

    private var recordFile: FilePath { run.removingLastComponent().appending("domains.json") }

    /// The records; none when there is no file, or one that cannot be read: Xen knows the rest.
    public func records() -> DomainRecords {
        guard let bytes = try? Files.read(recordFile, limit: Self.limit),
            let records = try? JSONText.decode(DomainRecords.self, from: bytes, file: recordFile.string),
            records.schemaVersion == 1
        else { return DomainRecords() }
        return records
    }

    /// Writes the records.
    public func write(_ records: DomainRecords) throws {
        try Files.makeDirectory(run)
        try Files.write(try JSONText.encode(records), to: recordFile, permissions: [.ownerReadWrite])
    }

    private func identityFile(_ name: String) -> FilePath { identities.appending(name + ".json") }

    /// A domain's identity; nil when it has none yet. A file that cannot be read is an error: a new UUID would make
    /// another machine of it.
    public func identity(_ name: String) throws -> DomainIdentity? {
        let path = identityFile(name)
        guard Files.exists(path) else { return nil }
        return try JSONText.decode(
            DomainIdentity.self, from: try Files.read(path, limit: Self.limit), file: path.string)
    }

    /// Writes an identity, on the disk before it returns.
    public func write(_ identity: DomainIdentity, _ name: String) throws {
        try Files.makeDirectory(identities)
        try Files.write(try JSONText.encode(identity), to: identityFile(name), sync: true)
    }

    /// Forgets a domain's identity.
    public func removeIdentity(_ name: String) throws { try Files.remove(identityFile(name)) }
}
