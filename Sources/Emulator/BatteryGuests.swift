// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The guests of the power scenarios, and what is asked of them and of dom0.
enum BatteryGuests {
    /// Their names. The second one is hostile for a while.
    static let names = ["work", "play"]
    /// What their kernel needs to see a battery, mains and a lid, and to let somebody ask for the lid.
    static let drivers = ["ac", "battery", "button", "evdev"]

    /// The definition of one.
    static func definition(_ name: String) -> String {
        WitnessGuest.definition(name, type: "hvm", mebibytes: 256, "    battery: virtual\n")
    }

    /// Counts out of a witness's answer to `interrupts`, by name.
    static func counts(_ lines: [String]) -> [String: Int] {
        var counts: [String: Int] = [:]
        for line in lines {
            let words = line.split(separator: " ")
            if words.count == 2, let count = Int(words[1]) { counts[String(words[0])] = count }
        }
        return counts
    }
}

extension Guest {
    /// Defines and starts those of the guests that do not run, and waits until they speak. Closing the lid must not put
    /// the machine to sleep meanwhile.
    func startBatteryGuests(_ names: [String] = BatteryGuests.names) async throws {
        try await expect("sh", "-ec", Self.lidInhibitor, timeout: .seconds(620))
        for name in names {
            if try await exec(["xl", "domid", name]).succeeded { continue }
            if try await !exec(["test", "-e", "\(DomainScenarios.directory)/witness.cpio"]).succeeded {
                try await prepareWitness(drivers: BatteryGuests.drivers)
            }
            if try await !exec(["lapwingctl", "domain", "show", name]).succeeded {
                try await machine.agent.write(Array(BatteryGuests.definition(name).utf8), to: "/run/\(name).yaml")
                try await expect("lapwingctl", "domain", "define", "/run/\(name).yaml")
            }
            try await expect("lapwingctl", "domain", "start", name, timeout: .seconds(400))
            _ = try await witness(name, within: .seconds(600))
            let failed = try await ask(name, "modules")
            try require(failed.isEmpty, "All drivers of \(name) must load.", seen: failed.joined(separator: "\n"))
        }
    }

    /// logind(8) would suspend.
    private static let lidInhibitor = """
        systemctl is-system-running --wait >/dev/null || true
        systemctl is-active --quiet systemd-logind || exit 0
        systemctl is-active --quiet check-lid && exit 0
        systemd-run --quiet --collect --unit=check-lid systemd-inhibit --what=handle-lid-switch --mode=block \\
            --who=check --why=check sleep infinity
        for turn in $(seq 50); do
            systemd-inhibit --list --no-legend | grep -q handle-lid-switch && exit 0
            sleep 0.2
        done
        echo 'nothing keeps the lid from putting the machine to sleep' >&2
        exit 1
        """

    /// What a program of dom0 sees with a witness's eyes.
    private func askMachine(_ question: String) async throws -> [String] {
        let outcome = try await exec(["/run/lapwing-test/lapwing-agent", "ask", question])
        try require(outcome.succeeded, "dom0 must answer \"\(question)\".", seen: outcome.errorText)
        return outcome.text.split(separator: "\n").map(String.init)
    }

    /// What a guest, or dom0 where none is named, answers to a question.
    func look(
        _ name: String?, _ question: String, within limit: Duration = .seconds(120)
    ) async throws -> [String] {
        if let name { try await ask(name, question, within: limit) } else { try await askMachine(question) }
    }

    /// What dom0's kernel says of its power.
    func machinePower() async throws -> PowerView { PowerView(try await look(nil, "power")) }

    /// The interrupts a guest's ACPI has had, by name.
    func interrupts(_ name: String) async throws -> [String: Int] {
        BatteryGuests.counts(try await ask(name, "interrupts"))
    }

    /// Sets the machine's power and waits until dom0 and the guests show it, batteries, mains and lid.
    func follow(
        _ latch: PowerLatch, _ guests: [String] = BatteryGuests.names, within limit: Duration = .seconds(120)
    ) async throws {
        try await setPower(latch)
        try await showsPower(latch, guests, within: limit)
    }

    /// Waits until dom0 and the guests show the machine's power.
    func showsPower(
        _ latch: PowerLatch, _ guests: [String] = BatteryGuests.names, within limit: Duration = .seconds(120)
    ) async throws {
        try await showsPower(nil, latch, within: limit)
        for name in guests { try await showsPower(name, latch, within: limit) }
    }

