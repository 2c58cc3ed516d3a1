// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DevicePolicy
import LapwingCore
import struct SystemPackage.FilePath

/// `lapwingctl policy`
struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy", abstract: "Check and explain the rules that give devices to domains.",
        discussion: """
            Rules stand in files *.rules in /usr/lib/lapwing/policy.d (the image) and /var/lib/lapwing/policy.d (this \
            device), in the order of the files' names; a local file takes the place of the image's of the same name. \
            The first rule that matches decides, and without one a device stays with dom0. Protections (boot disk, only \
            display, last input device, hubs and others) come after the rules. A file with a mistake ends the policy: \
            nothing in it or after it counts.
            """,
        subcommands: [PolicyCheck.self, PolicyExplain.self, PolicyList.self])
}

/// `lapwingctl policy check`
struct PolicyCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check rule files.",
        discussion: """
            Shows every mistake of every file with its place. Without files those of the device are checked. The exit \
            status is 65 when there is a mistake.
            """)

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Write JSON.")
    var json = false
    @Argument(help: ArgumentHelp("Rule files.", valueName: "file"), completion: .file(extensions: ["rules"]))
    var files: [String] = []

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            var policy: PolicySet
            if files.isEmpty {
                policy = try device.policy()
            } else {
                policy = PolicySet(
                    ordered: try files.map {
                        PolicyFile(file: $0, bytes: try Files.read(FilePath($0), limit: PolicyFile.sizeLimit))
                    })
            }
            let errors = policy.errors
            if json {
                let listing = Listing(
                    "mistakes", errors.map { MistakeRecord($0) }, columns: [.init("CODE") { $0.code }])
                print(try listing.render(.json), terminator: "")
            }
            if !errors.isEmpty { throw LapwingErrors(errors) }
            context.progress.note("\(policy.files.count) files, \(policy.rules.count) rules, no mistake")
        }
    }
}

/// `lapwingctl policy explain`
struct PolicyExplain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Show what is decided about a device, and why.",
        discussion: """
            Without --to the question is what happens when the device is there: at boot, or plugged in. With --to it is \
            whether a person may attach it to that domain, with --keep besides whether for good. Each rule is listed up \
            to the one that decides, with the first thing that did not fit.
            """)

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Write JSON.")
    var json = false
    @Option(name: .customLong("to"), help: ArgumentHelp("Ask about this domain.", valueName: "domain"))
    var domain: String?
    @Flag(help: "Ask whether it may be assigned for good.")
    var keep = false
    @Argument(
        help: ArgumentHelp("An id, a BDF, a USB port or bus:device.", valueName: "device"),
        completion: .devices)
    var name: String

    struct Document: Encodable {
        var schemaVersion = 1
        var decision: DecisionRecord
        var tried: [TraceRecord]
    }

    func validate() throws {
        if keep, domain == nil { throw ValidationError("--keep needs --to.") }
    }

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let machine = try device.machineFacts()
            let policy = try device.policy()
            for error in policy.errors {
                context.progress.warning("\(error.location?.description ?? ""): \(error.message)")
            }
            let id = try machine.device(named: name)
            let event = domain.map { PolicyEvent.request(domain: $0, keep: keep) } ?? .present
            let (decision, tried) = try PolicyEngine(policy: policy, machine: machine).explain(id.id, for: event)
            let record = DecisionRecord(id, decision)
            if json {
                let document = Document(decision: record, tried: tried.map { TraceRecord($0) })
                print(try JSONText.string(document), terminator: "")
            } else {
                print(PolicyExplain.text(record, tried), terminator: "")
            }
        }
    }

    /// The explanation for a person.
    static func text(_ record: DecisionRecord, _ tried: [RuleTrace]) -> String {
        var lines = [record.device.rawValue + (record.name.map { "  " + $0 } ?? "")]
        for trace in tried {
            let result = trace.failed.map { "\($0) does not fit" } ?? "matches"
            lines.append("  \(trace.rule.location): \(trace.rule.text): \(result)")
        }
        let words =
            [record.decision.rawValue] + (record.domains.isEmpty ? [] : ["to " + record.domains.joined(separator: ",")])
        lines.append("decision: " + (words + record.modifiers.map(\.rawValue)).joined(separator: " "))
        lines.append("because: " + record.reason)
        for finding in record.protections {
            let state = finding.lifted ? "lifted by an exception" : finding.assumed ? "assumed" : "holds"
            lines.append("protection: \(finding.protection.rawValue) of \(finding.device) (\(state))")
        }
        if let hint = record.hint { lines.append("hint: " + hint) }
        return lines.map { SafeText.printable($0) + "\n" }.joined()
    }
}

/// `lapwingctl policy list`
struct PolicyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the rules, or what they decide about each device.",
        discussion: """
            Rules that do not count, for a file before them has a mistake, are not listed; what the mistake is stands on \
            standard error. With --devices hubs and bridges are left out unless --all is given.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions
    @Flag(help: "List the devices with what is decided about them.")
    var devices = false
    @Flag(name: .shortAndLong, help: "With --devices: list hubs and bridges too.")
    var all = false

    struct Record: Encodable, Sendable {
        var place: String
        var rule: String
        var decision: RuleDecision
        var kind: RuleKind
        /// `any` for every domain.
        var domains: [String]
        var modifiers: [RuleModifier]
    }

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let policy = try device.policy()
            for error in policy.errors {
                context.progress.warning("\(error.location?.description ?? ""): \(error.message)")
            }
            print(try devices ? deviceTable(policy) : ruleTable(policy), terminator: "")
        }
    }

    private func ruleTable(_ policy: PolicySet) throws -> String {
        let records = policy.rules.map { rule in
            Record(
                place: "\(rule.location)", rule: rule.text, decision: rule.decision, kind: rule.kind,
                domains: rule.targets == .any ? ["any"] : rule.targets.names,
                modifiers: rule.modifiers.sorted { $0.rawValue < $1.rawValue })
        }
        return try Listing(
            "rules", records, columns: [.init("PLACE") { $0.place }, .init("RULE") { $0.rule }]
        ).render(listing.format)
    }

    private func deviceTable(_ policy: PolicySet) throws -> String {
        let machine = try device.machineFacts()
        let engine = PolicyEngine(policy: policy, machine: machine)
        let records = try machine.listed(all: all).map { DecisionRecord($0, try engine.decide($0.id)) }
        return try Listing(
            "devices", records,
            columns: [
                .init("ID") { $0.device.rawValue }, .init("DECISION") { $0.decision.rawValue },
                .init("TO") { $0.domains.isEmpty ? "dom0" : $0.domains.joined(separator: ",") },
                .init("WHY") { $0.reason }, .init("NAME") { $0.name ?? "" },
            ]
        ).render(listing.format)
    }
}
