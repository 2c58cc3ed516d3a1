// SPDX-License-Identifier: Apache-2.0

/// Which battery a guest sees as its first and which as its second. A battery keeps its slot while another is pulled
/// and put in, and while it is away itself, until a third one needs the place.
public struct BatterySlots: Sendable, Hashable {
    /// The name of the battery that has each slot; nil for one that nobody had yet.
    public private(set) var names: [String?]

    /// The longest name that is kept, in bytes.
    static let nameLimit = 64

    /// Slots nobody has.
    public init() { names = Array(repeating: nil, count: VirtualPower.slots) }

    /// The slots as a text wrote them: a line each, empty for a free one. What cannot be is free, so that any text is
    /// one of slots.
    public init(text: String) {
        self.init()
        for (slot, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard slot < names.count else { break }
            let name = String(line)
            if Self.isName(name), !names.contains(name) { names[slot] = name }
        }
    }

    /// The text, which `init(text:)` reads.
    public var text: String { names.map { ($0 ?? "") + "\n" }.joined() }

    /// The slot of each of the batteries that are there; nil for one that gets none, because others have them all.
    public mutating func place(_ present: [String]) -> [Int?] {
        for name in present where !names.contains(name) && Self.isName(name) {
            let free = names.firstIndex(of: nil) ?? names.firstIndex { !present.contains($0 ?? "") }
            if let free { names[free] = name }
        }
        return present.map { names.firstIndex(of: $0) }
    }

    private static func isName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= nameLimit && name.utf8.allSatisfy { (33...126).contains($0) }
    }
}
