// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// Boots throw-away copies of an image and asks them the scenarios. What `lapwing check` is made of.
public struct CheckRunner: Sendable {
    /// The image and what is known of it.
    public var image: CheckedImage
    /// QEMU and its company.
    public var tools: EmulatorTools
    /// Where consoles, QEMU's words and the results are kept; made when it is not there.
    public var results: FilePath
    /// KVM or emulation.
    public var accelerator: Accelerator
    /// The groups to choose from.
    public var groups: [ScenarioGroup]
    /// Virtual processors of the machine.
    public var processors = 2
    /// Its memory.
    public var memory = ByteSize(bytes: 4 << 30)
    /// The outside world.
    public var context: Context

    /// Describes a check of an image with the scenarios of this module.
    public init(
        image: CheckedImage, tools: EmulatorTools, results: FilePath, accelerator: Accelerator,
        groups: [ScenarioGroup] = BootScenarios.groups, context: Context
    ) {
        self.image = image
        self.tools = tools
        self.results = results
        self.accelerator = accelerator
        self.groups = groups
        self.context = context
    }

    /// One line of `lapwing check --list`.
    public struct Entry: Sendable, Hashable, Codable {
        /// The name `--scenario` takes.
        public var name: String
        /// The kind of image it is for.
        public var image: CheckedImage.Kind
        /// What is asserted.
        public var summary: String
        /// True for what runs only when it is named.
        public var onRequest: Bool
    }

    /// The names of all groups and scenarios.
    public static func list(_ groups: [ScenarioGroup] = BootScenarios.groups) -> Listing<Entry> {
        let entries = groups.flatMap { group in
            [
                Entry(
                    name: group.name, image: group.kind,
                    summary: "boots \(group.summary)" + (group.onRequest ? "; runs only when named" : ""),
                    onRequest: group.onRequest)
            ]
                + group.scenarios.filter { $0.kinds.contains(group.kind) }.map {
                    Entry(
                        name: group.fullName($0), image: group.kind, summary: $0.summary, onRequest: group.onRequest)
                }
        }
        return Listing(
            "scenarios", entries,
            columns: [
                .init("SCENARIO", { $0.name }), .init("IMAGE", { $0.image.rawValue }), .init("ASSERTS", { $0.summary }),
            ])
    }

    /// The groups that apply to the image, reduced to the wanted names (a group's, or a scenario's in full); all but those
    /// on request when none is named. A name that is unknown, or that is of another kind of image, is a usage error.
    func selected(_ names: [String]) throws -> [ScenarioGroup] {
        for name in names {
            let known = groups.filter { group in
                group.isNamed(by: name) || group.scenarios.contains { group.fullName($0) == name }
            }
            guard !known.isEmpty else {
                throw LapwingError(
                    "check.unknown-scenario", exit: .usage, "There is no scenario of this name.", subject: name,
                    hint: "lapwing check --list names them.")
            }
            guard known.contains(where: { $0.kind == image.kind }) else {
                throw LapwingError(
                    "check.other-image", exit: .usage, "The scenario is for another kind of image.", subject: name)
            }
        }
        return try groups.filter { $0.kind == image.kind }.compactMap { group in
            var group = group
            group.scenarios = group.scenarios.filter { $0.kinds.contains(image.kind) }
            if names.contains(where: group.isNamed), group.boot.debugHypervisor, !image.hasDebugHypervisor {
                throw LapwingError(
                    "check.no-debug-hypervisor", exit: .usage, "The group needs a hypervisor with assertions.",
                    subject: group.name,
                    hint: "Build it with \"lapwing build RECIPE --step hypervisor.debug\" and name its xen.efi as "
                        + "--debug-hypervisor.")
            }
            if names.isEmpty && group.onRequest { return nil }
            if names.isEmpty || names.contains(where: group.isNamed) {
                return group.suits(image) ? group : nil
            }
            group.scenarios = group.scenarios.filter { names.contains(group.fullName($0)) }
            return group.scenarios.isEmpty ? nil : group
        }
    }

    /// True when a name, a group's or a scenario's in full, is of this kind of image; an unknown name is a usage error.
    public func applies(_ name: String) throws -> Bool {
        do {
            return try !selected([name]).isEmpty
        } catch let error as LapwingError where error.code == "check.other-image" {
            return false
        }
    }

    /// Runs the named scenarios, or all that apply and are not on request, and writes `results.json` and `results.xml`
    /// (JUnit) beside the logs.
    public func run(_ names: [String] = []) async throws -> CheckReport {
        let groups = try selected(names)
        try Files.makeDirectory(results)
        var report = CheckReport(image: image.path.string, accelerator: accelerator, results: [])
        for group in groups {
            try Task.checkCancellation()
            report.results += try await run(group)
            try Files.write(try report.listing.render(.json), to: results.appending("results.json"))
            try Files.write(report.junit, to: results.appending("results.xml"))
        }
        return report
    }

    private func run(_ group: ScenarioGroup) async throws -> [CheckResult] {
        let logs = results.appending(group.name)
        try Files.makeDirectory(logs)
        for name in ["console.log", "qemu.log", "tpm.log", "machine.log"] { try Files.remove(logs.appending(name)) }
        let work = try WorkDirectory()
        // The copy stands beside the results, not in /tmp, which may be memory.
        let disk = logs.appending("copy.img")
        try Files.remove(disk)
        defer {
            work.remove()
            try? Files.remove(disk)
        }
        context.progress.note("\(group.name): booting \(group.summary)")
        var image = image
        if let scheduler = group.scheduler { image.expected.scheduler = scheduler }
        if let unlock = group.stateUnlock { image.expected.stateUnlock = unlock }
        try await ThrowAwayCopy(image: image, path: disk, tools: tools, context: context).make(group)
        var tpm: TrustedModule?
        if image.expected.tpm {
            tpm = try await TrustedModule.start(
                state: work.path.appending("tpm-state"), sockets: work.path, log: logs.appending("tpm.log"),
                tools: tools, context: context)
        }
        let results: [CheckResult]
        do {
            results = try await boot(group, image: image, disk: disk, logs: logs, work: work, tpm: tpm?.socket)
        } catch {
            await tpm?.stop()
            throw error
        }
        await tpm?.stop()
        return results
    }

