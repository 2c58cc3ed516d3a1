// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import LapwingCore

/// What happened, or is about to.
public enum PolicyEvent: Sendable, Hashable {
    /// The device is there: at boot, or plugged in just now.
    case present
    /// A person asks for it. `keep` is true for an assignment that is recorded, `overriding` when the person said
    /// `--override-protection`.
    case request(domain: String, keep: Bool = false, overriding: Bool = false)
    /// A recorded assignment is to be applied again.
    case recorded(domain: String)

    /// The domain, where there is one.
    var domain: String? {
        switch self {
        case .present: nil
        case .request(let domain, _, _), .recorded(let domain): domain
        }
    }
}

/// What is to be done with a device, and why.
public struct PolicyDecision: Sendable, Hashable {
    /// Why.
    public enum Reason: Sendable, Hashable {
        /// A rule says so.
        case rule
        /// No rule matches.
        case noRule
        /// Behind this place the policy does not count, for a file has a mistake.
        case badFile(SourceLocation)
        /// The rule does not let it be kept.
        case notPersistent
        /// Protections stand in the way.
        case protected
    }

    /// The decision. `deny` is also what no rule, a protection or a bad file lead to.
    public var decision: RuleDecision
    /// The domains it is about; nobody's for `deny`.
    public var targets: RuleTargets
    /// What the rule says beyond.
    public var modifiers: Set<RuleModifier>
    /// The rule that matched, also when something else overruled it.
    public var rule: PolicyRule?
    /// Why.
    public var reason: Reason
    /// Protections that apply, lifted ones included.
    public var protections: [ProtectionFinding]

    /// The reason as a sentence.
    public var sentence: String {
        switch reason {
        case .rule: return rule.map { "The rule at \($0.location) says so." } ?? "A rule says so."
        case .noRule: return "No rule matches; a device stays with dom0 then."
        case .badFile(let place): return "The policy has a mistake at \(place); nothing after it counts."
        case .notPersistent:
            return
                "The rule at \(rule.map { "\($0.location)" } ?? "?") allows it for now only; it does not say persistent."
        case .protected:
            guard let first = protections.first(where: { !$0.lifted }) else { return "It is protected." }
            return first.protection.sentence + (first.assumed ? " (Not known; assumed.)" : "")
        }
    }
}

/// One rule as it was tried.
public struct RuleTrace: Sendable, Hashable {
    /// The rule.
    public var rule: PolicyRule
    /// What did not fit: `kind`, `to`, or the word of a condition; nil when the rule matched.
    public var failed: String?
}

/// Rules, facts and exceptions in, decisions out. Nothing here reads or changes anything.
public struct PolicyEngine: Sendable {
    /// The rules.
    public let policy: PolicySet
    /// The machine.
    public let machine: MachineFacts
    /// What was recorded against protections.
    public let exceptions: Set<ProtectionException>

    /// An engine.
    public init(policy: PolicySet, machine: MachineFacts, exceptions: some Sequence<ProtectionException> = []) {
        self.policy = policy
        self.machine = machine
        self.exceptions = Set(exceptions)
    }

    /// What is to be done with a device of the machine.
    ///
    /// - Parameters:
    ///   - given: devices that are not with dom0 already; they are no reason to let another one go.
    public func decide(
        _ id: DeviceID, for event: PolicyEvent = .present, given: Set<DeviceID> = []
    ) throws -> PolicyDecision {
        decide(try device(id), for: event, given: given, trace: nil)
    }

    /// The decision, and each rule that was tried.
    public func explain(
        _ id: DeviceID, for event: PolicyEvent = .present, given: Set<DeviceID> = []
    ) throws -> (decision: PolicyDecision, tried: [RuleTrace]) {
        var tried: [RuleTrace] = []
        let decision = decide(try device(id), for: event, given: given) { tried.append($0) }
        return (decision, tried)
    }

    private func device(_ id: DeviceID) throws -> PolicyDevice {
        if let device = machine.devices[id] { return device }
        throw LapwingError("device.unknown", exit: .unavailable, "There is no such device.", subject: id.rawValue)
    }

    func decide(
        _ device: PolicyDevice, for event: PolicyEvent, given: Set<DeviceID>, trace: ((RuleTrace) -> Void)?
    ) -> PolicyDecision {
        var decision = ruled(device, event, trace)
        guard decision.decision.gives else { return decision }
        decision.protections = machine.protections(of: device, rule: decision.rule, given: given).map { finding in
            var finding = finding
            finding.lifted = isLifted(finding.protection, device.id, event)
            return finding
        }
        if decision.protections.contains(where: { !$0.lifted }) {
            decision.decision = .deny
            decision.targets = .any
            decision.modifiers = []
            decision.reason = .protected
        }
        return decision
    }

    private func isLifted(_ protection: Protection, _ device: DeviceID, _ event: PolicyEvent) -> Bool {
        if case .request(_, _, let overriding) = event, !overriding { return false }
        return protection.canBeLifted
            && exceptions.contains(ProtectionException(device: device, protection: protection))
    }

    /// What the rules say, protections not looked at.
    private func ruled(
        _ device: PolicyDevice, _ event: PolicyEvent, _ trace: ((RuleTrace) -> Void)?
    ) -> PolicyDecision {
        func refused(_ reason: PolicyDecision.Reason, _ rule: PolicyRule? = nil) -> PolicyDecision {
            PolicyDecision(
                decision: .deny, targets: .any, modifiers: [], rule: rule, reason: reason, protections: [])
        }
        // Domains that an earlier rule forbade, when no domain asks.
        var forbidden: Set<String> = []
        let count = policy.cut?.rules ?? policy.rules.count
        for rule in policy.rules.prefix(count) {
            let failed = mismatch(rule, device, event.domain, forbidden)
            trace?(RuleTrace(rule: rule, failed: failed))
            if failed != nil { continue }
            if rule.decision == .deny {
                if event.domain == nil, case .domains(let names) = rule.targets {
                    forbidden.formUnion(names)
                    continue
                }
                return refused(.rule, rule)
            }
            var targets = rule.targets
            if let domain = event.domain {
                targets = .domains([domain])
                if keeps(event), !rule.modifiers.contains(.persistent) { return refused(.notPersistent, rule) }
            } else if case .domains(let names) = rule.targets {
                targets = .domains(names.filter { !forbidden.contains($0) })
            }
            return PolicyDecision(
                decision: rule.decision, targets: targets, modifiers: rule.modifiers, rule: rule, reason: .rule,
                protections: [])
        }
        return refused(policy.cut.map { .badFile($0.location) } ?? .noRule)
    }

    private func keeps(_ event: PolicyEvent) -> Bool {
        switch event {
        case .present: false
        case .request(_, let keep, _): keep
        case .recorded: true
        }
    }

    /// What of the rule does not fit; nil when all does.
    private func mismatch(
        _ rule: PolicyRule, _ device: PolicyDevice, _ domain: String?, _ forbidden: Set<String>
    ) -> String? {
        if !device.isKind(rule.kind) { return "kind" }
        for condition in rule.conditions where !device.fits(condition, gives: rule.decision.gives) {
            return condition.key.rawValue
        }
        if let domain {
            if !rule.targets.contains(domain) { return "to" }
        } else if rule.decision.gives, case .domains(let names) = rule.targets,
            names.allSatisfy({ forbidden.contains($0) })
        {
            return "to"
        }
        return nil
    }
}
