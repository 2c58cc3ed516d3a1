// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import Testing

@testable import Power

@Suite struct PlanTests {
    private func plan(
        _ settings: PowerProfileSettings, _ controls: [PowerControl: ControlReading] = SimulatedMachine.laptop,
        boot: [PowerControl: ControlReading]? = nil, dimmed: [String: Dimming] = [:],
        failures: [PowerControl: String] = [:]
    ) -> PowerPlan {
        var known = BootState()
        _ = known.record(PowerReadings(boot ?? controls))
        return PowerPlanner(boot: known, dimmed: dimmed)
            .plan(.powersave, settings, PowerReadings(controls, failures: failures))
    }

    private func settings(_ body: (inout PowerProfileSettings) -> Void) -> PowerProfileSettings {
        var settings = PowerProfileSettings()
        body(&settings)
        return settings
    }

    private func targets(_ plan: PowerPlan, _ control: PowerControl) -> [String: String] {
        let changes = plan.steps.filter { $0.control == control }.flatMap(\.changes)
        return Dictionary(changes.map { ($0.part, $0.to) }) { first, _ in first }
    }

    @Test func `a profile that says nothing changes nothing`() {
        let plan = plan(PowerProfileSettings())
        #expect(plan.steps.isEmpty)
        #expect(plan.held.count == PowerControl.allCases.count - 1)
        #expect(plan.unavailable == [PowerPlan.Note(.hwp, "Xen chooses the clock here")])
    }

    @Test func `a profile that says nothing goes back to the start`() {
        var now = SimulatedMachine.laptop
        now[.turbo]?.parts["cpu2"]?.value = "off"
        now[.scheduler]?.parts["sched-lapwing"]?.value = "mode=powersave,slice=10000"
        let plan = plan(PowerProfileSettings(), now, boot: SimulatedMachine.laptop)
        #expect(plan.steps.map(\.control) == [.scheduler, .turbo])
        #expect(targets(plan, .turbo) == ["cpu2": "on"])
        #expect(targets(plan, .scheduler) == ["sched-lapwing": "mode=balanced,slice=8000"])
    }

    @Test func `the built-in saving profile sets everything the machine has`() {
        let plan = plan(.standard(.powersave))
        #expect(plan.steps.map(\.control) == [.scheduler, .clock, .turbo, .pci, .usb, .sata])
        #expect(targets(plan, .clock)["cpu3"] == "980000-1680000")
        #expect(targets(plan, .pci) == ["0000:00:1f.3": "auto"])
        #expect(targets(plan, .sata) == ["host0": "med_power_with_dipm"])
    }

    @Test func `bounds of the clock stay within what there is`() {
        let low = plan(settings { ($0.minClock, $0.maxClock) = (0, 5) })
        #expect(targets(low, .clock)["cpu0"] == "800000-800000")
        let crossed = plan(settings { ($0.minClock, $0.maxClock) = (90, 50) })
        #expect(targets(crossed, .clock)["cpu0"] == "1400000-1400000")
        let half = plan(settings { $0.minClock = 50 })
        #expect(targets(half, .clock)["cpu0"] == "1400000-2800000")
    }

