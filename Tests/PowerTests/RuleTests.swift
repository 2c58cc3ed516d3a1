// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import PowerFacts
import Testing

@testable import Power

@Suite struct RuleTests {
    private static let engine = RuleEngine(PowerSettings())

    /// Decides one situation after the other, an hour apart.
    private func follow(_ situations: [PowerSituation], _ engine: RuleEngine = engine) -> [PowerProfile?] {
        var state = RuleState()
        return situations.enumerated().map { index, situation in
            let (decision, next) = engine.decide(situation, state, at: Double(index) * 3600)
            state = next
            return decision.profile
        }
    }

    @Test(arguments: [
        (PowerSituation(), PowerProfile.performance), (PowerSituation(onMains: false, percent: 80), .balanced),
        (PowerSituation(onMains: false), .balanced), (PowerSituation(onMains: false, percent: 19), .powersave),
        (PowerSituation(onMains: false, percent: 4), .critical),
        (PowerSituation(onMains: true, percent: 1), .performance),
        (PowerSituation(onMains: false, percent: 80, lid: .closed), .powersave),
        (PowerSituation(onMains: true, lid: .closed), .performance),
        (PowerSituation(onMains: true, temperature: 99), .powersave),
        (PowerSituation(onMains: false, percent: 3, temperature: 99), .critical),
    ])
    func `the built-in rules decide`(situation: PowerSituation, profile: PowerProfile) {
        #expect(follow([situation]) == [profile])
    }

    @Test func `a level lets go only above its band`() {
        let levels = [25, 20, 19, 21, 22, 19, 23, 21, 19]
        let profiles = follow(levels.map { PowerSituation(onMains: false, percent: $0) })
        #expect(
            profiles
                == [
                    .balanced, .balanced, .powersave, .powersave, .powersave, .powersave, .balanced, .balanced,
                    .powersave,
                ])
    }

    @Test func `a temperature lets go only below its band`() {
        let profiles = follow([90, 95, 96, 93, 91, 90, 95].map { PowerSituation(temperature: $0) })
        #expect(
            profiles
                == [.performance, .performance, .powersave, .powersave, .powersave, .performance, .performance])
    }

    @Test func `a charge that is not known leaves a low battery low, and mains end it`() {
        let profiles = follow([
            PowerSituation(onMains: false, percent: 10), PowerSituation(onMains: false), PowerSituation(onMains: true),
            PowerSituation(onMains: false),
        ])
        #expect(profiles == [.powersave, .powersave, .performance, .balanced])
    }

    @Test func `two changes lie the settling time apart and the reason says so`() {
        var state = RuleState()
        var decision: PowerDecision
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: 0)
        (decision, state) = Self.engine.decide(PowerSituation(onMains: false), state, at: 100)
        #expect(decision.profile == .balanced && decision.lookAgain == nil)
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: 104)
        #expect(decision.profile == .balanced && decision.lookAgain == 110)
        #expect(decision.reason.contains("in 6 s it may become performance: on mains"))
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: 110)
        #expect(decision.profile == .performance && decision.reason == "on mains" && decision.rule == 6)
    }

    @Test func `a person's choice holds until they give it back, and rules then decide at once`() {
        var state = RuleState(.fixed(.critical))
        var decision: PowerDecision
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: 0)
        #expect(decision.profile == .critical && decision.reason.contains("by hand"))
        state.choose(.boot)
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: 1)
        #expect(decision.profile == nil && !decision.reason.isEmpty)
        state.choose(.auto)
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: 2)
        #expect(decision.profile == .performance)
    }

    @Test func `without a matching rule the profile is balanced`() {
        let engine = RuleEngine(PowerSettings(rules: [PowerRule(.critical, mains: false)]))
        #expect(follow([PowerSituation()], engine) == [.balanced])
        #expect(follow([PowerSituation()], RuleEngine(PowerSettings(rules: []))) == [.balanced])
    }

    @Test func `a clock that goes back holds nobody up`() {
        var state = RuleState()
        var decision: PowerDecision
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: 1000)
        (decision, state) = Self.engine.decide(PowerSituation(onMains: false), state, at: 5)
        #expect(decision.profile == .balanced)
        (decision, state) = Self.engine.decide(PowerSituation(), state, at: .nan)
        #expect(decision.profile == .performance)
    }

    @Test(arguments: 0..<40)
    func `within a band nothing flaps, whatever the order`(seed: Int) {
        var dice = Dice(seed)
        let below = Int.random(in: 2...90, using: &dice)
        let hotter = Int.random(in: 30...100, using: &dice)
        let band = Int.random(in: 2...9, using: &dice)
        let settings = PowerSettings(
            rules: [PowerRule(.critical, hotter: hotter), PowerRule(.powersave, mains: false, below: below)],
            levelBand: band, temperatureBand: band, settleSeconds: 0)
        let engine = RuleEngine(settings)
        // From one unit on the near side of a threshold to one short of the far end of its band.
        var (state, changes, last) = (RuleState(), 0, PowerProfile?.none)
        for step in 0..<300 {
            let situation = PowerSituation(
                onMains: false,
                percent: Bool.random(using: &dice) ? Int.random(in: below - 1...below + band - 1, using: &dice) : nil,
                temperature: Bool.random(using: &dice)
                    ? Int.random(in: hotter - band + 1...hotter + 1, using: &dice) : nil)
            let (decision, next) = engine.decide(situation, state, at: Double(step))
            state = next
            if decision.profile != last { changes += 1 }
            last = decision.profile
            #expect(!decision.reason.isEmpty)
        }
        // The first decision, and one crossing of each threshold.
        #expect(changes <= 3)
    }

    @Test(arguments: 0..<40)
    func `whatever happens each decision has a reason and changes lie apart`(seed: Int) {
        var dice = Dice(seed)
        let settings = PowerSettings(settleSeconds: Int.random(in: 0...60, using: &dice))
        let engine = RuleEngine(settings)
        var state = RuleState()
        var (now, changed, last) = (0.0, -1e9, PowerProfile?.none)
        for _ in 0..<400 {
            now += Double(Int.random(in: 0...30, using: &dice))
            let situation = PowerSituation(
                onMains: Bool.random(using: &dice),
                percent: Bool.random(using: &dice) ? Int.random(in: -5...200, using: &dice) : nil,
                lid: VirtualPower.Lid.allCases.randomElement(using: &dice) ?? .absent,
                temperature: Bool.random(using: &dice) ? Int.random(in: -50...400, using: &dice) : nil)
            let (decision, next) = engine.decide(situation, state, at: now)
            #expect(engine.decide(situation, state, at: now).0 == decision)
            state = next
            #expect(!decision.reason.isEmpty && decision.profile != nil)
            if decision.profile != last {
                #expect(now - changed >= Double(settings.settleSeconds))
                (changed, last) = (now, decision.profile)
            } else if let again = decision.lookAgain {
                #expect(again > now)
            }
        }
    }
}
