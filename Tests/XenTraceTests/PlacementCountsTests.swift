// SPDX-License-Identifier: Apache-2.0

import Testing
import XenTrace

private enum State: UInt32 { case running, runnable, blocked }

/// A change of run state: time in milliseconds.
private func change(_ time: Int64, _ cpu: Int, _ domain: UInt32, _ vcpu: UInt32, _ old: State, _ new: State)
    -> TraceRecord
{
    TraceRecord(
        time: time * 1_000_000, cpu: cpu, event: 0x21001 | old.rawValue << 8 | new.rawValue << 4,
        words: [domain << 16 | vcpu])
}

@Suite struct PlacementCountsTests {
    private let idle: UInt32 = 0x7fff

    @Test func `a processor that runs a guest twice wakes twice and is busy as long`() {
        let counts = PlacementCounts(
            [
                change(0, 0, idle, 0, .runnable, .running),
                change(100, 0, idle, 0, .running, .runnable), change(100, 0, 1, 0, .runnable, .running),
                change(200, 0, 1, 0, .running, .blocked), change(200, 0, idle, 0, .runnable, .running),
                change(700, 0, idle, 0, .running, .runnable), change(700, 0, 1, 0, .runnable, .running),
                change(1000, 0, 1, 0, .running, .blocked),
            ], cpus: 0..<2)
        #expect(counts.wakeUps == [2, 0])
        #expect(abs(counts.busy[0] - 0.4) < 1e-9)
        #expect(counts.busy[1] == 0)
        #expect(counts.leftAlone == 1)
        #expect(counts.migrations == 0)
        #expect(counts.starts == 2)
    }

    @Test func `counts are weighed with what was asked, which is that a sleeper wakes`() {
        let counts = PlacementCounts(
            [
                change(0, 0, idle, 0, .runnable, .running), change(50, 1, 1, 0, .blocked, .runnable),
                change(100, 0, idle, 0, .running, .runnable), change(100, 0, 1, 0, .runnable, .running),
                change(200, 0, 1, 0, .running, .runnable), change(200, 0, 1, 1, .blocked, .runnable),
                change(200, 0, 1, 1, .runnable, .running), change(500, 1, 1, 0, .runnable, .running),
            ], cpus: 0..<2)
        #expect(counts.events == 2)
        #expect(counts.wakeUpsPerEvent == 0.5)
        #expect(counts.migrationsPerEvent == 0.5)
        #expect(counts.eventsPerSecond == 4)
        #expect(PlacementCounts([], cpus: 0..<1).migrationsPerEvent == 0)
    }

    @Test func `a migration is a start on another processor, by each virtual processor on its own`() {
        let counts = PlacementCounts(
            [
                change(0, 0, 1, 0, .runnable, .running), change(1, 1, 1, 1, .runnable, .running),
                change(2, 1, 1, 0, .runnable, .running), change(3, 1, 1, 1, .runnable, .running),
                change(4, 0, 2, 0, .runnable, .running), change(5, 0, 1, 0, .runnable, .running),
            ], cpus: 0..<2)
        #expect(counts.migrations == 2)
        #expect(counts.busy == [1, 1])
    }

    @Test func `only the processors that were named count, whoever woke what runs on them`() {
        let counts = PlacementCounts(
            [
                change(0, 0, 0, 0, .blocked, .runnable), change(0, 0, 0, 0, .runnable, .running),
                change(100, 0, 1, 0, .blocked, .runnable), change(100, 3, idle, 3, .running, .runnable),
                change(100, 3, 1, 0, .runnable, .running), change(500, 0, 0, 0, .running, .blocked),
                change(1000, 3, 1, 0, .running, .blocked),
            ], cpus: 2..<4)
        #expect(counts.events == 1 && counts.starts == 1)
        #expect(counts.wakeUps == [0, 1])
        #expect(counts.busy[0] == 0 && abs(counts.busy[1] - 0.9) < 1e-9)
    }

    @Test func `idle before the first record of a processor counts as idle`() {
        let counts = PlacementCounts(
            [
                change(0, 1, 1, 0, .runnable, .running), change(600, 0, idle, 0, .running, .runnable),
                change(1000, 0, 2, 0, .runnable, .running),
            ], cpus: 0..<2)
        #expect(abs(counts.busy[0] - 0.4) < 1e-9)
    }

    @Test func `a processor without a record is idle unless something ran there throughout`() {
        let records = [
            change(0, 0, 1, 0, .blocked, .runnable), change(0, 0, idle, 0, .running, .runnable),
            change(0, 0, 1, 0, .runnable, .running), change(1000, 0, 1, 0, .running, .blocked),
        ]
        #expect(PlacementCounts(records, cpus: 0..<3).busy == [1, 0, 0])
        #expect(PlacementCounts(records, cpus: 0..<3, running: [2]).busy == [1, 0, 1])
        #expect(PlacementCounts(records, cpus: 0..<3, running: [2]).leftAlone == 1)
    }

    @Test func `nothing and other events count as nothing`() {
        #expect(PlacementCounts([], cpus: 0..<1).busy == [0])
        let other = TraceRecord(time: 5, cpu: 0, event: 0x22001, words: [1])
        #expect(PlacementCounts([other, other], cpus: 0..<1).starts == 0)
    }
}
