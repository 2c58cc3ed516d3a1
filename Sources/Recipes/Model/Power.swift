// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The documentation of each key is the text of its @Key: the reference and the JSON Schema print the same words.

/// A power profile.
public enum ProfileName: String, RecipeValue, CaseIterable { case performance, balanced, powersave, critical }

/// Power profiles, the rules that choose among them, and timers.
public struct Power: RecipeSection {
    public static let about =
        "Power profiles, the rules that choose among them, and timers. docs/power-profiles.md has the built-in values."
    public init() {}

    /// Who chooses the profile.
    public enum Choice: String, RecipeValue, CaseIterable {
        case auto, manual, performance, balanced, powersave, critical
    }

    @Key(
        "How late the hypervisor may fire timers to fire several at once, in nanoseconds; more saves power.",
        .range(0...10_000_000))
    public var timerSlop: Int? = nil
    @Key(
        "The power profile the device starts with; with auto the rules decide, with manual nothing is set before a person "
            + "does.")
    public var profile = Choice.auto
    @Key("What each profile sets.")
    public var profiles = PowerProfiles()
    @Key("Which profile when: the first rule that matches decides. The built-in rules when there is none.")
    public var rules: [ProfileRule] = []
    @Key(
        "How many percent the charge has to rise above a rule's level before the rule lets go.", .range(1...50))
    public var levelBand = 3
    @Key(
        "How many degrees it has to become cooler than a rule's temperature before the rule lets go.", .range(1...50))
    public var temperatureBand = 5
    @Key("How many seconds lie at least between two changes of the profile by rules.", .range(0...3600))
    public var settleSeconds = 10
}

/// What each power profile sets.
public struct PowerProfiles: RecipeSection {
    public static let about = "What each power profile sets."
    public init() {}

    @Key("Fastest; on mains.")
    public var performance = ProfileSettings()
    @Key("In between; on battery.")
    public var balanced = ProfileSettings()
    @Key("Longest; on a low battery, with the lid closed or when hot.")
    public var powersave = ProfileSettings()
    @Key("Everything that can wait waits; the battery is nearly empty.")
    public var critical = ProfileSettings()
}

/// What a power profile sets.
public struct ProfileSettings: RecipeSection {
    public static let about =
        "What a power profile sets. A key that is not given has the profile's built-in value; what neither sets is as"
        + " it was when the machine had started."
    public init() {}

    /// A mode of the power-aware scheduler.
    public enum SchedulerMode: String, RecipeValue, CaseIterable { case powersave, balanced, performance }
    /// A governor of Xen's cpufreq.
    public enum Governor: String, RecipeValue, CaseIterable { case performance, powersave, ondemand }
    /// The link power management of SATA.
    public enum SATAPolicy: String, RecipeValue, CaseIterable {
        case maxPerformance = "max_performance"
        case mediumPower = "medium_power"
        case mediumPowerWithDIPM = "med_power_with_dipm"
    }
    /// What can be left alone.
    public enum Setting: String, RecipeValue, CaseIterable {
        case scheduler, governor, minClock, maxClock, energyPerf, turbo, maxCState, smt, parkedCPUs, pciRuntimePM,
            usbRuntimePM, sata, backlight
    }

    @Key("The mode of the power-aware scheduler.")
    public var scheduler: SchedulerMode? = nil
    @Key("Who chooses the clock, where Xen does.")
    public var governor: Governor? = nil
    @Key("The lowest clock, in percent of the highest there is.", .range(0...100))
    public var minClock: Int? = nil
    @Key("The highest clock, in percent of the highest there is.", .range(0...100))
    public var maxClock: Int? = nil
    @Key(
        "The hint to hardware that chooses its clock itself (HWP's EPP): 0 for performance, 255 for saving.",
        .range(0...255))
    public var energyPerf: Int? = nil
    @Key("Whether the clock may go above the nominal one.")
    public var turbo: Bool? = nil
    @Key("The deepest C-state.", .cStateLimit)
    public var maxCState: String? = nil
    @Key("Whether the second threads of cores run.")
    public var smt: Bool? = nil
    @Key("How many CPUs are switched off, from the highest number down.", .range(0...4095))
    public var parkedCPUs: Int? = nil
    @Key("Whether dom0's PCI functions may sleep when idle.")
    public var pciRuntimePM: Bool? = nil
    @Key("Whether dom0's USB devices may sleep when idle; input devices and hubs are left alone.")
    public var usbRuntimePM: Bool? = nil
    @Key("The link power management of SATA.")
    public var sata: SATAPolicy? = nil
    @Key("The most brightness of built-in screens, in percent; a darker one stays as it is.", .range(1...100))
    public var backlight: Int? = nil
    @Key("Shares of CPU time by domain; dom0 is the control domain.", .identifier)
    public var domains: [String: ProfileShare] = [:]
    @Key("Settings the profile leaves as they were when the machine had started, whatever is built in.")
    public var leave: [Setting] = []
}

/// A domain's share of CPU time.
public struct ProfileShare: RecipeSection {
    public static let about = "A domain's share of CPU time in a power profile."
    public init() {}

    @Key("Its weight; below 256 it counts as background.", .range(1...65535))
    public var weight: Int? = nil
    @Key("The most CPU time, in percent of one CPU; 0 for no limit.", .range(0...100_000))
    public var cap: Int? = nil
}

/// A rule that chooses a profile.
public struct ProfileRule: RecipeSection {
    public static let about = "A rule that chooses a profile when all its conditions hold."
    public init() {}

    /// Where the lid stands.
    public enum Lid: String, RecipeValue, CaseIterable { case open, closed }

    @Key("The profile.", required: true)
    public var profile = ProfileName.balanced
    @Key("On mains, or on battery.")
    public var mains: Bool? = nil
    @Key("The charge is below this many percent.", .range(1...100))
    public var below: Int? = nil
    @Key("Where the lid stands; a machine without one has it open.")
    public var lid: Lid? = nil
    @Key("The hottest place is above this many degrees Celsius.", .range(0...150))
    public var hotter: Int? = nil
}
