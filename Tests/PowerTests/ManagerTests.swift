// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import PowerFacts
import Synchronization
import SystemPackage
import Testing

@testable import Power

/// A time that tests set.
private final class Uptime: Sendable {
    let seconds = Mutex(0.0)
    var read: @Sendable () -> Double { { self.seconds.withLock { $0 } } }
    func pass(_ more: Double) { seconds.withLock { $0 += more } }
}

@Suite struct ManagerTests {
    private let machine = SimulatedMachine()
    private let uptime = Uptime()
    private let place: PrivateRoot
    private let mains = PowerSituation()
    private let battery = PowerSituation(onMains: false, percent: 80)

    init() throws { place = try PrivateRoot() }

    private func manager(
        _ settings: PowerSettings = PowerSettings(timerSlop: 1000), rivals: RivalServices? = nil
    ) -> PowerManager {
        PowerManager(
            settings: settings, executor: ProfileExecutor(machine: machine, looks: 1, pause: {}),
            store: PowerStore(place.paths), rivals: rivals, clock: FixedClock(), uptime: uptime.read)
    }

    @Test func `unplugging changes the profile, and the same again does nothing`() async throws {
        let manager = manager()
        #expect(await manager.report().wanted == nil)
        let first = await manager.take(mains)
        #expect(first.inForce == "performance" && first.reason == "on mains" && first.failure == nil)
        #expect(machine.values(.governor)["cpu0"] == "performance" && first.timerSlop == 1000)
        uptime.pass(60)
        let second = await manager.take(battery)
        #expect(second.inForce == "balanced" && second.rule == 5)
        #expect(machine.values(.clock)["cpu0"] == "980000-2800000")
        let count = machine.writes.count
        uptime.pass(60)
        let third = await manager.take(PowerSituation(onMains: false, percent: 79))
        #expect(third.inForce == "balanced" && machine.writes.count == count)
        #expect(await manager.moments().map(\.percent) == [nil, 80, 79])
    }

    @Test func `a change too soon is held back and the report says when to look again`() async throws {
        let manager = manager()
        _ = await manager.take(mains)
        uptime.pass(4)
        let held = await manager.take(battery)
        #expect(held.inForce == "performance" && held.lookAgainIn == 6)
        uptime.pass(6)
        #expect(await manager.take(battery).inForce == "balanced")
    }

    @Test func `a profile set by hand outlives the daemon until it is given back`() async throws {
        let first = manager()
        _ = await first.take(mains)
        #expect(try await first.choose(.fixed(.critical)).inForce == "critical")
        #expect(machine.values(.backlight) == ["intel_backlight": "300"])
        let second = manager()
        let report = await second.take(battery)
        #expect(report.choice == "critical" && report.inForce == "critical")
        #expect(try await second.choose(.auto).inForce == "balanced")
        #expect(machine.values(.backlight) == ["intel_backlight": "800"])
    }

    @Test func `what the configuration says is no choice of a person, though a screen is dimmed`() async throws {
        _ = await manager(PowerSettings(profile: .critical)).take(mains)
        #expect(machine.values(.backlight) == ["intel_backlight": "300"])
        let report = await manager(PowerSettings(profile: .auto)).take(mains)
        #expect(report.choice == "auto" && report.inForce == "performance")
        #expect(machine.values(.backlight) == ["intel_backlight": "800"])
    }

    @Test func `reset goes back to the start, also for a daemon that came later`() async throws {
        let before = machine.everything
        _ = await manager().take(PowerSituation(onMains: false, percent: 3))
        #expect(machine.everything != before)
        let second = manager()
        let report = try await second.choose(.boot)
        #expect(report.choice == "boot" && report.inForce == nil && report.failure == nil)
        #expect(machine.everything == before)
        // Rules are not asked before they are told to.
        _ = await second.take(battery)
        #expect(machine.everything == before)
    }

    @Test func `a profile that fails is told, and not tried again with each reading`() async throws {
        let manager = manager()
        _ = await manager.take(mains)
        let before = machine.everything
        machine.set { $0.deaf = [.clock] }
        uptime.pass(60)
        let failed = await manager.take(battery)
        #expect(failed.wanted == "balanced" && failed.inForce == "performance")
        #expect(failed.failure?.contains("clock") == true && machine.everything == before)
        #expect(failed.controls.contains { $0.control == .clock && $0.standing == .failed })
        let count = machine.writes.count
        uptime.pass(60)
        _ = await manager.take(PowerSituation(onMains: false, percent: 70))
        #expect(machine.writes.count == count)
        await #expect(throws: LapwingError.self) { _ = try await manager.choose(.fixed(.powersave)) }
        machine.set { $0.deaf = [] }
        #expect(await manager.refresh().inForce == "powersave")
    }

