// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
import SystemPackage

/// Where a value came from.
public enum ConfigOrigin: String, Sendable, Codable, CaseIterable {
    /// The image, `/usr/lib/lapwing`.
    case image
    /// A change made on the device, `/var/lib/lapwing/config`.
    case local
}

/// One value of the configuration and where it came from.
public struct ConfigEntry: Sendable, Hashable, Encodable {
    /// The path to the value, such as `power.profile`.
    public var key: String
    /// The value; lists are one value.
    public var value: JSONValue
    /// Where it came from.
    public var origin: ConfigOrigin
    /// The file it stands in, as a path on the device.
    public var file: String
}

/// A configuration as loaded: values, their origins, and the local changes that had to be left out.
public struct LoadedConfiguration: Sendable {
    /// The values in force.
    public var configuration: DeviceConfiguration
    /// Each value and its origin, by key.
    public var entries: [ConfigEntry]
    /// What was wrong with local changes. The image's values stand in their place: a bad file under `/var` must not
    /// stop the device.
    public var problems: [LapwingError]
}

/// Reads the configuration of the device.
public struct ConfigLoader: Sendable {
    /// Largest file that is read, in bytes; more is an error rather than memory.
    public static let limit = 1 << 20

    /// Where things lie.
    public var paths: DevicePaths

    /// A loader for the files under a root.
    public init(_ paths: DevicePaths) {
        self.paths = paths
    }

    /// Loads all sections. An image without its files, or with bad ones, is an error (`config.image-missing`,
    /// `json.bad`); bad local changes are reported in `problems` and left out.
    public func load() throws -> LoadedConfiguration {
        var sections: [ConfigSection: JSONValue] = [:]
        var entries: [ConfigEntry] = []
        var problems: [LapwingError] = []
        for section in ConfigSection.allCases {
            var value = try imageValue(section)
            if let change = localValue(section, problems: &problems) {
                value = change.merged
                entries += ConfigMerge.entries(section, value: value, change: change.local)
            } else {
                entries += ConfigMerge.entries(section, value: value, change: nil)
            }
            sections[section] = value
        }
        return LoadedConfiguration(
            configuration: try Self.decode(sections, in: paths.image.string),
            entries: entries.sorted { $0.key < $1.key }, problems: problems)
    }

    /// The image's own description alone, for programs that need no more.
    public func imageFacts() throws -> ImageFacts {
        try Self.decode(ImageFacts.self, try imageValue(.image), file: path(.image, .image).string)
    }

    private func path(_ section: ConfigSection, _ origin: ConfigOrigin) -> FilePath {
        (origin == .image ? paths.image : paths.changes).appending(section.file)
    }

    private func imageValue(_ section: ConfigSection) throws -> JSONValue {
        let path = path(section, .image)
        guard Files.exists(path) else {
            throw LapwingError(
                "config.image-missing", exit: .unavailable, "The image's configuration is not there.",
                subject: path.string, hint: "Run this on a device that was started from a Lapwing image.")
        }
        return try JSONText.decode(
            JSONValue.self, from: try Files.read(path, limit: Self.limit), file: path.string)
    }

    /// The section's values with a local change over them; throws when the change is no good.
    func merged(_ section: ConfigSection, local: JSONValue, file: String) throws -> JSONValue {
        let base = try imageValue(section)
        let merged = try Self.canonical(section, try ConfigMerge.merge(base, local, file: file), file: file)
        if let unknown = ConfigMerge.unknownKey(in: local, known: merged, key: section.rawValue) {
            throw LapwingError(
                "config.unknown-key", exit: .badInput, "There is no such key: \(unknown).", subject: file,
                hint: "lapwingctl config cat shows all keys.")
        }
        return merged
    }

    private func localValue(
        _ section: ConfigSection, problems: inout [LapwingError]
    ) -> (local: JSONValue, merged: JSONValue)? {
        let path = path(section, .local)
        guard Files.exists(path) else { return nil }
        do {
            guard section.mayChange else {
                throw LapwingError(
                    "config.fixed", exit: .badInput, "The values of this file are fixed by the image.",
                    subject: path.string, hint: "Remove the file; change the recipe and build the image anew.")
            }
            let local = try JSONText.decode(
                JSONValue.self, from: try Files.read(path, limit: Self.limit), file: path.string)
            let merged = try merged(section, local: local, file: path.string)
            return (local, merged)
        } catch let error as LapwingError {
            problems.append(error)
        } catch {
            problems.append(
                LapwingError(
                    "config.unreadable", exit: .badInput, "A local change could not be read.", subject: path.string,
                    cause: "\(error)"))
        }
        return nil
    }

