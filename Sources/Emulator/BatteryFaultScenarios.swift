// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What ends and comes again between the machine's battery and its guests. Part of the group `power.battery`.
enum BatteryFaultScenarios {
    private static let start = PowerMachine.start
    private static let models = "lapwing-acpi@*.service"

    /// A device model that was killed comes back after so many seconds, so that there is time to change something.
    private static let pause = 8
    private static let dropIn = "/run/systemd/system/lapwing-acpi@.service.d"
    /// More interrupts than that for one change are a storm.
    private static let storm = 10

    static let modelKilled = BatteryScenarios.scenario(
        "model-killed",
        "device models are killed and the battery changes meanwhile; started anew, the guests follow, told once"
    ) { guest in
        try await guest.startBatteryGuests()
        try await guest.follow(start)
        let units = try await guest.batteryModels(BatteryGuests.names.count)
        try await guest.expect(
            "sh", "-ec",
            "mkdir -p \(dropIn); printf '[Service]\\nRestartSec=\(pause)\\n' >\(dropIn)/check.conf; systemctl daemon-reload"
        )
        var before: [String: [String: Int]] = [:]
        var boots: [String: String] = [:]
        for name in BatteryGuests.names {
            before[name] = try await guest.interrupts(name)
            boots[name] = try await guest.witness(name)["boot"]
        }
        try await guest.expect("systemctl", "kill", "--signal=KILL", models)
        try await guest.wait(for: "the end of the device models", within: .seconds(20)) {
            try await !guest.exec(["systemctl", "is-active", models]).text.split(separator: "\n").contains("active")
        }
        var state = start
        state.online = false
        state.batteries[0]?.percent = 64
        try await guest.follow(state, [])
        try await guest.batteryModels(units.count)
        for unit in units {
            let restarts = try await guest.property("NRestarts", of: unit)
            try guest.require(Int(restarts) ?? 0 > 0, "\(unit) must have been started anew.", seen: restarts)
        }
        try await guest.showsPower(state)
        // A storm would go on.
        try await Task.sleep(for: .seconds(5))
        for name in BatteryGuests.names {
            let after = try await guest.interrupts(name)
            let (old, new) = (before[name]?["irq9"] ?? 0, after["irq9"] ?? 0)
            await guest.note("interrupts of \(name)", "\(new - old)")
            try guest.require(
                (1..<storm).contains(new - old), "The guest \(name) must be told of one change, and not in a storm.",
                seen: "\(before[name] ?? [:])\n\(after)")
            let boot = try await guest.witness(name)["boot"]
            try guest.require(boot == boots[name], "The guest \(name) must not have started anew.", seen: boot)
        }
        try await guest.expect("sh", "-ec", "rm \(dropIn)/check.conf; systemctl daemon-reload")
        try await guest.follow(start)
    }

    static let daemonKilled = BatteryScenarios.scenario(
        "daemon-killed", "the daemon is killed and the battery changes meanwhile; it comes back and the guests follow"
    ) { guest in
        try await guest.startBatteryGuests()
        try await guest.follow(start)
        let process = try await guest.property("MainPID", of: "lapwingd.service")
        var state = start
        state.online = false
        state.batteries[0]?.percent = 58
        try await guest.expect("systemctl", "kill", "--signal=KILL", "lapwingd.service")
        try await guest.setPower(state)
        try await guest.daemonAnswers()
        let another = try await guest.property("MainPID", of: "lapwingd.service")
        try guest.require(another != process, "It must be another process.", seen: another)
        try await guest.showsPower(state)
        state.lidClosed = true
        state.batteries[1] = PowerLatch.Battery(percent: 90)
        try await guest.follow(state)
        try await guest.follow(start)
    }

    static let guestReboot = BatteryScenarios.scenario(
        "guest-reboot", "a guest that restarts itself has its battery again, and follows", limit: .seconds(2400)
    ) { guest in
        try await guest.startBatteryGuests()
        let name = BatteryGuests.names[0]
        var state = start
        state.batteries[0]?.percent = 66
        try await guest.follow(state)
        let before = try await guest.witness(name)
        try await guest.tell(name, "reboot")
        let after = try await guest.time("until it speaks again") {
            try await guest.witness(name, notBoot: before["boot"], within: .seconds(600))
        }
        try guest.require(after["boot"] != before["boot"], "It must be another boot.", seen: "\(after)")
        try await guest.showsPower(state)
        // What served the domain that ended is gone.
        try await guest.batteryModels(BatteryGuests.names.count)
        state.online = false
        state.lidClosed = true
        try await guest.follow(state)
        try await guest.follow(start)
    }

    static let noBattery = BatteryScenarios.scenario(
        "no-battery", "without batteries and AC adapter the guests are on mains without a battery, and one starts so",
        limit: .seconds(2400)
    ) { guest in
        try await guest.startBatteryGuests()
        var state = start
        state.batteries = state.batteries.map { _ in nil }
        try await guest.follow(state)
        // A machine that has no adapter to tell of either: dom0's driver lets go of it.
        try await adapter(guest, "unbind")
        let supplies = try await guest.look(nil, "power")
        try guest.require(supplies.isEmpty, "dom0 must have no power supply.", seen: supplies.joined(separator: "\n"))
        state.online = false
        try await guest.setPower(state)
        try await Task.sleep(for: .seconds(3))
        for name in BatteryGuests.names { try await isOnMains(guest, name) }
        let name = BatteryGuests.names[1]
        try await guest.expect("lapwingctl", "domain", "stop", "--force", name, timeout: .seconds(300))
        try await guest.startBatteryGuests([name])
        try await isOnMains(guest, name)
        let told = try await guest.exec(["lapwingctl", "battery"])
        try guest.require(told.succeeded, "lapwingctl must work.", seen: told.errorText)
        await guest.note("lapwingctl battery", (told.text + told.errorText).trimmed)
        try await adapter(guest, "bind")
        try await guest.follow(start)
    }

    /// Takes dom0's driver from the AC adapter, or gives it back; ACPI's drivers stand on another bus in newer kernels.
    private static func adapter(_ guest: Guest, _ verb: String) async throws {
        let script = """
            for driver in /sys/bus/*/drivers/ac /sys/bus/*/drivers/acpi-ac; do
                [ -e $driver/\(verb) ] || continue
                for device in ${driver%/drivers/*}/devices/ACPI0003*; do
                    echo "${device##*/}" >$driver/\(verb)
                done
            done
            """
        try await guest.expect("sh", "-ec", script)
        try await guest.wait(for: "the adapter's \(verb)", within: .seconds(30)) {
            try await guest.look(nil, "power").isEmpty == (verb == "unbind")
        }
    }

    private static func isOnMains(_ guest: Guest, _ name: String) async throws {
        try await guest.wait(for: "mains without a battery in the guest \(name)", within: .seconds(60)) {
            let view = PowerView(try await guest.ask(name, "power"))
            return view.batteries.isEmpty && view.mains.map { $0["online"] } == ["1"]
        }
    }
}
