// SPDX-License-Identifier: Apache-2.0

/// A power profile: a whole state of the machine between fastest and longest-lived.
public enum PowerProfile: String, Codable, Sendable, CaseIterable {
    /// Fastest.
    case performance
    /// In between.
    case balanced
    /// Longest on battery.
    case powersave
    /// The battery is as good as empty: everything that can wait waits.
    case critical
}

/// Power profiles, the rules that choose among them, and timers.
public struct PowerSettings: Codable, Sendable, Hashable {
    /// Who chooses the profile.
    public enum Choice: String, Codable, Sendable, CaseIterable {
        /// The rules.
        case auto
        /// Nobody, until a person does on the device.
        case manual
        /// It stays this one.
        case performance
        /// It stays this one.
        case balanced
        /// It stays this one.
        case powersave
        /// It stays this one.
        case critical

        /// The profile; nil for `manual` and `auto`.
        public var profile: PowerProfile? { PowerProfile(rawValue: rawValue) }
    }

    /// What each profile sets.
    public struct Profiles: Codable, Sendable, Hashable {
        /// Fastest.
        public var performance: PowerProfileSettings
        /// In between.
        public var balanced: PowerProfileSettings
        /// Longest on battery.
        public var powersave: PowerProfileSettings
        /// As good as empty.
        public var critical: PowerProfileSettings

        /// The built-in profiles.
        public init() {
            performance = .standard(.performance)
            balanced = .standard(.balanced)
            powersave = .standard(.powersave)
            critical = .standard(.critical)
        }

        /// Reads the profiles; one that is not there is the built-in one.
        public init(from decoder: any Decoder) throws {
            let keys = try decoder.container(keyedBy: CodingKeys.self)
            func profile(_ key: CodingKeys, _ profile: PowerProfile) throws -> PowerProfileSettings {
                try keys.decodeIfPresent(PowerProfileSettings.self, forKey: key) ?? .standard(profile)
            }
            performance = try profile(.performance, .performance)
            balanced = try profile(.balanced, .balanced)
            powersave = try profile(.powersave, .powersave)
            critical = try profile(.critical, .critical)
        }

        /// What a profile sets.
        public subscript(profile: PowerProfile) -> PowerProfileSettings {
            get {
                switch profile {
                case .performance: performance
                case .balanced: balanced
                case .powersave: powersave
                case .critical: critical
                }
            }
            set {
                switch profile {
                case .performance: performance = newValue
                case .balanced: balanced = newValue
                case .powersave: powersave = newValue
                case .critical: critical = newValue
                }
            }
        }
    }

    /// The profile, or that the rules decide.
    public var profile: Choice
    /// Xen's `timer_slop` in nanoseconds, when the recipe sets it. A boot option: it is shown, never changed.
    public var timerSlop: Int?
    /// What each profile sets.
    public var profiles: Profiles
    /// Which profile when: the first rule that matches decides; `balanced` when none does.
    public var rules: [PowerRule]
    /// How many percent the battery has to rise above a rule's level before the rule lets go.
    public var levelBand: Int
    /// How many degrees it has to become cooler than a rule's temperature before the rule lets go.
    public var temperatureBand: Int
    /// How many seconds lie at least between two changes of the profile that rules make.
    public var settleSeconds: Int

    /// What the numbers may be.
    static let levelBands = 1...50
    static let temperatureBands = 1...50
    static let settles = 0...3600

    /// Describes the power settings.
    public init(
        profile: Choice = .auto, timerSlop: Int? = nil, profiles: Profiles = Profiles(),
        rules: [PowerRule] = PowerRule.standard, levelBand: Int = 3, temperatureBand: Int = 5, settleSeconds: Int = 10
    ) {
        self.profile = profile
        self.timerSlop = timerSlop
        self.profiles = profiles
        self.rules = rules
        self.levelBand = levelBand
        self.temperatureBand = temperatureBand
        self.settleSeconds = settleSeconds
    }

    /// Reads the settings; keys that came later than the first images have their built-in values.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        profile = try keys.decodeIfPresent(Choice.self, forKey: .profile) ?? profile
        timerSlop = try keys.decodeIfPresent(Int.self, forKey: .timerSlop)
        profiles = try keys.decodeIfPresent(Profiles.self, forKey: .profiles) ?? profiles
        rules = try keys.decodeIfPresent([PowerRule].self, forKey: .rules) ?? rules
        guard rules.count <= PowerRule.limit else {
            throw DecodingError.dataCorruptedError(
                forKey: .rules, in: keys, debugDescription: "more than \(PowerRule.limit) rules")
        }
        levelBand = try keys.number(.levelBand, Self.levelBands) ?? levelBand
        temperatureBand = try keys.number(.temperatureBand, Self.temperatureBands) ?? temperatureBand
        settleSeconds = try keys.number(.settleSeconds, Self.settles) ?? settleSeconds
    }
}

/// A rule: all its conditions hold, then the profile is this one. A condition that is not given always holds.
public struct PowerRule: Codable, Sendable, Hashable {
    /// Where the lid stands. A machine without one has it open.
    public enum Lid: String, Codable, Sendable, CaseIterable {
        /// It is open, or there is none.
        case open
        /// It is closed.
        case closed
    }

    /// The profile.
    public var profile: PowerProfile
    /// True: on mains; false: on battery.
    public var mains: Bool?
    /// The charge is below this many percent.
    public var below: Int?
    /// Where the lid stands.
    public var lid: Lid?
    /// The hottest place is above this many degrees Celsius.
    public var hotter: Int?

    /// The most rules.
    public static let limit = 64
    static let levels = 1...100
    static let temperatures = 0...150

    /// Describes a rule.
    public init(
        _ profile: PowerProfile, mains: Bool? = nil, below: Int? = nil, lid: Lid? = nil, hotter: Int? = nil
    ) {
        self.profile = profile
        self.mains = mains
        self.below = below
        self.lid = lid
        self.hotter = hotter
    }

    /// Reads a rule.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        profile = try keys.decode(PowerProfile.self, forKey: .profile)
        mains = try keys.decodeIfPresent(Bool.self, forKey: .mains)
        below = try keys.number(.below, Self.levels)
        lid = try keys.decodeIfPresent(Lid.self, forKey: .lid)
        hotter = try keys.number(.hotter, Self.temperatures)
    }

    /// The built-in rules.
    public static let standard = [
        PowerRule(.critical, mains: false, below: 5),
        PowerRule(.powersave, hotter: 95),
        PowerRule(.powersave, mains: false, below: 20),
        PowerRule(.powersave, mains: false, lid: .closed),
        PowerRule(.balanced, mains: false),
        PowerRule(.performance, mains: true),
    ]
}

extension KeyedDecodingContainer {
    /// A whole number within bounds; nil when it is not there or null.
    func number(_ key: Key, _ range: ClosedRange<Int>) throws -> Int? {
        guard let value = try decodeIfPresent(Int.self, forKey: key) else { return nil }
        guard range.contains(value) else {
            throw DecodingError.dataCorrupted(
                DecodingError.Context(
                    codingPath: codingPath + [key],
                    debugDescription: "\(value) is not from \(range.lowerBound) to \(range.upperBound)"))
        }
        return value
    }
}
