// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import LapwingCore

/// What a rule decides.
public enum RuleDecision: String, Sendable, Hashable, Codable, CaseIterable {
    /// A person may give the device to a domain.
    case allow
    /// The same, but a person is asked each time it is plugged in.
    case ask
    /// The device stays in dom0.
    case deny
    /// The device is given to a domain without a word.
    case assign

    /// True for decisions that can bring a device into a domain.
    public var gives: Bool { self != .deny }
}

/// Which devices a rule is about, before its conditions.
public enum RuleKind: String, Sendable, Hashable, Codable, CaseIterable {
    /// Every device.
    case device
    /// USB devices.
    case usb
    /// PCI functions.
    case pci
    /// Graphics adapters of either bus.
    case gpu
    /// Wireless network cards of either bus.
    case wlan
}

/// Whether a condition on classes is about each interface of a device or about one of them.
public enum ClassQuantifier: String, Sendable, Hashable, Codable, CaseIterable {
    /// Each interface has a listed class, and there is at least one.
    case all
    /// One interface has a listed class.
    case any
}

/// A class with what is known of its subclass and protocol; what is nil may be anything. It serves both buses.
public struct ClassPattern: Sendable, Hashable {
    /// The class.
    public var base: UInt8
    /// The subclass.
    public var sub: UInt8?
    /// The protocol (USB) or programming interface (PCI).
    public var third: UInt8?

    /// A pattern.
    public init(_ base: UInt8, _ sub: UInt8? = nil, _ third: UInt8? = nil) {
        self.base = base
        self.sub = sub
        self.third = third
    }

    /// True when the class is one of these.
    func matches(_ code: ClassCode) -> Bool {
        base == code.base && (sub ?? code.sub) == code.sub && (third ?? code.third) == code.third
    }
}

/// A condition of a rule. Of several values one has to fit.
public enum RuleCondition: Sendable, Hashable {
    /// The device's id: its place and what it is.
    case id([DeviceID])
    /// The place part of its id.
    case port([String])
    /// It is behind the hub, bridge or controller in this place.
    case below([String])
    /// Its vendor.
    case vendor([Hex16])
    /// Its product (USB) or device (PCI) number.
    case product([Hex16])
    /// The classes of its interfaces.
    case classes(ClassQuantifier, [ClassPattern])
    /// Its serial number, by its own word.
    case serial([String])
    /// Its name, by its own word or out of the lists of ids.
    case name([Glob])

    /// The word before the equals sign.
    public var key: RuleKey {
        switch self {
        case .id: .id
        case .port: .port
        case .below: .below
        case .vendor: .vendor
        case .product: .product
        case .classes: .class
        case .serial: .serial
        case .name: .name
        }
    }
}

/// The domains a rule is about.
public enum RuleTargets: Sendable, Hashable {
    /// Every domain.
    case any
    /// These, in the order of the rule.
    case domains([String])

    /// True when the domain is among them.
    public func contains(_ domain: String) -> Bool {
        switch self {
        case .any: true
        case .domains(let names): names.contains(domain)
        }
    }

    /// The names; empty for every domain.
    public var names: [String] {
        if case .domains(let names) = self { names } else { [] }
    }
}

/// What a rule says beyond its decision.
public enum RuleModifier: String, Sendable, Hashable, Codable, CaseIterable {
    /// Holds over restarts, replugs and reboots.
    case persistent
    /// The domain does not start without the device.
    case required
    /// Holds for one time only.
    case once
}

/// One rule.
public struct PolicyRule: Sendable, Hashable {
    /// What it decides.
    public var decision: RuleDecision
    /// What it is about.
    public var kind: RuleKind
    /// What has to hold, all of it.
    public var conditions: [RuleCondition]
    /// The domains it is about.
    public var targets: RuleTargets
    /// What it says beyond.
    public var modifiers: Set<RuleModifier>
    /// Where it stands.
    public var location: SourceLocation
    /// Its text, blanks reduced.
    public var text: String

    /// A rule.
    public init(
        decision: RuleDecision, kind: RuleKind, conditions: [RuleCondition] = [], targets: RuleTargets = .any,
        modifiers: Set<RuleModifier> = [], location: SourceLocation, text: String
    ) {
        self.decision = decision
        self.kind = kind
        self.conditions = conditions
        self.targets = targets
        self.modifiers = modifiers
        self.location = location
        self.text = text
    }

    /// True when the rule means that very device and not a kind of devices: by id, by place, or by vendor and product.
    var namesDevice: Bool {
        let keys = Set(conditions.map(\.key))
        return keys.contains(.id) || keys.contains(.port) || (keys.contains(.vendor) && keys.contains(.product))
    }

    /// True when the rule lists the class of input devices among those it gives.
    var namesInput: Bool {
        conditions.contains { condition in
            if case .classes(_, let patterns) = condition { return patterns.contains { $0.base == 0x03 } }
            return false
        }
    }
}

/// A pattern in which `*` stands for any text and `?` for one character; letters in either case are the same.
public struct Glob: Sendable, Hashable {
    /// The pattern as it was written.
    public let pattern: String
    private let scalars: [Unicode.Scalar]

    /// A pattern.
    public init(_ pattern: String) {
        self.pattern = pattern
        scalars = Glob.folded(pattern)
    }

    /// True when the whole text fits. The time is at most the product of both lengths, whatever the pattern.
    public func matches(_ text: String) -> Bool { matches(folded: Glob.folded(text)) }

    static func folded(_ text: String) -> [Unicode.Scalar] { Array(text.lowercased().unicodeScalars) }

    func matches(folded text: [Unicode.Scalar]) -> Bool {
        var (p, t) = (0, 0)
        // Where the last star stands, and how much of the text it has taken so far.
        var star: (p: Int, t: Int)?
        while t < text.count {
            if p < scalars.count, scalars[p] == "*" {
                star = (p, t)
                p += 1
            } else if p < scalars.count, scalars[p] == "?" || scalars[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                star = (last.p, last.t + 1)
                p = last.p + 1
                t = last.t + 1
            } else {
                return false
            }
        }
        return scalars[p...].allSatisfy { $0 == "*" }
    }
}
