// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import DeviceConfig
import Glibc
import LapwingCore
import Power

extension PowerOptions {
    /// How the profiles stand; nil without a daemon, and from one that sets none.
    func profile() -> PowerReport? {
        direct ? nil : try? daemon.ask("power.profile").decoded(as: PowerReport.self)
    }
}

/// `lapwingctl power profile`
struct PowerProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Show the profile, why it is this one, and what it set.",
        discussion: """
            Each control of the machine is set, held (it was so already), unavailable (the machine does not have it), \
            unreadable (left alone), or failed: then the whole profile was undone.
            """)

    @OptionGroup var daemon: DaemonOptions
    @Flag(help: "Write JSON.")
    var json = false

    func run() async throws {
        try await finish {
            print(try ProfileWords.text(try daemon.ask("power.profile"), json: json), terminator: "")
        }
    }
}

/// `lapwingctl power set`
struct PowerSetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Choose the profile.",
        discussion: """
            The profile holds until another is chosen, also over a restart of the daemon, not of the machine; with auto \
            the rules choose. Everything that is set is read back. A profile that cannot be set as a whole is undone, \
            and the exit status is not 0.
            """)

    @OptionGroup var daemon: DaemonOptions
    @Argument(
        help: ArgumentHelp("auto, performance, balanced, powersave or critical.", valueName: "profile"),
        completion: .list(PowerChoice.words.filter { $0 != PowerChoice.boot.word }))
    var profile: String
    @Flag(help: "Show what would be set, and set nothing.")
    var dryRun = false
    @Flag(help: "Write JSON.")
    var json = false

    func run() async throws {
        try await finish { try daemon.choose(profile, dryRun: dryRun, json: json) }
    }
}

/// `lapwingctl power reset`
struct PowerResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Set everything as it was when the machine had started.",
        discussion: "So it stays until a profile is chosen; \"power set auto\" gives the choice to the rules.")

    @OptionGroup var daemon: DaemonOptions
    @Flag(help: "Show what would be set, and set nothing.")
    var dryRun = false
    @Flag(help: "Write JSON.")
    var json = false

    func run() async throws {
        try await finish { try daemon.choose(PowerChoice.boot.word, dryRun: dryRun, json: json) }
    }
}

extension DaemonOptions {
    /// How long setting a profile may take: every tool has a time limit of its own, and there are a few dozen.
    private static let setting = 300

    /// Has a profile set, or only planned, and shows what came of it.
    fileprivate func choose(_ word: String, dryRun: Bool, json: Bool) throws {
        let params: [String: JSONValue] = ["choice": .string(word)]
        if dryRun {
            let plan = try ask("power.plan", params, seconds: Self.setting).decoded(as: PowerPlan.self)
            let text = json ? try JSONText.string(plan) : ProfileWords.text(plan)
            print(text, terminator: "")
        } else {
            print(
                try ProfileWords.text(try ask("power.set", params, seconds: Self.setting), json: json), terminator: "")
        }
    }
}

/// `lapwingctl power history`
struct PowerHistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history", abstract: "Show what the power and the profile were.",
        discussion: """
            A line for each change of mains, percent, lid, temperature or profile since the daemon started, the oldest \
            first; the last \(PowerManager.historyLimit) are kept. Times are local.
            """)

    private struct Answer: Decodable { var moments: [PowerMoment] }

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let answer = try daemon.ask("power.history").decoded(as: Answer.self)
            let table = Listing(
                "moments", answer.moments,
                columns: [
                    .init("TIME") { ProfileWords.time($0.time) },
                    .init("POWER") { $0.onMains ? "mains" : "battery" },
                    .init("CHARGE", right: true) { $0.percent.map { "\($0) %" } ?? "-" },
                    .init("LID") { $0.lid == "absent" ? "-" : $0.lid },
                    .init("TEMP", right: true) { $0.temperature.map { "\($0) °C" } ?? "-" },
                    .init("PROFILE") { $0.profile ?? "-" },
                    .init("REASON") { $0.failure ?? $0.reason },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}

/// What people read of profiles.
enum ProfileWords {
    /// The profile and why, on one line.
    static func sentence(_ report: PowerReport) -> String {
        if report.choice == PowerSettings.Choice.manual.rawValue { return "none is set (power set auto)" }
        let wanted = report.wanted ?? "as started"
        if let failure = report.failure { return "\(report.inForce ?? "none"), not \(wanted): \(failure)" }
        return "\(wanted): \(report.reason)"
    }

    /// An answer of the daemon's in full.
    static func text(_ answer: JSONValue, json: Bool) throws -> String {
        let report = try answer.decoded(as: PowerReport.self)
        var rows: [(String, String?)] = [
            ("profile", sentence(report)), ("chosen by", chooser(report)),
        ]
        for control in report.controls {
            let part = control.part.map { $0 + ": " } ?? ""
            let text = control.text.map { text in
                // A step's text begins with the control's name, which the row has.
                let name = control.control.rawValue + ": "
                return ", " + part + (text.hasPrefix(name) ? String(text.dropFirst(name.count)) : text)
            }
            rows.append((control.control.rawValue, control.standing.rawValue + (text ?? "")))
        }
        if let slop = report.timerSlop { rows.append(("timer slop", "\(slop) ns, by the image's boot option")) }
        if !report.rivals.isEmpty {
            rows.append(("warning", "set the same things: " + report.rivals.joined(separator: ", ")))
        }
        for problem in report.problems { rows.append(("warning", problem)) }
        return try Details(name: "profile", value: report, rows: rows).render(json: json)
    }

    private static func chooser(_ report: PowerReport) -> String? {
        if let rule = report.rule { return "rule \(rule)" }
        switch PowerChoice(word: report.choice) {
        case nil: return nil
        case .auto: return "no rule"
        case .fixed, .boot: return "a person"
        }
    }

    /// Seconds since 1970 as local date and time.
    static func time(_ seconds: Double) -> String {
        guard var time = time_t(exactly: seconds.rounded(.down)) else { return "-" }
        var parts = tm()
        guard localtime_r(&time, &parts) != nil else { return "-" }
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%F %T", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// A plan in full.
    static func text(_ plan: PowerPlan) -> String {
        var lines = plan.steps.map { "would set " + $0.text }
        if lines.isEmpty { lines.append("nothing to set") }
        lines += plan.unavailable.map { "unavailable " + note($0) } + plan.unreadable.map { "unreadable " + note($0) }
        return lines.map { SafeText.printable($0) + "\n" }.joined()
    }

    private static func note(_ note: PowerPlan.Note) -> String {
        ([note.control.rawValue, note.part].compactMap { $0 } + [note.text]).joined(separator: ": ")
    }
}
