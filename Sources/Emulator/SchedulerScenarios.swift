// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Our scheduler with a fixed mix of small guests, beside credit2; then in a Xen with assertions, worked hard.
enum SchedulerScenarios {
    static let groups = [lapwing, debug, compare]

    /// Our scheduler, and the tools that know nothing of it.
    private static let lapwing = ScenarioGroup(
        "sched.lapwing", "the raw image on nine processors, with the power-aware scheduler and credit2", kind: .disk,
        attachment: .nvme, boot: BootChange(xenOptions: ["sched=lapwing"]),
        stateUnlock: "none", scheduler: "lapwing",
        change: machine,
        scenarios: [
            BootScenarios.units, BootScenarios.hypervisor, ParameterScenarios.parameters, ProfileScenario.profile,
            ToolScenarios.guests(mix), ToolScenarios.listings(mix), ToolScenarios.weights(mix[1]),
            ComparisonScenario.sideBySide(mix), BootScenarios.console,
        ])

    /// A measurement, and so only on request: how fast the host is decides with how it ends (decision 1032). What every
    /// test run asks of the same guests, it asks of the simulator.
    private static let compare = ScenarioGroup(
        "sched.compare", "the raw image on nine processors, to measure the power-aware scheduler against credit2",
        kind: .disk, attachment: .nvme, boot: BootChange(xenOptions: ["sched=lapwing"]),
        stateUnlock: "none", scheduler: "lapwing", change: machine, onRequest: true,
        scenarios: [
            BootScenarios.units, ToolScenarios.guests(mix), ComparisonScenario.comparison(mix), BootScenarios.console,
        ])

    /// The same in a Xen with assertions: every way in which domains and processors come, go and move. It is told to use
    /// a scheduler it does not know, and falls back to ours.
    private static let debug = ScenarioGroup(
        "sched.debug", "the raw image on nine processors, with assertions in Xen and a name of no scheduler in sched=",
        kind: .disk, attachment: .nvme,
        boot: BootChange(xenOptions: ["sched=\(wrongName)"], debugHypervisor: true),
        stateUnlock: "none",
        scheduler: "lapwing", change: machine,
        scenarios: [
            BootScenarios.units, assertions, fallback, ParameterScenarios.parameters, ParameterScenarios.capacities,
        ] + ToolScenarios.all + [
            StressScenarios.stress, ComparisonScenario.sideBySide(ToolScenarios.pair), BootScenarios.console,
        ])

    /// One letter short.
    private static let wrongName = "lapwin"

    @Sendable private static func machine(_ machine: inout Machine) {
        machine.processors = ComparisonScenario.processors
        machine.memory = ByteSize(bytes: 4 << 30)
    }

    /// What runs: a network domain with its timers, a desktop with a video, one that is typed at, a background job.
    static let mix = [
        LoadGuest(name: "quiet", load: "idle"),
        LoadGuest(name: "video", load: "frames,idle", processors: 2),
        LoadGuest(name: "typing", load: "bursts,idle", processors: 2),
        LoadGuest(name: "updater", load: "busy"),
    ]

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
}
