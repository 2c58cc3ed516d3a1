// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import XenTrace

/// A fixed mix of small guests on four processors, with what the hypervisor's own trace says of it: once under Xen's
/// credit2, once under ours. Both groups run only by name, since they have not been seen to pass yet.
enum SchedulerScenarios {
    /// Runs first; what it counts is kept for `lapwing`.
    static let credit2 = ScenarioGroup(
        "sched.credit2", "the raw image on four processors, with Xen's credit2", kind: .disk, attachment: .nvme,
        boot: BootChange(xenOptions: ["sched=credit2"]), scheduler: "credit2", change: machine,
        scenarios: [BootScenarios.units, BootScenarios.hypervisor, capture], onlyByName: true)

    /// Our scheduler, and the tools that know nothing of it.
    static let lapwing = ScenarioGroup(
        "sched.lapwing", "the raw image on four processors, with the power-aware scheduler", kind: .disk,
        attachment: .nvme, boot: BootChange(xenOptions: ["sched=lapwing"]), scheduler: "lapwing", change: machine,
        scenarios: [BootScenarios.units, BootScenarios.hypervisor, parameters, capture, comparison]
            + ToolScenarios.all + [BootScenarios.console], onlyByName: true)

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

    private static let parameters = Scenario(
        "parameters", "the scheduler's mode is set and read back, a wrong one is refused and the old one stays"
    ) { guest in
        let leaf = "/params/sched-lapwing"
        for mode in ["performance", "powersave"] {
            try await guest.expect("xl", "set-parameters", "sched-lapwing=mode=\(mode)")
            let text = try await guest.expect("xenhypfs", "cat", leaf)
            try guest.require(text.contains("mode=\(mode)"), "The mode must be \(mode).", seen: text)
        }
        let wrong = try await guest.exec(["xl", "set-parameters", "sched-lapwing=mode=fastest"])
        try guest.require(!wrong.succeeded, "An unknown mode must be refused.")
        let text = try await guest.expect("xenhypfs", "cat", leaf)
        try guest.require(text.contains("mode=powersave"), "The old mode must stay.", seen: text)
    }

    private static let capture = Scenario(
        "capture", "a fixed mix of guests runs and xentrace records it three times", limit: .seconds(1200)
    ) { guest in
        let frequency = try guest.unwrap(
            Facts.megahertz(guest.console), "Xen must say on the console how fast its processor is.")
        try await guest.prepare(mix)
        for one in mix { try await guest.create(one) }
        for one in mix { try await guest.waitForLoad(one) }
        var list: [PlacementCounts] = []
        let file = "\(LoadGuest.directory)/trace"
        for number in 1...3 {
            try await guest.expect(
                "xentrace", "-D", "-e", "sched", "-S", "256", "-T", "8", file, timeout: .seconds(180))
            try await guest.expect("gzip", "-kf", file)
            try await guest.fetch(file + ".gz", as: "trace-\(number).gz")
            let bytes = try await guest.bytes(file)
            let (records, lost) = try TraceFile.decode(bytes, megahertz: frequency, keep: PlacementCounts.isCounted)
            try guest.require(lost == 0, "No record may be lost.", seen: "\(lost) lost")
            let counts = PlacementCounts(records, cpus: processors)
            try guest.require(counts.starts > 100, "The guests must run.", seen: "\(counts)")
            list.append(counts)
        }
        try await guest.fetch(text: try await guest.expect("xl", "vcpu-list"), as: "vcpus.txt")
        try await guest.fetch(text: "\(frequency)", as: "megahertz.txt")
        try Files.write(try JSONText.encode(list, pretty: true), to: guest.logs.appending(counts))
        await guest.note("wake-ups/s", Facts.tenths(median(list.map(\.wakeUpsPerSecond))))
        await guest.note("migrations/s", Facts.tenths(median(list.map(\.migrationsPerSecond))))
        await guest.note("left alone", Facts.tenths(median(list.map { Double($0.leftAlone) })))
        for one in mix { try await guest.expect("xl", "destroy", one.name) }
    }

    private static let comparison = Scenario(
        "comparison",
        "in powersave no more cores wake, no more work moves and no fewer cores are left alone than with "
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
            let (mine, other) = (median(ours.map(value)), median(theirs.map(value)))
            let words = "\(Facts.tenths(mine)), credit2 \(Facts.tenths(other))"
            await guest.note(what, words)
            try guest.require(mine <= other, "The median of \(what) must not be worse.", seen: words)
        }
    }

    /// What is compared; less is better.
    static let measures: [(String, @Sendable (PlacementCounts) -> Double)] = [
        ("wake-ups/s", { $0.wakeUpsPerSecond }), ("migrations/s", { $0.migrationsPerSecond }),
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
