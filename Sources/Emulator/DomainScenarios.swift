// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Domains from definition to removal, made by the daemon on real Xen. What a guest is, it says itself, on its console.
enum DomainScenarios {
    /// One boot; what starts with the machine is seen in `passthrough.devices`. The state is plain: nothing here is about
    /// its encryption. Xen is told to use credit2, for the person who chooses that; all other groups have the image's
    /// own scheduler.
    static let group = ScenarioGroup(
        "domain.life", "the raw image with domains of its own, under Xen's credit2", kind: .disk, attachment: .nvme,
        boot: BootChange(xenOptions: ["sched=credit2"]), stateUnlock: "none", scheduler: "credit2",
        change: { $0.memory = ByteSize(bytes: 4 << 30) },
        scenarios: [
            BootScenarios.units, BootScenarios.hypervisor, ComparisonScenario.handOver, definition, life, twoClients,
            reboot, crash, killed, hvm, removal,
        ])

    static let directory = "/var/lib/lapwing/images"

    private static let definition = Scenario(
        "define", "a definition with mistakes is refused with all their places, a good one is kept and shown",
        limit: .seconds(300)
    ) { guest in
        // The front end of disks is a module in Debian.
        try await guest.prepareWitness(drivers: ["xen_blkfront"])
        let bad = "domains:\n  Net:\n    type: pvhh\n    memory: 1 GB of it\n"
        try await guest.machine.agent.write(Array(bad.utf8), to: "/run/bad.yaml")
        let refused = try await guest.exec(["lapwingctl", "domain", "define", "/run/bad.yaml"])
        try guest.require(refused.ending == .exited(65), "A bad definition must be refused.", seen: refused.errorText)
        for place in ["/run/bad.yaml:3:11: ", "/run/bad.yaml:4:13: ", "Did you mean \"pvh\"?"] {
            try guest.require(refused.errorText.contains(place), "All mistakes must be shown.", seen: refused.errorText)
        }
        try await defineNet(guest)
        let shown = try await guest.expect("lapwingctl", "domain", "show", "net")
        try guest.require(
            shown.contains("# state: stopped") && shown.contains("memory: 192 MiB"), "show must show it.", seen: shown)
        let again = try await guest.exec(["lapwingctl", "domain", "define", "/run/net.yaml"])
        try guest.require(again.ending == .exited(65), "It must not be replaced unasked.", seen: again.errorText)
    }

    private static let life = Scenario(
        "life", "a PVH guest starts, tells its memory and disk, obeys a stop and starts again with the same UUID",
        limit: .seconds(600)
    ) { guest in
        let clock = ContinuousClock()
        let begin = clock.now
        try await guest.expect("lapwingctl", "domain", "start", "net", timeout: .seconds(400))
        await guest.note("start", Facts.seconds((clock.now - begin).seconds))
        // The disk comes a moment after the guest can speak.
        let first = try await guest.witness("net") { $0["disks"] != "" }
        await guest.note("until the guest speaks", Facts.seconds((clock.now - begin).seconds))
        let kibibytes = Int(first["memory"] ?? "") ?? 0
        try guest.require(
            (100_000...196_608).contains(kibibytes), "The guest must have its memory.", seen: "\(first)")
        try guest.require(first["cpus"] == "1", "The guest must have one CPU.", seen: "\(first)")
        try guest.require(first["disks"] == "xvda:16384", "The guest must have its disk.", seen: "\(first)")
        let list = try await guest.expect("lapwingctl", "domain", "list")
        try guest.require(list.contains("running"), "list must say that it runs.", seen: list)
        let placed = try await guest.expect("xl", "vcpu-list", "net")
        let affinity = placed.split(separator: "\n").last?.split(separator: " ").suffix(3).joined(separator: " ")
        try guest.require(
            affinity == "\(WitnessGuest.cpu) / all", "It must be kept to the CPU of its definition.", seen: placed)
        let uuid = try await guest.report("net")["uuid"]?.text
        let stop = try await guest.exec(["lapwingctl", "domain", "stop", "net"], timeout: .seconds(200))
        try guest.require(
            stop.succeeded && stop.errorText.contains("switched itself off"), "The guest must obey.",
            seen: stop.errorText)
        let domains = try await guest.expect("xl", "list")
        try guest.require(!domains.contains("net "), "Nothing of it may be left in Xen.", seen: domains)
        let loops = try await guest.expect("losetup", "--all")
        try guest.require(!loops.contains("data.img"), "Its disk must be free again.", seen: loops)
        try await guest.expect("lapwingctl", "domain", "start", "net", timeout: .seconds(400))
        let second = try await guest.witness("net", notBoot: first["boot"])
        try guest.require(second["boot"] != first["boot"], "It must be another boot.", seen: "\(second)")
        try guest.require(try await guest.report("net")["uuid"]?.text == uuid, "Its UUID must stay.", seen: uuid)
    }

