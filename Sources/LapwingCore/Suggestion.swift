// SPDX-License-Identifier: Apache-2.0

/// Finds the word a person probably meant.
public enum Suggestion {
    /// `Did you mean "packages"?`, or nil when nothing is near.
    public static func sentence(_ word: String, among known: some Sequence<String>) -> String? {
        nearest(word, among: known).map { "Did you mean \(SafeText.quoted($0))?" }
    }

    /// The nearest known word, if it is near enough; of equally near ones the first by alphabet.
    public static func nearest(_ word: String, among known: some Sequence<String>) -> String? {
        if word.utf8.count > 64 { return nil }
        let limit = max(1, word.count / 3)
        var best: (distance: Int, word: String)?
        for candidate in known where abs(candidate.utf8.count - word.utf8.count) <= limit && candidate != word {
            let distance = self.distance(Array(word.lowercased().utf8), Array(candidate.lowercased().utf8))
            guard distance <= limit else { continue }
            if let best, (best.distance, best.word) <= (distance, candidate) { continue }
            best = (distance, candidate)
        }
        return best?.word
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string
    /// alignment).
    public static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var before = [Int](repeating: 0, count: b.count + 1)
        var previous = Array(0...b.count)
        for i in 1...a.count {
            var current = [i] + [Int](repeating: 0, count: b.count)
            for j in 1...b.count {
                let cost = a[i - 1] == b[j - 1] ? 0 : 1
                current[j] = min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    current[j] = min(current[j], before[j - 2] + 1)
                }
            }
            before = previous
            previous = current
        }
        return previous[b.count]
    }
}
