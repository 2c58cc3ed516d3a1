// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A value of one file, or of several merged, that has the right shape but may still hold variables and list edits.
indirect enum Typed: Hashable {
    /// A finished value.
    case leaf(JSONValue, SourceLocation)
    /// Explicitly nothing.
    case null(SourceLocation)
    /// A list: what it starts from, and edits in order.
    case list(ListBase, [ListEdit], SourceLocation)
    /// A section or a map.
    case object([String: Typed], SourceLocation)
    /// A variable to fill in.
    case variable(String, SourceLocation)
    /// Something an error was already reported for; it swallows whatever is merged with it.
    case bad(SourceLocation)

    /// Where the value stands.
    var location: SourceLocation {
        switch self {
        case .leaf(_, let location), .null(let location), .list(_, _, let location), .object(_, let location),
            .variable(_, let location), .bad(let location):
            location
        }
    }

    /// The value with a later layer's value over it. Associative: layers may be merged in any grouping.
    func merged(with over: Typed) -> Typed {
        switch (self, over) {
        case (.bad, _): return self
        case (_, .bad): return over
        case (.object(let below, _), .object(let above, let location)):
            return .object(below.merging(above) { $0.merged(with: $1) }, location)
        case (.list(let base, let edits, _), .list(.below, let more, let location)):
            return .list(base, edits + more, location)
        default: return over
        }
    }
}

/// What a list starts from.
indirect enum ListBase: Hashable {
    /// The layer below, or the default.
    case below
    /// These elements.
    case elements([Typed])
    /// A variable of type list.
    case variable(String, SourceLocation)
}

/// One edit of a list.
struct ListEdit: Hashable {
    /// Elements to add at the end.
    var add: [Typed]
    /// Elements to remove; of sections the value of the key that tells them apart.
    var remove: [Typed]
}
