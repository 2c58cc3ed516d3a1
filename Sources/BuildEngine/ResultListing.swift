// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
import SystemPackage

/// What stands at one path of a result, and by which status it is known again without being read.
struct ResultEntry: Sendable, Hashable {
    enum Kind: String, Sendable {
        case file = "f"
        case directory = "d"
        case link = "l"
    }

    struct Stamp: Sendable, Hashable, Codable {
        var size: Int64
        var inode: UInt64
        var modified: Int64
        var changed: Int64

        init(size: Int64, inode: UInt64, modified: Int64, changed: Int64) {
            self.size = size
            self.inode = inode
            self.modified = modified
            self.changed = changed
        }

        init(_ status: FileStatus) {
            self.init(size: status.size, inode: status.inode, modified: status.modified, changed: status.changed)
        }
    }

    var path: String
    var kind: Kind
    var permissions: UInt32
    var stamp: Stamp
    /// Of a file's content or a link's target; nil for a directory, and where it has not been computed yet.
    var digest: Digest?

    /// True when the status says that nothing was changed since. Of a directory only its being one counts: what
    /// comes and goes in it is seen from the listing.
    func looksLike(_ other: ResultEntry) -> Bool {
        path == other.path && kind == other.kind
            && (kind == .directory || permissions == other.permissions && stamp == other.stamp)
    }
}

/// All that is in a result directory, sorted by path.
struct ResultListing: Sendable, Hashable {
    var entries: [ResultEntry]

    /// The sum of the file sizes in bytes.
    var bytes: Int64 { entries.reduce(0) { $0 + ($1.kind == .file ? $1.stamp.size : 0) } }

    /// The files with their digests.
    var files: [ResultFile] {
        entries.compactMap { entry in
            guard entry.kind == .file, let digest = entry.digest else { return nil }
            return ResultFile(path: entry.path, size: entry.stamp.size, sha256: digest)
        }
    }

    /// The digest of everything that matters: kinds, permissions, contents, paths; no stamps.
    var digest: Digest {
        var bytes: [UInt8] = []
        for entry in entries {
            bytes += entry.kind.rawValue.utf8
            bytes += " \(String(entry.permissions, radix: 8)) ".utf8
            bytes += (entry.digest?.hex ?? "-").utf8
            bytes += " \(entry.path)\0".utf8
        }
        return .of(bytes)
    }

    /// Lists a directory by status alone. Devices, pipes and sockets are an error.
    static func scan(_ root: FilePath) throws -> ResultListing {
        var entries: [ResultEntry] = []
        func add(_ directory: FilePath, _ prefix: String) throws {
            for name in try Files.names(in: directory) {
                let path = directory.appending(name)
                let below = prefix + name
                guard let status = try Files.status(path) else { continue }
                let kind: ResultEntry.Kind
                switch status.kind {
                case .file: kind = .file
                case .directory: kind = .directory
                case .link: kind = .link
                case .special:
                    throw LapwingError(
                        "build.result-special", "The result of a step holds a device, pipe or socket.", subject: below)
                }
                entries.append(
                    ResultEntry(
                        path: below, kind: kind, permissions: kind == .link ? 0o777 : status.permissions,
                        stamp: .init(status),
                        digest: nil))
                if kind == .directory { try add(path, below + "/") }
            }
        }
        try add(root, "")
        return ResultListing(entries: entries)
    }

    /// Takes write permission from every file and makes the permissions independent of the umask, then lists.
    static func seal(_ root: FilePath) throws -> ResultListing {
        for entry in try scan(root).entries where entry.kind != .link {
            let wanted: UInt32 = entry.kind == .directory ? 0o755 : entry.permissions & 0o100 != 0 ? 0o555 : 0o444
            if entry.permissions != wanted { try Files.setPermissions(root.appending(entry.path), wanted) }
        }
        return try scan(root)
    }

    /// The digest of the content at an entry.
    static func content(_ root: FilePath, _ entry: ResultEntry) throws -> Digest? {
        switch entry.kind {
        case .directory: nil
        case .link: Digest.of(try Files.linkTarget(root.appending(entry.path)))
        case .file: try Digest.ofFile(root.appending(entry.path))
        }
    }

    /// Reads and digests every file, several at a time.
    func digested(_ root: FilePath) async throws -> ResultListing {
        var result = self
        // Large files first: the work ends sooner when the long pieces do not come last.
        let order = entries.indices.sorted {
            (entries[$1].stamp.size, $0) < (entries[$0].stamp.size, $1)
        }
        var batches: [[Int]] = []
        var small: [Int] = []
        for index in order {
            if entries[index].stamp.size > 1 << 20 {
                batches.append([index])
            } else {
                small.append(index)
                if small.count == 256 {
                    batches.append(small)
                    small = []
                }
            }
        }
        if !small.isEmpty { batches.append(small) }
        try await withThrowingTaskGroup(of: [(Int, Digest?)].self) { group in
            for batch in batches {
                group.addTask { try batch.map { ($0, try Self.content(root, entries[$0])) } }
            }
            for try await digests in group {
                for (index, digest) in digests { result.entries[index].digest = digest }
            }
        }
        return result
    }

    // A listing may have tens of thousands of entries and is read on every unchanged build: hence lines, not JSON.
    // Fields are separated by blanks, the path comes last and ends with a NUL, since it may hold a newline.

    var text: [UInt8] {
        var bytes: [UInt8] = []
        for entry in entries {
            let stamp = entry.stamp
            bytes += Array(
                """
                \(entry.kind.rawValue) \(String(entry.permissions, radix: 8)) \(stamp.size) \(stamp.inode) \
                \(stamp.modified) \(stamp.changed) \(entry.digest?.hex ?? "-") \(entry.path)\0
                """.utf8)
        }
        return bytes
    }

    /// Reads `text`; nil when it is damaged.
    init?(text: [UInt8]) {
        guard let entries = text.withUnsafeBufferPointer(Self.parse) else { return nil }
        self.entries = entries
    }

    private static func parse(_ text: UnsafeBufferPointer<UInt8>) -> [ResultEntry]? {
        var entries: [ResultEntry] = []
        var at = 0
        func field(_ end: UInt8) -> String? {
            let start = at
            while at < text.count, text[at] != end { at += 1 }
            guard at < text.count else { return nil }
            defer { at += 1 }
            return String(decoding: UnsafeBufferPointer(rebasing: text[start..<at]), as: UTF8.self)
        }
        let blank = UInt8(ascii: " ")
        while at < text.count {
            guard let kind = field(blank).flatMap(ResultEntry.Kind.init(rawValue:)),
                let permissions = field(blank).flatMap({ UInt32($0, radix: 8) }),
                let size = field(blank).flatMap({ Int64($0) }), let inode = field(blank).flatMap({ UInt64($0) }),
                let modified = field(blank).flatMap({ Int64($0) }), let changed = field(blank).flatMap({ Int64($0) }),
                let hex = field(blank), let path = field(0)
            else { return nil }
            let digest = Digest(hex: hex)
            if (kind == .directory) != (digest == nil) { return nil }
            entries.append(
                ResultEntry(
                    path: path, kind: kind, permissions: permissions,
                    stamp: .init(size: size, inode: inode, modified: modified, changed: changed), digest: digest))
        }
        return entries
    }

    init(entries: [ResultEntry]) {
        self.entries = entries
    }
}