    private func showsPower(_ name: String?, _ latch: PowerLatch, within limit: Duration) async throws {
        let clock = ContinuousClock()
        let end = clock.now + limit
        let lid = latch.lidClosed ? "closed" : "open"
        while true {
            let supplies = try await look(name, "power")
            let lids = try await look(name, "lid")
            var wrong = PowerView(supplies).differences(from: latch, name == nil ? .machine : .guest)
            if lids.isEmpty || !lids.allSatisfy({ $0.hasSuffix(" \(lid)") }) { wrong.append("the lid is not \(lid)") }
            if wrong.isEmpty { return }
            guard clock.now < end else {
                throw CheckFailure.error(
                    "\(name.map { "The guest \($0)" } ?? "dom0's own kernel") must show the machine's power in "
                        + "\(limit.components.seconds) s: " + wrong.joined(separator: "; "),
                    seen: (supplies + lids).joined(separator: "\n"))
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    /// How long it takes from a change of the machine's power until a guest that waits for it has seen it. The answer's
    /// own way, a tenth of a second, is in it.
    func latency(of latch: PowerLatch, to name: String, _ question: String, _ words: String) async throws -> Duration {
        let clock = ContinuousClock()
        async let seen = ask(name, "await 100 \(question) \(words)", within: .seconds(120))
        // The question has to be there first.
        try await Task.sleep(for: .seconds(3))
        let begin = clock.now
        try await setPower(latch)
        _ = try await seen
        return clock.now - begin
    }

    /// Waits until the device models of so many guests run, and returns their units.
    @discardableResult
    func batteryModels(_ count: Int, within limit: Duration = .seconds(120)) async throws -> [String] {
        let line = ["systemctl", "list-units", "--quiet", "--plain", "--no-legend", "--state=active"]
        return try await poll("a device model for each of \(count) guests", within: limit) {
            let list = try await exec(line + ["lapwing-acpi@*.service"])
            let units = list.text.split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
            return units.count == count ? units : nil
        }
    }

    /// A property of a unit.
    func property(_ name: String, of unit: String) async throws -> String {
        try await expect("systemctl", "show", "--property=\(name)", "--value", unit)
    }

    /// Waits until the daemon answers.
    func daemonAnswers() async throws {
        try await wait(for: "the daemon's answer", within: .seconds(120)) {
            try await exec(["lapwingctl", "domain", "list"]).succeeded
        }
    }
}

// MARK: What is told of a failure

extension Guest {
    private static let evidence: [(title: String, command: [String])] = [
        ("state for guests", ["sh", "-c", "ls -l --full-time /run/lapwing/power; cat /run/lapwing/power/state"]),
        ("state of the device models", ["sh", "-c", "cd /run/lapwing/acpi && grep -a '' *"]),
        (
            "journal",
            ["sh", "-c", "journalctl -b --no-pager -o short-monotonic -u lapwingd -u 'lapwing-acpi@*' | tail -60"]
        ),
        ("domains", ["xl", "list"]),
        ("lapwingctl battery", ["lapwingctl", "battery", "--json"]),
        ("units", ["sh", "-c", "systemctl status --no-pager --lines=0 lapwingd 'lapwing-acpi@*'"]),
        ("kernel of dom0", ["sh", "-c", "dmesg | grep -i -e acpi -e battery -e lid | tail -20"]),
    ]

    /// The error of a power scenario with what is needed to understand it: the state file, the daemon's journal, what dom0
    /// and the guests say. All of it stands in a file beside the logs, the most telling part in the error.
    func explained(_ error: any Error, _ scenario: String) async -> any Error {
        guard !Task.isCancelled, var told = error as? LapwingError else { return error }
        var parts: [(title: String, text: String)] = []
        for (title, command) in Self.evidence {
            let outcome = try? await exec(command, timeout: .seconds(30))
            parts.append((title, outcome.map { $0.text + $0.errorText } ?? "no answer"))
        }
        for name in [nil] + BatteryGuests.names.map(Optional.some) {
            for question in ["power", "lid", "interrupts"] {
                let lines = try? await look(name, question, within: .seconds(30))
                parts.append(("\(name ?? "dom0"): \(question)", lines?.joined(separator: "\n") ?? "no answer"))
                // Who does not answer once need not be waited for again.
                if lines == nil { break }
            }
        }
        let path = logs.appending("power-\(scenario).txt")
        try? Files.write(parts.map { "# \($0.title)\n\($0.text)\n\n" }.joined(), to: path)
        let short = parts.filter { $0.title.hasPrefix("state for") || $0.title.hasSuffix(": power") }
            .map { "\($0.title): \($0.text)" }
        let journal = parts.first { $0.title == "journal" }.map { SafeText.lines($0.text, last: 8) } ?? ""
        let cause = [told.cause].compactMap { $0 } + [SafeText.lines(short.joined(separator: "\n"), last: 60), journal]
        told.cause = cause.joined(separator: "\n         ")
        told.hint = "All of it: \(path.string)"
        return told
    }
}
