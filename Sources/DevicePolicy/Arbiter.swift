// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// What can change where devices belong.
public enum ArbiterEvent: Sendable, Hashable {
    /// A device is there.
    case plugged(DeviceID)
    /// A device is gone.
    case unplugged(DeviceID)
    /// A domain runs.
    case started(String)
    /// A domain ended.
    case stopped(String)
    /// A person attached a device, or said yes when asked; with `once` it ends with the domain.
    case attached(DeviceID, domain: String, once: Bool)
    /// A person took a device back.
    case released(DeviceID)
    /// An assignment was recorded.
    case assigned(Assignment)
    /// An assignment was taken back.
    case unassigned(DeviceID)
}

/// The state from which places are worked out: sets of what is there, and no history beyond what `once` needs.
///
/// `apply` folds events in; `placement` is a pure function of the state, so the order of events of different devices and
/// domains is no matter.
public struct Arbiter: Sendable, Hashable {
    /// What a person attached.
    public struct Attachment: Sendable, Hashable {
        /// The domain.
        public var domain: String
        /// True when it ends with the domain's run.
        public var once: Bool
    }

    /// The devices that are there.
    public private(set) var present: Set<DeviceID> = []
    /// The domains that run.
    public private(set) var running: Set<String> = []
    /// What was recorded, by device.
    public private(set) var assignments: [DeviceID: Assignment] = [:]
    /// What a person attached.
    public private(set) var attachments: [DeviceID: Attachment] = [:]
    /// What a person took back.
    public private(set) var released: Set<DeviceID> = []
    /// Devices that were there when a domain ended: a rule with `once` gives them to it no more.
    public private(set) var spent: [DeviceID: Set<String>] = [:]

    /// Nothing is there yet.
    public init() {}

    /// The state after all these events.
    public init(_ events: some Sequence<ArbiterEvent>) {
        for event in events { apply(event) }
    }

    /// Takes an event in. One that changes nothing (a second plug, an end of what does not run) is no error: the kernel
    /// and Xen may both report twice.
    public mutating func apply(_ event: ArbiterEvent) {
        switch event {
        case .plugged(let device):
            present.insert(device)
        case .unplugged(let device):
            // What a person said held for this one connection.
            present.remove(device)
            attachments[device] = nil
            released.remove(device)
            spent[device] = nil
        case .started(let domain):
            running.insert(domain)
        case .stopped(let domain):
            guard running.remove(domain) != nil else { return }
            attachments = attachments.filter { !($0.value.once && $0.value.domain == domain) }
            for device in present { spent[device, default: []].insert(domain) }
        case .attached(let device, let domain, let once):
            guard present.contains(device) else { return }
            attachments[device] = Attachment(domain: domain, once: once)
            released.remove(device)
        case .released(let device):
            guard present.contains(device) else { return }
            attachments[device] = nil
            released.insert(device)
        case .assigned(let assignment):
            assignments[assignment.device] = assignment
            released.remove(assignment.device)
        case .unassigned(let device):
            assignments[device] = nil
        }
    }

    /// Where everything belongs now. Devices of the machine that no event reported are not placed.
    public func placement(_ engine: PolicyEngine) -> Placement {
        var work = PlacementWork(state: self, engine: engine)
        return work.run()
    }

    /// The recorded assignment of each device that is there. An assignment belongs to its place; it follows a serial
    /// number elsewhere only when its own place is empty and no second device claims the number.
    func claims(_ machine: MachineFacts) -> [DeviceID: Assignment] {
        var claims: [DeviceID: Assignment] = [:]
        for (id, assignment) in assignments where present.contains(id) {
            // Another serial number in the same place is another device.
            if let serial = assignment.serial, machine.devices[id]?.serial != serial { continue }
            claims[id] = assignment
        }
        for (id, assignment) in assignments where claims[id] == nil {
            guard let serial = assignment.serial else { continue }
            let same = present.filter { other in
                other.bus == id.bus && other.identity == id.identity
                    && machine.devices[other]?.serial == serial
            }
            let rivals = assignments.values.filter {
                $0.serial == serial && $0.device.identity == id.identity
            }
            guard same.count == 1, rivals.count == 1, let found = same.first, assignments[found] == nil
            else { continue }
            claims[found] = assignment
        }
        return claims
    }
}

/// The computation of one placement.
private struct PlacementWork {
    /// What a device wants before groups and controllers are looked at.
    struct Wish {
        var place: Place
        var reason: PlacementReason
    }

    let state: Arbiter
    let engine: PolicyEngine
    var result = Placement()
    var given: Set<DeviceID> = []

    init(state: Arbiter, engine: PolicyEngine) {
        self.state = state
        self.engine = engine
    }

    /// Controllers and cards before what is behind them; what a person attached before what was recorded, and that before
    /// what rules give; then by id. The order of events has no part in it.
    mutating func run() -> Placement {
        let claims = state.claims(engine.machine)
        func rank(_ id: DeviceID) -> Int {
            (id.bus == .pci ? 0 : 3) + (state.attachments[id] != nil ? 0 : claims[id] != nil ? 1 : 2)
        }
        let all = state.present.filter { engine.machine.devices[$0] != nil }
        for id in all.sorted(by: { (rank($0), $0) < (rank($1), $1) }) { settle(id, claims) }
        block(claims)
        return result
    }