    @Test func `hardware that chooses its clock is told in the levels of each core`() {
        var controls = SimulatedMachine.laptop
        controls[.hwp] = ControlReading([
            "cpu0": .init("minimum=1 maximum=61 energy-perf=128 desired=0", lowest: 1, highest: 61),
            "cpu8": .init("minimum=1 maximum=35 energy-perf=128 desired=0", lowest: 1, highest: 35),
        ])
        let plan = plan(.standard(.powersave), controls)
        #expect(
            targets(plan, .hwp) == [
                "cpu0": "minimum=21 maximum=36 energy-perf=192 desired=0",
                "cpu8": "minimum=12 maximum=21 energy-perf=192 desired=0",
            ])
    }

    @Test func `a governor that is not offered is not available`() {
        var controls = SimulatedMachine.laptop
        controls[.governor] = ControlReading(["cpu0": .init("userspace", choices: ["userspace"])])
        let plan = plan(.standard(.performance), controls)
        #expect(targets(plan, .governor).isEmpty)
        #expect(plan.unavailable.contains(PowerPlan.Note(.governor, "performance is not offered", part: "cpu0")))
        #expect(!plan.held.contains(.governor))
    }

    @Test(arguments: [nil, 0] as [Int?])
    func `a clock whose range nobody knows is left alone and told`(highest: Int?) {
        var controls = SimulatedMachine.laptop
        controls[.clock] = ControlReading(["cpu0": .init("0-0", lowest: 0, highest: highest)])
        let plan = plan(.standard(.powersave), controls)
        #expect(targets(plan, .clock).isEmpty && !plan.held.contains(.clock))
        #expect(plan.unavailable.contains(PowerPlan.Note(.clock, "its range is not known", part: "cpu0")))
    }

    @Test func `second threads are switched off last and come first`() {
        let off = plan(settings { ($0.smt, $0.turbo) = (false, false) })
        #expect(off.steps.map(\.control) == [.turbo, .cpus])
        #expect(targets(off, .cpus) == ["cpu1": "offline", "cpu3": "offline"])
        var now = SimulatedMachine.laptop
        for name in ["cpu1", "cpu3"] { now[.cpus]?.parts[name] = .init("offline") }
        let on = plan(settings { $0.turbo = false }, now, boot: SimulatedMachine.laptop)
        #expect(on.steps.map(\.control) == [.cpus, .turbo])
        #expect(targets(on, .cpus) == ["cpu1": "online", "cpu3": "online"])
    }

    @Test func `parking leaves two CPUs, the first, and those that virtual CPUs are tied to`() {
        #expect(targets(plan(settings { $0.parkedCPUs = 4000 }), .cpus) == ["cpu2": "offline", "cpu3": "offline"])
        var controls = SimulatedMachine.laptop
        controls[.cpus]?.parts["cpu3"]?.kept = true
        #expect(targets(plan(settings { $0.parkedCPUs = 1 }, controls), .cpus) == [:])
        #expect(targets(plan(settings { $0.smt = false }, controls), .cpus) == ["cpu1": "offline"])
    }

    @Test func `a CPU that was off when the machine had started stays off`() {
        var controls = SimulatedMachine.laptop
        controls[.cpus]?.parts["cpu3"] = .init("offline")
        #expect(plan(settings { $0.smt = true }, controls).steps.isEmpty)
    }

    @Test func `shares are set by domain, and others go back to theirs`() {
        var now = SimulatedMachine.laptop
        now[.shares]?.parts["work"]?.value = "weight=64 cap=50"
        let plan = plan(
            settings { $0.domains = ["dom0": .init(weight: 512), "gone": .init(cap: 1)] }, now,
            boot: SimulatedMachine.laptop)
        #expect(targets(plan, .shares) == ["Domain-0": "weight=512 cap=0", "work": "weight=512 cap=0"])
    }

    @Test func `a screen is dimmed to the ceiling and not made brighter`() {
        let ceiling = settings { $0.backlight = 30 }
        let down = plan(ceiling)
        #expect(targets(down, .backlight) == ["intel_backlight": "300"])
        #expect(down.dimmed == ["intel_backlight": Dimming(before: 800, set: 300)])
        var dark = SimulatedMachine.laptop
        dark[.backlight]?.parts["intel_backlight"]?.value = "100"
        #expect(targets(plan(ceiling, dark), .backlight) == [:])
        // Back up when nobody touched it, in steps when the ceiling rises, and not when somebody did.
        dark[.backlight]?.parts["intel_backlight"]?.value = "300"
        #expect(
            targets(plan(PowerProfileSettings(), dark, dimmed: down.dimmed), .backlight) == ["intel_backlight": "800"])
        let middle = plan(settings { $0.backlight = 50 }, dark, dimmed: down.dimmed)
        #expect(targets(middle, .backlight) == ["intel_backlight": "500"])
        #expect(middle.dimmed == ["intel_backlight": Dimming(before: 800, set: 500)])
        dark[.backlight]?.parts["intel_backlight"]?.value = "400"
        let touched = plan(PowerProfileSettings(), dark, dimmed: down.dimmed)
        #expect(targets(touched, .backlight) == [:] && touched.dimmed.isEmpty)
    }

    @Test func `what cannot be read is named and left alone`() {
        let plan = plan(.standard(.powersave), failures: [.clock: "no answer"])
        #expect(plan.unreadable == [PowerPlan.Note(.clock, "no answer")])
        #expect(!plan.steps.contains { $0.control == .clock })
    }

    @Test func `a machine that has nothing has nothing to do`() {
        let controls = Dictionary(
            uniqueKeysWithValues: PowerControl.allCases.map { ($0, ControlReading.unavailable("no")) })
        for profile in PowerProfile.allCases {
            let plan = plan(.standard(profile), controls)
            #expect(plan.steps.isEmpty && plan.held.isEmpty && plan.unavailable.count == PowerControl.allCases.count)
        }
    }

    @Test func `parts are recorded once, and what comes later when it comes`() {
        var state = BootState()
        let first = state.record(PowerReadings(SimulatedMachine.laptop))
        var later = SimulatedMachine.laptop
        later[.usb]?.parts["1-4"]?.value = "auto"
        let same = state.record(PowerReadings(later))
        later[.usb]?.parts["1-5"] = .init("auto")
        let more = state.record(PowerReadings(later))
        #expect(first && !same && more)
        #expect(state.parts(.usb).mapValues(\.value) == ["1-4": "on", "1-5": "auto"])
    }

    @Test func `names are ordered by their numbers`() {
        #expect(
            ["cpu10", "cpu9", "cpu1", "b", "a2", "a10"].sorted(by: Words.inOrder) == [
                "a2", "a10", "b", "cpu1", "cpu9", "cpu10",
            ])
    }
}
