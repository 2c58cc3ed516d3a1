// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import XenTrace

/// A fixed mix of small guests on four processors, with what the hypervisor's own trace says of it: once under Xen's
/// credit2, once under ours. Then ours in a Xen with assertions, worked hard.
enum SchedulerScenarios {
    static let groups = [credit2, lapwing, debug]

    /// Runs first; what it counts is kept for `lapwing`.
    private static let credit2 = ScenarioGroup(
        "sched.credit2", "the raw image on four processors, with Xen's credit2", kind: .disk, attachment: .nvme,
        boot: BootChange(xenOptions: ["sched=credit2"]), stateUnlock: "none",
        scheduler: "credit2", change: machine,
        scenarios: [BootScenarios.units, BootScenarios.hypervisor, ToolScenarios.guests(mix), capture])

    /// Our scheduler, and the tools that know nothing of it.
    private static let lapwing = ScenarioGroup(
        "sched.lapwing", "the raw image on four processors, with the power-aware scheduler", kind: .disk,
        attachment: .nvme, boot: BootChange(xenOptions: ["sched=lapwing"]),
        stateUnlock: "none", scheduler: "lapwing",
        change: machine,
        scenarios: [
            BootScenarios.units, BootScenarios.hypervisor, ParameterScenarios.parameters, ToolScenarios.guests(mix),
            capture, comparison, ToolScenarios.listings(mix), ToolScenarios.weights(mix[1]), BootScenarios.console,
        ])

    /// The same in a Xen with assertions: every way in which domains and processors come, go and move. It is told to use
    /// a scheduler it does not know, and falls back to ours.
    private static let debug = ScenarioGroup(
        "sched.debug", "the raw image on four processors, with assertions in Xen and a name of no scheduler in sched=",
        kind: .disk, attachment: .nvme,
        boot: BootChange(xenOptions: ["sched=\(wrongName)"], debugHypervisor: true),
        stateUnlock: "none",
        scheduler: "lapwing", change: machine,
        scenarios: [
            BootScenarios.units, assertions, fallback, ParameterScenarios.parameters, ParameterScenarios.capacities,
        ] + ToolScenarios.all + [capture, StressScenarios.stress, BootScenarios.console])

    /// One letter short.
    private static let wrongName = "lapwin"

    private static let processors = 4

    @Sendable private static func machine(_ machine: inout Machine) {
        machine.processors = processors
        machine.memory = ByteSize(bytes: 4 << 30)
    }

    /// What runs: a network domain with its timers, a desktop with a video, one that is typed at, a background job.
    static let mix = [
        LoadGuest(name: "quiet", load: "idle"),
        LoadGuest(name: "video", load: "frames,idle", processors: 2),
        LoadGuest(name: "typing", load: "bursts,idle", processors: 2),
        LoadGuest(name: "updater", load: "busy"),
    ]

    private static let counts = "counts.json"
    private static let captures = 5

    private static let fallback = Scenario(
        "wrong-name", "Xen falls back to the scheduler it was built with, and the check of the scheduler fails"
    ) { guest in
        let running = try guest.unwrap(Facts.scheduler(guest.console), "Xen must say which scheduler it uses.")
        try guest.require(running == "lapwing", "Xen must fall back to lapwing.", seen: running)
        do {
            try await BootScenarios.hypervisor.body(guest)
        } catch let error as LapwingError where error.message == BootScenarios.unknownScheduler {
            return try guest.require(
                error.cause == wrongName, "The name that is none must be named.", seen: error.cause)
        }
        throw CheckFailure.error("The check of the scheduler must fail.")
    }

    private static let assertions = Scenario("assertions", "the hypervisor was built with its assertions") { guest in
        try guest.require(Facts.isDebugBuild(guest.console), "Xen must say that it is a debug build.")
    }

    private static let capture = Scenario(
        "capture", "guests run and xentrace records it five times", limit: .seconds(600)
    ) { guest in
        let frequency = try guest.unwrap(
            Facts.megahertz(guest.console), "Xen must say on the console how fast its processor is.")
        var list: [PlacementCounts] = []
        let file = "\(LoadGuest.directory)/trace"
        for number in 1...captures {
            try await guest.expect(
                "xentrace", "-D", "-e", "sched", "-S", "256", "-T", "4", file, timeout: .seconds(180))
            try await guest.expect("gzip", "-kf", file)
            try await guest.fetch(file + ".gz", as: "trace-\(number).gz")
            let bytes = try await guest.bytes(file)
            let (records, lost) = try TraceFile.decode(bytes, megahertz: frequency, keep: PlacementCounts.isCounted)
            try guest.require(lost == 0, "No record may be lost.", seen: "\(lost) lost")
            let counts = PlacementCounts(records, cpus: processors)
            try guest.require(counts.events > 100, "The guests must have something to do.", seen: "\(counts)")
            list.append(counts)
        }
        try await guest.fetch(text: try await guest.expect("xl", "vcpu-list"), as: "vcpus.txt")
        try await guest.fetch(text: "\(frequency)", as: "megahertz.txt")
        try Files.write(try JSONText.encode(list, pretty: true), to: guest.logs.appending(counts))
        await guest.note("events/s", Facts.tenths(median(list.map(\.eventsPerSecond))))
        for (name, value) in measures { await guest.note(name, Facts.tenths(median(list.map(value)))) }
    }

    private static let comparison = Scenario(
        "comparison",
        "in powersave, beyond what captures differ, no more cores wake or are in use and no more work moves than with "
            + "credit2"
    ) { guest in
        func read(_ group: String) throws -> [PlacementCounts] {
            let path = guest.logs.removingLastComponent().appending(group).appending(counts)
            guard Files.exists(path) else {
                throw CheckFailure.error("\(group) must have been run before.", seen: path.string)
            }
            return try JSONText.decode([PlacementCounts].self, from: try Files.read(path), file: path.string)
        }
        let (ours, theirs) = (try read("sched.lapwing"), try read("sched.credit2"))
        for (what, value) in measures {
            let comparison = PlacementComparison(ours, theirs, value)
            let words = "\(Facts.tenths(median(ours.map(value)))), credit2 \(Facts.tenths(median(theirs.map(value))))"
            await guest.note(what, words)
            await guest.note("captures that were about as busy", String(comparison.pairs.count))
            try guest.require(!comparison.isWorse, "\(what) must not be worse by a tenth.", seen: words)
        }
    }

    /// What is compared; less is better.
    static let measures: [(String, @Sendable (PlacementCounts) -> Double)] = [
        ("wake-ups per 100 events", { 100 * $0.wakeUpsPerEvent }),
        ("migrations per 100 events", { 100 * $0.migrationsPerEvent }),
        ("cores in use", { Double($0.busy.count - $0.leftAlone) }),
    ]

    /// The middle of an odd number of values, the lower of the two middle ones otherwise; 0 for none.
    static func median(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : values.sorted()[(values.count - 1) / 2]
    }
}

extension Guest {
    /// A file of the guest, of any length.
    func bytes(_ path: String) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try await machine.agent.read(path, offset: Int64(bytes.count), length: 8 << 20)
            bytes += piece
            if piece.isEmpty { return bytes }
        }
    }

    /// Keeps a file of the guest beside the logs.
    func fetch(_ path: String, as name: String) async throws {
        try Files.write(try await bytes(path), to: logs.appending(name))
    }

    /// Keeps a text beside the logs.
    func fetch(text: String, as name: String) async throws {
        try Files.write(Array((text + "\n").utf8), to: logs.appending(name))
    }
}
