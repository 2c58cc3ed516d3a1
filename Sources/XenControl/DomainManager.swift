// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import DomainDefinitions
public import LapwingCore

/// The one place that makes, watches and ends domains. It holds no truth of its own: every operation begins with what
/// Xen has, and what it is about to do is written down first.
public actor DomainManager {
    let paths: DevicePaths
    let store: DefinitionStore
    let files: DomainFiles
    let xen: any Hypervisor
    let clock: any WallClock
    private let report: @Sendable (DomainEvent) -> Void
    private(set) var companion: (any DomainCompanion)?
    private var busy: Set<String> = []
    private var lookAgain = false
    private var looking = false

    /// A manager; `report` is called for every event and decision, in order.
    public init(
        paths: DevicePaths, xen: any Hypervisor, clock: any WallClock,
        report: @escaping @Sendable (DomainEvent) -> Void
    ) {
        self.paths = paths
        self.xen = xen
        self.clock = clock
        self.report = report
        store = DefinitionStore(paths)
        files = DomainFiles(identities: paths.domainIdentities, run: paths.domainRun)
    }

    /// Takes who gives domains their devices; to be called before anything is started.
    public func accompany(_ companion: any DomainCompanion) { self.companion = companion }

    // MARK: Looking

    /// All domains: the defined ones by name, then those nobody here defined; and what is wrong with definitions.
    public func list() async throws -> (domains: [DomainReport], problems: [LapwingError]) {
        let loaded = store.load()
        let records = files.records()
        var present = try await xen.domains().filter { $0.id != 0 }
        var reports: [DomainReport] = []
        for (name, definition) in loaded.definitions.sorted(by: { $0.key < $1.key }) {
            let identity = try? files.identity(name)
            let domain = present.first { $0.uuid == identity?.uuid }
            present.removeAll { $0.uuid == domain?.uuid }
            reports.append(self.describe(name, definition, records.domains[name], identity, domain))
        }
        for domain in present { reports.append(self.describe(domain.name, nil, nil, nil, domain)) }
        return (reports, loaded.problems)
    }

    /// One domain.
    public func show(_ name: String) async throws -> DomainReport {
        let definition = try defined(name)
        let identity = try files.identity(name)
        let domain = try await xen.domains().first { $0.uuid == identity?.uuid }
        return describe(name, definition, files.records().domains[name], identity, domain)
    }

    private func describe(
        _ name: String, _ definition: DomainDefinition?, _ record: DomainRecord?, _ identity: DomainIdentity?,
        _ domain: XenDomain?
    ) -> DomainReport {
        var images: [String: String] = [:]
        if let definition, let configuration = try? configuration(definition, identity ?? DomainIdentity(uuid: "")) {
            for disk in definition.settings.disks where disk.size != nil {
                images[disk.name] = configuration.image(disk).string
            }
        }
        var screen: String?
        if let definition, definition.settings.display == .vnc, domain != nil {
            screen = paths.domainRun.appending(name + ".vnc").string
        }
        return DomainReport(
            name: name, state: Self.state(record?.phase ?? .stopped, domain), reason: record?.reason, id: domain?.id,
            uuid: identity?.uuid ?? domain?.uuid, origin: definition?.origin, file: definition?.file,
            settings: definition?.settings, memory: domain?.memory, vcpus: domain?.vcpus, seconds: domain?.seconds,
            restarts: DomainDecision.counted(record?.restarts ?? [], now: clock.now()).count, images: images,
            screen: screen)
    }

    static func state(_ phase: DomainRecord.Phase, _ domain: XenDomain?) -> String {
        if phase == .starting || phase == .stopping { return phase.rawValue }
        guard let domain else { return "stopped" }
        if domain.dying { return "stopping" }
        switch domain.ending {
        case nil: return domain.paused ? "paused" : "running"
        case .crash, .watchdog: return "crashed"
        default: return "stopped"
        }
    }

    /// The definition of a name; `domain.unknown` with a suggestion otherwise.
    func defined(_ name: String) throws -> DomainDefinition {
        let loaded = store.load()
        if let definition = loaded.definitions[name] { return definition }
        throw LapwingError(
            "domain.unknown", exit: .unavailable, "There is no domain of this name.",
            subject: SafeText.printable(String(name.prefix(64))),
            cause: loaded.problems.isEmpty ? nil : "\(loaded.problems.count) definitions could not be read",
            hint: "lapwingctl domain list shows all.")
    }

    // MARK: One operation at a time

    /// Runs an operation nobody else may run on the same domain meanwhile; `domain.busy` when somebody does.
    func alone<T: Sendable>(_ name: String, _ body: () async throws -> T) async throws -> T {
        guard busy.insert(name).inserted else {
            throw LapwingError(
                "domain.busy", exit: .busy, "Something is being done with this domain already.", subject: name,
                hint: "Try again when it is done; lapwingctl monitor tells.")
        }
        defer { busy.remove(name) }
        return try await body()
    }

    func tell(_ event: String, _ name: String, _ reason: String? = nil, user: UInt32? = nil, bad: Bool = false) {
        report(
            DomainEvent(
                name: "domain." + event, domain: name, time: clock.now(), reason: reason, user: user, bad: bad))
    }

    /// Writes a phase down.
    func record(_ name: String, _ phase: DomainRecord.Phase, _ reason: String? = nil, restarts: [Double]? = nil) throws
    {
        var records = files.records()
        let counted = DomainDecision.counted(
            restarts ?? records.domains[name]?.restarts ?? [], now: clock.now())
        records.domains[name] = DomainRecord(phase: phase, reason: reason, since: clock.now(), restarts: counted)
        try files.write(records)
    }

    /// Forgets a removed domain.
    func forget(_ name: String) throws {
        var records = files.records()
        records.domains[name] = nil
        try files.write(records)
    }

    /// Writes down what has already happened: a file that cannot be written changes nothing of it, and the next look
    /// finds the truth again.
    func note(_ name: String, _ phase: DomainRecord.Phase, _ reason: String? = nil) {
        do {
            try record(name, phase, reason)
        } catch {
            tell("not-recorded", name, "\(error)".split(separator: "\n").first.map(String.init), bad: true)
        }
    }

    // MARK: Following Xen

    /// Looks at all domains and does what is to be done: after a start of the daemon, and whenever Xen said that a
    /// domain came or went. Looks that come while one is under way become one more look.
    public func look() async {
        lookAgain = true
        if looking { return }
        looking = true
        defer { looking = false }
        while lookAgain {
            lookAgain = false
            await lookOnce()
        }
        await sweepBatteries()
        await companion?.domainsChanged()
    }

    private func lookOnce() async {
        let present: [XenDomain]
        do {
            present = try await xen.domains()
        } catch {
            tell("not-seen", "", "\(error)".split(separator: "\n").first.map(String.init), bad: true)
            return
        }
        let names = Set(store.load().definitions.keys).union(files.records().domains.keys).sorted()
        for name in names where !busy.contains(name) {
            guard let identity = try? files.identity(name) else { continue }
            let domain = present.first { $0.uuid == identity.uuid }
            let decision = DomainDecision.decide(
                files.records().domains[name], store.load().definitions[name]?.settings, domain, now: clock.now())
            if decision == .none { continue }
            do {
                try await alone(name) { try await carryOut(decision, name) }
            } catch {
                let said = "\(error)".split(separator: "\n").prefix(3).joined(separator: " ")
                tell("failed", name, said, bad: true)
            }
        }
    }

    /// Does what was decided. What Xen has is asked anew by each step.
    private func carryOut(_ decision: DomainDecision, _ name: String) async throws {
        switch decision {
        case .none: break
        case .start: try await make(name, why: "taken up again", user: nil)
        case .finish: try await make(name, why: "taken up again", user: nil)
        case .runs(let reason):
            note(name, .running, reason)
            await serveBattery(name)
            if let reason { tell("running", name, reason) }
        case .clear(let why):
            try await clear(name)
            note(name, .stopped, why)
            tell("stopped", name, why)
        case .restart(let why):
            let restarts = (files.records().domains[name]?.restarts ?? []) + [clock.now()]
            try record(name, .starting, why, restarts: restarts)
            tell("restarting", name, why, bad: why != "it restarted")
            try await clear(name)
            try await make(name, why: why, user: nil)
        case .giveUp(let why):
            try await clear(name)
            note(name, .stopped, "given up: " + why)
            tell("gave-up", name, why, bad: true)
        case .keep(let why):
            note(name, .kept, why)
            tell("crashed", name, why, bad: true)
        }
    }

    /// Starts the domains that start with the machine, in order; once for each start of the machine.
    public func autostart() async {
        var records = files.records()
        if records.autostarted { return }
        records.autostarted = true
        do {
            try files.write(records)
        } catch {
            tell("not-recorded", "", "\(error)".split(separator: "\n").first.map(String.init), bad: true)
            return
        }
        let wanted = store.load().definitions.values.filter(\.settings.autostart).sorted {
            ($0.settings.startOrder, $0.name) < ($1.settings.startOrder, $1.name)
        }
        for definition in wanted {
            do {
                _ = try await start(definition.name, user: nil)
            } catch {
                let said = "\(error)".split(separator: "\n").prefix(3).joined(separator: " ")
                tell("failed", definition.name, "it could not be started with the machine: \(said)", bad: true)
            }
        }
    }
}
