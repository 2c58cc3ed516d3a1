// SPDX-License-Identifier: Apache-2.0

/// Reads relationship fields (Debian Policy 7.1) as far as names go.
enum Relations {
    /// The groups of a `Depends` field, each with the names of its alternatives.
    static func groups(_ field: String) -> [[String]] {
        field.split(separator: ",").map { group in group.split(separator: "|").compactMap { name($0) } }
            .filter { !$0.isEmpty }
    }

    /// The names a package provides besides its own.
    static func provided(_ package: LockedPackage) -> [String] {
        package.provides.split(separator: ",").compactMap { name($0) }
    }

    /// The name in `name[:architecture] [(relation version)]`.
    private static func name(_ text: Substring) -> String? {
        let word = text.drop { $0 == " " || $0 == "\n" }.prefix { !" (:[<\n".contains($0) }
        return word.isEmpty ? nil : String(word)
    }
}
