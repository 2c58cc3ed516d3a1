// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The checks on a lock that was read: a lock may come from anyone.
struct LockCheck {
    let file: String

    func check(_ lock: Lock) throws {
        for index in lock.indices where !Self.isWord(index.archive) || !Self.isWord(index.suite) {
            throw bad("an index has a bad archive or suite name", index.suite)
        }
        for (name, set) in lock.sets {
            guard PackageSetName(rawValue: name) != nil else { throw bad("there is no such package set", name) }
            guard Self.isWord(set.architecture) else { throw bad("a set has a bad architecture", set.architecture) }
        }
        guard lock.sourceDateEpoch == lock.indices.map(\.date).max() ?? 0 else {
            throw bad("sourceDateEpoch is not the date of the newest index", String(lock.sourceDateEpoch))
        }
        var seen: Set<String> = []
        for package in lock.packages {
            guard PackageSyntax.isName(package.name) else { throw bad("that is no package name", package.name) }
            guard PackageSyntax.isVersion(package.version) else { throw bad("that is no version", package.id) }
            guard Self.isWord(package.architecture) else { throw bad("that is no architecture", package.id) }
            guard Self.isWord(package.archive) else { throw bad("that is no archive name", package.id) }
            guard Self.isSafePath(package.path) else { throw bad("a path leaves the archive", package.path) }
            guard package.size > 0, package.size < 1 << 33 else { throw bad("a size is out of range", package.id) }
            guard seen.insert(package.id).inserted else { throw bad("a package stands twice", package.id) }
            for set in package.sets where lock.set(set) == nil {
                throw bad("a package belongs to a set the lock does not have", package.id)
            }
        }
        for source in lock.sources {
            guard PackageSyntax.isName(source.name) else { throw bad("that is no package name", source.name) }
            guard PackageSyntax.isVersion(source.version) else { throw bad("that is no version", source.version) }
            guard Self.isSafePath(source.path) else { throw bad("a path leaves the archive", source.path) }
            guard Self.isWord(source.archive) else { throw bad("that is no archive name", source.archive) }
            guard source.size < 1 << 33 else { throw bad("a size is out of range", source.path) }
        }
    }

    private func bad(_ cause: String, _ what: String) -> LapwingError {
        LapwingError(
            "lock.bad", exit: .badInput, "The lock is damaged.", subject: file, cause: "\(cause): \(what)",
            hint: "Take it from your version control again, or run \"lapwing update\".")
    }

    /// Letters, digits, dot, plus, dash, underscore; no leading dot.
    static func isWord(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "."), text.utf8.count < 128 else { return false }
        return text.utf8.allSatisfy { PackageSyntax.isAlphanumeric($0) || ".+-_".utf8.contains($0) }
    }

    /// A relative path of plain parts, none of which is empty, `.` or `..`.
    static func isSafePath(_ path: String) -> Bool {
        guard !path.isEmpty, path.utf8.count < 1024 else { return false }
        return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty && part != "." && part != ".."
                && part.utf8.allSatisfy { PackageSyntax.isAlphanumeric($0) || ".+-_~:%=@".utf8.contains($0) }
        }
    }
}

/// The spelling of names and versions (Debian Policy 5.6.1, 5.6.12).
public enum PackageSyntax {
    /// True for a package name: two or more of `a-z 0-9 + - .`, the first a letter or digit.
    public static func isName(_ text: some StringProtocol) -> Bool {
        guard text.utf8.count >= 2, text.utf8.count < 128, let first = text.utf8.first else { return false }
        let lower: (UInt8) -> Bool = { (97...122).contains($0) || (48...57).contains($0) }
        return lower(first) && text.utf8.allSatisfy { lower($0) || "+-.".utf8.contains($0) }
    }

    /// True for a version: `[epoch:]upstream[-revision]` of the allowed characters.
    public static func isVersion(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first), text.utf8.count < 256 else { return false }
        return text.utf8.allSatisfy { isAlphanumeric($0) || ".+-~:".utf8.contains($0) }
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
    }
}
