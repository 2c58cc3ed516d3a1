// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import PowerFacts

/// What the rules look at.
public struct PowerSituation: Sendable, Hashable {
    /// True on mains, and on a machine that does not tell.
    public var onMains: Bool
    /// The charge of the batteries together in percent; nil when there is none or nobody knows.
    public var percent: Int?
    /// Where the lid stands.
    public var lid: VirtualPower.Lid
    /// The temperature of the hottest place in degrees Celsius; nil when nobody knows.
    public var temperature: Int?

    /// A situation.
    public init(
        onMains: Bool = true, percent: Int? = nil, lid: VirtualPower.Lid = .absent, temperature: Int? = nil
    ) {
        self.onMains = onMains
        self.percent = percent
        self.lid = lid
        self.temperature = temperature
    }
}

/// Who decides on the profile.
public enum PowerChoice: Sendable, Hashable {
    /// The rules.
    case auto
    /// A person: this profile, until they say otherwise.
    case fixed(PowerProfile)
    /// A person: everything as it was when the machine had started, until they say otherwise.
    case boot

    /// The word on a command line and in files: `auto`, `boot` or a profile.
    public var word: String {
        switch self {
        case .auto: "auto"
        case .fixed(let profile): profile.rawValue
        case .boot: "boot"
        }
    }

    /// All words.
    public static let words = ["auto", "boot"] + PowerProfile.allCases.map(\.rawValue)

    /// The choice of a word; nil for any other.
    public init?(word: String) {
        switch word {
        case "auto": self = .auto
        case "boot": self = .boot
        default:
            guard let profile = PowerProfile(rawValue: word) else { return nil }
            self = .fixed(profile)
        }
    }
}

/// What the rules remember from one look to the next.
public struct RuleState: Sendable, Hashable {
    /// Of each rule: whether its level and its temperature hold.
    struct Latch: Sendable, Hashable {
        var level = false
        var heat = false
    }

    /// Who decides.
    public private(set) var choice: PowerChoice
    var latches: [Latch] = []
    /// What the rules decided last; nil before, and while a person decides.
    var profile: PowerProfile?
    /// When they last changed it, in seconds of the caller's clock.
    var changed: Double = 0

    /// Nothing was decided yet.
    public init(_ choice: PowerChoice = .auto) {
        self.choice = choice
    }

    /// Another one decides. Rules that are asked again decide at once.
    public mutating func choose(_ choice: PowerChoice) {
        self.choice = choice
        profile = nil
    }
}

/// A decision and its reason.
public struct PowerDecision: Sendable, Hashable {
    /// The profile; nil for everything as it was when the machine had started.
    public var profile: PowerProfile?
    /// Why, in words; never empty.
    public var reason: String
    /// The number of the rule that decided, from 1; nil when none did.
    public var rule: Int?
    /// When to look again though nothing changes, on the caller's clock; nil for never.
    public var lookAgain: Double?
}

/// The rules and what keeps them from flapping. A rule's level takes hold below it and lets go `levelBand` above it,
/// its temperature above it and `temperatureBand` below it; two changes lie `settle` seconds apart.
public struct RuleEngine: Sendable, Hashable {
    private let rules: [PowerRule]
    private let levelBand: Int
    private let temperatureBand: Int
    private let settle: Double

    /// An engine of the settings' rules.
    public init(_ settings: PowerSettings) {
        rules = Array(settings.rules.prefix(PowerRule.limit))
        levelBand = max(1, settings.levelBand)
        temperatureBand = max(1, settings.temperatureBand)
        settle = Double(max(0, settings.settleSeconds))
    }

