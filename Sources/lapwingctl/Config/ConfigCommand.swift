// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceConfig
import LapwingCore

/// `lapwingctl config`
struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Show and change the configuration.",
        subcommands: [ConfigCat.self, ConfigSet.self, ConfigUnset.self])
}

/// `lapwingctl config cat`
struct ConfigCat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat", abstract: "Show each value of the configuration and where it came from.",
        discussion: """
            The image's values are in /usr/lib/lapwing; changes made on the device are in /var/lib/lapwing/config and \
            are marked "local". A local file with a mistake is left out as a whole and reported. Password hashes are \
            not shown.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions
    @Argument(help: ArgumentHelp("Show only keys that are, or begin with, one of these.", valueName: "key"))
    var keys: [String] = []

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let loaded = try ConfigLoader(device.paths).load()
            for problem in loaded.problems {
                context.progress.warning("\(problem.message) \(problem.subject ?? "") \(problem.cause ?? "")")
            }
            let entries = loaded.entries.map(\.withoutSecret).filter { entry in
                keys.isEmpty || keys.contains { entry.key == $0 || entry.key.hasPrefix($0 + ".") }
            }
            if entries.isEmpty, !keys.isEmpty {
                throw LapwingError(
                    "config.unknown-key", exit: .usage, "There is no such key.", subject: keys.joined(separator: " "),
                    hint: "lapwingctl config cat shows all keys.")
            }
            let table = Listing(
                "values", entries,
                columns: [
                    .init("KEY") { $0.key }, .init("VALUE") { ConfigCat.text($0.value) },
                    .init("FROM") { $0.origin.rawValue },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }

    private static func text(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text }
        return (try? JSONText.string(value, pretty: false)) ?? "?"
    }
}

extension ConfigEntry {
    /// The entry with a password hash replaced by a word.
    var withoutSecret: ConfigEntry {
        guard key.hasSuffix("passwordHash"), case .string = value else { return self }
        var entry = self
        entry.value = .string("(hidden)")
        return entry
    }
}

/// `lapwingctl config set`
struct ConfigSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change a value on this device.",
        discussion: """
            The value is JSON, or plain text where text is wanted: lapwingctl config set power.profile powersave. Values \
            that the boot file or the disk fixes cannot be changed. Programs read the configuration when they start.
            """)

    @OptionGroup var device: DeviceOptions
    @Argument(help: "The key, such as power.profile.")
    var key: String
    @Argument(help: "The new value.")
    var value: String

    func run() async throws {
        try await finish { try ConfigEditor(device.paths).set(key, to: value) }
    }
}

/// `lapwingctl config unset`
struct ConfigUnset: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unset", abstract: "Take a change back: the image's value counts again.")

    @OptionGroup var device: DeviceOptions
    @Argument(help: "The key, such as power.profile.")
    var key: String

    func run() async throws {
        try await finish { try ConfigEditor(device.paths).unset(key) }
    }
}
