// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import DeviceFacts
import DeviceModel
import DevicePolicy
import LapwingCore

extension DeviceOptions {
    /// The rules of the image and of the device.
    func policy() throws -> PolicySet {
        let files = try RuleFiles(paths)
        return PolicySet(
            image: files.image.map { PolicyFile(file: $0.path, bytes: $0.bytes) },
            local: files.local.map { PolicyFile(file: $0.path, bytes: $0.bytes) })
    }

    /// What decisions need to know of the machine.
    func machineFacts() throws -> MachineFacts {
        let reader = try inventory()
        let inventory = reader.inventory()
        let use = SystemUse(reader.tree, inventory: inventory)
        return MachineFacts(
            inventory, groups: IsolationGroups.of(inventory.pci), bootDisks: use.disks, uplinks: use.uplinks,
            otherInputs: use.otherKeyboards)
    }
}

/// A mistake of a rule file, for JSON.
struct MistakeRecord: Encodable, Sendable {
    var file: String?
    var line: Int?
    var column: Int?
    var code: String
    var message: String
    var hint: String?

    init(_ error: LapwingError) {
        file = error.location?.file
        line = error.location?.line
        column = error.location?.column
        code = error.code
        message = error.message
        hint = error.hint
    }
}

/// A decision, for JSON and tables.
struct DecisionRecord: Encodable, Sendable {
    var device: DeviceFacts.DeviceID
    var name: String?
    var decision: RuleDecision
    /// Empty for `deny`; `any` for every domain.
    var domains: [String]
    var modifiers: [RuleModifier]
    var rule: String?
    var ruleText: String?
    var reason: String
    var hint: String?
    var protections: [ProtectionFinding]

    init(_ device: PolicyDevice, _ found: PolicyDecision) {
        self.device = device.id
        name = device.name
        decision = found.decision
        domains = found.decision == .deny ? [] : found.targets == .any ? ["any"] : found.targets.names
        modifiers = found.modifiers.sorted { $0.rawValue < $1.rawValue }
        rule = found.rule.map { "\($0.location)" }
        ruleText = found.rule?.text
        reason = found.sentence
        hint = found.reason == .protected ? found.protections.first { !$0.lifted }?.protection.hint : nil
        protections = found.protections
    }
}

/// A rule that was tried, for JSON.
struct TraceRecord: Encodable, Sendable {
    var rule: String
    var text: String
    var matched: Bool
    var failed: String?

    init(_ trace: RuleTrace) {
        rule = "\(trace.rule.location)"
        text = trace.rule.text
        matched = trace.failed == nil
        failed = trace.failed
    }
}
