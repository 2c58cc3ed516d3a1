// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Devices given to a guest and taken back, by the product's own verbs. What the guest has, it says itself
/// (`WitnessGuest`); what dom0 has, its kernel says; and what is behind a disk, the file on the host says.
enum PassthroughScenarios {
    /// One boot for all, and a restart of the machine for what is kept. Xen's default shares the IOMMU's tables with
    /// those of the processor, which emulated VT-d with nested paging of another maker cannot (`iommu=no-sharept`).
    static let group = ScenarioGroup(
        "passthrough.devices", "the raw image with an IOMMU, and USB, network, NVMe and display devices to give away",
        kind: .disk, attachment: .nvme,
        boot: BootChange(
            kernelOptions: ["systemd.default_device_timeout_sec=900"], xenOptions: ["iommu=no-sharept"]),
        stateUnlock: "none", change: PassthroughMachine.change,
        scenarios: [BootScenarios.units, preparation] + PassthroughUSBScenarios.all
            + [CarriedUSBScenarios.stick] + PassthroughPCIScenarios.all
            + RollbackScenarios.all + [PassthroughPCIScenarios.reboot])

    /// The domain that gets devices.
    static let domain = "work"

    /// What allows it. No rule names an input device, so those stay.
    private static let rules = """
        allow usb to \(domain) persistent
        allow usb to \(CarriedUSBScenarios.domain) persistent
        allow pci to \(domain) persistent

        """

    private static let preparation = Scenario(
        "prepare", "a guest with drivers for all that is to come starts and sees none of it", limit: .seconds(900)
    ) { guest in
        try await guest.prepareWitness(
            drivers: WitnessGuest.drivers + CarriedUSBScenarios.drivers, programs: ["/usr/bin/lapwing-usb"])
        let definition = WitnessGuest.definition(domain, type: "hvm", mebibytes: 384)
        try await guest.machine.agent.write(Array(definition.utf8), to: "/run/work.yaml")
        try await guest.expect("mkdir", "-p", "/var/lib/lapwing/policy.d")
        try await guest.machine.agent.write(Array(rules.utf8), to: "/var/lib/lapwing/policy.d/50-check.rules")
        try await guest.expect("lapwingctl", "policy", "check")
        try await guest.expect("lapwingctl", "domain", "define", "/run/work.yaml")
        let clock = ContinuousClock()
        let begin = clock.now
        try await guest.expect("lapwingctl", "domain", "start", domain, timeout: .seconds(400))
        _ = try await guest.witness(domain, within: .seconds(800))
        await guest.note("until the guest speaks", Facts.seconds((clock.now - begin).seconds))
        let failed = try await guest.ask(domain, "modules")
        try guest.require(failed.isEmpty, "All drivers must load.", seen: failed.joined(separator: "\n"))
        for (question, foreign) in [("usb", ""), ("disks", ""), ("net", "e1000e"), ("pci", "1b36:")] {
            let lines = try await guest.ask(domain, question)
            try guest.require(
                lines.allSatisfy { !foreign.isEmpty && !$0.contains(foreign) },
                "The guest must see nothing that is to be given (\(question)).", seen: lines.joined(separator: "\n"))
        }
        let owners = try await guest.expect("lapwingctl", "device", "owners", "--quiet")
        try guest.require(owners.isEmpty, "No domain may have a device.", seen: owners)
    }
}

extension Guest {
    /// A verb on a device for a domain, which must work.
    @discardableResult
    func device(
        _ verb: String, _ device: String, _ more: String..., domain: String = PassthroughScenarios.domain
    ) async throws -> String {
        let outcome = try await tryDevice(verb, device, more, domain: domain)
        try require(
            outcome.succeeded, "lapwingctl device \(verb) \(device) must work.", seen: outcome.errorText + outcome.text)
        return outcome.text.trimmed
    }

    /// A verb on a device for a domain, which may fail.
    func tryDevice(
        _ verb: String, _ device: String, _ more: [String] = [], domain: String = PassthroughScenarios.domain
    ) async throws -> AgentClient.Outcome {
        let domain = verb == "attach" || verb == "assign" ? [domain] : []
        return try await exec(["lapwingctl", "device", verb] + more + [device] + domain, timeout: .seconds(400))
    }

