// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import DeviceConfig
import DomainDefinitions
import LapwingCore
import SystemPackage

/// `lapwingctl domain`
struct DomainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domain", abstract: "Define, start, watch and end domains.",
        discussion: """
            A domain is a guest system beside the control domain. Its definition is a piece of YAML, the same as under \
            "domains:" in a recipe:

            domains:
              work:
                type: hvm
                memory: 4 GiB
                vcpus: 2
                disks:
                  - {name: system, size: 40 GiB}

            "lapwingctl domain create" writes such a definition from options; "domain define" takes a file. The \
            daemon does the work: it makes each domain paused, lets it run, and starts it again when the guest \
            restarts (five times in ten minutes at most). docs/domains.md has every key.
            """,
        subcommands: [
            DomainList.self, DomainShow.self, DomainDefine.self, DomainCreate.self, DomainStart.self, DomainStop.self,
            DomainRestart.self, DomainConsole.self, DomainAutostart.self, DomainRemove.self,
        ])
}

/// Where the daemon is asked.
struct DaemonOptions: ParsableArguments {
    @OptionGroup var device: DeviceOptions
    @Option(help: ArgumentHelp("The daemon's socket.", valueName: "path"))
    var socket: String?

    /// Asks the daemon; `seconds` is how long its work may take.
    func ask(_ method: String, _ params: [String: JSONValue] = [:], seconds: Int = 30) throws -> JSONValue {
        try ControlClient(socket: socket.map { FilePath($0) } ?? device.paths.socket, seconds: seconds)
            .ask(method, params)
    }

    /// How long making a domain may take: systemd's limit on xl, and what comes before and after it.
    static let making = 400

    /// The domains, as the daemon tells of them.
    func domains() throws -> (domains: [DomainRow], problems: [String]) {
        let answer = try ask("domain.list")
        return (
            try (answer["domains"] ?? .array([])).decoded(as: [DomainRow].self),
            (answer["problems"]?.elements ?? []).compactMap(\.text)
        )
    }
}

/// What the daemon tells of a domain; docs/protocol.md has the fields.
struct DomainRow: Codable, Sendable {
    var name: String
    var state: String
    var reason: String?
    var id: Int?
    var uuid: String?
    var origin: DomainDefinition.Origin?
    var file: String?
    var settings: DomainSettings?
    var memory: Int?
    var vcpus: Int?
    var seconds: Double?
    var restarts: Int
    var images: [String: String]
    var screen: String?
}

/// A domain's name as an argument, completed with those the daemon knows.
struct DomainName: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The domain.", valueName: "name"),
        completion: .shellCommand("lapwingctl domain list --quiet 2>/dev/null"))
    var name: String
}

/// `lapwingctl domain list`
struct DomainList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the domains and their states.",
        discussion: """
            States are running, paused, starting, stopping, stopped and crashed. Domains that Xen has and nobody here \
            defined have no origin. Mistakes in definitions are told on standard error.
            """)

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let (domains, problems) = try daemon.domains()
            let context = Context.live(progress: .plain)
            for problem in problems { context.progress.warning(problem) }
            let table = Listing(
                "domains", domains,
                columns: [
                    .init("NAME") { $0.name }, .init("STATE") { $0.state },
                    .init("ID", right: true) { $0.id.map(String.init) ?? "-" },
                    .init("TYPE") { $0.settings?.type.rawValue ?? "-" },
                    .init("MEMORY", right: true) { row in
                        row.settings?.memory.description ?? row.memory.map { "\($0) MiB" } ?? "-"
                    },
                    .init("CPUS", right: true) { ($0.settings?.vcpus ?? $0.vcpus).map(String.init) ?? "-" },
                    .init("AUTOSTART") { $0.settings?.autostart == true ? "yes" : "no" },
                    .init("ORIGIN") { $0.origin?.rawValue ?? "-" },
                    .init("NOTE") { $0.reason ?? $0.settings?.description ?? "" },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}

/// `lapwingctl domain show`
struct DomainShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one domain: its state and its definition.",
        discussion: "The definition is printed as YAML that \"domain define\" takes.")

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var domain: DomainName
    @Flag(help: "Write JSON.")
    var json = false

    struct Document: Encodable {
        var schemaVersion = 1
        var domain: DomainRow
    }

    func run() async throws {
        try await finish {
            let row = try daemon.ask("domain.show", ["name": .string(domain.name)]).decoded(as: DomainRow.self)
            print(json ? try JSONText.string(Document(domain: row)) : Self.text(row), terminator: "")
        }
    }

    /// What a person reads: comments about the state, then the definition.
    static func text(_ row: DomainRow) -> String {
        var lines: [(String, String)] = [("state", row.state + (row.reason.map { " (\($0))" } ?? ""))]
        if let id = row.id { lines.append(("number", String(id))) }
        if let uuid = row.uuid { lines.append(("uuid", uuid)) }
        if let seconds = row.seconds { lines.append(("processor", "\(Int(seconds)) s")) }
        if row.restarts > 0 { lines.append(("restarts", "\(row.restarts) in the last ten minutes")) }
        if let file = row.file { lines.append(("defined in", file)) }
        for (disk, path) in row.images.sorted(by: { $0.key < $1.key }) { lines.append(("image of \(disk)", path)) }
        if let screen = row.screen { lines.append(("screen", "vnc on \(screen)")) }
        let comments = lines.map { "# \($0.0): \(SafeText.printable($0.1))\n" }.joined()
        return comments + (row.settings.map { DefinitionWriter.text(row.name, $0) } ?? "")
    }
}

/// `lapwingctl domain autostart`
struct DomainAutostart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autostart", abstract: "Set whether a domain starts with the machine.",
        discussion: """
            Those that do are started one after the other, by their order and then by name. For a domain of the image \
            its definition is copied to the device.
            """)

    enum Switch: String, ExpressibleByArgument, CaseIterable { case on, off }

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var domain: DomainName
    @Argument(help: "on or off.")
    var state: Switch
    @Option(help: ArgumentHelp("The place among the others, 0 to 999; lower ones first.", valueName: "number"))
    var order: Int?

    func run() async throws {
        try await finish {
            var params: [String: JSONValue] = ["name": .string(domain.name), "on": .bool(state == .on)]
            if let order { params["order"] = .integer(Int64(order)) }
            _ = try daemon.ask("domain.autostart", params)
        }
    }
}

/// `lapwingctl domain console`
struct DomainConsole: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console", abstract: "Connect this terminal to a domain's console.",
        discussion: """
            Ctrl-] leaves it. For an HVM domain it is its first serial port. The console belongs to root; the daemon \
            only says which domain is meant.
            """)

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var domain: DomainName

    func run() async throws {
        try await finish {
            let row = try daemon.ask("domain.show", ["name": .string(domain.name)]).decoded(as: DomainRow.self)
            guard let id = row.id else {
                throw LapwingError(
                    "domain.not-running", exit: .unavailable, "The domain does not run.", subject: domain.name,
                    hint: "lapwingctl domain start \(domain.name)")
            }
            guard effectiveUserID() == 0 else {
                throw LapwingError(
                    "domain.console-root", exit: .notPermitted, "Consoles belong to root.", subject: domain.name,
                    hint: "sudo lapwingctl domain console \(domain.name)")
            }
            // The number, not the name: it is the domain the daemon means.
            let type = row.settings?.type == .hvm ? "serial" : "pv"
            throw ConsoleProgram.replaceSelf(["xl", "console", "-t", type, String(id)])
        }
    }
}
