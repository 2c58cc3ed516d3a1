// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// What no rule may do. The table is all there is: which protections exist, what they say, and which an exception lifts.
public enum Protection: String, Sendable, Hashable, Codable, CaseIterable {
    /// The controller or stick of the disk the machine was booted from or keeps its state on.
    case bootDisk
    /// A hub; what is plugged into it is given one by one.
    case hub
    /// A bridge between buses, or to the board.
    case bridge
    /// The adapter of the only screen.
    case onlyDisplay
    /// The last device dom0 can be typed on.
    case lastInput
    /// The card through which dom0 reaches the network.
    case uplink
    /// An input device that no rule names.
    case unnamedInput
    /// There is no way to reset it that leaves its neighbours alone. Looked at where a plan is made.
    case noReset

    /// True when a recorded exception for the very device lifts it.
    public var canBeLifted: Bool { entry.liftable }
    /// Why the device stays, as a sentence without its name.
    public var sentence: String { entry.sentence }
    /// What a person can do; nil when nothing.
    public var hint: String? { entry.hint }

    private struct Entry {
        var liftable: Bool
        var sentence: String
        var hint: String?
    }

    private static let lift = "It can be lifted with --override-protection, which records an exception."

    private var entry: Entry {
        switch self {
        case .bootDisk:
            Entry(liftable: false, sentence: "The system runs from it.", hint: nil)
        case .hub:
            Entry(
                liftable: false, sentence: "It is a hub.",
                hint: "Give what is plugged into it, or the whole controller.")
        case .bridge:
            Entry(liftable: false, sentence: "It is a bridge.", hint: "Give what is behind it.")
        case .onlyDisplay:
            Entry(
                liftable: true, sentence: "It drives the only screen.",
                hint: "It can be lifted with --headless, which records an exception.")
        case .lastInput:
            Entry(liftable: true, sentence: "It is the last input device of dom0.", hint: Protection.lift)
        case .uplink:
            Entry(liftable: true, sentence: "Through it dom0 reaches the network.", hint: Protection.lift)
        case .unnamedInput:
            Entry(
                liftable: true, sentence: "It is an input device, and no rule names it.",
                hint: "Write a rule with id, port, or vendor and product, and class=input; or "
                    + "use --override-protection, which records an exception.")
        case .noReset:
            Entry(
                liftable: true, sentence: "It cannot be reset without touching its neighbours.",
                hint: Protection.lift)
        }
    }
}

/// A protection that stands in the way.
public struct ProtectionFinding: Sendable, Hashable, Codable {
    /// Which.
    public var protection: Protection
    /// The device it protects: the one that was asked for, or one that would go along.
    public var device: DeviceID
    /// True when it is not known whether it is so, and the worst is assumed.
    public var assumed: Bool
    /// True when an exception lifts it.
    public var lifted: Bool

    /// A finding.
    public init(_ protection: Protection, _ device: DeviceID, assumed: Bool = false, lifted: Bool = false) {
        self.protection = protection
        self.device = device
        self.assumed = assumed
        self.lifted = lifted
    }
}

/// A person's recorded word that a protection does not count for one device.
public struct ProtectionException: Sendable, Hashable, Codable {
    /// The device that is given away, by place and identity.
    public var device: DeviceID
    /// The protection that is lifted.
    public var protection: Protection

    /// An exception.
    public init(device: DeviceID, protection: Protection) {
        self.device = device
        self.protection = protection
    }
}