    /// Decides. A pure function: the same situation, state and time give the same decision.
    ///
    /// - Parameter now: Seconds on a clock that only goes forward.
    public func decide(_ situation: PowerSituation, _ state: RuleState, at now: Double) -> (PowerDecision, RuleState) {
        var state = state
        if state.latches.count != rules.count { state.latches = rules.map { _ in RuleState.Latch() } }
        for index in rules.indices { state.latches[index] = latch(rules[index], state.latches[index], situation) }
        switch state.choice {
        case .fixed(let profile):
            return (PowerDecision(profile: profile, reason: "set by hand; \"power set auto\" gives it back"), state)
        case .boot:
            let reason = "reset by hand to what it was when the machine had started; \"power set auto\" goes on"
            return (PowerDecision(profile: nil, reason: reason), state)
        case .auto: break
        }
        var wanted = PowerDecision(profile: .balanced, reason: "no rule matches")
        if let index = rules.indices.first(where: { matches(rules[$0], state.latches[$0], situation) }) {
            wanted = PowerDecision(
                profile: rules[index].profile, reason: reason(rules[index], situation), rule: index + 1)
        }
        guard let current = state.profile, current != wanted.profile else {
            if state.profile == nil { state.changed = now }
            state.profile = wanted.profile
            return (wanted, state)
        }
        // A clock that went back, or says nothing, holds nobody up.
        let passed = now - state.changed
        if passed >= 0, passed < settle {
            let left = Int((settle - passed).rounded(.up))
            let reason =
                "changed \(Int(passed)) s ago; in \(left) s it may become \(wanted.profile?.rawValue ?? ""): "
                + wanted.reason
            return (PowerDecision(profile: current, reason: reason, lookAgain: state.changed + settle), state)
        }
        state.profile = wanted.profile
        state.changed = now
        return (wanted, state)
    }

    private func latch(_ rule: PowerRule, _ old: RuleState.Latch, _ now: PowerSituation) -> RuleState.Latch {
        var new = old
        if let below = rule.below {
            if let percent = now.percent {
                // A level so high that the band ends above a full battery lets go when it is full.
                if percent < below { new.level = true } else if percent >= release(below) { new.level = false }
            } else if now.onMains {
                // No battery to be low. On battery it is as it was: one that does not answer for a moment is still
                // there.
                new.level = false
            }
        }
        if let hotter = rule.hotter, let temperature = now.temperature {
            if temperature > hotter { new.heat = true } else if temperature <= cool(hotter) { new.heat = false }
        }
        return new
    }

    private func release(_ below: Int) -> Int { min(100, below + levelBand) }
    private func cool(_ hotter: Int) -> Int { hotter - temperatureBand }

    private func matches(_ rule: PowerRule, _ latch: RuleState.Latch, _ now: PowerSituation) -> Bool {
        if let mains = rule.mains, mains != now.onMains { return false }
        if rule.below != nil, !latch.level { return false }
        if let lid = rule.lid, (lid == .closed) != (now.lid == .closed) { return false }
        if rule.hotter != nil, !latch.heat { return false }
        return true
    }

    private func reason(_ rule: PowerRule, _ now: PowerSituation) -> String {
        var words: [String] = []
        if let mains = rule.mains { words.append(mains ? "on mains" : "on battery") }
        if let below = rule.below {
            switch now.percent {
            case .some(let percent) where percent < below: words.append("charge \(percent) % is below \(below) %")
            case .some(let percent): words.append("charge \(percent) % is not yet \(release(below)) %")
            case nil: words.append("charge is not known, it was below \(below) %")
            }
        }
        if let lid = rule.lid { words.append(lid == .closed ? "the lid is closed" : "the lid is not closed") }
        if let hotter = rule.hotter {
            switch now.temperature {
            case .some(let degrees) where degrees > hotter: words.append("\(degrees) °C is above \(hotter) °C")
            case .some(let degrees): words.append("\(degrees) °C is not yet down to \(cool(hotter)) °C")
            case nil: words.append("the temperature is not known, it was above \(hotter) °C")
            }
        }
        return words.isEmpty ? "the rule has no condition" : words.joined(separator: ", ")
    }
}
