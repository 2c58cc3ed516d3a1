// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import DeviceFacts
import DeviceModel
import DevicePolicy
public import LapwingCore
import Passthrough
public import XenControl

/// The one place that gives devices to domains and takes them back. It holds no truth: each request, and each look after
/// something came or went, begins with what sysfs and Xen show. What it remembers is only what people said until the
/// device or the domain goes.
public actor DeviceManager {
    let paths: DevicePaths
    let machine: LiveMachine
    let xen: any XenDevices
    private let executor: Executor
    private let clock: any WallClock
    let domains: @Sendable () async throws -> [DomainReport]
    private let report: @Sendable (DeviceEvent) -> Void
    private let tools: ToolClock?

    /// What people and events said; placements are worked out from it.
    var arbiter = Arbiter()
    /// The USB devices a domain had at the last look.
    var lastHeld: Set<DeviceID> = []
    /// What a rule or an assignment wanted and could not be done; tried again when device or domain come anew.
    var refused: Set<Attempt> = []
    /// Each thing begins on the state the one before left.
    let turns = Turns()
    private var lookAgain = false
    /// When the first of the kernel's messages came that the look under way follows.
    private var cause: ToolClock.Mark?
    private var nextCause: ToolClock.Mark?
    private var looking = false

    /// A device on its way to a domain.
    struct Attempt: Hashable {
        var device: DeviceID
        var domain: String
    }

    /// A manager; `report` is called for every event and decision, in order. `tools` is the clock that all programs run
    /// under; with it, it is told how long what a message of the kernel led to took of our own time.
    public init(
        paths: DevicePaths, tree: SystemTree, xen: any XenDevices, clock: any WallClock,
        tools: ToolClock? = nil, domains: @escaping @Sendable () async throws -> [DomainReport],
        report: @escaping @Sendable (DeviceEvent) -> Void
    ) {
        self.paths = paths
        self.xen = xen
        self.clock = clock
        self.tools = tools
        self.domains = domains
        self.report = report
        machine = LiveMachine(tree: tree, paths: paths, xen: xen, domains: domains)
        executor = Executor(machine: machine, journal: FileJournal(path: paths.transaction))
    }

    func tell(
        _ event: String, _ device: DeviceID? = nil, _ domain: String? = nil, _ reason: String? = nil,
        user: UInt32? = nil, bad: Bool = false
    ) {
        report(
            DeviceEvent(
                name: "device." + event, device: device, domain: domain, time: clock.now(), reason: reason, user: user,
                bad: bad))
    }

    /// Finishes or undoes what a daemon that was killed left behind; to be called first.
    public func recover() async {
        await turns.run {
            do {
                guard let outcome = try await executor.recover() else { return }
                let request = outcome.plan.request
                if let error = outcome.error {
                    tell("undone", request.device, request.domain, Self.words(error), bad: !outcome.left.isEmpty)
                } else {
                    tell("finished", request.device, request.domain, "a daemon that ended had begun it")
                }
            } catch {
                tell("failed", nil, nil, Self.words(error), bad: true)
            }
        }
    }

    // MARK: Requests

    /// Does what a person asks for, or says what would be done. Throws what stands against it: the policy
    /// (`passthrough.denied`, 77), what `Planner` finds, a step that failed with what was restored.
    public func request(_ request: DeviceRequest, user: UInt32?) async throws -> DeviceAnswer {
        try await turns.run {
            let inventory = machine.inventory()
            let id = try identify(request, inventory)
            var wanted = PassthroughRequest(request.verb, id, domain: request.domain, required: request.required)
            wanted.overriding = try request.overriding.map { name in
                guard let protection = Protection(rawValue: name) else {
                    throw LapwingError(
                        "passthrough.unknown-protection", exit: .usage, "There is no such protection.",
                        subject: SafeText.printable(name),
                        hint: "There are " + Protection.allCases.map(\.rawValue).joined(separator: ", ") + ".")
                }
                return protection
            }
            if request.verb == .attach || request.verb == .assign { try judge(wanted, inventory) }
            if request.dryRun { return DeviceAnswer(try Planner(try await machine.state()).plan(wanted), nil) }
            let outcome = try await carryOut(wanted, user: user)
            note(wanted)
            try await tellRadios(wanted.domain)
            return DeviceAnswer(outcome.plan, outcome)
        }
    }

    /// The device a request means. One that is not there can be named by its id where something recorded is taken back.
    private func identify(_ request: DeviceRequest, _ inventory: Inventory) throws -> DeviceID {
        do {
            return try inventory.device(named: request.device).id
        } catch let error as LapwingError {
            if request.verb == .unassign || request.verb == .detach, let id = DeviceID(request.device),
                try AssignmentStore(path: paths.assignments).read().contains(where: { $0.device == id })
            {
                return id
            }
            throw error
        }
    }

    /// The rules of the image and of the device, on what is there now.
    func engine(_ inventory: Inventory, lifting: [ProtectionException] = []) throws -> PolicyEngine {
        let files = try RuleFiles(paths)
        let policy = PolicySet(
            image: files.image.map { PolicyFile(file: $0.path, bytes: $0.bytes) },
            local: files.local.map { PolicyFile(file: $0.path, bytes: $0.bytes) })
        let recorded = try AssignmentStore(path: paths.assignments).read().flatMap { assignment in
            assignment.exceptions.map { ProtectionException(device: assignment.device, protection: $0) }
        }
        return PolicyEngine(policy: policy, machine: machine.facts(inventory), exceptions: recorded + lifting)
    }

    /// Throws when the rules do not give the device, or a protection stands in the way.
    private func judge(_ request: PassthroughRequest, _ inventory: Inventory) throws {
        guard let domain = request.domain else { return }
        let exceptions = request.overriding.map { ProtectionException(device: request.device, protection: $0) }
        let event = PolicyEvent.request(
            domain: domain, keep: request.verb == .assign, overriding: !request.overriding.isEmpty)
        let engine = try engine(inventory, lifting: exceptions)
        let decision = try engine.decide(request.device, for: event)
        if decision.decision.gives { return }
        let keep = request.verb == .assign ? " persistent" : ""
        var hint: String?
        switch decision.reason {
        case .protected: hint = decision.protections.first { !$0.lifted }?.protection.hint
        case .noRule, .notPersistent:
            let input = engine.machine.devices[request.device]?.isInput == true ? " class=any:input" : ""
            hint =
                "A rule such as \"allow \(request.device.bus) id=\(request.device)\(input) to \(domain)\(keep)\" in "
                + "/var/lib/lapwing/policy.d/50-local.rules allows it."
        default: hint = "\"lapwingctl policy explain \(request.device)\" shows the rules that were tried."
        }
        tell("denied", request.device, domain, decision.sentence)
        throw LapwingError(
            decision.reason == .protected ? "passthrough.protected" : "passthrough.denied", exit: .notPermitted,
            "The device stays with dom0.", subject: request.device.rawValue, cause: decision.sentence, hint: hint)
    }

    /// Carries a request out, and tells how it went.
    func carryOut(_ request: PassthroughRequest, user: UInt32? = nil) async throws -> PassthroughOutcome {
        do {
            let outcome = try await executor.run(request)
            if let error = outcome.error { throw error }
            if !outcome.done.isEmpty {
                tell(Self.past(request.verb), request.device, request.domain, took, user: user)
            }
            return outcome
        } catch {
            tell(
                "failed", request.device, request.domain, "\(request.verb): \(Self.words(error))", user: user, bad: true
            )
            throw error
        }
    }

    /// How long it took from the kernel's message until Xen's tools were asked, where a message led to it.
    private var took: String? {
        guard let cause, let time = tools?.untilAttach(cause) else { return nil }
        let (seconds, attoseconds) = time.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        return "asked for \(milliseconds) ms after it came, programs not counted"
    }

    private static func past(_ verb: PassthroughRequest.Verb) -> String {
        switch verb {
        case .attach: "attached"
        case .assign: "assigned"
        case .detach: "detached"
        case .unassign: "unassigned"
        case .eject: "ejected"
        }
    }

    /// What a person said counts until the device is pulled or the domain ends.
    private func note(_ request: PassthroughRequest) {
        switch request.verb {
        case .attach:
            arbiter.apply(.plugged(request.device))
            if let domain = request.domain {
                arbiter.apply(.attached(request.device, domain: domain, once: true))
            }
        case .detach, .unassign, .eject: arbiter.apply(.released(request.device))
        case .assign: break
        }
    }

    /// Where each device is that is not simply with dom0.
    public func owners() async throws -> [DeviceOwner] {
        try await turns.run {
            let state = try await machine.state(holders: false)
            let ids = Set(state.domains.flatMap { $0.pci + $0.usb } + state.released + state.assignments.map(\.device))
            return ids.sorted().map { id in
                let assignment = state.assignments.first { $0.device == id }
                return DeviceOwner(
                    device: id, domain: state.owner(of: id)?.name, held: state.released.contains(id),
                    assigned: assignment?.domain, required: assignment?.required ?? false,
                    present: state.inventory.devices.contains { $0.id == id })
            }
        }
    }

    // MARK: Looking

    /// Looks at everything and does what follows: after a start of the daemon, and whenever a device or a domain came
    /// or went. Looks that come while one is under way become one more look. `cause` is when the kernel told of it.
    public func look(_ cause: ToolClock.Mark? = nil) async {
        lookAgain = true
        if let cause, nextCause == nil { nextCause = cause }
        if looking { return }
        looking = true
        defer { looking = false }
        while lookAgain {
            lookAgain = false
            await turns.run {
                (self.cause, nextCause) = (nextCause, nil)
                defer { self.cause = nil }
                do {
                    try await settle(try await domains())
                } catch {
                    tell("failed", nil, nil, Self.words(error), bad: true)
                }
            }
        }
    }

    /// An error on one line.
    static func words(_ error: any Error) -> String {
        guard let known = error as? LapwingError else { return "\(error)".replacing("\n", with: " ") }
        return [known.message, known.cause].compactMap { $0 }.joined(separator: " ").replacing("\n", with: " ")
    }
}
