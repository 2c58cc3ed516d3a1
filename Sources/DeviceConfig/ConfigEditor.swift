// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Changes values on the device. A change that would not load is refused before anything is written.
public struct ConfigEditor: Sendable {
    private let loader: ConfigLoader

    /// An editor of the files under a root.
    public init(_ paths: DevicePaths) {
        loader = ConfigLoader(paths)
    }

    /// Sets a value. `text` is JSON, or text as it stands when the key takes text.
    public func set(_ key: String, to text: String) throws {
        let (section, path) = try locate(key)
        let parsed = try? JSONText.decode(JSONValue.self, from: Array(text.utf8), file: key)
        var failure: (any Error)?
        for value in [parsed, .string(text)].compactMap({ $0 }) {
            do {
                return try write(section) { ConfigMerge.setting($0, path, to: value) }
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }

    /// Takes a change back; one that is not there is fine.
    public func unset(_ key: String) throws {
        let (section, path) = try locate(key)
        try write(section) { ConfigMerge.removing($0, path) }
    }

    private func locate(_ key: String) throws -> (ConfigSection, [String]) {
        let parts = key.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count > 1, !parts.contains(""), let section = ConfigSection(rawValue: parts[0]) else {
            throw LapwingError(
                "config.unknown-key", exit: .usage, "There is no such key.", subject: key,
                hint: "lapwingctl config cat shows all keys.")
        }
        guard section.mayChange else {
            throw LapwingError(
                "config.fixed", exit: .usage, "This value is fixed by the image.", subject: key,
                hint: "Change the recipe and build the image anew.")
        }
        return (section, Array(parts.dropFirst()))
    }

    private func write(_ section: ConfigSection, _ change: (JSONValue) -> JSONValue) throws {
        let path = loader.paths.changes.appending(section.file)
        var local = JSONValue.object([:])
        if Files.exists(path) {
            local = try JSONText.decode(
                JSONValue.self, from: try Files.read(path, limit: ConfigLoader.limit), file: path.string)
        }
        let new = change(local)
        if new == .object([:]) { return try Files.remove(path) }
        _ = try loader.merged(section, local: new, file: path.string)
        try Files.makeDirectory(loader.paths.changes)
        // Access settings may hold a hash.
        try Files.write(
            try JSONText.encode(new), to: path,
            permissions: section == .access ? [.ownerReadWrite] : [.ownerReadWrite, .groupRead, .otherRead],
            sync: true)
    }
}

extension ConfigMerge {
    /// The object with a value set at a path.
    static func setting(_ value: JSONValue, _ path: [String], to new: JSONValue) -> JSONValue {
        guard let first = path.first else { return new }
        var members: [String: JSONValue] = [:]
        if case .object(let old) = value { members = old }
        members[first] = setting(members[first] ?? .object([:]), Array(path.dropFirst()), to: new)
        return .object(members)
    }

    /// The object without the value at a path; objects that become empty go with it.
    static func removing(_ value: JSONValue, _ path: [String]) -> JSONValue {
        guard let first = path.first, case .object(var members) = value, let old = members[first] else { return value }
        let rest = Array(path.dropFirst())
        let new = rest.isEmpty ? JSONValue.object([:]) : removing(old, rest)
        members[first] = new == .object([:]) ? nil : new
        return .object(members)
    }
}