    private mutating func settle(_ id: DeviceID, _ claims: [DeviceID: Assignment]) {
        guard result.places[id] == nil else { return }
        let machine = engine.machine
        if let controller = machine.devices[id]?.controller, let place = result.places[controller],
            place != .dom0
        {
            put(id, place, .behind(controller))
            return
        }
        let wish = self.wish(id, claims)
        guard wish.place != .dom0 else {
            put(id, .dom0, wish.reason)
            return
        }
        // The whole group is settled at once: what follows may not part it again.
        let parts = (machine.companions[id] ?? []).filter { state.present.contains($0) }
        let others = (machine.group[id] ?? []).filter {
            state.present.contains($0) && !parts.contains($0)
        }
        var wishes: [(DeviceID, Wish)] =
            [(id, wish)] + parts.map { ($0, Wish(place: wish.place, reason: .partOf(id))) }
        for other in others {
            var wanted = self.wish(other, claims)
            if let adapter = adapter(of: other), self.wish(adapter, claims).place == wish.place {
                wanted = Wish(place: wish.place, reason: .partOf(adapter))
            }
            guard wanted.place == wish.place else {
                for member in [id] + parts + others where member != other {
                    put(member, .dom0, .groupIncomplete(other))
                }
                if result.places[other] == nil { put(other, .dom0, .groupIncomplete(id)) }
                return
            }
            wishes.append((other, wanted))
        }
        for (member, wish) in wishes { put(member, wish.place, wish.reason) }
    }

    /// The display adapter the function is part of.
    private func adapter(of id: DeviceID) -> DeviceID? {
        engine.machine.companions.filter { $0.value.contains(id) && state.present.contains($0.key) }
            .keys.min()
    }

    private mutating func put(_ id: DeviceID, _ place: Place, _ reason: PlacementReason) {
        result.places[id] = place
        result.reasons[id] = reason
        if place != .dom0 { given.formUnion(engine.machine.goingAlong(id)) }
        if place == .dom0, case .policy(let decision) = reason, decision.decision == .ask {
            result.questions[id] = decision.targets
        }
    }

    /// What the device wants; one the machine does not have wants nothing and is never asked.
    private func wish(_ id: DeviceID, _ claims: [DeviceID: Assignment]) -> Wish {
        guard let device = engine.machine.devices[id] else {
            return Wish(place: .dom0, reason: .released)
        }
        func decide(_ event: PolicyEvent) -> PolicyDecision {
            engine.decide(device, for: event, given: given.subtracting([id]), trace: nil)
        }
        if let attachment = state.attachments[id] {
            // The person was checked when asking; the protections are looked at again.
            let overriding = PolicyEvent.request(domain: attachment.domain, overriding: true)
            let decision = decide(overriding)
            guard decision.decision.gives else {
                return Wish(place: .dom0, reason: .policy(decision))
            }
            guard state.running.contains(attachment.domain) else {
                return Wish(place: .dom0, reason: .notRunning(attachment.domain))
            }
            return Wish(place: .domain(attachment.domain), reason: .attached)
        }
        if state.released.contains(id) { return Wish(place: .dom0, reason: .released) }
        if let assignment = claims[id] {
            let decision = decide(.recorded(domain: assignment.domain))
            guard decision.decision.gives else {
                return Wish(place: .dom0, reason: .policy(decision))
            }
            return Wish(place: kept(assignment.domain), reason: .recorded)
        }
        let decision = decide(.present)
        guard decision.decision == .assign, let domain = decision.targets.names.first else {
            return Wish(place: .dom0, reason: .policy(decision))
        }
        if decision.modifiers.contains(.persistent) { return Wish(place: kept(domain), reason: .rule) }
        if decision.modifiers.contains(.once), state.spent[id]?.contains(domain) == true {
            return Wish(place: .dom0, reason: .usedUp)
        }
        guard state.running.contains(domain) else {
            return Wish(place: .dom0, reason: .notRunning(domain))
        }
        return Wish(place: .domain(domain), reason: .rule)
    }

    private func kept(_ domain: String) -> Place {
        state.running.contains(domain) ? .domain(domain) : .held(domain)
    }

    private mutating func block(_ claims: [DeviceID: Assignment]) {
        func has(_ domain: String, _ fits: (DeviceID) -> Bool) -> Bool {
            result.places.contains { $0.value.domain == domain && fits($0.key) }
        }
        for assignment in state.assignments.values.sorted(by: { $0.device < $1.device })
        where assignment.required {
            let there = has(assignment.domain) { claims[$0] == assignment }
            if !there { result.blocked[assignment.domain, default: []].append(.assignment(assignment)) }
        }
        let policy = engine.policy
        for rule in policy.rules.prefix(policy.cut?.rules ?? policy.rules.count)
        where rule.modifiers.contains(.required) {
            guard let domain = rule.targets.names.first else { continue }
            let there = has(domain) { id in
                guard let device = engine.machine.devices[id], device.isKind(rule.kind) else {
                    return false
                }
                return rule.conditions.allSatisfy { device.fits($0, gives: true) }
            }
            if !there { result.blocked[domain, default: []].append(.rule(rule)) }
        }
    }
}