    private static let twoClients = Scenario(
        "two-clients", "of two restarts at once one works and one is told that the domain is busy",
        limit: .seconds(600)
    ) { guest in
        let line = "lapwingctl domain restart --force net"
        let both = try await guest.expect(
            "sh", "-c", "\(line) & first=$!; sleep 1; \(line); echo $?; wait $first; echo $?", timeout: .seconds(500))
        let codes = both.split(separator: "\n").suffix(2).sorted()
        try guest.require(codes == ["0", "75"], "One must succeed and one be busy.", seen: both)
        _ = try await guest.witness("net")
    }

    private static let reboot = Scenario(
        "reboot", "a guest that restarts itself is made anew by the daemon, paused before it runs",
        limit: .seconds(600)
    ) { guest in
        try await guest.startMonitor()
        let before = try await guest.witness("net")
        let number = try await guest.report("net")["id"]
        try await guest.tell("net", "reboot")
        let after = try await guest.witness("net", notBoot: before["boot"])
        try guest.require(after["boot"] != before["boot"], "It must be another boot.", seen: "\(after)")
        try guest.require(try await guest.report("net")["id"] != number, "Xen must have made a new domain.")
        let events = try await guest.events()
        try guest.require(
            events.contains("domain.restarting net (it restarted)") && events.contains("domain.started net"),
            "The monitor must tell.", seen: events)
        let journal = try await guest.expect(
            "journalctl", "--no-pager", "-o", "cat", "LAPWING_EVENT=domain.restarting", "LAPWING_DOMAIN=net")
        try guest.require(journal.contains("it restarted"), "The journal must tell.", seen: journal)
    }

    private static let crash = Scenario(
        "crash", "a guest that crashes is started again", limit: .seconds(600)
    ) { guest in
        try await guest.startMonitor()
        let before = try await guest.witness("net")
        try await guest.tell("net", "crash")
        _ = try await guest.witness("net", notBoot: before["boot"])
        let events = try await guest.events()
        try guest.require(
            events.contains("domain.restarting net (it crashed)"), "The monitor must tell of the crash.", seen: events)
    }

