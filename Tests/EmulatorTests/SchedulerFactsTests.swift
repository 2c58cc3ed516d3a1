// SPDX-License-Identifier: Apache-2.0

import Testing
import XenTrace

@testable import Emulator

@Suite struct SchedulerFactsTests {
    @Test(arguments: [
        ("(XEN) [    0.9] Detected 2095.078 MHz processor.\n", 2095.078),
        ("(XEN) Detected 1000.000 MHz processor.\r\n(XEN) Detected 2000.500 MHz processor.\r\n", 2000.5),
    ])
    func `the counter's frequency is that of the last start`(log: String, megahertz: Double) {
        #expect(Facts.megahertz(log) == megahertz)
    }

    @Test(arguments: ["", "Detected nothing", "Detected MHz", "Detected x MHz", "Detected 0 MHz"])
    func `a log without a frequency names none`(log: String) { #expect(Facts.megahertz(log) == nil) }

    @Test(arguments: [(0.9, 1), (1.0, 1), (1.75, 1), (1.76, 2), (2.9, 3), (3.9, 4), (40, 10), (-1, 1)])
    func `guests are paced so that what comes back leaves processors idle`(busy: Double, factor: Int) {
        #expect(ComparisonScenario.pace(busy: busy) == factor)
    }

    @Test func `the median is the middle one, whatever the order`() {
        #expect(ComparisonScenario.median([3, 1, 2]) == 2)
        #expect(ComparisonScenario.median([4, 1, 3, 2]) == 2)
        #expect(ComparisonScenario.median([]) == 0)
    }

    @Test func `for every measure less is better`() {
        var good = PlacementCounts([], cpus: 0..<2)
        (good.seconds, good.events) = (1, 1)
        var bad = good
        (bad.wakeUps, bad.migrations, bad.busy) = ([5, 5], 7, [0.5, 0.5])
        for (name, value) in ComparisonScenario.measures { #expect(value(good) < value(bad), "\(name)") }
    }

    @Test func `one decimal is kept`() {
        #expect(Facts.tenths(0) == "0.0")
        #expect(Facts.tenths(12.26) == "12.3")
    }
}