    /// Asserts that a device is not given, for a reason in these words.
    func refuses(_ device: String, saying words: String, _ more: String...) async throws {
        let outcome = try await tryDevice("attach", device, more)
        try require(outcome.ending == .exited(77), "\(device) must stay with dom0.", seen: outcome.errorText)
        try require(
            outcome.errorText.contains(words), "The reason must be said: \(words)", seen: outcome.errorText)
        await note(device, outcome.errorText.trimmed.split(separator: "\n").joined(separator: " | "))
    }

    /// Waits until no answer of the guest has the words in it any more.
    func waitGone(
        _ words: String, in question: String, within limit: Duration = .seconds(120),
        domain: String = PassthroughScenarios.domain
    ) async throws {
        try await wait(for: "the end of \(words) in the guest", within: limit) {
            try await !ask(domain, question).contains { $0.contains(words) }
        }
    }

    /// The name of dom0's disk with a serial number, once it is there.
    func disk(serial: String, within limit: Duration = .seconds(120)) async throws -> String {
        try await poll("the disk \(serial) in dom0", within: limit) {
            let list = try await expect("lsblk", "--nodeps", "--noheadings", "--output", "NAME,SERIAL")
            let line = list.split(separator: "\n").first { $0.split(separator: " ").last.map(String.init) == serial }
            return line?.split(separator: " ").first.map(String.init)
        }
    }

    /// The port of dom0's USB device with a serial number, once it is there.
    func port(serial: String, within limit: Duration = .seconds(120)) async throws -> String {
        try await poll("the USB device \(serial) in dom0", within: limit) {
            let found = try await exec(["sh", "-c", "cd /sys/bus/usb/devices; grep -lx \(serial) */serial"])
            return found.text.split(separator: "/").first.map(String.init)
        }
    }

    /// The address of dom0's PCI function whose sysfs files are so.
    func function(_ files: (name: String, value: String)...) async throws -> String {
        let test = files.map { "grep -qx '\($0.value)' $f/\($0.name)" }.joined(separator: " && ")
        let found = try await expect(
            "sh", "-c", "for f in /sys/bus/pci/devices/*; do \(test) && echo ${f##*/}; done 2>/dev/null; true")
        let names = found.split(separator: "\n").map(String.init)
        try require(names.count == 1, "There must be one such function: \(test)", seen: found)
        return names[0]
    }

    /// The driver dom0 has bound to a PCI function, empty for none.
    func driver(of function: String) async throws -> String {
        try await exec(["sh", "-c", "basename $(readlink /sys/bus/pci/devices/\(function)/driver)"]).text.trimmed
    }

    /// The sum of the first MiB of a disk of dom0, as dom0 reads it.
    func sum(ofDisk name: String, mebibytes: Int) async throws -> String {
        try await expect(
            "/run/lapwing-test/lapwing-agent", "sum", "/dev/\(name)", String(mebibytes), timeout: .seconds(300))
    }

    /// The sum of the first MiB of the file behind a drive, as the host has it.
    func sum(ofDrive id: String, mebibytes: Int) throws -> String {
        let bytes = try Files.read(logs.appending(id + ".img"), limit: 256 << 20)
        return WitnessGuest.sum(bytes.prefix(mebibytes << 20))
    }

    /// Lets the guest write to a disk and read it again; returns the sum all agree on.
    func writeAndRead(
        _ name: String, drive: String, mebibytes: Int, seed: Int, domain: String = PassthroughScenarios.domain
    ) async throws -> String {
        let written = try await ask(domain, "fill \(name) \(mebibytes) \(seed)", within: .seconds(400))
        let read = try await ask(domain, "read \(name) \(mebibytes)", within: .seconds(400))
        let behind = "sum=" + (try sum(ofDrive: drive, mebibytes: mebibytes))
        try require(
            written == [behind] && read == [behind],
            "What was written must be read, and be in the file behind the disk.",
            seen: "\(written) \(read) \(behind)")
        return String(behind.dropFirst(4))
    }

    /// Asks until there is an answer.
    func poll<T: Sendable>(
        _ what: String, within limit: Duration, _ look: @Sendable () async throws -> T?
    ) async throws -> T {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while clock.now < end {
            if let found = try await look() { return found }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw CheckFailure.error("\(what) did not come in \(limit.components.seconds) s.")
    }

    /// How long something takes, as a note.
    @discardableResult
    func time<T: Sendable>(_ name: String, _ body: @Sendable () async throws -> T) async throws -> T {
        let clock = ContinuousClock()
        let begin = clock.now
        let result = try await body()
        await note(name, Facts.seconds((clock.now - begin).seconds))
        return result
    }
}
