// SPDX-License-Identifier: Apache-2.0

/// Finds the word a person probably meant.
enum Suggestion {
    /// `Did you mean "memory"?`, or nil when nothing is near.
    static func sentence(_ word: String, among known: some Sequence<String>) -> String? {
        if word.utf8.count > 64 { return nil }
        let limit = max(1, word.count / 3)
        let ranked = known.map { (distance(Array(word.lowercased().utf8), Array($0.lowercased().utf8)), $0) }
        guard let best = ranked.min(by: { $0 < $1 }), best.0 <= limit else { return nil }
        return "Did you mean \"\(best.1)\"?"
    }

    /// Insertions, deletions and replacements that turn one word into the other (Levenshtein).
    static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, left) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (left == right ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
