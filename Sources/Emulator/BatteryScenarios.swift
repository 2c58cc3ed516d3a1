// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The machine's battery in guests, with nothing mocked inside the machine: firmware tables, dom0's kernel, the daemon, a
/// device model for each guest, the guests' own ACPI drivers. The machine's power is set from outside, through the latch.
enum BatteryScenarios {
    /// One boot. The scenarios can be named one by one: each starts the guests that are not there.
    static let group = ScenarioGroup(
        "power.battery", "the raw image on a machine with two batteries, an AC adapter and a lid", kind: .disk,
        attachment: .nvme, stateUnlock: "none", start: .attended { try await $0.presetPower(PowerMachine.start) },
        change: PowerMachine.change, tables: [PowerTable.table], onRequest: true,
        scenarios: [
            BootScenarios.units, dom0, twoGuests, follow, slots, lid, liar, hostile, BatteryFaultScenarios.modelKilled,
            BatteryFaultScenarios.daemonKilled, BatteryFaultScenarios.guestReboot, BatteryFaultScenarios.noBattery,
            BootScenarios.console,
        ])

    /// A scenario whose failure tells all that is needed.
    static func scenario(
        _ name: String, _ summary: String, limit: Duration = .seconds(1800),
        _ body: @escaping @Sendable (Guest) async throws -> Void
    ) -> Scenario {
        Scenario(name, summary, limit: limit) { guest in
            do {
                try await body(guest)
            } catch {
                throw await guest.explained(error, name)
            }
        }
    }

    private static let start = PowerMachine.start

    private static let dom0 = scenario(
        "dom0", "dom0's kernel sees the battery, mains and lid, and lapwingctl says the same", limit: .seconds(900)
    ) { guest in
        try await guest.follow(start, [])
        var unplugged = PowerLatch(PowerLatch.Battery(percent: 71), PowerLatch.Battery(percent: 44))
        unplugged.online = false
        for state in [start, unplugged] {
            try await guest.follow(state, [])
            let view = try await guest.machinePower()
            for verb in [["battery"], ["power", "status"]] {
                var wrong: [String] = []
                var text = ""
                let line = "lapwingctl \(verb.joined(separator: " ")) --json"
                for _ in 1...20 {
                    let outcome = try await guest.exec(["lapwingctl"] + verb + ["--json"])
                    text = outcome.text
                    try guest.require(outcome.succeeded, "\(line) must work.", seen: outcome.errorText)
                    let document = try JSONText.decode(JSONValue.self, from: outcome.output, file: line)
                    wrong = PowerWords(document).differences(from: view)
                    if wrong.isEmpty { break }
                    try await Task.sleep(for: .milliseconds(500))
                }
                try guest.require(
                    wrong.isEmpty, "\(line) must say what dom0's kernel says: " + wrong.joined(separator: "; "),
                    seen: text)
            }
        }
        let words = try await guest.expect("lapwingctl", "battery")
        await guest.note("lapwingctl battery", words.split(separator: "\n").joined(separator: " | "))
        try await guest.follow(start, [])
    }

    private static let twoGuests = scenario(
        "two-guests", "two HVM guests start with a battery each, and their kernels say of it what dom0's says",
        limit: .seconds(2400)
    ) { guest in
        try await guest.setPower(start)
        try await guest.time("until both speak") { try await guest.startBatteryGuests() }
        try await guest.showsPower(start)
        try await guest.batteryModels(BatteryGuests.names.count)
    }

    private static let follow = scenario(
        "follow", "the guests follow: unplugged, discharged from 80 to 60 percent, plugged in"
    ) { guest in
        try await guest.startBatteryGuests()
        try await guest.follow(start)
        var before: [String: Int] = [:]
        for name in BatteryGuests.names { before[name] = try await guest.interrupts(name)["gpe0D"] ?? 0 }
        var state = start
        state.online = false
        let first = BatteryGuests.names[0]
        let unplugged = try await guest.latency(of: state, to: first, "power", "type=Mains online=0")
        await guest.note("unplugged, until the guest knows", Facts.seconds(unplugged.seconds))
        try await guest.showsPower(state)
        for percent in stride(from: 75, through: 60, by: -5) {
            state.batteries[0]?.percent = percent
            try await guest.time("at \(percent) percent, until all know") { [state] in try await guest.follow(state) }
        }
        state.online = true
        let plugged = try await guest.latency(of: state, to: first, "power", "type=Mains online=1")
        await guest.note("plugged in, until the guest knows", Facts.seconds(plugged.seconds))
        try await guest.showsPower(state)
        // That a kernel which is asked has the right values does not prove that it was told.
        for name in BatteryGuests.names {
            let told = try await guest.interrupts(name)["gpe0D"] ?? 0
            try guest.require(
                told > before[name] ?? 0, "The guest \(name) must have been told by an event.",
                seen: "\(before[name] ?? 0), then \(told)")
        }
        try await guest.follow(start)
    }

    private static let slots = scenario(
        "slots", "a second battery comes, the first one goes and comes; each keeps its place in the guests"
    ) { guest in
        try await guest.startBatteryGuests()
        try await guest.follow(start)
        var state = start
        state.batteries[1] = PowerLatch.Battery(percent: 40)
        try await guest.time("second one comes, until all know") { [state] in try await guest.follow(state) }
        state.batteries[0] = nil
        try await guest.time("first one goes, until all know") { [state] in try await guest.follow(state) }
        state.online = false
        state.batteries[1]?.percent = 35
        try await guest.follow(state)
        state.batteries[0] = PowerLatch.Battery(percent: 52)
        try await guest.time("first one comes, until all know") { [state] in try await guest.follow(state) }
        state.batteries[1] = nil
        try await guest.follow(state)
        try await guest.follow(start)
    }

