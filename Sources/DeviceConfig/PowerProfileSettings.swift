// SPDX-License-Identifier: Apache-2.0

/// What a profile sets. What is nil goes back to what it was when the machine had started, so that each profile is a
/// whole state and the way to it does not matter.
public struct PowerProfileSettings: Codable, Sendable, Hashable {
    /// A mode of the power-aware scheduler (docs/scheduler.md).
    public enum SchedulerMode: String, Codable, Sendable, CaseIterable {
        /// Packs, waits, and prefers small cores.
        case powersave
        /// In between.
        case balanced
        /// Wakes a core at once.
        case performance
    }

    /// A governor of Xen's cpufreq (xenpm set-scaling-governor).
    public enum Governor: String, Codable, Sendable, CaseIterable {
        /// The highest clock within the bounds.
        case performance
        /// The lowest clock within the bounds.
        case powersave
        /// By load.
        case ondemand
    }

    /// The link power management of SATA (libata, `link_power_management_policy`).
    public enum SATAPolicy: String, Codable, Sendable, CaseIterable {
        /// Links never sleep.
        case maxPerformance = "max_performance"
        /// Links sleep lightly.
        case mediumPower = "medium_power"
        /// The same, and the device may ask for deeper sleep.
        case mediumPowerWithDIPM = "med_power_with_dipm"
    }

    /// A domain's share of CPU time.
    public struct Share: Codable, Sendable, Hashable {
        /// Its weight, 1 to 65535; nil for what it had.
        public var weight: Int?
        /// The most CPU time in percent of one CPU, 0 for no limit; nil for what it had.
        public var cap: Int?

        static let weights = 1...65535
        static let caps = 0...100_000

        /// Describes a share.
        public init(weight: Int? = nil, cap: Int? = nil) {
            self.weight = weight
            self.cap = cap
        }

        /// Reads a share.
        public init(from decoder: any Decoder) throws {
            let keys = try decoder.container(keyedBy: CodingKeys.self)
            weight = try keys.number(.weight, Self.weights)
            cap = try keys.number(.cap, Self.caps)
        }
    }

    /// The mode of the power-aware scheduler.
    public var scheduler: SchedulerMode?
    /// Who chooses the clock, where Xen does.
    public var governor: Governor?
    /// The lowest clock, in percent of the highest.
    public var minClock: Int?
    /// The highest clock, in percent of the highest there is.
    public var maxClock: Int?
    /// The hint to hardware that chooses its clock itself: 0 for performance, 255 for saving (HWP's EPP).
    public var energyPerf: Int?
    /// Whether the clock may go above the nominal one.
    public var turbo: Bool?
    /// The deepest C-state.
    public var maxCState: CStateLimit?
    /// Whether the second threads of cores run.
    public var smt: Bool?
    /// How many CPUs are switched off, from the highest number down.
    public var parkedCPUs: Int?
    /// Whether dom0's PCI functions may sleep when idle.
    public var pciRuntimePM: Bool?
    /// Whether dom0's USB devices may sleep when idle; input devices and hubs are left alone.
    public var usbRuntimePM: Bool?
    /// The link power management of SATA.
    public var sata: SATAPolicy?
    /// The most brightness of built-in screens, in percent. A darker one stays as it is.
    public var backlight: Int?
    /// Shares of CPU time by domain; `dom0` is the control domain.
    public var domains: [String: Share]

    private enum CodingKeys: String, CodingKey {
        case scheduler, governor, minClock, maxClock, energyPerf, turbo, maxCState, smt, parkedCPUs, pciRuntimePM,
            usbRuntimePM, sata, backlight, domains
    }

    static let percents = 0...100
    static let hints = 0...255
    static let parks = 0...4095
    static let brightnesses = 1...100

    /// A profile that leaves everything as it was when the machine had started.
    public init() {
        domains = [:]
    }

