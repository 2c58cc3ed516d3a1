// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// Where energy went, in joules: the cores' own, and what packages, clusters and modules share.
public struct EnergyParts: Sendable, Codable {
    /// Cores that run: guests' work, interrupts, switches, cold caches.
    public var coresUp = 0.0
    /// Cores on their way out of an idle state.
    public var coresWaking = 0.0
    /// Cores in idle states.
    public var coresAsleep = 0.0
    /// What is shared, while a core of it runs.
    public var sharedUp = 0.0
    /// What is shared, while all that is awake of it is on its way out of an idle state.
    public var sharedWaking = 0.0
    /// What is shared, in its idle states.
    public var sharedAsleep = 0.0

    /// Nothing yet.
    public init() {}

    /// The parts of a run.
    public init(_ run: RunResult) {
        coresUp = run.cores.reduce(0) { $0 + $1.activeJoules - $1.wakingJoules }
        coresWaking = run.cores.reduce(0) { $0 + $1.wakingJoules }
        coresAsleep = run.cores.reduce(0) { $0 + $1.joules - $1.activeJoules }
        sharedUp = run.groups.reduce(0) { $0 + $1.activeJoules - $1.wakingJoules }
        sharedWaking = run.groups.reduce(0) { $0 + $1.wakingJoules }
        sharedAsleep = run.groups.reduce(0) { $0 + $1.joules - $1.activeJoules }
    }

    /// The mean of several; nil of none.
    init?(meanOf all: [EnergyParts]) {
        guard !all.isEmpty else { return nil }
        func mean(_ part: (EnergyParts) -> Double) -> Double { all.reduce(0) { $0 + part($1) } / Double(all.count) }
        coresUp = mean(\.coresUp)
        coresWaking = mean(\.coresWaking)
        coresAsleep = mean(\.coresAsleep)
        sharedUp = mean(\.sharedUp)
        sharedWaking = mean(\.sharedWaking)
        sharedAsleep = mean(\.sharedAsleep)
    }

    /// All of it.
    public var joules: Double { coresUp + coresWaking + coresAsleep + sharedUp + sharedWaking + sharedAsleep }
}

extension Comparison {
    /// A row of the breakdown: a run, or a bound beside it.
    public struct PartsRow: Sendable, Codable {
        /// The machine.
        public var machine: String
        /// The workload.
        public var workload: String
        /// The scheduler, or the name of the bound.
        public var name: String
        /// Where the energy went.
        public var parts: EnergyParts
        /// Energy of the first scheduler, which the parts are shares of.
        public var base: Double
        /// Mean frequency of all cores while awake, in MHz; 0 for bounds.
        public var megahertz: Double
        /// Wake-ups of cores; 0 for bounds.
        public var wakeUps: Int
    }

    /// Where the energy of every run and bound went, in percent of what the first scheduler took on the same machine and
    /// workload.
    public var breakdown: Listing<PartsRow> {
        var parts: [PartsRow] = []
        for (index, row) in rows.enumerated() {
            let run = row.run
            let base = row.energy > 0 ? run.joules / row.energy : 0
            let active = run.cores.map { ($0.percent["active"] ?? 0, $0.megahertz) }
            let time = active.reduce(0) { $0 + $1.0 }
            parts.append(
                PartsRow(
                    machine: run.machine, workload: run.workload, name: run.scheduler, parts: EnergyParts(run),
                    base: base, megahertz: time > 0 ? active.reduce(0) { $0 + $1.0 * $1.1 } / time : 0,
                    wakeUps: run.coreWakeUps))
            let next = index + 1 < rows.count ? rows[index + 1].run : nil
            guard next?.machine != run.machine || next?.workload != run.workload else { continue }
            for bound in bounds where bound.machine == run.machine && bound.workload == run.workload {
                guard let own = bound.parts else { continue }
                parts.append(
                    PartsRow(
                        machine: run.machine, workload: run.workload, name: bound.name, parts: own, base: base,
                        megahertz: 0, wakeUps: 0))
            }
        }
        func share(_ title: String, _ part: @escaping @Sendable (EnergyParts) -> Double) -> Listing<PartsRow>.Column {
            .init(title, right: true) { $0.base > 0 ? Self.fixed(100 * part($0.parts) / $0.base, 1) : "" }
        }
        return Listing(
            "breakdown", parts,
            columns: [
                .init("machine") { $0.machine }, .init("workload") { $0.workload }, .init("scheduler") { $0.name },
                .init("joules", right: true) { Self.fixed($0.parts.joules, 2) },
                share("all %") { $0.joules },
                share("cores up") { $0.coresUp }, share("waking") { $0.coresWaking },
                share("asleep") { $0.coresAsleep },
                share("shared up") { $0.sharedUp }, share("waking") { $0.sharedWaking },
                share("asleep") { $0.sharedAsleep },
                .init("MHz", right: true) { $0.megahertz > 0 ? Self.fixed($0.megahertz, 0) : "" },
                .init("wake-ups", right: true) { $0.wakeUps > 0 ? "\($0.wakeUps)" : "" },
            ])
    }
}