    private static let killed = Scenario(
        "killed",
        "a daemon that is killed while it makes a domain finishes that when it comes back, and one that is "
            + "killed while a guest runs leaves the guest alone", limit: .seconds(900)
    ) { guest in
        try await guest.expect("lapwingctl", "domain", "stop", "--force", "net", timeout: .seconds(200))
        try await guest.expect(
            "sh", "-c",
            """
            lapwingctl domain start net &
            for i in $(seq 600); do grep -q starting /run/lapwing/domains.json && break; sleep 0.1; done
            sleep 1
            systemctl kill --signal=KILL lapwingd.service; wait; true
            """, timeout: .seconds(400))
        let running = try await guest.witness("net", within: .seconds(400))
        try await guest.expect("systemctl", "kill", "--signal=KILL", "lapwingd.service")
        try await guest.wait(for: "the daemon's return", within: .seconds(120)) {
            try await guest.exec(["lapwingctl", "domain", "list"]).succeeded
        }
        let same = try await guest.witness("net")
        try guest.require(same["boot"] == running["boot"], "The guest must not have noticed.", seen: "\(same)")
        let state = try await guest.report("net")["state"]?.text
        try guest.require(state == "running", "The daemon must know that it runs.", seen: state)
        let process = try await guest.expect("systemctl", "show", "-p", "MainPID", "--value", "lapwingd.service")
        let status = Facts.fields(try await guest.text("/proc/\(process)/status"))
        let resident = Int(status["VmRSS"]?.split(separator: " ").first ?? "") ?? .max
        await guest.note("daemon's memory", "\(resident) KiB")
        try guest.require(resident < 30 << 10, "The daemon must take less than 30 MiB.", seen: "\(resident) KiB")
        // Voluntary switches of an idle daemon: none, whatever the guests do.
        let switches = status["voluntary_ctxt_switches"]
        try await Task.sleep(for: .seconds(10))
        let later = Facts.fields(try await guest.text("/proc/\(process)/status"))["voluntary_ctxt_switches"]
        try guest.require(
            switches == later, "An idle daemon must not wake up.", seen: "\(switches ?? "?"), \(later ?? "?")")
    }

    private static let hvm = Scenario(
        "hvm", "an HVM guest starts, tells of its memory, and its screen is a socket and no port", limit: .seconds(900)
    ) { guest in
        try await guest.expect("lapwingctl", "domain", "stop", "--force", "net", timeout: .seconds(200))
        let text = WitnessGuest.definition("work", type: "hvm", mebibytes: 256, "    display: vnc\n")
        try await guest.machine.agent.write(Array(text.utf8), to: "/run/work.yaml")
        try await guest.expect("lapwingctl", "domain", "define", "/run/work.yaml")
        try await guest.expect("lapwingctl", "domain", "start", "work", timeout: .seconds(400))
        let said = try await guest.witness("work", within: .seconds(600))
        let kibibytes = Int(said["memory"] ?? "") ?? 0
        try guest.require((150_000...262_144).contains(kibibytes), "It must have its memory.", seen: "\(said)")
        try await guest.expect("test", "-S", "/run/lapwing/domains/work.vnc")
        let ports = Facts.listeningPorts(try await guest.text("/proc/net/tcp"))
        let extra = ports.subtracting(guest.image.expected.listeningPorts)
        try guest.require(extra.isEmpty, "No port may have been opened.", seen: "\(extra.sorted())")
        try await guest.expect("lapwingctl", "domain", "stop", "work", timeout: .seconds(300))
        let left = try await guest.exec(["pgrep", "-af", "xen-domid [1-9]"])
        try guest.require(!left.succeeded, "Its device model must be gone.", seen: left.text)
    }

    private static func defineNet(_ guest: Guest) async throws {
        let definition = WitnessGuest.definition(
            "net", type: "pvh", mebibytes: 192, "    disks: [{name: data, size: 16 MiB}]\n")
        try await guest.machine.agent.write(Array(definition.utf8), to: "/run/net.yaml")
        try await guest.expect("lapwingctl", "domain", "define", "/run/net.yaml")
    }

    private static let removal = Scenario(
        "remove", "a running domain is not removed, a stopped one is, and its image only when asked",
        limit: .seconds(300)
    ) { guest in
        try await guest.expect("lapwingctl", "domain", "start", "net", timeout: .seconds(400))
        let running = try await guest.exec(["lapwingctl", "domain", "remove", "--yes", "net"])
        try guest.require(running.ending == .exited(75), "A running domain must stay.", seen: running.errorText)
        try await guest.expect("lapwingctl", "domain", "stop", "net", timeout: .seconds(200))
        try await guest.expect("lapwingctl", "domain", "remove", "--yes", "net")
        try await guest.expect("test", "-e", "/var/lib/lapwing/disks/net/data.img")
        try await defineNet(guest)
        try await guest.expect("lapwingctl", "domain", "remove", "--yes", "--disks", "net")
        let left = try await guest.exec(["test", "-e", "/var/lib/lapwing/disks/net"])
        try guest.require(!left.succeeded, "The image must be gone.")
        let list = try await guest.expect("lapwingctl", "domain", "list", "--quiet")
        try guest.require(list == "work", "The other one must still be there.", seen: list)
    }
}