    /// Reads a profile. What is not there, or null, is nil.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        scheduler = try keys.decodeIfPresent(SchedulerMode.self, forKey: .scheduler)
        governor = try keys.decodeIfPresent(Governor.self, forKey: .governor)
        minClock = try keys.number(.minClock, Self.percents)
        maxClock = try keys.number(.maxClock, Self.percents)
        energyPerf = try keys.number(.energyPerf, Self.hints)
        turbo = try keys.decodeIfPresent(Bool.self, forKey: .turbo)
        maxCState = try keys.decodeIfPresent(CStateLimit.self, forKey: .maxCState)
        smt = try keys.decodeIfPresent(Bool.self, forKey: .smt)
        parkedCPUs = try keys.number(.parkedCPUs, Self.parks)
        pciRuntimePM = try keys.decodeIfPresent(Bool.self, forKey: .pciRuntimePM)
        usbRuntimePM = try keys.decodeIfPresent(Bool.self, forKey: .usbRuntimePM)
        sata = try keys.decodeIfPresent(SATAPolicy.self, forKey: .sata)
        backlight = try keys.number(.backlight, Self.brightnesses)
        domains = try keys.decodeIfPresent([String: Share].self, forKey: .domains) ?? [:]
    }

    /// Writes a profile with all its keys, so that a person sees what could be set and null can be given.
    public func encode(to encoder: any Encoder) throws {
        var keys = encoder.container(keyedBy: CodingKeys.self)
        try keys.encode(scheduler, forKey: .scheduler)
        try keys.encode(governor, forKey: .governor)
        try keys.encode(minClock, forKey: .minClock)
        try keys.encode(maxClock, forKey: .maxClock)
        try keys.encode(energyPerf, forKey: .energyPerf)
        try keys.encode(turbo, forKey: .turbo)
        try keys.encode(maxCState, forKey: .maxCState)
        try keys.encode(smt, forKey: .smt)
        try keys.encode(parkedCPUs, forKey: .parkedCPUs)
        try keys.encode(pciRuntimePM, forKey: .pciRuntimePM)
        try keys.encode(usbRuntimePM, forKey: .usbRuntimePM)
        try keys.encode(sata, forKey: .sata)
        try keys.encode(backlight, forKey: .backlight)
        try keys.encode(domains, forKey: .domains)
    }

    /// The built-in profile. The bounds of the clock are those that save most in simulation (decision 1024).
    public static func standard(_ profile: PowerProfile) -> PowerProfileSettings {
        var settings = PowerProfileSettings()
        switch profile {
        case .performance:
            settings.scheduler = .performance
            settings.governor = .performance
            settings.energyPerf = 0
            settings.turbo = true
        case .balanced:
            settings.scheduler = .balanced
            settings.governor = .ondemand
            settings.minClock = 35
            settings.maxClock = 100
            settings.energyPerf = 128
            settings.turbo = true
        case .powersave, .critical:
            settings.scheduler = .powersave
            settings.governor = .ondemand
            settings.minClock = 35
            settings.maxClock = 60
            settings.energyPerf = 192
            settings.turbo = false
            settings.maxCState = .unlimited
            settings.pciRuntimePM = true
            settings.usbRuntimePM = true
            settings.sata = .mediumPowerWithDIPM
            if profile == .critical {
                settings.maxClock = 40
                settings.energyPerf = 255
                settings.backlight = 30
            }
        }
        return settings
    }
}

/// A limit on the C-states of CPUs: `unlimited`, or the deepest one allowed, `C1`; `C6/2` also limits the sub-states of
/// that one.
public struct CStateLimit: RawRepresentable, Codable, Sendable, Hashable {
    /// The number of the deepest C-state; nil for no limit.
    public var state: Int?
    /// The number of its deepest sub-state; nil for no limit.
    public var substate: Int?

    /// No limit.
    public static let unlimited = CStateLimit(state: nil)
    /// The highest number taken.
    static let highest = 99

    /// A limit. A sub-state without a state means nothing and is dropped.
    public init(state: Int?, substate: Int? = nil) {
        self.state = state
        self.substate = state == nil ? nil : substate
    }

    /// Reads a limit as `rawValue` writes it; nil for anything else.
    public init?(rawValue: String) {
        if rawValue == "unlimited" {
            self = .unlimited
            return
        }
        guard rawValue.hasPrefix("C") else { return nil }
        let parts = rawValue.dropFirst().split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        func number(_ text: Substring) -> Int? {
            guard (1...2).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else {
                return nil
            }
            return Int(text)
        }
        guard let first = parts.first, let state = number(first) else { return nil }
        guard parts.count == 2 else {
            self.init(state: state)
            return
        }
        guard let substate = number(parts[1]) else { return nil }
        self.init(state: state, substate: substate)
    }

    /// The limit as text.
    public var rawValue: String {
        guard let state else { return "unlimited" }
        return "C\(state)" + (substate.map { "/\($0)" } ?? "")
    }
}
