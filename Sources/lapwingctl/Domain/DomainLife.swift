// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LapwingCore
import SystemPackage

/// `lapwingctl domain start`
struct DomainStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start domains.",
        discussion: "One that runs already is left alone; that is no error.")

    @OptionGroup var daemon: DaemonOptions
    @Argument(
        help: ArgumentHelp("The domains.", valueName: "name"),
        completion: .shellCommand("lapwingctl domain list --quiet 2>/dev/null"))
    var names: [String]

    func run() async throws {
        try await finish { try daemon.start(names, progress: Context.live(progress: .plain).progress) }
    }
}

/// How long a guest may take to end.
struct StopOptions: ParsableArguments {
    @Flag(help: "Do not ask the guest: like pulling the plug.")
    var force = false
    @Option(help: ArgumentHelp("How long the guest may take, 0 to 3600.", valueName: "seconds"))
    var timeout = 60

    func params(_ name: String) throws -> [String: JSONValue] {
        guard (0...3600).contains(timeout) else {
            throw LapwingError("domain.bad-timeout", exit: .usage, "The time must be 0 to 3600 seconds.")
        }
        return ["name": .string(name), "force": .bool(force), "seconds": .integer(Int64(timeout))]
    }

    /// What happened, in words.
    static func words(_ name: String, _ answer: JSONValue) -> String {
        let seconds: Double =
            switch answer["seconds"] {
            case .number(let value): value
            case .integer(let value): Double(value)
            default: 0
            }
        switch answer["outcome"]?.text {
        case "not-running": return "\(name) does not run"
        case "destroyed": return "\(name) was destroyed"
        case "crashed": return "\(name) crashed while it was being stopped"
        default: return "\(name) switched itself off within \(Int(seconds.rounded(.up))) s"
        }
    }
}

/// `lapwingctl domain stop`
struct DomainStop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop a domain.",
        discussion: """
            Asks the guest to switch itself off, waits and says what happened. A guest that does not obey in time goes \
            on running, and the exit status is 75; --force ends it anyway.
            """)

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var domain: DomainName
    @OptionGroup var stop: StopOptions

    func run() async throws {
        try await finish {
            let answer = try daemon.ask(
                "domain.stop", try stop.params(domain.name), seconds: stop.timeout + DaemonOptions.making)
            Context.live(progress: .plain).progress.note(StopOptions.words(domain.name, answer))
        }
    }
}

/// `lapwingctl domain restart`
struct DomainRestart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop a domain as \"stop\" does, and start it.",
        discussion: "One that does not run is started. What has changed in its definition holds from then on.")

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var domain: DomainName
    @OptionGroup var stop: StopOptions

    func run() async throws {
        try await finish {
            let answer = try daemon.ask(
                "domain.restart", try stop.params(domain.name), seconds: stop.timeout + 2 * DaemonOptions.making)
            let progress = Context.live(progress: .plain).progress
            progress.note(StopOptions.words(domain.name, answer))
            progress.note("started \(domain.name)")
        }
    }
}

/// `lapwingctl domain remove`
struct DomainRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a stopped domain's definition.",
        discussion: """
            Images of its disks stay where they are, and are named; --disks removes those that were made for it, for \
            good. Asks before; --yes answers for you.
            """)

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var domain: DomainName
    @Flag(help: "Remove the images made for it as well. What is on them is lost.")
    var disks = false
    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    func run() async throws {
        try await finish {
            let name = domain.name
            let row = try daemon.ask("domain.show", ["name": .string(name)]).decoded(as: DomainRow.self)
            let progress = Context.live(progress: .plain).progress
            if !yes {
                var question = "Remove the definition of \(name)"
                if disks, !row.images.isEmpty {
                    question += " and " + row.images.values.sorted().joined(separator: ", ")
                }
                guard try Self.confirmed(question, name) else {
                    throw LapwingError("domain.not-removed", exit: .failure, "Nothing was removed.", subject: name)
                }
            }
            let left = try daemon.ask("domain.remove", ["name": .string(name), "disks": .bool(disks)], seconds: 120)
            progress.note("removed \(name)")
            for path in (left.elements ?? []).compactMap(\.text) { progress.note("\(path) is still there") }
        }
    }

    /// Asks on the terminal; the name has to be typed. Without a terminal there is nobody to ask.
    private static func confirmed(_ question: String, _ name: String) throws -> Bool {
        let terminal: FileDescriptor
        do {
            terminal = try FileDescriptor.open("/dev/tty", .readWrite, options: .closeOnExec)
        } catch {
            throw LapwingError(
                "domain.nobody-to-ask", exit: .usage, "There is no terminal to ask on.", hint: "--yes goes on without.")
        }
        return try terminal.closeAfter {
            _ = try terminal.writeAll(Array((SafeText.printable(question) + "? Type \(name) to go on: ").utf8))
            var bytes = [UInt8](repeating: 0, count: 256)
            let got = try bytes.withUnsafeMutableBytes { try terminal.read(into: $0) }
            var line = bytes[..<got]
            while line.last == UInt8(ascii: "\n") || line.last == UInt8(ascii: " ") { line.removeLast() }
            return Array(line) == Array(name.utf8)
        }
    }
}
