// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Battery
import DeviceModel
import LapwingCore
import Power
import PowerFacts
import SystemPackage

/// `lapwingctl power`
struct PowerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "power", abstract: "Show the machine's power, and choose its profile.",
        discussion: """
            A profile is a whole state of the machine between fastest and longest-lived: performance, balanced, \
            powersave, critical. Rules choose it by mains, charge, lid and temperature, or a person does. What each \
            sets: lapwingctl config cat power.
            """,
        subcommands: [
            PowerStatusCommand.self, PowerProfileCommand.self, PowerSetCommand.self, PowerResetCommand.self,
            PowerHistoryCommand.self,
        ])
}

/// Where power is asked about: the daemon, or without one the kernel.
struct PowerOptions: ParsableArguments {
    @OptionGroup var daemon: DaemonOptions
    @Flag(help: "Do not ask the daemon.")
    var direct = false

    /// What the daemon tells. Without a daemon it is read here, and said so; the slots that guests see are the daemon's
    /// alone.
    func status() throws -> PowerStatus {
        if !direct {
            do {
                return try daemon.ask("power.status").decoded(as: PowerStatus.self)
            } catch let error as LapwingError where error.exit == .unavailable || error.exit == .notPermitted {
                Context.live(progress: .plain).progress.warning(error.message + " What follows was found without it.")
            }
        }
        let tree = try daemon.device.tree()
        let files = KernelFiles(line: { tree.line($0) }, names: { tree.names($0, limit: $1) })
        let reader = PowerReader(files, devices: daemon.device.paths.at("/dev/input"))
        return PowerStatus(reader.reading())
    }
}

/// The machine's power and, with a daemon, its profile, as one object.
private struct PowerOverview: Encodable {
    let status: PowerStatus
    let profile: PowerReport?

    private enum CodingKeys: CodingKey { case profile }

    func encode(to encoder: any Encoder) throws {
        try status.encode(to: encoder)
        var keys = encoder.container(keyedBy: CodingKeys.self)
        try keys.encodeIfPresent(profile, forKey: .profile)
    }
}

/// `lapwingctl power status`
struct PowerStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show mains, lid, batteries and the profile.",
        discussion: """
            The draw is what the batteries give together; on mains nobody measures it. Times are what is left at the \
            present rate. What the machine does not tell, or tells as something that cannot be, is unknown.
            """)

    @OptionGroup var power: PowerOptions
    @Flag(help: "Write JSON.")
    var json = false

    func run() async throws {
        try await finish {
            let status = try power.status()
            let profile = power.profile()
            var rows: [(String, String?)] = [
                ("power", status.mains ? "mains" : "battery"),
                ("lid", status.lid == "absent" ? "none" : status.lid),
                ("charge", status.percent.map { "\($0) %" }),
                ("draw", status.drawMilliwatts.map(PowerWords.watts)),
            ]
            for supply in status.supplies {
                let state = supply.online.map { $0 ? "on" : "off" } ?? PowerWords.unknown
                rows.append((supply.name, "\(state) (\(supply.type))"))
            }
            for battery in status.batteries { rows.append((battery.name, Self.text(battery))) }
            if let profile { rows.append(("profile", ProfileWords.sentence(profile))) }
            let overview = PowerOverview(status: status, profile: profile)
            print(try Details(name: "power", value: overview, rows: rows).render(json: json), terminator: "")
        }
    }

    private static func text(_ battery: PowerStatus.Battery) -> String {
        guard battery.present else { return "empty bay" }
        let parts: [String?] = [
            battery.percent.map { "\($0) %" }, PowerWords.state(battery.state),
            battery.milliwatts.map(PowerWords.watts),
            battery.seconds.map { PowerWords.time($0) + (battery.state == .charging ? " until full" : " left") },
            battery.health.map { "health \($0) %" }, battery.cycles.map { "\($0) cycles" },
            battery.critical ? "critical" : nil,
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }
}

/// `lapwingctl battery`
struct BatteryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "battery", abstract: "Show the batteries.",
        discussion: """
            Draw is how fast a battery is charged or discharged. Time is until it is empty, or full when it is charged, \
            at that rate. Health is the full capacity in percent of that as new. Slot is the place, from 0, under which \
            guests with "battery: virtual" see it. The batteries of mice and keyboards are not shown.
            """)

    @OptionGroup var power: PowerOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let unknown = PowerWords.unknown
            let table = Listing(
                "batteries", try power.status().batteries,
                columns: [
                    .init("NAME") { $0.name }, .init("STATE") { $0.present ? PowerWords.state($0.state) : "empty bay" },
                    .init("CHARGE", right: true) { $0.percent.map { "\($0) %" } ?? unknown },
                    .init("DRAW", right: true) { $0.milliwatts.map(PowerWords.watts) ?? unknown },
                    .init("TIME", right: true) { $0.seconds.map(PowerWords.time) ?? "-" },
                    .init("HEALTH", right: true) { $0.health.map { "\($0) %" } ?? unknown },
                    .init("CYCLES", right: true) { $0.cycles.map(String.init) ?? unknown },
                    .init("SLOT", right: true) { $0.slot.map(String.init) ?? "-" },
                    .init("MODEL") { [$0.maker, $0.model].compactMap { $0 }.joined(separator: " ") },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}

/// What people read of power.
enum PowerWords {
    static let unknown = "unknown"

    /// Milliwatts as `8.1 W`.
    static func watts(_ milliwatts: Int) -> String {
        let tenths = (milliwatts + 50) / 100
        return "\(tenths / 10).\(tenths % 10) W"
    }

    /// Seconds as `3 h 42 min`.
    static func time(_ seconds: Int) -> String {
        let minutes = seconds / 60
        return minutes < 60 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }

    static func state(_ state: BatteryReading.State) -> String {
        state == .notCharging ? "not charging" : state.rawValue
    }
}
