// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Where a device belongs.
public enum Place: Sendable, Hashable {
    /// With dom0.
    case dom0
    /// With a domain that runs.
    case domain(String)
    /// Kept away from dom0 for a domain that does not run.
    case held(String)

    /// The domain, where there is one.
    public var domain: String? {
        switch self {
        case .dom0: nil
        case .domain(let name), .held(let name): name
        }
    }
}

/// Why a device belongs there.
public enum PlacementReason: Sendable, Hashable {
    /// A person attached it.
    case attached
    /// A recorded assignment.
    case recorded
    /// A rule of the policy.
    case rule
    /// A person took it back.
    case released
    /// It is behind this controller, which is given as a whole.
    case behind(DeviceID)
    /// It is part of this display adapter.
    case partOf(DeviceID)
    /// It shares an isolation group with this device, which is not to go to the same domain.
    case groupIncomplete(DeviceID)
    /// The domain does not run.
    case notRunning(String)
    /// A `once` of the rule is used up.
    case usedUp
    /// The policy says that it stays.
    case policy(PolicyDecision)
}

/// A device that belongs to a domain over restarts, as it is recorded.
public struct Assignment: Sendable, Hashable, Codable, Comparable {
    /// The device, by place and identity.
    public var device: DeviceID
    /// The serial number by which it is followed to another port; nil when it is not.
    public var serial: String?
    /// The domain's name.
    public var domain: String
    /// True when the domain must not start without it; otherwise it starts, and the device joins when it comes.
    public var required: Bool
    /// Protections that a person overrode when assigning it; they stay lifted for this assignment only.
    public var exceptions: [Protection]

    /// An assignment.
    public init(
        device: DeviceID, serial: String? = nil, domain: String, required: Bool = false, exceptions: [Protection] = []
    ) {
        self.device = device
        self.serial = serial
        self.domain = domain
        self.required = required
        self.exceptions = exceptions.sorted { $0.rawValue < $1.rawValue }
    }

    /// Orders by device, then domain.
    public static func < (a: Assignment, b: Assignment) -> Bool { (a.device, a.domain) < (b.device, b.domain) }
}

/// Something a domain cannot start without and that is not there.
public enum MissingDevice: Sendable, Hashable {
    /// A recorded device.
    case assignment(Assignment)
    /// What a rule asks for.
    case rule(PolicyRule)
}

/// Where everything belongs.
public struct Placement: Sendable, Hashable {
    /// One place for each device that is there.
    public var places: [DeviceID: Place] = [:]
    /// Why.
    public var reasons: [DeviceID: PlacementReason] = [:]
    /// Devices a person is to be asked about, with the domains to choose from.
    public var questions: [DeviceID: RuleTargets] = [:]
    /// Domains that must not start, with what they lack.
    public var blocked: [String: [MissingDevice]] = [:]

    /// What is with a domain, by id.
    public func devices(of domain: String) -> [DeviceID] {
        places.filter { $0.value == .domain(domain) }.keys.sorted()
    }
}