    private static func decode<T: Decodable>(_ type: T.Type, _ value: JSONValue, file: String) throws -> T {
        try JSONText.decode(type, from: try JSONText.encode(value, pretty: false), file: file)
    }

    /// The value as its type writes it: unknown keys fall away, a wrong type is an error.
    static func canonical(_ section: ConfigSection, _ value: JSONValue, file: String) throws -> JSONValue {
        func through<T: Codable>(_ type: T.Type) throws -> JSONValue {
            let typed = try decode(type, value, file: file)
            return try JSONText.decode(JSONValue.self, from: try JSONText.encode(typed, pretty: false), file: file)
        }
        return switch section {
        case .image: try through(ImageFacts.self)
        case .dom0: try through(Dom0Settings.self)
        case .access: try through(AccessSettings.self)
        case .state: try through(StateSettings.self)
        case .network: try through(NetworkSettings.self)
        case .power: try through(PowerSettings.self)
        case .domains: try through([String: DomainSettings].self)
        case .installer: try through(InstallerSettings.self)
        }
    }

    private static func decode(_ sections: [ConfigSection: JSONValue], in directory: String) throws
        -> DeviceConfiguration
    {
        func section<T: Decodable>(_ type: T.Type, _ section: ConfigSection) throws -> T {
            try decode(type, sections[section] ?? .null, file: directory + "/" + section.file)
        }
        return DeviceConfiguration(
            image: try section(ImageFacts.self, .image), dom0: try section(Dom0Settings.self, .dom0),
            access: try section(AccessSettings.self, .access), state: try section(StateSettings.self, .state),
            network: try section(NetworkSettings.self, .network), power: try section(PowerSettings.self, .power),
            domains: try section([String: DomainSettings].self, .domains),
            installer: try section(InstallerSettings.self, .installer))
    }
}

/// How a local change goes over the image's values: objects merge by key, everything else replaces.
enum ConfigMerge {
    /// The merged value.
    static func merge(_ base: JSONValue, _ change: JSONValue, file: String) throws -> JSONValue {
        guard case .object = change else {
            throw LapwingError(
                "config.not-an-object", exit: .badInput, "A local change must be an object of keys and values.",
                subject: file)
        }
        return overlay(base, change)
    }

    /// The first key of a change that is not among the known ones.
    static func unknownKey(in change: JSONValue, known: JSONValue, key: String) -> String? {
        guard case .object(let members) = change, case .object(let names) = known else { return nil }
        for name in members.keys.sorted() {
            let path = key + "." + name
            guard let value = names[name] else { return path }
            if let unknown = unknownKey(in: members[name] ?? .null, known: value, key: path) { return unknown }
        }
        return nil
    }

    private static func overlay(_ base: JSONValue, _ change: JSONValue) -> JSONValue {
        guard case .object(let old) = base, case .object(let new) = change else { return change }
        return .object(old.merging(new) { overlay($0, $1) })
    }

    /// The leaves of a value with their origin: local where the change has the same leaf.
    static func entries(_ section: ConfigSection, value: JSONValue, change: JSONValue?) -> [ConfigEntry] {
        var result: [ConfigEntry] = []
        func walk(_ value: JSONValue, _ change: JSONValue?, _ key: String) {
            if case .object(let members) = value, !members.isEmpty {
                for name in members.keys.sorted() {
                    walk(members[name] ?? .null, change?[name], key + "." + name)
                }
                return
            }
            let origin: ConfigOrigin = change == nil ? .image : .local
            let directory = origin == .image ? "/usr/lib/lapwing/" : "/var/lib/lapwing/config/"
            result.append(ConfigEntry(key: key, value: value, origin: origin, file: directory + section.file))
        }
        walk(value, change, section.rawValue)
        return result
    }
}
