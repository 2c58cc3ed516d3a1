// SPDX-License-Identifier: Apache-2.0

/// Compares counts of two schedulers that ran the same guests in two boots.
///
/// An emulator's speed changes with what else its host does, and with it how busy the emulated processors are. On busy
/// ones more events find a processor that is awake already, and more work is moved: under credit2 captures with 43 to 46 %
/// of the processors busy showed 96 to 98 wake-ups and 21 to 22 migrations for 100 events, those with 57 to 63 % 92 to 95
/// and 26 to 34, one with 78 % 77 and 74 (2026-11-23). So only captures that were about as busy are compared.
public struct PlacementComparison: Sendable {
    /// Captures are compared when the shares of their processors that were busy differ by no more.
    public static let reach = 0.15
    /// A value is worse when it is higher by more than this share; captures of one scheduler differ by as much.
    public static let margin = 0.1

    /// The values of ours, and with each that of the other's capture that was busy most like it.
    public var pairs: [(ours: Double, theirs: Double)] = []

    /// Pairs the captures. None are left when the two boots were not alike.
    public init(
        _ ours: [PlacementCounts], _ theirs: [PlacementCounts], _ value: (PlacementCounts) -> Double
    ) {
        for mine in ours {
            let nearest = theirs.min { abs($0.load - mine.load) < abs($1.load - mine.load) }
            guard let nearest, abs(nearest.load - mine.load) <= Self.reach else { continue }
            pairs.append((value(mine), value(nearest)))
        }
    }

    /// True when ours is worse in more than half of the pairs, by more than the margin.
    public var isWorse: Bool { 2 * pairs.count { $0.ours > $0.theirs * (1 + Self.margin) } > pairs.count }
}

extension PlacementCounts {
    /// The share of all processors that was busy, 0 to 1.
    public var load: Double { busy.isEmpty ? 0 : busy.reduce(0, +) / Double(busy.count) }
}
