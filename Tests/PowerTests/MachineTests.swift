// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import SystemPackage
import Testing

@testable import Power

@Suite struct MachineTests {
    private let place: PrivateRoot

    init() throws { place = try PrivateRoot() }

    private func machine(_ runner: ScriptedRunner) -> XenPowerMachine {
        XenPowerMachine(runner: runner, paths: place.paths)
    }

    private func answering(_ clocks: String) -> ScriptedRunner {
        ScriptedRunner { command in
            switch command.line {
            case "xenpm get-cpufreq-para": .text(clocks)
            case "xenpm get-cpuidle-states": .text(Samples.idle)
            case "xl info -n": .text(Samples.info)
            case "xl vcpu-list": .text(Samples.vcpus)
            case "xl sched-credit2": .text(Samples.shares)
            case "xenhypfs cat /sched-lapwing/pools": .text("pool=0 wakes=7\n")
            case "xenhypfs cat /params/sched-lapwing": .text(Samples.parameters)
            default: .text("")
            }
        }
    }

    private func values(_ reading: ControlReading) -> [String: String] { reading.parts.mapValues(\.value) }

    @Test func `each control is read from its tool, and each tool has a time limit`() async throws {
        let runner = answering(Samples.acpi)
        let machine = machine(runner)
        #expect(try await values(machine.read(.governor)) == ["cpu0": "ondemand", "cpu1": "userspace"])
        #expect(try await values(machine.read(.clock)) == ["cpu0": "800000-2801000", "cpu1": "800000-1600000"])
        #expect(try await values(machine.read(.turbo)) == ["cpu0": "on", "cpu1": "off"])
        #expect(try await machine.read(.hwp).unavailable == "Xen chooses the clock here, not the hardware")
        #expect(try await values(machine.read(.cstate)) == ["limit": "C2/1"])
        #expect(try await values(machine.read(.scheduler)).values.first?.hasPrefix("mode=balanced") == true)
        let cpus = try await machine.read(.cpus)
        #expect(values(cpus) == ["cpu0": "online", "cpu1": "online", "cpu2": "online", "cpu3": "offline"])
        #expect(
            cpus.parts["cpu1"]?.core == "0:0" && cpus.parts["cpu2"]?.kept == true && cpus.parts["cpu3"]?.kept == false)
        #expect(
            try await values(machine.read(.shares)) == [
                "Domain-0": "weight=256 cap=0", "work": "weight=512 cap=150", "a name 7 8 9": "weight=64 cap=0",
                "net": "weight=256 cap=0",
            ])
        #expect(!runner.limits.contains(nil))
    }

    @Test func `where a core has one thread nothing counts as a second one`() async throws {
        let text = "nr_cpus : 2\nmax_cpu_id : 1\nthreads_per_core : 1\ncpu_topology :\n  0: 0 0 0\n  1: 0 0 0\n"
        let single = ScriptedRunner { .text($0.line == "xl vcpu-list" ? "Name\n" : text) }
        let arm = ScriptedRunner { .text($0.line == "xl vcpu-list" ? "Name\n" : "machine : aarch64\n" + text) }
        #expect(try await machine(arm).read(.cpus).unavailable?.contains("x86 only") == true)
        let reading = try await machine(single).read(.cpus)
        #expect(reading.parts.values.allSatisfy { $0.core == nil && $0.value == "online" })
        var settings = PowerProfileSettings()
        settings.smt = false
        #expect(
            ProcessorTargets.targets(settings, now: reading, boot: reading.parts) == [
                "cpu0": "online", "cpu1": "online",
            ])
    }

    @Test func `a clock that the hardware chooses has levels and no governor`() async throws {
        let machine = machine(answering(Samples.hwp))
        let reading = try await machine.read(.hwp)
        #expect(values(reading)["cpu8"] == "minimum=5 maximum=30 energy-perf=255 desired=12")
        #expect(reading.parts["cpu0"]?.highest == 61)
        #expect(try await machine.read(.governor).unavailable != nil)
        #expect(try await machine.read(.clock).unavailable != nil)
    }

    @Test func `what the machine does not have is a result`() async throws {
        let none = ScriptedRunner { command in
            switch command.line {
            case "xenpm get-cpufreq-para": .text("", error: "Xen cpufreq is not enabled!\n")
            case "xenpm get-cpuidle-states": .text("")
            case "xenhypfs cat /sched-lapwing/pools": .text("", error: "could not read: No such file", code: 3)
            default: .text("")
            }
        }
        let machine = machine(none)
        for control in [
            PowerControl.governor, .clock, .hwp, .turbo, .cstate, .scheduler, .shares, .pci, .usb, .sata, .backlight,
        ] {
            #expect(try await machine.read(control).unavailable != nil, "\(control)")
        }
        let missing = XenPowerMachine(
            runner: ScriptedRunner { throw LapwingError("command.not-started", "\($0.executable) is not there.") },
            paths: place.paths)
        #expect(try await missing.read(.clock).unavailable == "xenpm is not installed")
        #expect(try await missing.read(.cpus).unavailable == "xl is not installed")
    }

    @Test func `a tool that fails or talks nonsense is an error`() async {
        let failing = machine(ScriptedRunner { _ in .text("", error: "failed to get the handler", code: 5) })
        let silent = machine(ScriptedRunner { _ in CommandResult(ending: .timedOut) })
        let mad = machine(ScriptedRunner { _ in .text("turbo mode : enabled\nwork 1 2\n") })
        for machine in [failing, silent, mad] {
            for control in [PowerControl.governor, .cstate, .shares, .cpus] {
                await #expect(throws: LapwingError.self, "\(control)") { _ = try await machine.read(control) }
            }
        }
    }

    @Test(
        arguments: [
            (
                PowerControl.governor, ["cpu0": "ondemand", "cpu1": "ondemand"], true,
                ["xenpm set-scaling-governor ondemand"]
            ),
            (
                .governor, ["cpu10": "powersave", "cpu2": "powersave"], false,
                ["xenpm set-scaling-governor 2 powersave", "xenpm set-scaling-governor 10 powersave"]
            ),
            (
                .clock, ["cpu1": "800000-1600000"], false,
                ["xenpm set-scaling-maxfreq 1 1600000", "xenpm set-scaling-minfreq 1 800000"]
            ),
            (
                .hwp, ["cpu8": "minimum=1 maximum=20 energy-perf=192 desired=0"], false,
                ["xenpm set-cpufreq-cppc 8 minimum:1 maximum:20 energy-perf:192 desired:0"]
            ),
            (.turbo, ["cpu0": "off", "cpu1": "off"], true, ["xenpm disable-turbo-mode"]),
            (.turbo, ["cpu0": "on"], false, ["xenpm enable-turbo-mode 0"]),
            (.cstate, ["limit": "C1"], false, ["xenpm set-max-cstate 1"]),
            (.cstate, ["limit": "C6/2"], false, ["xenpm set-max-cstate 6 2"]),
            (.cstate, ["limit": "unlimited"], false, ["xenpm set-max-cstate unlimited"]),
            (
                .scheduler, ["sched-lapwing": "mode=powersave"], false,
                ["xl set-parameters sched-lapwing=mode=powersave"]
            ),
            (.shares, ["work": "weight=64 cap=50"], false, ["xl sched-credit2 -d work -w 64 -c 50"]),
            (.cpus, ["cpu3": "offline"], false, ["xen-hptool cpu-offline 3"]),
            (.cpus, ["cpu3": "online"], false, ["xen-hptool cpu-online 3"]),
        ] as [(PowerControl, [String: String], Bool, [String])])
    func `values are set by Xen's tools`(
        control: PowerControl, values: [String: String], everywhere: Bool, lines: [String]
    ) async throws {
        let runner = ScriptedRunner { _ in .text("") }
        try await machine(runner).write(control, values, everywhere: everywhere)
        #expect(runner.lines == lines)
        #expect(!runner.limits.contains(nil))
    }

    @Test func `what Xen refuses is told by its words, for xenpm ends with 0`() async {
        let refusing = machine(
            ScriptedRunner { _ in
                .text("", error: "[CPU0] failed to enable turbo mode (95 - Operation not supported)\n")
            })
        let error = await #expect(throws: LapwingError.self) {
            try await refusing.write(.turbo, ["cpu0": "on"], everywhere: false)
        }
        #expect(error?.code == "power.refused")
        let failing = machine(
            ScriptedRunner { _ in .text("", error: "failed to set governor name (22 - Invalid argument)\n") })
        let other = await #expect(throws: LapwingError.self) {
            try await failing.write(.governor, ["cpu0": "x"], everywhere: false)
        }
        #expect(other?.code == "power.failed" && other?.cause?.contains("Invalid argument") == true)
    }

    // MARK: sysfs

    private func file(_ path: String, _ text: String) throws {
        let place = place.paths.at(path)
        try Files.makeDirectory(place.removingLastComponent())
        try Files.write(text, to: place)
    }

    @Test func `devices of dom0 are read, those of guests and what one types with are not`() async throws {
        try file("/sys/bus/pci/devices/0000:00:1f.3/power/control", "on\n")
        try file("/sys/bus/pci/devices/0000:02:00.0/power/control", "on\n")
        try file("/sys/bus/pci/drivers/pciback/0000:02:00.0", "")
        try file("/sys/bus/usb/devices/1-4/power/control", "on\n")
        try file("/sys/bus/usb/devices/1-4/1-4:1.0/bInterfaceClass", "08\n")
        try file("/sys/bus/usb/devices/1-5/power/control", "on\n")
        try file("/sys/bus/usb/devices/1-5/1-5:1.1/bInterfaceClass", "03\n")
        try file("/sys/bus/usb/devices/1-6/power/control", "auto\n")
        try file("/sys/bus/usb/devices/1-6/bDeviceClass", "09\n")
        try file("/sys/bus/usb/devices/1-4:1.0/power/control", "on\n")
        try file("/sys/class/scsi_host/host0/link_power_management_policy", "max_performance\n")
        try file("/sys/class/scsi_host/host1/proc_name", "usb-storage\n")
        try file("/sys/class/backlight/intel_backlight/brightness", "400\n")
        try file("/sys/class/backlight/intel_backlight/max_brightness", "1000\n")
        try file("/sys/class/backlight/liar/brightness", "900\n")
        try file("/sys/class/backlight/liar/max_brightness", "100\n")
        let machine = machine(ScriptedRunner { _ in .text("") })
        #expect(try await values(machine.read(.pci)) == ["0000:00:1f.3": "on"])
        #expect(try await values(machine.read(.usb)) == ["1-4": "on"])
        #expect(try await values(machine.read(.sata)) == ["host0": "max_performance"])
        let screen = try await machine.read(.backlight)
        #expect(values(screen) == ["intel_backlight": "400"] && screen.parts["intel_backlight"]?.highest == 1000)
        try await machine.write(.sata, ["host0": "med_power_with_dipm"], everywhere: false)
        try await machine.write(.usb, ["1-4": "auto"], everywhere: false)
        #expect(try await values(machine.read(.sata)) == ["host0": "med_power_with_dipm"])
        #expect(try await values(machine.read(.usb)) == ["1-4": "auto"])
        await #expect(throws: LapwingError.self) {
            try await machine.write(.pci, ["0000:09:00.0": "auto"], everywhere: false)
        }
    }

    @Test(arguments: 0..<4)
    func `attributes, however damaged, do no harm`(seed: Int) async throws {
        var dice = Dice(seed)
        for (index, path) in [
            "/sys/bus/pci/devices/DEVICE/power/control", "/sys/bus/usb/devices/DEVICE/power/control",
            "/sys/class/scsi_host/DEVICE/link_power_management_policy", "/sys/class/backlight/DEVICE/brightness",
            "/sys/class/backlight/DEVICE/max_brightness", "/sys/bus/usb/devices/DEVICE/bDeviceClass",
        ].enumerated() {
            for number in 0..<20 {
                let bytes = (0..<Int.random(in: 0...80, using: &dice)).map { _ in
                    UInt8.random(in: 0...255, using: &dice)
                }
                let target = place.paths.at(path.replacing("DEVICE", with: "d\(number % (index + 3))"))
                try Files.makeDirectory(target.removingLastComponent())
                try Files.write(bytes, to: target)
            }
        }
        let machine = machine(ScriptedRunner { _ in .text("") })
        for control in [PowerControl.pci, .usb, .sata, .backlight] {
            for part in try await machine.read(control).parts.values {
                #expect(part.value.utf8.allSatisfy { (33...126).contains($0) })
            }
        }
    }

    // MARK: Temperature

    @Test func `the hottest believable sensor counts`() throws {
        let thermometer = Thermometer(place.paths)
        #expect(thermometer.hottest() == nil)
        try file("/sys/class/thermal/thermal_zone0/temp", "-5001\n")
        #expect(thermometer.hottest() == -6)
        try file("/sys/class/thermal/thermal_zone1/temp", "48999\n")
        try file("/sys/class/thermal/cooling_device0/temp", "90000\n")
        try file("/sys/class/hwmon/hwmon2/temp1_input", "61500\n")
        try file("/sys/class/hwmon/hwmon2/temp1_crit", "100000\n")
        #expect(thermometer.hottest() == 61)
        for (number, lie) in ["999999", "-274000", "hot", "", "99999999999999999999", "6e4"].enumerated() {
            try file("/sys/class/hwmon/hwmon3/temp\(number)_input", lie)
        }
        #expect(thermometer.hottest() == 61)
    }

    @Test func `the whole way from tools to tools`() async throws {
        // A Xen whose clocks, limit and scheduler take what they are told.
        let told = TinyXen()
        let runner = ScriptedRunner { told.answer($0) }
        try file("/sys/class/backlight/panel/brightness", "90\n")
        try file("/sys/class/backlight/panel/max_brightness", "100\n")
        let manager = PowerManager(
            settings: PowerSettings(),
            executor: ProfileExecutor(machine: machine(runner), looks: 1, pause: {}), store: PowerStore(place.paths),
            rivals: nil, clock: FixedClock(), uptime: { 0 })
        let saving = try await manager.choose(.fixed(.critical))
        #expect(saving.inForce == "critical" && saving.failure == nil)
        #expect(
            told.state.withLock { $0 } == TinyXen.State(low: 700_000, high: 800_000, turbo: false, mode: "powersave"))
        #expect(try Files.text(place.paths.at("/sys/class/backlight/panel/brightness")) == "30")
        #expect(saving.controls.contains { $0.control == .hwp && $0.standing == .unavailable })
        #expect(saving.controls.contains { $0.control == .cstate && $0.standing == .held })
        _ = try await manager.choose(.boot)
        #expect(told.state.withLock { $0 } == TinyXen.State())
        #expect(try Files.text(place.paths.at("/sys/class/backlight/panel/brightness")) == "90")
    }
}