    @Test func `what comes later is set when somebody says so`() async throws {
        var settings = PowerSettings()
        settings.profiles.performance.domains = ["net": .init(weight: 64)]
        let manager = manager(settings)
        _ = await manager.take(mains)
        machine.set { $0.controls[.shares]?.parts["net"] = .init("weight=256 cap=0") }
        _ = await manager.refresh()
        #expect(machine.values(.shares)["net"] == "weight=64 cap=0")
        _ = try await manager.choose(.boot)
        #expect(machine.values(.shares)["net"] == "weight=256 cap=0")
    }

    @Test func `a damaged record of the start is told and moved aside`() async throws {
        let directory = place.paths.at("/run/lapwing/power")
        try Files.makeDirectory(directory)
        try Files.write("{", to: directory.appending("boot-state"))
        try Files.write(#"{"schemaVersion": 1, "choice": "fastest", "dimmed": {}}"#, to: directory.appending("choice"))
        let report = await manager().take(mains)
        #expect(report.inForce == "performance" && report.choice == "auto" && report.problems.count == 2)
        #expect(Files.exists(directory.appending("boot-state.damaged")))
        #expect(try PowerStore(place.paths).boot() != nil)
    }

    @Test func `a plan is shown without doing anything`() async throws {
        let manager = manager()
        let plan = await manager.plan(.fixed(.powersave))
        #expect(plan.profile == .powersave && !plan.steps.isEmpty && machine.writes.isEmpty)
        #expect(plan.steps.first?.text == "scheduler: sched-lapwing mode=balanced,slice=8000 -> mode=powersave")
    }

    @Test func `other power services are told`() async throws {
        let runner = ScriptedRunner { command in
            command.arguments.first == "is-active" ? .text("active\ninactive\nunknown\ninactive\n", code: 3) : .text("")
        }
        let report = await manager(rivals: RivalServices(runner: runner)).take(mains)
        #expect(report.rivals == ["tlp.service"] && report.problems.isEmpty)
        let silent = ScriptedRunner { _ in .text("", code: 1) }
        let second = await manager(rivals: RivalServices(runner: silent)).take(mains)
        #expect(second.rivals.isEmpty && second.problems.count == 1)
    }

    @Test func `the history is bounded and keeps the newest`() async throws {
        var ring = Ring<Int>(capacity: 3)
        #expect(ring.elements.isEmpty && ring.last == nil)
        for number in 1...8 { ring.append(number) }
        #expect(ring.elements == [6, 7, 8] && ring.last == 8)
        let manager = manager()
        for number in 0..<(PowerManager.historyLimit + 50) {
            _ = await manager.take(PowerSituation(onMains: false, percent: 30 + number % 60))
        }
        #expect(await manager.moments().count == PowerManager.historyLimit)
    }

    @Test func `a caller that gives up does not leave half a profile`() async throws {
        let manager = manager()
        let task = Task { [battery] in await manager.take(battery) }
        task.cancel()
        #expect(await task.value.inForce == "balanced")
    }

    @Test func `left to a person, nothing is set before a person chooses, which a new daemon knows`() async throws {
        let settings = PowerSettings(profile: .manual)
        let first = manager(settings)
        let report = await first.take(battery)
        #expect(report.choice == "manual" && report.wanted == nil && report.inForce == nil && machine.writes.isEmpty)
        #expect(await first.refresh().inForce == nil && machine.writes.isEmpty)
        let plan = await first.plan(.auto)
        #expect(plan.profile == .balanced && !plan.steps.isEmpty && machine.writes.isEmpty)
        #expect(try await first.choose(.auto).inForce == "balanced")
        #expect(!machine.writes.isEmpty)
        #expect(await manager(settings).take(mains).inForce == "performance")
    }

    @Test func `choices have words`() {
        for choice in [PowerChoice.auto, .boot] + PowerProfile.allCases.map({ .fixed($0) }) {
            #expect(PowerChoice(word: choice.word) == choice && PowerChoice.words.contains(choice.word))
        }
        #expect(PowerChoice.words.count == 6)
        #expect(PowerChoice(word: "fast") == nil)
    }
}