extension Guest {
    /// Puts the kernel and the initrd of witnesses where definitions name them, on the state partition, with drivers that
    /// the kernel of dom0 has as modules.
    func prepareWitness(drivers: [String] = [], programs: [String] = []) async throws {
        let directory = DomainScenarios.directory
        try await expect("mkdir", "-p", directory, "/run/lapwing-test/root")
        let agent = "/run/lapwing-test/lapwing-agent"
        let size = try unwrap(Int(try await expect("stat", "--format=%s", agent)), "stat must tell the agent's size.")
        let archive = LoadGuest.archive(size: size, links: ["sbin/poweroff", "sbin/reboot"])
        try await machine.agent.write(archive.head, to: "/run/lapwing-test/head")
        try await machine.agent.write(archive.tail, to: "/run/lapwing-test/tail")
        // The EFI system partition covers the root's own /boot.
        try await expect(
            "sh", "-ec",
            """
            cd /run/lapwing-test; cat head \(agent) tail >\(directory)/witness.cpio
            mount --bind / root; cp root/boot/vmlinuz* \(directory)/vmlinuz; umount root
            """)
        guard !drivers.isEmpty else { return }
        let modules = "/run/lapwing-test/modules.cpio"
        try await expect("sh", "-ec", WitnessGuest.moduleScript(drivers, programs: programs, archive: modules))
        try await expect("sh", "-ec", "cat \(modules) >>\(directory)/witness.cpio")
    }

    /// What a guest says of itself: the last line of its console that can be waited for, of another boot than
    /// `notBoot` and such as is wanted, as names and values.
    func witness(
        _ name: String, notBoot: String? = nil, within limit: Duration = .seconds(300),
        wanted: ([String: String]) -> Bool = { _ in true }
    ) async throws -> [String: String] {
        let clock = ContinuousClock()
        let end = clock.now + limit
        var seen = ""
        while clock.now < end {
            let path = "/local/domain/$(xl domid \(name))/console/tty"
            let said = try await exec(["sh", "-c", "timeout 4 cat $(xenstore-read \(path))"])
            seen = said.text + said.errorText
            let lines = said.text.split(whereSeparator: \.isNewline).filter {
                $0.hasPrefix("witness ") && $0.contains(" disks=")
            }
            if let line = lines.last {
                var values: [String: String] = [:]
                for word in line.split(separator: " ").dropFirst() {
                    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
                }
                if values["boot"] != notBoot || notBoot == nil, wanted(values) { return values }
            }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw CheckFailure.error("The guest \(name) did not speak in \(limit.components.seconds) s.", seen: seen)
    }

    /// Says a word to a guest's console.
    func tell(_ name: String, _ word: String) async throws {
        let path = "/local/domain/$(xl domid \(name))/console/tty"
        try await expect("sh", "-ec", "tty=$(xenstore-read \(path)); echo \(word) >$tty")
    }

    /// What the daemon says of a domain.
    func report(_ name: String) async throws -> JSONValue {
        let text = try await expect("lapwingctl", "domain", "show", "--json", name)
        let document = try JSONText.decode(JSONValue.self, from: Array(text.utf8), file: "lapwingctl")
        return try unwrap(document["domain"], "show --json must have a domain.")
    }

    /// Starts a monitor whose lines go to a file; one that runs is ended.
    func startMonitor() async throws {
        try await expect(
            "sh", "-c",
            "systemctl stop check-monitor 2>/dev/null; systemd-run --collect --unit=check-monitor "
                + "--property=StandardOutput=truncate:/run/lapwing-test/events lapwingctl monitor")
        try await Task.sleep(for: .seconds(2))
    }

    /// What the monitor has said.
    func events() async throws -> String { try await text("/run/lapwing-test/events") }
}
