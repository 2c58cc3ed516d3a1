// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What the daemon hears of devices that come and go, and which devices dom0's drivers never see.
enum HotplugScenarios {
    /// Part of the group `devices.inventory`, whose machine has the controller and the card.
    static let all = [events, idle, hidden, damaged]

    private static let events = Scenario(
        "events", "a monitor is told the stable id of what is plugged in and of what is pulled", limit: .seconds(240)
    ) { guest in
        try await guest.expect(
            "systemd-run", "--unit=watch", "-p", "StandardOutput=file:/run/monitor.log", "lapwingctl", "monitor",
            "--json")
        // The first plug may come before the monitor is heard: the daemon answers it, and only then does it listen.
        try await guest.expect("sleep", "3")
        for turn in 1...2 {
            try await guest.plug(Device("usb-tablet", ["id": "hp-tablet", "bus": "inv-usb.0", "port": "3"]))
            try await guest.wait(for: "device.added", within: .seconds(60)) {
                try await heard("device.added", guest) == turn
            }
            try await guest.unplug("hp-tablet")
            try await guest.wait(for: "device.removed", within: .seconds(60)) {
                try await heard("device.removed", guest) == turn
            }
        }
        try await guest.expect("systemctl", "stop", "watch")
    }

    /// How often the monitor named the tablet in an event.
    private static func heard(_ event: String, _ guest: Guest) async throws -> Int {
        try await guest.text("/run/monitor.log").split(separator: "\n").count {
            $0.contains("\"\(event)\"") && $0.contains("-u2-3~0627.0001\"")
        }
    }

    private static let idle = Scenario(
        "idle", "an idle daemon wakes up for nothing but its library's clock, not even for changes of other devices",
        limit: .seconds(120)
    ) { guest in
        // An idle thread of the pool goes after some seconds, so threads are compared one by one. What is left is
        // libdispatch, which looks at its queues once a second for as long as a program runs (src/event/workqueue.c);
        // the 200 changes must add nothing to that.
        let script = """
            pid=$(systemctl show -P MainPID lapwingd)
            count() { for task in /proc/$pid/task/*; do
                awk -v id=${task##*/} '/ctxt_switches/ { n += $2 } END { if (n) print id, n }' $task/status; done >/run/$1; }
            grown() { awk 'NR == FNR { old[$1] = $2; next } { n += $2 - old[$1] } END { print n + 0 }' /run/$1 /run/$2; }
            sleep 10; count start; sleep 12; count middle
            for i in 1 2 3 4; do
                for j in $(seq 50); do echo change > /sys/class/mem/null/uevent; done; sleep 3
            done
            count end
            echo $(grown start middle) $(grown middle end) $(awk '/VmRSS/ { print $2 }' /proc/$pid/status)
            """
        let found = try await guest.expect("sh", "-c", script).split(separator: " ").compactMap { Int($0) }
        try guest.require(
            found.count == 3 && found[1] < found[0] + 100, "Changes must not wake it.",
            seen: found.map(String.init).joined(separator: " "))
        await guest.note("switches of an idle lapwingd in 12 s, and with 200 changes", "\(found[0]), \(found[1])")
        await guest.note("resident memory of lapwingd, KiB", String(found[2]))
    }

    private static let hidden = Scenario(
        "hidden",
        "an assigned card never sees dom0's driver after a restart; the system's disk stays, a missing one warns",
        limit: .seconds(1000)
    ) { guest in
        let ids = try await guest.expect("lapwingctl", "device", "list", "--quiet").split(separator: "\n")
        guard let card = ids.first(where: { $0.contains("~8086.10d3") }),
            let disk = ids.first(where: { $0.contains("~1b36.0010") })
        else { throw CheckFailure.error("There must be a card and a disk.", seen: ids.joined(separator: "\n")) }
        let entries = [String(card), String(disk), "pci-0000.00-1e.7~8086.ffff"].map {
            "{\"device\": \"\($0)\", \"domain\": \"net\", \"required\": false, \"exceptions\": []}"
        }
        let text = "{\"schemaVersion\": 1, \"assignments\": [\(entries.joined(separator: ", "))]}\n"
        try await guest.machine.agent.write(Array(text.utf8), to: "/var/lib/lapwing/assignments.json")
        let dry = try await guest.expect("lapwingctl", "device", "hide", "--assigned", "--dry-run")
        for word in [" hide ", " kept ", " missing "] {
            try guest.require(dry.contains(word), "The plan must say \(word).", seen: dry)
        }
        try await guest.expect("sync")
        try await guest.reboot(within: .seconds(840))
        try await guest.expect("systemctl", "is-system-running", "--wait", timeout: .seconds(300))

        let list = try await guest.expect("lapwingctl", "pci", "list")
        func driver(_ id: some StringProtocol) -> String {
            let line = list.split(separator: "\n").first { $0.hasPrefix(id) } ?? ""
            return line.contains(" pciback ") ? "pciback" : String(line)
        }
        try guest.require(driver(card) == "pciback", "The card must be hidden.", seen: list)
        try guest.require(driver(disk).contains(" nvme "), "The disk must stay.", seen: list)
        let log = try await guest.expect("journalctl", "-b", "--no-pager", "-o", "cat", "-t", "lapwingctl")
        for word in ["a disk that the system runs from", "it is not there"] {
            try guest.require(log.contains(word), "The journal must warn.", seen: log)
        }
        let script = """
            t() { systemctl show -P "$2" "$1"; }
            echo $(t lapwing-hide-devices ExecMainStartTimestampMonotonic) \\
                $(t lapwing-hide-devices ExecMainExitTimestampMonotonic) \\
                $(t systemd-udev-trigger ExecMainStartTimestampMonotonic)
            journalctl -b -k --no-pager | grep -c 'e1000e 0000:' || true
            """
        let seen = try await guest.expect("sh", "-c", script)
        let numbers = seen.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
        try guest.require(
            numbers.count == 4 && numbers[0] > 0 && numbers[1] <= numbers[2], "It must be done before coldplug.",
            seen: seen)
        try guest.require(numbers.last == 0, "dom0's driver must never have seen a card.", seen: seen)
        await guest.note("hiding, ms", "\((numbers[1] - numbers[0]) / 1000)")
        await guest.note("hide", log.split(separator: "\n").suffix(4).joined(separator: " | "))

        try await guest.expect("lapwingctl", "device", "unassign", String(card))
        let function = try await guest.function(("vendor", "0x8086"), ("device", "0x10d3"))
        try await guest.wait(for: "dom0's driver", within: .seconds(60)) {
            try await guest.driver(of: function) == "e1000e"
        }
    }

    private static let damaged = Scenario("damaged", "a damaged list hides nothing") { guest in
        try await guest.expect("sh", "-c", "printf '{\"schemaVersion\": 1, ' > /var/lib/lapwing/assignments.json")
        let outcome = try await guest.exec(["lapwingctl", "device", "hide", "--assigned"])
        try guest.require(outcome.ending == .exited(65), "It must be refused.", seen: outcome.errorText)
        let left = try await guest.exec(["sh", "-c", "ls /sys/bus/pci/drivers/pciback | grep 0000: || true"])
        try guest.require(left.text.trimmed.isEmpty, "Nothing must be hidden.", seen: left.text)
        try await guest.expect("rm", "/var/lib/lapwing/assignments.json")
    }
}
