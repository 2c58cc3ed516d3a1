// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore

/// What all verbs that move a device have in common.
struct PassthroughOptions: ParsableArguments {
    @OptionGroup var daemon: DaemonOptions
    @Flag(help: "Say what would be done, and do nothing.")
    var dryRun = false
    @Flag(help: "Write JSON.")
    var json = false

    /// How long the daemon may take: a reset, a slow device model, and all of it undone again.
    static let patience = 300

    /// Asks the daemon and shows what it did.
    func ask(_ verb: String, _ device: String, _ more: [String: JSONValue] = [:]) throws {
        let context = Context.live(progress: .plain)
        var params = more
        params["verb"] = .string(verb)
        params["device"] = .string(device)
        params["dryRun"] = .bool(dryRun)
        let answer = try daemon.ask("device.request", params, seconds: Self.patience)
        if json {
            print(try JSONText.string(answer), terminator: "")
            return
        }
        let steps = answer["steps"]?.elements ?? []
        if steps.isEmpty { context.progress.note("nothing to do: it is so already") }
        for step in steps {
            let why = step["why"]?.text.map { " (\($0))" } ?? ""
            let state = step["state"]?.text ?? ""
            print("\(state): \(SafeText.printable(step["action"]?.text ?? ""))\(SafeText.printable(why))")
        }
    }
}

/// What the verbs that give a device away take beside it.
struct GivingOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Give it although this protection keeps it with dom0; may be repeated.",
            discussion: "\"lapwingctl policy explain\" names the protections.", valueName: "protection"))
    var overrideProtection: [String] = []
    @Flag(help: "Give it although it drives the only screen: the same as --override-protection onlyDisplay.")
    var headless = false
    @Argument(help: ArgumentHelp("An id, a BDF, a USB port or bus:device.", valueName: "device"), completion: .devices)
    var device: String
    @Argument(
        help: ArgumentHelp("The domain.", valueName: "domain"),
        completion: .shellCommand("lapwingctl domain list --quiet 2>/dev/null"))
    var domain: String

    var params: [String: JSONValue] {
        let lifted = overrideProtection + (headless ? ["onlyDisplay"] : [])
        return ["domain": .string(domain), "overriding": .array(lifted.map { .string($0) })]
    }
}

/// `lapwingctl device attach`
struct DeviceAttach: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Give a device to a running domain, until it is taken back or the domain ends.",
        discussion: """
            The policy must allow it (lapwingctl policy explain DEVICE). All functions that go together go together. \
            When a step fails, all is as before, and what was restored is said.
            """)

    @OptionGroup var giving: GivingOptions
    @OptionGroup var options: PassthroughOptions

    func run() async throws { try await finish { try options.ask("attach", giving.device, giving.params) } }
}

/// `lapwingctl device assign`
struct DeviceAssign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "assign", abstract: "Give a device to a domain for good, over restarts.",
        discussion: """
            The rule that allows it must say persistent. A PCI function is kept from dom0 from then on, also while the \
            domain does not run.
            """)

    @OptionGroup var giving: GivingOptions
    @OptionGroup var options: PassthroughOptions
    @Flag(help: "The domain must not start without it.")
    var required = false

    func run() async throws {
        try await finish {
            try options.ask("assign", giving.device, giving.params.merging(["required": .bool(required)]) { $1 })
        }
    }
}

/// `lapwingctl device detach`
struct DeviceDetach: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach", abstract: "Take a device back now; an assignment stays for the next start.")

    @OptionGroup var options: PassthroughOptions
    @Argument(help: ArgumentHelp("An id, a BDF, a USB port or bus:device.", valueName: "device"), completion: .devices)
    var device: String

    func run() async throws { try await finish { try options.ask("detach", device) } }
}

/// `lapwingctl device unassign`
struct DeviceUnassign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unassign", abstract: "Take a device back and end its assignment, also of one that is gone.")

    @OptionGroup var options: PassthroughOptions
    @Argument(help: ArgumentHelp("An id, a BDF, a USB port or bus:device.", valueName: "device"), completion: .devices)
    var device: String

    func run() async throws { try await finish { try options.ask("unassign", device) } }
}

/// `lapwingctl device eject`
struct DeviceEject: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eject", abstract: "Take a USB device back and switch it off, so that it can be pulled.")

    @OptionGroup var options: PassthroughOptions
    @Argument(help: ArgumentHelp("An id, a USB port or bus:device.", valueName: "device"), completion: .usbDevices)
    var device: String

    func run() async throws { try await finish { try options.ask("eject", device) } }
}

/// `lapwingctl device owners`
struct DeviceOwners: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "owners", abstract: "List the devices that domains have, or that are kept for them.")

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var listing: ListingOptions

    struct Record: Codable, Sendable {
        var device: String
        var domain: String?
        var held: Bool
        var assigned: String?
        var required: Bool
        var present: Bool
    }

    func run() async throws {
        try await finish {
            let answer = try daemon.ask("device.owners")["devices"] ?? .array([])
            let records = try answer.decoded(as: [Record].self)
            let table = Listing(
                "devices", records,
                columns: [
                    .init("ID") { $0.device }, .init("WITH") { $0.domain ?? ($0.held ? "nobody" : "dom0") },
                    .init("ASSIGNED") { ($0.assigned ?? "no") + ($0.required ? " (required)" : "") },
                    .init("THERE") { $0.present ? "yes" : "no" },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}
