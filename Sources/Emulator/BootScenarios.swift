// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The scenarios every image must pass: it boots, and answers for itself from inside of dom0.
public enum BootScenarios {
    /// All groups, in the order they run.
    public static let groups: [ScenarioGroup] =
        [
            ScenarioGroup(
                "boot.disk", "the raw image as an NVMe disk", kind: .disk, attachment: .nvme, scenarios: scenarios),
            ScenarioGroup(
                "boot.iso-stick", "the ISO written to a USB stick", kind: .iso, attachment: .usbStorage,
                scenarios: scenarios),
            ScenarioGroup(
                "boot.iso-optical", "the ISO in an optical drive", kind: .iso, attachment: .optical,
                scenarios: scenarios),
            ScenarioGroup(
                "boot.damaged-root", "a raw image with one wrong bit in its root", kind: .disk, attachment: .nvme,
                damage: .rootBit, start: .refusal(["is corrupted"]), scenarios: []),
            AttendedScenarios.group, FallbackScenarios.group, DomainScenarios.group,
        ] + SchedulerScenarios.groups + [DeviceScenarios.group, PassthroughScenarios.group, BatteryScenarios.group]

    // The end of the start-up comes first: the agent answers early, before Xen's devices and services are there.
    private static let scenarios: [Scenario] = [
        units, hypervisor, root, programs, daemon, state, entry, machineIdentity, passwords, sockets, console, reboot,
    ]

    /// What is said when Xen fell back to another scheduler than the one it was told to use.
    static let unknownScheduler = "Xen must know the scheduler it is told to use."

    static let hypervisor = Scenario(
        "hypervisor", "xl info answers and names the Xen version of the manifest"
    ) { guest in
        let info = Facts.fields(try await guest.expect("xl", "info"))
        let version = try guest.unwrap(info["xen_version"], "xl info must name the Xen version.")
        await guest.note("xen", version)
        if let expected = guest.image.expected.xenVersion {
            try guest.require(
                version == expected || version.hasPrefix(expected + "."), "Xen must be version \(expected).",
                seen: version)
        }
        if let expected = guest.image.expected.scheduler {
            // A name that Xen does not know makes it fall back without an error; that and what it took stand in its
            // log. The log in memory loses its beginning in time, the serial console keeps it.
            let log = try await guest.expect("xl", "dmesg")
            if let name = Facts.unknownScheduler(log) ?? Facts.unknownScheduler(guest.console) {
                throw CheckFailure.error(unknownScheduler, seen: name)
            }
            let running = try guest.unwrap(
                Facts.scheduler(log) ?? Facts.scheduler(guest.console), "Xen must say which scheduler it uses.")
            try guest.require(running == expected, "The scheduler must be \(expected).", seen: running)
            await guest.note("scheduler", running)
        }
        let domains = try await guest.expect("xl", "list")
        try guest.require(domains.contains("Domain-0"), "xl list must show dom0.", seen: domains)
    }

    static let root = Scenario(
        "verity-root", "the root is the verity device of the manifest's root hash and cannot be written"
    ) { guest in
        let hash = guest.image.expected.rootHash.hex
        let mount = Facts.mounts(try await guest.text("/proc/self/mountinfo"))
        let root = try guest.unwrap(mount["/"], "Something must be mounted at /.")
        try guest.require(root.type == "erofs", "The root must be an erofs.", seen: "\(root)")
        try guest.require(
            root.options.contains("ro"), "The root must be mounted read-only.", seen: root.options.sorted().joined())
        // The kernel's own words: the device-mapper name of the device that is mounted, and its table's root digest.
        let name = try await guest.text("/sys/dev/block/\(root.device)/dm/name").trimmed
        let uuid = try await guest.text("/sys/dev/block/\(root.device)/dm/uuid").trimmed
        try guest.require(uuid.hasPrefix("CRYPT-VERITY-"), "The root must be a verity device.", seen: uuid)
        let status = Facts.fields(try await guest.expect("veritysetup", "status", name))
        try guest.require(
            status["root hash"] == hash, "The root hash must be the manifest's, \(hash).",
            seen: status["root hash"] ?? "none")
        try guest.require(status["status"] == "verified", "The root must be verified.", seen: status["status"])
        try guest.require(
            try await guest.text("/sys/dev/block/\(root.device)/ro").trimmed == "1", "The device must be read-only.")
        let touch = try await guest.exec(["touch", "/usr/written"])
        try guest.require(!touch.succeeded, "Writing to the root must fail.")
    }

    static let units = Scenario(
        "units", "the start-up comes to its end and no unit failed", limit: .seconds(600)
    ) { guest in
        let state = try await guest.exec(["systemctl", "is-system-running", "--wait"], timeout: .seconds(580))
        let failed = try await guest.expect("systemctl", "list-units", "--failed", "--no-legend", "--plain")
        try guest.require(failed.isEmpty, "No unit may have failed.", seen: failed)
        try guest.require(
            state.text.trimmed == "running", "The system must be running, not \(state.text.trimmed).",
            seen: (try await guest.exec(["systemctl", "list-jobs"])).text)
        let times = try await guest.exec(["systemd-analyze", "time"])
        if times.succeeded {
            await guest.note("systemd", times.text.split(separator: "\n").first.map(String.init) ?? "")
        }
    }

