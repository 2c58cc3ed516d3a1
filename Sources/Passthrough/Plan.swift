// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import DevicePolicy

/// What a person, a rule or the daemon wants done with a device.
public struct PassthroughRequest: Sendable, Hashable, Codable {
    /// The verbs.
    public enum Verb: String, Sendable, Hashable, Codable, CaseIterable {
        /// The domain gets it now, until it is detached or the domain ends.
        case attach
        /// The domain gets it now, if it runs, and at each of its starts.
        case assign
        /// dom0 gets it back now; an assignment stays.
        case detach
        /// dom0 gets it back, and the assignment ends.
        case unassign
        /// Nobody has it any more, so that it can be pulled (USB).
        case eject
    }

    /// The verb.
    public var verb: Verb
    /// The device.
    public var device: DeviceID
    /// The domain; nil where the verb says it (`detach` means the one that has it).
    public var domain: String?
    /// For `assign`: the domain must not start without it.
    public var required: Bool
    /// Protections to override, by name.
    public var overriding: [Protection]

    /// A request.
    public init(
        _ verb: Verb, _ device: DeviceID, domain: String? = nil, required: Bool = false,
        overriding: [Protection] = []
    ) {
        self.verb = verb
        self.device = device
        self.domain = domain
        self.required = required
        self.overriding = overriding
    }
}

/// What will be done, in order. The dry run, the JSON output, the question to the person and the execution are all this.
public struct PassthroughPlan: Sendable, Hashable, Codable {
    /// One step.
    public struct Step: Sendable, Hashable, Codable {
        /// What is done.
        public var action: DeviceAction
        /// What undoes it; nil where nothing has to.
        public var undo: DeviceAction?
        /// Why it is part of the plan, where that does not go without saying.
        public var why: String?

        /// A step; what undoes it follows from the action unless said otherwise.
        public init(_ action: DeviceAction, undo: DeviceAction?? = .none, why: String? = nil) {
            self.action = action
            self.undo = undo ?? action.undo
            self.why = why
        }
    }

    /// What was asked for.
    public var request: PassthroughRequest
    /// The steps; none when there is nothing to do.
    public var steps: [Step]

    /// A plan.
    public init(request: PassthroughRequest, steps: [Step]) {
        self.request = request
        self.steps = steps
    }
}
