// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import XenTrace

/// Ours against credit2, in one Xen: two cpupools with as many processors each, one for either scheduler, between which
/// the guests move to and fro. So a change of the host's speed meets both.
enum ComparisonScenario {
    /// The processors that a machine needs: one for dom0, four for each pool.
    static let processors = 9
    fileprivate static let pools = [
        Pool(name: "ours", processors: 1..<5, ours: true), Pool(name: "theirs", processors: 5..<9, ours: false),
    ]
    private static let rounds = 9
    /// Until queues, homes and averages (of one second) are what they are in this pool.
    fileprivate static let settling = Duration.seconds(2)

    /// Wants the guests to run and Xen to have been booted with our scheduler. dom0 is left with one processor, and no
    /// processor goes back to the first pool afterwards: to take one out of a pool of credit2's from which a domain
    /// moved away writes to memory that is free (decision 1000).
    static func comparison(_ guests: [LoadGuest]) -> Scenario {
        Scenario(
            "comparison",
            "in powersave no more cores wake or are in use and no more work moves than with credit2",
            limit: .seconds(900)
        ) { guest in
            try await guest.makePools()
            try await guest.findPace(of: guests)
            let counts = try await guest.captures(of: guests, rounds: rounds)
            try Files.write(try JSONText.encode(counts, pretty: true), to: guest.logs.appending("counts.json"))
            try await guest.compare(ours: counts["ours"] ?? [], theirs: counts["theirs"] ?? [])
        }
    }

    /// The same once, and nothing is compared: assertions in Xen take time of their own.
    static func sideBySide(_ guests: [LoadGuest]) -> Scenario {
        Scenario(
            "side-by-side", "guests move between a pool of ours and one of credit2's, and xentrace records both",
            limit: .seconds(600)
        ) { guest in
            try await guest.makePools()
            _ = try await guest.captures(of: guests, rounds: 1, records: "sched")
        }
    }

    /// How many times as seldom the guests' work must come, so that what comes back takes no more than three
    /// quarters of a processor, where it took `busy` processors: an event costs an emulated machine milliseconds, and
    /// where no processor is ever idle no scheduler has a choice. One processor is the background job's.
    static func pace(busy: Double) -> Int { min(max(Int(((busy - 1) / 0.75).rounded(.up)), 1), 10) }

    /// What cpupools get on a machine booted with credit2. Wants two processors.
    static let handOver = Scenario(
        "pools", "on a machine booted with credit2 a new cpupool has credit2 as well"
    ) { guest in
        try await guest.expect("xl", "cpupool-cpu-remove", "Pool-0", "1")
        try await guest.expect("xl", "cpupool-create", "name=\"side\"", "sched=\"credit2\"", "cpus=[\"1\"]")
        // A Xen without our scheduler has no such directory, and no processor of it.
        if try await guest.expect("xenhypfs", "ls", "/").contains("sched-lapwing") {
            let ours = try await guest.ourProcessors()
            try guest.require(ours.isEmpty, "No processor may be our scheduler's.", seen: "\(ours)")
            await guest.note("processors of our scheduler", "none")
        }
        try await guest.expect("xl", "cpupool-destroy", "side")
        try await guest.expect("xl", "cpupool-cpu-add", "Pool-0", "1")
    }

    /// What xentrace is asked for: TRC_SCHED_MIN (Xen, public/trace.h), which has the changes of run states in it. What
    /// the schedulers tell beyond that differs, and so does what telling it costs.
    fileprivate static let runStates = "0x21000"

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

    fileprivate struct Pool: Sendable {
        let name: String
        let processors: Range<Int>
        let ours: Bool
    }
}

extension Guest {
    /// Makes a cpupool with the scheduler it is to have, and asserts that it has it.
    fileprivate func create(_ pool: ComparisonScenario.Pool) async throws {
        try await set("sched-lapwing-pools", pool.ours ? "1" : "0")
        let list = pool.processors.map { "\"\($0)\"" }.joined(separator: ",")
        try await expect("xl", "cpupool-create", "name=\"\(pool.name)\"", "sched=\"credit2\"", "cpus=[\(list)]")
        let ours = try await ourProcessors()
        try require(
            pool.processors.allSatisfy { ours.contains($0) == pool.ours },
            "The processors of the pool \(pool.name) must \(pool.ours ? "" : "not ")be our scheduler's.",
            seen: "\(ours)")
    }

