// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import Passthrough

/// What somebody asks the daemon to do with a device; it travels as JSON over the control socket.
public struct DeviceRequest: Codable, Sendable, Hashable {
    /// The verbs.
    public typealias Verb = PassthroughRequest.Verb
    /// What is to be done.
    public var verb: PassthroughRequest.Verb
    /// The device, in any of the ways `lapwingctl device show` takes.
    public var device: String
    /// The domain; nil where the verb says it.
    public var domain: String?
    /// For `assign`: the domain must not start without it.
    public var required: Bool
    /// Protections to override, by name.
    public var overriding: [String]
    /// True to say what would be done and to do nothing.
    public var dryRun: Bool

    /// A request.
    public init(
        _ verb: PassthroughRequest.Verb, _ device: String, domain: String? = nil, required: Bool = false,
        overriding: [String] = [], dryRun: Bool = false
    ) {
        self.verb = verb
        self.device = device
        self.domain = domain
        self.required = required
        self.overriding = overriding
        self.dryRun = dryRun
    }
}

/// What was done, or would be.
public struct DeviceAnswer: Codable, Sendable, Hashable {
    /// One step, in words.
    public struct Step: Codable, Sendable, Hashable {
        /// What.
        public var action: String
        /// Why it is part of it, where that does not go without saying.
        public var why: String?
        /// `done`, `already` when it held before, `planned` in a dry run.
        public var state: String
    }

    /// What was asked for.
    public var verb: PassthroughRequest.Verb
    /// The device's stable id.
    public var device: DeviceID
    /// The domain; nil where the verb said it.
    public var domain: String?
    /// True when nothing was done.
    public var dryRun: Bool
    /// The steps; none when there was nothing to do.
    public var steps: [Step]

    init(_ plan: PassthroughPlan, _ outcome: PassthroughOutcome?) {
        verb = plan.request.verb
        device = plan.request.device
        domain = plan.request.domain
        dryRun = outcome == nil
        steps = plan.steps.map { step in
            let already = outcome?.already.contains(step.action) ?? false
            return Step(
                action: step.action.text, why: step.why,
                state: outcome == nil ? "planned" : already ? "already" : "done")
        }
    }
}

/// Where a device is.
public struct DeviceOwner: Codable, Sendable, Hashable {
    /// The device.
    public var device: DeviceID
    /// The domain that has it now; nil for dom0.
    public var domain: String?
    /// True when it is kept away from dom0 for a domain that does not run.
    public var held: Bool
    /// The domain it is assigned to; nil when to none.
    public var assigned: String?
    /// True when that domain does not start without it.
    public var required: Bool
    /// False for what is assigned and not there.
    public var present: Bool
}

/// Something that happened to a device, for the journal and for those who listen.
public struct DeviceEvent: Codable, Sendable, Hashable {
    /// What, such as `device.attached`.
    public var name: String
    /// The device; nil when it is about none.
    public var device: DeviceID?
    /// The domain; nil when it is about none.
    public var domain: String?
    /// When, in seconds since 1970.
    public var time: Double
    /// Why, or how it went.
    public var reason: String?
    /// The user id of who asked; nil when nobody did.
    public var user: UInt32?
    /// True for what somebody should look at.
    public var bad: Bool
}
