// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import Synchronization
import Testing

@testable import Power

@Suite struct ExecutorTests {
    /// Applies settings to a machine; what it was like before the first time is its start.
    private func apply(
        _ settings: PowerProfileSettings, to machine: SimulatedMachine, boot: BootState? = nil
    ) async throws -> PowerOutcome {
        let known = Mutex(boot ?? BootState())
        return try await ProfileExecutor(machine: machine, looks: 2, pause: {}).apply(
            .powersave, settings, dimmed: [:]
        ) { readings in
            known.withLock { state in
                _ = state.record(readings)
                return state
            }
        }
    }

    @Test func `a profile is set, read back, and set again changes nothing`() async throws {
        let machine = SimulatedMachine()
        let first = try await apply(.standard(.powersave), to: machine)
        #expect(first.succeeded && first.error == nil)
        #expect(first.done.map(\.control) == [.scheduler, .clock, .turbo, .pci, .usb, .sata])
        #expect(machine.writes.contains("turbo all=off") && machine.writes.contains("clock all=980000-1680000"))
        #expect(machine.values(.usb) == ["1-4": "auto"])
        let count = machine.writes.count
        let again = try await apply(.standard(.powersave), to: machine)
        #expect(again.succeeded && again.done.isEmpty && machine.writes.count == count)
    }

    @Test(arguments: [PowerControl.scheduler, .clock, .turbo, .pci, .usb, .sata])
    func `a profile that half applies is undone`(broken: PowerControl) async throws {
        for silent in [true, false] {
            let machine = SimulatedMachine()
            let before = machine.everything
            machine.set { state in
                if silent { state.deaf = [broken] } else { state.failing = [broken: 1] }
            }
            let outcome = try await apply(.standard(.powersave), to: machine)
            #expect(outcome.failed?.control == broken && outcome.done.isEmpty && outcome.left.isEmpty)
            #expect(outcome.error?.code == "power.profile-failed")
            #expect(machine.everything == before)
            let order = PowerControl.allCases.filter { [.scheduler, .clock, .turbo, .pci, .usb, .sata].contains($0) }
            #expect(outcome.restored.map(\.control) == order.prefix { $0 != broken }.reversed())
        }
    }

    @Test func `what became something else again is undone as well`() async throws {
        let machine = SimulatedMachine()
        let before = machine.everything
        machine.set { $0.bending = [.clock: "1000000-1500000"] }
        let outcome = try await apply(.standard(.powersave), to: machine)
        #expect(outcome.failed?.control == .clock && outcome.cause?.contains("cpu0 is 1000000-1500000") == true)
        #expect(outcome.restored.map(\.control) == [.clock, .scheduler] && machine.everything == before)
    }

    @Test func `hardware that refuses and makes something else of it is a failure`() async throws {
        let machine = SimulatedMachine()
        machine.set { state in
            state.refusing = [.turbo]
            state.bending = [.turbo: "half"]
        }
        let outcome = try await apply(.standard(.powersave), to: machine)
        #expect(outcome.failed?.control == .turbo && outcome.left.count == 4)
        #expect(outcome.left.allSatisfy { $0.control == .turbo && $0.text.hasPrefix("it is half") })
    }

    @Test func `what could not be undone is named`() async throws {
        let machine = SimulatedMachine()
        machine.set { state in
            state.deaf = [.usb]
            state.failing = [.clock: 2]
        }
        let outcome = try await apply(.standard(.powersave), to: machine)
        #expect(outcome.failed?.control == .usb)
        #expect(Set(outcome.left.map(\.control)) == [.clock] && outcome.left.count == 4)
        #expect(outcome.restored.map(\.control) == [.pci, .turbo, .scheduler])
        let error = try #require(outcome.error)
        #expect(error.code == "power.profile-not-restored" && error.cause?.contains("NOT restored: clock cpu0") == true)
    }