    fileprivate func ourProcessors() async throws -> Set<Int> { Set(try await capacities().keys) }

    /// Leaves dom0 one processor and makes both pools of the others.
    fileprivate func makePools() async throws {
        try await set("sched-lapwing", "mode=powersave")
        try await expect("xl", "cpupool-cpu-remove", "Pool-0", "1-\(ComparisonScenario.processors - 1)")
        for pool in ComparisonScenario.pools { try await create(pool) }
    }

    /// Moves the guests to a pool and captures what they do there.
    private func visit(
        _ pool: ComparisonScenario.Pool, _ guests: [LoadGuest], name: String, records: String
    ) async throws -> PlacementCounts {
        for one in guests { try await move(one, to: pool.name) }
        try await Task.sleep(for: ComparisonScenario.settling)
        return try await capture(pool.processors, name: name, records: records)
    }

    /// Sees how busy the guests keep the pool of credit2's and lets their work come as seldom as that asks for.
    fileprivate func findPace(of guests: [LoadGuest]) async throws {
        let counts = try await visit(
            ComparisonScenario.pools[1], guests, name: "first", records: ComparisonScenario.runStates)
        let pace = ComparisonScenario.pace(busy: counts.busy.reduce(0, +))
        await note("pace", "1/\(pace)")
        for one in guests { try await setPace(one, pace) }
    }

    /// Moves the guests to and fro between the pools; by the pool's name a capture of each visit.
    fileprivate func captures(
        of guests: [LoadGuest], rounds: Int, records: String = ComparisonScenario.runStates
    ) async throws -> [String: [PlacementCounts]] {
        var counts = [String: [PlacementCounts]]()
        for round in 1...rounds {
            for pool in ComparisonScenario.pools {
                counts[pool.name, default: []].append(
                    try await visit(pool, guests, name: "\(pool.name)-\(round)", records: records))
            }
        }
        try await works(guests)
        try await fetch(text: try await expect("xl", "vcpu-list"), as: "vcpus.txt")
        return counts
    }

    /// Eight seconds of what a pool's processors do.
    private func capture(_ cpus: Range<Int>, name: String, records: String) async throws -> PlacementCounts {
        let megahertz = try unwrap(
            Facts.megahertz(console), "Xen must say on the console how fast its processor is.")
        let file = "\(LoadGuest.directory)/trace"
        try await expect("xentrace", "-D", "-e", records, "-S", "256", "-T", "8", file, timeout: .seconds(180))
        // A guest that never pauses may leave no record: nothing switches where it runs.
        let running = Facts.runningProcessors(try await expect("xl", "vcpu-list"))
        let trace = try await bytes(file)
        try Files.write(trace, to: logs.appending("trace-\(name)"))
        let (records, lost) = try TraceFile.decode(trace, megahertz: megahertz, keep: PlacementCounts.isCounted)
        try require(lost == 0, "No record may be lost.", seen: "\(lost) lost")
        let counts = PlacementCounts(records, cpus: cpus, running: running)
        try require(counts.events > 100, "The guests must have something to do.", seen: "\(counts)")
        return counts
    }

    fileprivate func compare(ours: [PlacementCounts], theirs: [PlacementCounts]) async throws {
        func median(_ counts: [PlacementCounts], _ value: (PlacementCounts) -> Double) -> Double {
            ComparisonScenario.median(counts.map(value))
        }
        func words(_ value: (PlacementCounts) -> Double) -> String {
            "\(Facts.tenths(median(ours, value))), credit2 \(Facts.tenths(median(theirs, value)))"
        }
        await note("events/s", words(\.eventsPerSecond))
        for (what, value) in ComparisonScenario.measures { await note(what, words(value)) }
        for (what, value) in ComparisonScenario.measures {
            try require(
                median(ours, value) <= median(theirs, value), "\(what): ours must not be worse.", seen: words(value))
        }
    }

    /// A file of the guest, of any length.
    private func bytes(_ path: String) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try await machine.agent.read(path, offset: Int64(bytes.count), length: 8 << 20)
            bytes += piece
            if piece.isEmpty { return bytes }
        }
    }

    /// Keeps a text beside the logs.
    fileprivate func fetch(text: String, as name: String) async throws {
        try Files.write(Array((text + "\n").utf8), to: logs.appending(name))
    }
}
