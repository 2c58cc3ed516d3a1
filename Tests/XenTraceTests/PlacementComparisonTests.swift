// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import XenTrace

@Suite struct PlacementComparisonTests {
    /// A capture of four processors that were busy for this share of the time.
    private func capture(_ busy: Double, wakeUps: Int) -> PlacementCounts {
        var counts = PlacementCounts([], cpus: 4)
        counts.busy = [busy, busy, busy, busy]
        counts.wakeUps = [wakeUps, 0, 0, 0]
        counts.events = 100
        return counts
    }

    private func compare(_ ours: [(Double, Int)], _ theirs: [(Double, Int)]) -> PlacementComparison {
        PlacementComparison(
            ours.map { capture($0.0, wakeUps: $0.1) }, theirs.map { capture($0.0, wakeUps: $0.1) },
            { 100 * $0.wakeUpsPerEvent })
    }

    @Test func `captures of two boots on a host of changing speed are not worse for that`() {
        // Both from runs in which a comparison of medians failed or was near it (2026-11-23).
        let credit2 = [(0.57, 93), (0.63, 93), (0.60, 92), (0.46, 96), (0.61, 95)]
        let comparison = compare([(0.36, 99), (0.42, 97), (0.40, 97), (0.37, 99), (0.40, 99)], credit2)
        #expect(comparison.pairs.count == 5 && comparison.pairs.allSatisfy { $0.theirs == 96 })
        #expect(!comparison.isWorse)
    }

    @Test func `a scheduler that wakes more cores for the same work is worse`() {
        let credit2 = [(0.45, 97), (0.43, 97), (0.78, 77)]
        #expect(compare([(0.44, 110), (0.46, 125), (0.45, 96)], credit2).isWorse)
        #expect(!compare([(0.44, 110), (0.46, 98), (0.45, 96)], credit2).isWorse)
        #expect(compare([(0.75, 90)], credit2).isWorse)
    }

    @Test func `what was not alike is not compared`() {
        let comparison = compare([(0.2, 200)], [(0.6, 90)])
        #expect(comparison.pairs.isEmpty && !comparison.isWorse)
        #expect(compare([], []).pairs.isEmpty)
    }
}
