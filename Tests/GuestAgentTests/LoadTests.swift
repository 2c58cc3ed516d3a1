// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import GuestAgent

@Suite struct LoadTests {
    @Test(arguments: [
        ("console=hvc0 quiet lapwing.load=frames,idle\n", [Load.frames, .idle]),
        ("lapwing.load=busy", [.busy]),
        ("lapwing.load=idle lapwing.load=bursts", [.bursts]),
        ("lapwing.load=idle,nothing,,busy", [.idle, .busy]),
        ("quiet", []), ("", []), ("xlapwing.load=idle", []), ("lapwing.load=", []),
    ])
    func `a guest does what its command line asks for`(line: String, kinds: [Load]) {
        #expect(Load.wanted(line) == kinds)
    }

    @Test func `every kind but the busy one leaves most of the processor alone`() {
        for load in Load.allCases where load != .busy {
            let share = load.timers.reduce(0.0) { $0 + Double($1.work) / Double($1.period) }
            #expect(share > 0 && share < 0.2, "\(load) takes \(share)")
        }
        #expect(Load.busy.timers.isEmpty)
    }

    @Test func `the pace is what the last good line says`() throws {
        let pace = try #require(Pace())
        #expect(pace.factor == 1)
        for (line, factor) in [
            ("pace 4", 4), ("pace 0", 4), ("pace 101", 4), ("pace -1", 4), ("pace", 4), ("pace x", 4), ("", 4),
            ("pace 99999999999999999999", 4), ("hello", 4), ("pace 100", 100), ("pace 1", 1),
        ] as [(String, UInt64)] {
            pace.take(line)
            #expect(pace.factor == factor, "\(line)")
        }
    }
}