    @Test func `hardware that refuses is not available and no failure`() async throws {
        let machine = SimulatedMachine()
        machine.set { $0.refusing = [.turbo] }
        let outcome = try await apply(.standard(.powersave), to: machine)
        #expect(outcome.succeeded && !outcome.done.contains { $0.control == .turbo })
        #expect(outcome.unavailable.filter { $0.control == .turbo }.count == 4)
    }

    @Test func `a control that cannot be read is left alone and the rest is set`() async throws {
        let machine = SimulatedMachine()
        machine.set { $0.unreadable = [.clock] }
        let outcome = try await apply(.standard(.powersave), to: machine)
        #expect(outcome.succeeded && outcome.unreadable.map(\.control) == [.clock])
        #expect(outcome.done.contains { $0.control == .sata })
        #expect(outcome.controls.contains { $0.control == .clock && $0.standing == .unreadable })
    }

    @Test func `CPUs that come are set up like the others`() async throws {
        let machine = SimulatedMachine()
        var boot = BootState()
        _ = boot.record(PowerReadings(machine.everything))
        machine.set { $0.controls[.cpus]?.parts["cpu3"] = .init("offline") }
        var settings = PowerProfileSettings()
        settings.turbo = false
        let outcome = try await apply(settings, to: machine, boot: boot)
        #expect(outcome.succeeded && outcome.done.map(\.control) == [.cpus, .turbo])
        #expect(machine.values(.turbo)["cpu3"] == "off")
        #expect(outcome.done.last?.changes.count == 4)
    }

    @Test func `CPUs that came go again when the rest fails`() async throws {
        let machine = SimulatedMachine()
        var boot = BootState()
        _ = boot.record(PowerReadings(machine.everything))
        machine.set { state in
            state.controls[.cpus]?.parts["cpu3"] = .init("offline")
            state.deaf = [.turbo]
        }
        var settings = PowerProfileSettings()
        settings.turbo = false
        let outcome = try await apply(settings, to: machine, boot: boot)
        #expect(outcome.failed?.control == .turbo && outcome.left.isEmpty)
        #expect(machine.values(.cpus)["cpu3"] == "offline")
    }

    @Test func `nothing is set when the start cannot be recorded`() async {
        let machine = SimulatedMachine()
        await #expect(throws: LapwingError.self) {
            _ = try await ProfileExecutor(machine: machine, looks: 1, pause: {}).apply(
                .powersave, .standard(.powersave), dimmed: [:]
            ) { _ in throw LapwingError("file.failed", "No room.") }
        }
        #expect(machine.writes.isEmpty)
    }

    @Test(arguments: 0..<60)
    func `whatever fails, each control is as before or as wanted, or named`(seed: Int) async throws {
        var dice = Dice(seed)
        let machine = SimulatedMachine()
        let before = machine.everything
        let profile = PowerProfile.allCases.randomElement(using: &dice) ?? .balanced
        var settings = PowerProfileSettings.standard(profile)
        settings.smt = Bool.random(using: &dice) ? false : nil
        settings.domains = Bool.random(using: &dice) ? ["work": .init(weight: 64, cap: 25)] : [:]
        let broken = PowerControl.allCases.filter { _ in Int.random(in: 0..<5, using: &dice) == 0 }
        machine.set { state in
            for control in broken {
                switch Int.random(in: 0..<4, using: &dice) {
                case 0: state.deaf.insert(control)
                case 1: state.failing[control] = Int.random(in: 1...2, using: &dice)
                case 2: state.refusing.insert(control)
                default: state.unreadable.insert(control)
                }
            }
        }
        let outcome = try await apply(settings, to: machine)
        for control in PowerControl.allCases {
            let changed = machine.everything[control] != before[control]
            let named = outcome.left.contains { $0.control == control }
            if outcome.succeeded {
                #expect(!changed || outcome.done.contains { $0.control == control })
            } else {
                #expect(!changed || named, "\(control) is neither restored nor named")
            }
        }
        #expect(outcome.succeeded == (outcome.error == nil))
    }
}
