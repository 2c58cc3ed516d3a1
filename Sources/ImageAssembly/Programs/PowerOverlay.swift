// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import Recipes

/// The power section of a recipe as the device reads it: the built-in profiles with the recipe's keys over them.
enum PowerOverlay {
    /// The settings.
    static func settings(_ power: Power) throws -> PowerSettings {
        var settings = PowerSettings(
            profile: try DeviceOverlay.value(power.profile.rawValue, PowerSettings.Choice.self),
            timerSlop: power.timerSlop, levelBand: power.levelBand, temperatureBand: power.temperatureBand,
            settleSeconds: power.settleSeconds)
        if !power.rules.isEmpty { settings.rules = try power.rules.map(rule) }
        for (profile, given) in [
            (PowerProfile.performance, power.profiles.performance), (.balanced, power.profiles.balanced),
            (.powersave, power.profiles.powersave), (.critical, power.profiles.critical),
        ] {
            try lay(given, over: &settings.profiles[profile])
        }
        return settings
    }

    private static func rule(_ rule: ProfileRule) throws -> PowerRule {
        PowerRule(
            try DeviceOverlay.value(rule.profile.rawValue, PowerProfile.self), mains: rule.mains, below: rule.below,
            lid: try rule.lid.map { try DeviceOverlay.value($0.rawValue, PowerRule.Lid.self) }, hotter: rule.hotter)
    }

    private static func lay(_ given: ProfileSettings, over base: inout PowerProfileSettings) throws {
        for setting in given.leave { clear(setting, &base) }
        if let mode = given.scheduler {
            base.scheduler = try DeviceOverlay.value(mode.rawValue, PowerProfileSettings.SchedulerMode.self)
        }
        if let governor = given.governor {
            base.governor = try DeviceOverlay.value(governor.rawValue, PowerProfileSettings.Governor.self)
        }
        if let limit = given.maxCState { base.maxCState = try DeviceOverlay.value(limit, CStateLimit.self) }
        if let policy = given.sata {
            base.sata = try DeviceOverlay.value(policy.rawValue, PowerProfileSettings.SATAPolicy.self)
        }
        base.minClock = given.minClock ?? base.minClock
        base.maxClock = given.maxClock ?? base.maxClock
        base.energyPerf = given.energyPerf ?? base.energyPerf
        base.turbo = given.turbo ?? base.turbo
        base.smt = given.smt ?? base.smt
        base.parkedCPUs = given.parkedCPUs ?? base.parkedCPUs
        base.pciRuntimePM = given.pciRuntimePM ?? base.pciRuntimePM
        base.usbRuntimePM = given.usbRuntimePM ?? base.usbRuntimePM
        base.backlight = given.backlight ?? base.backlight
        for (name, share) in given.domains {
            base.domains[name] = PowerProfileSettings.Share(weight: share.weight, cap: share.cap)
        }
    }

    private static func clear(_ setting: ProfileSettings.Setting, _ base: inout PowerProfileSettings) {
        switch setting {
        case .scheduler: base.scheduler = nil
        case .governor: base.governor = nil
        case .minClock: base.minClock = nil
        case .maxClock: base.maxClock = nil
        case .energyPerf: base.energyPerf = nil
        case .turbo: base.turbo = nil
        case .maxCState: base.maxCState = nil
        case .smt: base.smt = nil
        case .parkedCPUs: base.parkedCPUs = nil
        case .pciRuntimePM: base.pciRuntimePM = nil
        case .usbRuntimePM: base.usbRuntimePM = nil
        case .sata: base.sata = nil
        case .backlight: base.backlight = nil
        }
    }
}