    private static let lid = scenario("lid", "the lid closes and opens, and so it does in the guests") { guest in
        try await guest.startBatteryGuests()
        try await guest.follow(start)
        let first = BatteryGuests.names[0]
        for turn in 1...2 {
            var state = start
            state.lidClosed = true
            let closed = try await guest.latency(of: state, to: first, "lid", "closed")
            try await guest.showsPower(state)
            let opened = try await guest.latency(of: start, to: first, "lid", "open")
            try await guest.showsPower(start)
            await guest.note(
                "lid closed and opened, until the guest knows, \(turn)",
                "\(Facts.seconds(closed.seconds)), \(Facts.seconds(opened.seconds))")
        }
    }

    private static let liar = scenario(
        "liar", "what a battery says that cannot be is unknown in the guests, and nobody ends of it"
    ) { guest in
        try await guest.startBatteryGuests()
        try await guest.follow(start)
        let before = try await life(guest)
        var state = start
        state.online = false
        state.lies = true
        try await guest.follow(state)
        state.online = true
        try await guest.follow(state)
        let outcome = try await guest.exec(["lapwingctl", "battery"])
        try guest.require(outcome.succeeded, "lapwingctl must work.", seen: outcome.errorText)
        await guest.note("lapwingctl battery", outcome.text.trimmed.split(separator: "\n").joined(separator: " | "))
        try await guest.follow(start)
        let after = try await life(guest)
        try guest.require(before == after, "Nobody may have ended.", seen: "\(before)\n\(after)")
    }

    /// The number of the daemon, how often device models were started anew, and the guests' boots.
    static func life(_ guest: Guest) async throws -> [String] {
        var lives = ["lapwingd " + (try await guest.property("MainPID", of: "lapwingd.service"))]
        for unit in try await guest.batteryModels(BatteryGuests.names.count).sorted() {
            lives.append("\(unit) " + (try await guest.property("MainPID", of: unit)))
        }
        for name in BatteryGuests.names { lives.append("\(name) " + (try await guest.witness(name)["boot"] ?? "?")) }
        return lives
    }

    private static let hammered = 20
    /// What dom0 may take to answer while it is hammered at; a machine without KVM, with two processors.
    private static let slowest = Duration.seconds(20)

    private static let hostile = scenario(
        "hostile",
        "a guest reads and writes its ports at random; dom0 answers, the other guest follows, and its own battery is right",
        limit: .seconds(2400)
    ) { guest in
        try await guest.startBatteryGuests()
        try await guest.follow(start)
        let (quiet, bad) = (BatteryGuests.names[0], BatteryGuests.names[1])
        let before = try await life(guest)
        let calm = try await answerTime(guest)
        async let hammer = guest.ask(
            bad, "hammer \(hammered) \(UInt32.random(in: 1 ... .max))", within: .seconds(hammered + 200))
        let clock = ContinuousClock()
        let end = clock.now + .seconds(hammered)
        var (longest, percent) = (Duration.zero, 80)
        var state = start
        state.online = false
        while clock.now < end {
            longest = max(longest, try await answerTime(guest))
            percent = percent == 80 ? 50 : percent + 5
            state.batteries[0]?.percent = percent
            try await guest.setPower(state)
            try await Task.sleep(for: .seconds(1))
        }
        try await guest.showsPower(state, [quiet], within: .seconds(60))
        let done = try await hammer
        await guest.note("accesses in \(hammered) s", done.joined().split(separator: "=").last.map(String.init) ?? "?")
        await guest.note(
            "dom0's answer before, and the slowest", "\(Facts.seconds(calm.seconds)), \(Facts.seconds(longest.seconds))"
        )
        try guest.require(
            longest < slowest, "dom0 must answer in \(slowest.components.seconds) s.",
            seen: Facts.seconds(longest.seconds))
        let after = try await life(guest)
        try guest.require(before == after, "Nobody may have ended.", seen: "\(before)\n\(after)")
        // What it turned off in its own event registers stays off: its kernel is asked for batteries and mains alone,
        // which it reads anew each time.
        var wrong: [String] = []
        for _ in 1...20 {
            wrong = PowerView(try await guest.ask(bad, "power")).differences(from: state, .guest)
            if wrong.isEmpty { break }
            try await Task.sleep(for: .seconds(1))
        }
        try guest.require(
            wrong.isEmpty, "The battery of \(bad) must be right again: " + wrong.joined(separator: "; "))
        // A new start has new registers.
        let boot = try await guest.witness(bad)["boot"]
        try await guest.tell(bad, "reboot")
        _ = try await guest.witness(bad, notBoot: boot, within: .seconds(600))
        try await guest.follow(start, within: .seconds(200))
    }

    /// How long dom0 takes to say what the power is.
    private static func answerTime(_ guest: Guest) async throws -> Duration {
        let clock = ContinuousClock()
        let begin = clock.now
        try await guest.expect("lapwingctl", "battery", "--quiet")
        return clock.now - begin
    }
}
