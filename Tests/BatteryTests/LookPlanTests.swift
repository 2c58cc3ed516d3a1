// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Battery

@Suite struct LookPlanTests {
    @Test func `without events and without anybody who follows there is no next look`() {
        var plan = LookPlan()
        #expect(plan.next == nil && plan.timeout(at: 5) == -1)
        plan.looked(from: 1, to: 2)
        #expect(plan.timeout(at: .max) == -1 && !plan.isDue(at: .max))
    }

    @Test func `after an event one looks at once and once more when the kernel's second is over`() {
        var plan = LookPlan()
        plan.looked(from: 0, to: 10)
        plan.event(at: 5000)
        #expect(plan.isDue(at: 5000) && plan.timeout(at: 5000) == 0)
        plan.looked(from: 5000, to: 5004)
        #expect(!plan.isDue(at: 5004) && plan.timeout(at: 5004) == 1196)
        #expect(plan.isDue(at: 6200))
        plan.looked(from: 6200, to: 6201)
        #expect(plan.next == nil)
    }

    @Test func `what happens during a look asks for another one`() {
        var plan = LookPlan()
        plan.event(at: 100)
        plan.event(at: 103)
        plan.looked(from: 100, to: 110)
        #expect(!plan.isDue(at: 159) && plan.isDue(at: 160))
        plan.looked(from: 160, to: 163)
        #expect(plan.timeout(at: 163) == 1140)
    }

    @Test func `an event after a look waits for the gap`() {
        var plan = LookPlan()
        plan.looked(from: 0, to: 100)
        plan.event(at: 110)
        #expect(!plan.isDue(at: 149) && plan.isDue(at: 150))
        // A second one does not put it off.
        plan.event(at: 149)
        #expect(plan.isDue(at: 150))
    }

    @Test func `who follows gets a look at once and then one each half minute`() {
        var plan = LookPlan()
        plan.followed = true
        #expect(plan.isDue(at: 0))
        plan.looked(from: 0, to: 7)
        #expect(plan.timeout(at: 7) == 30_000 && plan.isDue(at: 30_007))
        plan.followed = false
        #expect(plan.next == nil)
    }

    @Test func `a failed look is tried again, later`() {
        var plan = LookPlan()
        plan.retry(at: 50)
        plan.looked(from: 50, to: 60)
        #expect(plan.timeout(at: 60) == 29_990)
    }

    @Test(arguments: 0..<8)
    func `any times in any order neither trap nor lose an event nor look without end`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 7_919)
        var plan = LookPlan()
        let wild: [Int64] = [.min, .min + 1, -1, 0, 1, .max - 1, .max]
        for _ in 0..<2000 {
            let now =
                Bool.random(using: &dice)
                ? wild.randomElement(using: &dice) ?? 0 : Int64.random(in: .min ... .max, using: &dice)
            plan.followed = Bool.random(using: &dice)
            switch Int.random(in: 0...2, using: &dice) {
            case 0: plan.event(at: now)
            case 1: plan.retry(at: now)
            default: plan.looked(from: now, to: Int64.random(in: .min ... .max, using: &dice))
            }
            #expect(plan.timeout(at: now) >= -1)
        }
        // Events all the time: never more looks than one for each gap, and the last event is looked at, twice.
        plan = LookPlan()
        var (time, looks, last) = (Int64(0), 0, Int64(0))
        for _ in 0..<5000 {
            time += Int64.random(in: 0...9, using: &dice)
            plan.event(at: time)
            if plan.isDue(at: time) {
                plan.looked(from: time, to: time)
                (looks, last) = (looks + 1, time)
            }
        }
        #expect(Int64(looks) <= time / LookPlan.gap + 1 && looks > 10)
        #expect(plan.next.map { $0 <= max(time, last) + LookPlan.settle } == true)
    }
}
