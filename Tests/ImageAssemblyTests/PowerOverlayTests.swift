// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import Recipes
import Testing

@testable import ImageAssembly

@Suite struct PowerOverlayTests {
    @Test func `a recipe that says nothing of power gives the built-in settings`() throws {
        #expect(try PowerOverlay.settings(Power()) == PowerSettings())
    }

    @Test func `keys of the recipe lie over the built-in profile, and what is left goes`() throws {
        var power = Power()
        power.profile = .critical
        (power.timerSlop, power.levelBand, power.settleSeconds) = (1000, 4, 30)
        var critical = ProfileSettings()
        critical.leave = [.turbo, .backlight]
        critical.maxClock = 35
        critical.maxCState = "C6/2"
        critical.smt = false
        critical.sata = .mediumPower
        var share = ProfileShare()
        share.weight = 64
        critical.domains = ["net": share]
        power.profiles.critical = critical
        var rule = ProfileRule()
        (rule.profile, rule.below, rule.lid) = (.powersave, 30, .closed)
        power.rules = [rule]

        let settings = try PowerOverlay.settings(power)
        var wanted = PowerProfileSettings.standard(.critical)
        wanted.turbo = nil
        wanted.backlight = nil
        wanted.maxClock = 35
        wanted.maxCState = CStateLimit(state: 6, substate: 2)
        wanted.smt = false
        wanted.sata = .mediumPower
        wanted.domains = ["net": .init(weight: 64)]
        #expect(settings.profiles.critical == wanted)
        #expect(settings.profiles.powersave == .standard(.powersave))
        #expect(settings.rules == [PowerRule(.powersave, below: 30, lid: .closed)])
        #expect(settings.profile == .critical && settings.timerSlop == 1000)
        #expect(settings.levelBand == 4 && settings.settleSeconds == 30)
    }

    @Test func `every setting can be left as it was`() throws {
        var everything = ProfileSettings()
        everything.leave = ProfileSettings.Setting.allCases
        var power = Power()
        power.profiles.powersave = everything
        #expect(try PowerOverlay.settings(power).profiles.powersave == PowerProfileSettings())
    }

    @Test func `recipe and device know the same words`() {
        func words<T: CaseIterable & RawRepresentable>(_: T.Type) -> [String] where T.RawValue == String {
            T.allCases.map(\.rawValue)
        }
        #expect(words(Power.Choice.self) == words(PowerSettings.Choice.self))
        #expect(words(ProfileName.self) == words(PowerProfile.self))
        #expect(words(ProfileRule.Lid.self) == words(PowerRule.Lid.self))
        #expect(words(ProfileSettings.SchedulerMode.self) == words(PowerProfileSettings.SchedulerMode.self))
        #expect(words(ProfileSettings.Governor.self) == words(PowerProfileSettings.Governor.self))
        #expect(words(ProfileSettings.SATAPolicy.self) == words(PowerProfileSettings.SATAPolicy.self))
    }
}