    private func machine(
        _ group: ScenarioGroup, disk: FilePath, logs: FilePath, work: WorkDirectory, tpm: FilePath?
    ) throws -> Machine {
        let variables = work.path.appending("vars.fd")
        try Files.copySparse(tools.firmwareVariables, to: variables, permissions: 0o600)
        var machine = Machine(
            architecture: image.architecture,
            firmware: Machine.Firmware(code: tools.firmwareCode, variables: variables), accelerator: accelerator,
            processors: processors, memory: memory,
            disks: [Disk(id: "image", file: disk, attachment: group.attachment)], tpm: tpm,
            serial: .file(logs.appending("console.log")), agentSocket: work.path.appending("agent"),
            controlSocket: work.path.appending("qmp"))
        group.change(&machine)
        for drive in machine.drives { try Self.makeEmpty(drive) }
        return machine
    }

    private static func makeEmpty(_ drive: Drive) throws {
        try Files.remove(drive.file)
        let descriptor = try Files.explain("write", drive.file) {
            try FileDescriptor.open(
                drive.file, .readWrite, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: [.ownerReadWrite])
        }
        try descriptor.closeAfter { try descriptor.resize(to: Int64(clamping: drive.size.bytes)) }
    }

    private func boot(
        _ group: ScenarioGroup, image: CheckedImage, disk: FilePath, logs: FilePath, work: WorkDirectory,
        tpm: FilePath?
    ) async throws -> [CheckResult] {
        var machine = try machine(group, disk: disk, logs: logs, work: work, tpm: tpm)
        for table in group.tables {
            machine.acpiTables.append(try await table.compile(in: logs, tools: tools, context: context))
        }
        let running = try await RunningMachine.start(
            machine, tools: tools, context: context, log: logs.appending("qemu.log"))
        let drives = machine.drives
        defer { for drive in drives { try? Files.remove(drive.file) } }
        let guest = Guest(image: image, machine: running, logs: logs)
        var results = [
            await attempt(group, "start", guest, limit: group.bootLimit + .seconds(5)) { guest in
                try await Self.start(group, guest)
            }
        ]
        for scenario in group.scenarios {
            if results[0].outcome == .failed {
                results.append(CheckResult(group: group.name, name: scenario.name, outcome: .skipped, seconds: 0))
            } else {
                results.append(await attempt(group, scenario.name, guest, limit: scenario.limit, scenario.body))
            }
        }
        if results[0].outcome == .failed { await keepState(running, logs.appending("machine.log")) }
        await running.stop()
        return results
    }

    /// Writes what the emulator knows of the processors of a machine that did not start, for whoever looks for the cause.
    private func keepState(_ running: RunningMachine, _ log: FilePath) async {
        var text = ""
        for line in ["info registers -a"] + (0..<processors).map({ "info lapic \($0)" }) {
            let answer = (try? await running.control.monitor(line)) ?? "no answer"
            text += "(qemu) \(line)\n\(answer)\n"
        }
        try? Files.write(Array(text.utf8), to: log)
    }

    private static func start(_ group: ScenarioGroup, _ guest: Guest) async throws {
        switch group.start {
        case .agent, .attended:
            if case .attended(let attend) = group.start { try await attend(guest) }
            let hello = try await guest.machine.agent.hello(within: group.bootLimit)
            await guest.notes.setBoot(hello.boot)
            await guest.note("boot", Facts.seconds((ContinuousClock().now - guest.machine.started).seconds))
        case .refusal(let texts):
            let witness = try await guest.machine.waitForConsole(texts, within: group.bootLimit)
            // An agent that answers now, or soon, runs from a root that should not have been accepted.
            let hello = try? await guest.machine.agent.hello(within: .seconds(15))
            try guest.require(hello == nil, "A damaged image must not start, but the agent answered.")
            await guest.note("refused", witness)
        }
    }

    private func attempt(
        _ group: ScenarioGroup, _ name: String, _ guest: Guest, limit: Duration,
        _ body: @escaping @Sendable (Guest) async throws -> Void
    ) async -> CheckResult {
        let clock = ContinuousClock()
        let start = clock.now
        let full = "\(group.name)/\(name)"
        var message: String?
        do {
            try await within(limit, full) { try await body(guest) }
        } catch {
            message =
                "\(error)\n  console, last lines:\n         \(guest.machine.consoleTail())\n  logs: "
                + results.appending(group.name).string
        }
        let seconds = (clock.now - start).seconds
        context.progress.note("\(message == nil ? "ok    " : "FAILED") \(full) (\(Facts.seconds(seconds)))")
        // At once: the report comes at the end, when the log may be cut or the machine gone.
        if let message {
            context.progress.note("         " + message.split(separator: "\n").prefix(40).joined(separator: "\n"))
        }
        return CheckResult(
            group: group.name, name: name, outcome: message == nil ? .passed : .failed, seconds: seconds,
            message: message, notes: await guest.notes.take())
    }
}
