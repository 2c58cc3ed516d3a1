// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// Which files of the store were hashed, and what they looked like then. A file that still looks the same (device,
/// inode, size and both times) need not be hashed again. The record is a hint: lost or damaged, everything is hashed.
struct VerifiedRecords: Sendable {
    struct Stamp: Sendable, Hashable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var modified: Int64
        var changed: Int64

        init(_ status: FileStatus) {
            device = status.device
            inode = status.inode
            size = status.size
            modified = status.modified
            changed = status.changed
        }

        init?(_ words: [Substring]) {
            guard words.count == 5, let device = UInt64(words[0]), let inode = UInt64(words[1]),
                let size = Int64(words[2]), let modified = Int64(words[3]), let changed = Int64(words[4])
            else { return nil }
            self.device = device
            self.inode = inode
            self.size = size
            self.modified = modified
            self.changed = changed
        }

        var line: String { "\(device) \(inode) \(size) \(modified) \(changed)" }
    }

    private let file: FilePath
    private let lock: FilePath
    private(set) var stamps: [Digest: Stamp]

    /// Reads the records kept in a directory.
    init(directory: FilePath) {
        file = directory.appending("verified")
        lock = directory.appending("verified.lock")
        stamps = Self.read(file)
    }

    private static func read(_ file: FilePath) -> [Digest: Stamp] {
        guard let text = try? Files.text(file, limit: 64 << 20) else { return [:] }
        var stamps: [Digest: Stamp] = [:]
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " ")).map(Substring.init)
            guard let digest = words.first.flatMap({ Digest(hex: $0) }), let stamp = Stamp(Array(words.dropFirst()))
            else { continue }
            stamps[digest] = stamp
        }
        return stamps
    }

    /// Adds what was hashed and drops what turned out wrong, together with what other processes recorded meanwhile.
    mutating func record(_ new: [Digest: Stamp], dropping: Set<Digest> = []) throws {
        if new.isEmpty && dropping.isEmpty { return }
        let held = try FileLock.wait(lock, .exclusive)
        try withExtendedLifetime(held) {
            stamps = Self.read(file).filter { !dropping.contains($0.key) }.merging(new) { _, latest in latest }
            let lines = stamps.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.line)\n" }
            try Files.write(lines.joined(), to: file)
        }
    }
}