    private static let programs = Scenario(
        "programs", "lapwingctl version, status and config cat answer"
    ) { guest in
        let version = try await guest.expect("lapwingctl", "version")
        await guest.note("lapwingctl", version.split(separator: "\n").first.map(String.init) ?? "")
        if let expected = guest.image.expected.programVersion {
            try guest.require(version.contains(expected), "lapwingctl must be version \(expected).", seen: version)
        }
        for words in [["status"], ["config", "cat"]] {
            let outcome = try await guest.exec(["lapwingctl"] + words)
            let line = "lapwingctl \(words.joined(separator: " "))"
            try guest.require(outcome.succeeded, "\(line) must succeed.", seen: outcome.errorText + outcome.text)
            try guest.require(!outcome.text.trimmed.isEmpty, "\(line) must print something.")
        }
    }

    private static let daemon = Scenario("daemon", "lapwingd runs") { guest in
        let state = try await guest.exec(["systemctl", "is-active", "lapwingd.service"])
        try guest.require(
            state.text.trimmed == "active", "lapwingd must be active, not \(state.text.trimmed).",
            seen: (try await guest.exec(["systemctl", "status", "--no-pager", "lapwingd.service"])).text)
    }

    static let state = Scenario(
        "state", "/var is writable and stands where the recipe says"
    ) { guest in
        let mounts = Facts.mounts(try await guest.text("/proc/self/mountinfo"))
        let variable = try guest.unwrap(mounts["/var"], "Something must be mounted at /var.")
        try guest.require(!variable.options.contains("ro"), "/var must be writable.", seen: "\(variable)")
        switch (guest.image.kind, guest.image.expected.stateUnlock) {
        case (.iso, _):
            try guest.require(variable.type == "tmpfs", "A live system keeps its state in memory.", seen: "\(variable)")
        case (.disk, "none"):
            let partition = try await guest.exec(["test", "-e", "/sys/dev/block/\(variable.device)/partition"])
            try guest.require(partition.succeeded, "/var must be a partition.", seen: "\(variable)")
        case (.disk, _):
            let uuid = try await guest.text("/sys/dev/block/\(variable.device)/dm/uuid").trimmed
            try guest.require(uuid.hasPrefix("CRYPT-LUKS2-"), "/var must be encrypted with LUKS2.", seen: uuid)
        }
        try await guest.expect("touch", "/var/lib/lapwing/check-was-here")
        try await guest.expect("rm", "/var/lib/lapwing/check-was-here")
    }

    static let entry = Scenario(
        "boot-entry", "the boot entry is marked as good once the start-up succeeded", kinds: [.disk]
    ) { guest in
        try await guest.wait(for: "the boot entry's blessing", within: .seconds(90)) {
            let status = try await guest.exec(["/usr/lib/systemd/systemd-bless-boot", "status"])
            return status.succeeded && status.text.trimmed == "good"
        }
    }

    private static let machineIdentity = Scenario(
        "machine-id", "the machine has an identity of its own"
    ) { guest in
        let identity = try await guest.text("/etc/machine-id").trimmed
        try guest.require(Facts.isMachineID(identity), "/etc/machine-id must be an identity.", seen: identity)
    }

    private static let passwords = Scenario(
        "passwords", "no account has a password but those the recipe declares"
    ) { guest in
        let open = Facts.accountsWithPassword(try await guest.text("/etc/shadow"))
        let extra = open.subtracting(guest.image.expected.accountsWithPassword)
        try guest.require(
            extra.isEmpty, "Accounts have a password the recipe does not declare.",
            seen: extra.sorted().joined(separator: " "))
    }

    private static let sockets = Scenario(
        "sockets", "nothing listens on TCP but what the recipe declares"
    ) { guest in
        var ports = Facts.listeningPorts(try await guest.text("/proc/net/tcp"))
        if let six = try? await guest.text("/proc/net/tcp6") { ports.formUnion(Facts.listeningPorts(six)) }
        let extra = ports.subtracting(guest.image.expected.listeningPorts)
        try guest.require(
            extra.isEmpty, "Something listens on TCP ports the recipe does not declare.",
            seen: extra.sorted().map(String.init).joined(separator: " "))
    }

    static let console = Scenario("console", "the console shows no crash of Xen or the kernel") { guest in
        let bad = guest.console.split(separator: "\n").filter { line in
            Facts.crashMarks.contains { line.contains($0) }
        }
        try guest.require(bad.isEmpty, "The console shows a crash.", seen: bad.joined(separator: "\n"))
    }

    private static let reboot = Scenario(
        "second-boot", "a second start finds the state, the identity and the same root", limit: .seconds(900),
        kinds: [.disk]
    ) { guest in
        let identity = try await guest.text("/etc/machine-id")
        let secret = String(UInt64.random(in: 0 ... .max))
        try await guest.machine.agent.write(Array(secret.utf8), to: "/var/lib/lapwing/check-marker")
        try await guest.expect("sync")
        let seconds = try await guest.reboot(within: .seconds(840))
        await guest.note("reboot", Facts.seconds(seconds))
        try guest.require(
            try await guest.text("/var/lib/lapwing/check-marker") == secret, "The state must survive a restart.")
        try guest.require(
            try await guest.text("/etc/machine-id") == identity, "The identity must survive a restart.")
        try await BootScenarios.root.body(guest)
    }
}

extension Guest {
    /// The value, or the error that it is missing.
    func unwrap<T>(_ value: T?, _ message: String) throws -> T {
        guard let value else { throw CheckFailure.error(message) }
        return value
    }
}
