// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The list of patches of a source package in the format `3.0 (quilt)` (dpkg-source(1)).
struct PatchSeries: Hashable {
    struct Patch: Hashable {
        /// The path below `debian/patches`.
        var name: String
        /// How many leading parts of the file names are dropped.
        var strip: Int
    }

    var patches: [Patch]

    /// Reads `debian/patches/series`: a name in each line, perhaps with `-pN`; `#` begins a comment.
    init(_ text: String) throws {
        patches = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let name = words.first else { continue }
            guard Self.isSafe(name) else { throw Self.bad(name, "the name leaves the directory of patches") }
            var strip = 1
            for option in words.dropFirst() {
                guard option.hasPrefix("-p"), let number = Int(option.dropFirst(2)), (0...2).contains(number) else {
                    throw Self.bad(name, "the option \(option) is not known")
                }
                strip = number
            }
            guard !patches.contains(where: { $0.name == name }) else { throw Self.bad(name, "it stands twice") }
            patches.append(Patch(name: name, strip: strip))
        }
    }

    private static func isSafe(_ name: String) -> Bool {
        !name.hasPrefix("-")
            && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                !part.isEmpty && part != "." && part != ".." && part.utf8.allSatisfy { $0 > 32 && $0 < 127 }
            }
    }

    private static func bad(_ name: String, _ cause: String) -> LapwingError {
        LapwingError(
            "hypervisor.bad-series", exit: .badInput, "The list of patches of the source is not understood.",
            subject: name, cause: cause)
    }
}
