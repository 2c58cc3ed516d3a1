// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// The content of a file in a `FileTree`: bytes at hand, or a range of a file on disk that nobody changes.
public enum FileContent: Sendable, Hashable {
    /// The bytes themselves.
    case bytes([UInt8])
    /// `size` bytes from `offset` of a file, for example of an uncompressed tar.
    case range(FilePath, offset: Int64, size: Int64)

    /// The size in bytes.
    public var size: Int64 {
        switch self {
        case .bytes(let bytes): Int64(bytes.count)
        case .range(_, _, let size): size
        }
    }
}

/// A root file system as a value: entries by path, each parent a directory, each hard link's target a file. Nothing in
/// it can point out of it, so it can be written below any directory without following a link.
public struct FileTree: Sendable, Equatable {
    /// What an entry is.
    public enum Kind: Sendable, Hashable {
        /// A regular file.
        case file(FileContent)
        /// A directory.
        case directory
        /// A symbolic link and what it says.
        case symlink(String)
        /// Another name of the file at this path of the tree.
        case hardlink(String)
        /// A character device.
        case character(major: UInt32, minor: UInt32)
        /// A block device.
        case block(major: UInt32, minor: UInt32)
        /// A named pipe.
        case fifo
    }

    /// One file, directory, link or device.
    public struct Entry: Sendable, Hashable {
        /// The path from the root, without a leading slash; empty for the root itself.
        public var path: String
        /// What it is.
        public var kind: Kind
        /// Permission bits with set-user-ID, set-group-ID and sticky: at most 0o7777.
        public var mode: UInt32
        /// The owner's number.
        public var uid: UInt32
        /// The group's number.
        public var gid: UInt32
        /// Seconds since 1970, UTC.
        public var mtime: Int64
        /// Extended attributes by full name, such as `security.capability`.
        public var xattrs: [String: [UInt8]]

        /// Describes an entry; the default owner is root and the default time the epoch.
        public init(
            _ path: String, _ kind: Kind, mode: UInt32, uid: UInt32 = 0, gid: UInt32 = 0, mtime: Int64 = 0,
            xattrs: [String: [UInt8]] = [:]
        ) {
            self.path = path
            self.kind = kind
            self.mode = mode
            self.uid = uid
            self.gid = gid
            self.mtime = mtime
            self.xattrs = xattrs
        }

        /// The path of the directory it is in; empty for the root and what is directly in it.
        public var parent: Substring { path[..<(path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex)] }
        /// True for a directory.
        public var isDirectory: Bool { kind == .directory }
        /// The content of a regular file, nil for all else (hard links too).
        public var content: FileContent? { if case .file(let content) = kind { content } else { nil } }
        /// The last component of the path.
        public var name: Substring {
            path[(path.utf8.lastIndex(of: UInt8(ascii: "/")).map(path.utf8.index(after:)) ?? path.startIndex)...]
        }
    }

    private var table: [String: Entry] = [:]
    /// Names of hard links by the file they point at.
    private var links: [String: Set<String>] = [:]

    /// A tree with nothing but the root directory, mode 0755, owned by root.
    public init() {
        table[""] = Entry("", .directory, mode: 0o755)
    }

    /// A tree of entries in any order but hard links, which come after their files; missing parents are made.
    public init(_ entries: some Sequence<Entry>) throws {
        self.init()
        for entry in entries { try insert(entry) }
    }

    /// All entries by path, parents before children, the root first.
    public var entries: [Entry] { table.values.sorted { $0.path < $1.path } }
    /// The number of entries, the root included.
    public var count: Int { table.count }
    /// The sum of the sizes of all files, hard links counted once.
    public var contentSize: Int64 { table.values.reduce(0) { $0 + ($1.content?.size ?? 0) } }

    /// The entry at a path (no leading slash), links not followed.
    public subscript(path: String) -> Entry? { table[path] }

    /// The names directly below a directory, sorted.
    public func children(of path: String) -> [Entry] {
        let prefix = path.isEmpty ? "" : path + "/"
        return table.values.filter { entry in
            entry.path.utf8.count > prefix.utf8.count && entry.path.hasPrefix(prefix)
                && !entry.path.utf8.dropFirst(prefix.utf8.count).contains(UInt8(ascii: "/"))
        }.sorted { $0.path < $1.path }
    }

    /// All entries below a directory, itself not included, sorted.
    public func below(_ path: String) -> [Entry] {
        if path.isEmpty { return Array(entries.dropFirst()) }
        let prefix = path + "/"
        return table.values.filter { $0.path.hasPrefix(prefix) }.sorted { $0.path < $1.path }
    }

    // MARK: - Changing

    /// Puts an entry in, in place of what is there. A directory takes the place of a directory only and a file never of
    /// a directory that holds something. Missing parents are made (0755, root). What cannot be: `tree.…` errors.
    public mutating func insert(_ entry: Entry) throws {
        let path = entry.path
        try TreePath.check(path)
        guard entry.mode <= 0o7777 else { throw Self.error("bad-mode", "The mode has more than twelve bits.", path) }
        if path.isEmpty, !entry.isDirectory {
            throw Self.error("bad-root", "The root of a tree must be a directory.", path)
        }
        if let old = table[path] {
            guard old.path.utf8.elementsEqual(path.utf8) else {
                throw Self.error("equal-names", "Two names differ only in how the same letters are written.", path)
            }
            if old.isDirectory != entry.isDirectory, !(old.isDirectory && children(of: path).isEmpty) {
                throw Self.error("kind-conflict", "A directory and something else have the same name.", path)
            }
        } else if !path.isEmpty {
            try makeParents(of: path, mtime: entry.mtime)
        }
        if case .hardlink(let target) = entry.kind {
            guard target != path, table[target]?.content != nil else {
                throw Self.error("bad-hardlink", "A hard link points at no file of the tree.", path, target)
            }
            detach(path)
            guard table[target]?.content != nil else {
                throw Self.error("bad-hardlink", "A hard link points at itself.", path, target)
            }
            links[target, default: []].insert(path)
        } else {
            detach(path)
        }
        table[path] = entry
    }

    private mutating func makeParents(of path: String, mtime: Int64) throws {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return }
        let parent = String(path[..<slash])
        if let found = table[parent] {
            guard found.isDirectory else {
                throw Self.error(
                    "parent-not-directory", "Something that is no directory has a file below it.", path, parent)
            }
            return
        }
        try makeParents(of: parent, mtime: mtime)
        table[parent] = Entry(parent, .directory, mode: 0o755, mtime: mtime)
    }

    /// Forgets what a path was to hard links: a file with other names hands its content to the first of them.
    private mutating func detach(_ path: String) {
        guard let old = table[path] else { return }
        if case .hardlink(let target) = old.kind {
            links[target]?.remove(path)
            if links[target]?.isEmpty == true { links[target] = nil }
        } else if var others = links.removeValue(forKey: path), let heir = others.min() {
            others.remove(heir)
            table[heir]?.kind = old.kind
            for other in others { table[other]?.kind = .hardlink(heir) }
            if !others.isEmpty { links[heir] = others }
        }
    }

    /// Takes out a path and all below it; nothing there is fine. The root stays, emptied.
    public mutating func remove(_ path: String) {
        guard let entry = table[path] else { return }
        if entry.isDirectory { for child in below(path) { removeOne(child.path) } }
        if !path.isEmpty { removeOne(path) }
    }

    private mutating func removeOne(_ path: String) {
        detach(path)
        table[path] = nil
    }

    /// Takes out every entry for which the body is true, with all below it.
    public mutating func removeAll(where matches: (Entry) throws -> Bool) rethrows {
        var gone: Set<Substring> = []
        var doomed: [String] = []
        for entry in entries where !entry.path.isEmpty {
            if gone.contains(entry.parent) {
                if entry.isDirectory { gone.insert(entry.path[...]) }
            } else if try matches(entry) {
                if entry.isDirectory { gone.insert(entry.path[...]) }
            } else {
                continue
            }
            doomed.append(entry.path)
        }
        for path in doomed { removeOne(path) }
    }

    /// The tree with only those entries for which the body is true; a directory that is left out takes all below along.
    public func filter(_ keep: (Entry) throws -> Bool) rethrows -> FileTree {
        var copy = self
        try copy.removeAll { try !keep($0) }
        return copy
    }

    /// Lays another tree over this one: its files replace ours, its directories replace the attributes of ours unless
    /// `keepDirectories`. With `throughLinks` a parent that is a link to a directory here (`/bin`) is followed, as dpkg
    /// does, and a directory that is such a link here stays one. The roots' attributes stay ours.
    public mutating func overlay(
        _ other: FileTree, keepDirectories: Bool = false, throughLinks: Bool = false
    ) throws {
        _ = try overlayReporting(other, keepDirectories: keepDirectories, throughLinks: throughLinks)
    }

    /// As `overlay`; says which paths that are no directories were written and what they replaced.
    mutating func overlayReporting(
        _ other: FileTree, keepDirectories: Bool, throughLinks: Bool
    ) throws -> (written: [String], replaced: [Entry]) {
        var moved: [String: String] = [:]
        var late: [Entry] = []
        var written: [String] = []
        var replaced: [Entry] = []
        for var entry in other.entries where !entry.path.isEmpty {
            let original = entry.path
            if throughLinks { entry.path = try place(original, &moved) }
            if entry.isDirectory {
                if throughLinks, case .symlink = table[entry.path]?.kind {
                    guard let real = resolve(entry.path), table[real]?.isDirectory == true else {
                        throw Self.error(
                            "kind-conflict", "A directory lies over a link that leads to none.", entry.path)
                    }
                    moved[original] = real
                    continue
                }
                moved[original] = entry.path
                if keepDirectories, table[entry.path]?.isDirectory == true { continue }
                try insert(entry)
                continue
            }
            moved[original] = entry.path
            written.append(entry.path)
            if let old = table[entry.path] { replaced.append(old) }
            if case .hardlink = entry.kind { late.append(other.table[original] ?? entry) } else { try insert(entry) }
        }
        for var entry in late {
            guard case .hardlink(let target) = entry.kind else { continue }
            entry.path = moved[entry.path] ?? entry.path
            entry.kind = .hardlink(moved[target] ?? target)
            try insert(entry)
        }
        return (written, replaced)
    }

    private func place(_ path: String, _ moved: inout [String: String]) throws -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        let parent = String(path[..<slash])
        let real: String
        if let known = moved[parent] {
            real = known
        } else {
            let placed = try place(parent, &moved)
            real = table[placed] == nil ? placed : resolve(placed) ?? placed
            moved[parent] = real
        }
        return real + path[slash...]
    }

    /// Follows links inside the tree, an absolute target starting at the tree's root; nil when it leads nowhere, to
    /// itself, or through more than 40 links.
    public func resolve(_ path: String) -> String? {
        var rest = path.split(separator: "/").reversed().map(String.init)
        var at: [String] = []
        var hops = 0
        while let part = rest.popLast() {
            if part == "." { continue }
            if part == ".." {
                if !at.isEmpty { at.removeLast() }
                continue
            }
            let here = (at + [part]).joined(separator: "/")
            guard let entry = table[here] else { return nil }
            guard case .symlink(let target) = entry.kind else {
                if !entry.isDirectory, !rest.isEmpty { return nil }
                at.append(part)
                continue
            }
            hops += 1
            if hops > 40 { return nil }
            if target.hasPrefix("/") { at = [] }
            rest += target.split(separator: "/").reversed().map(String.init)
        }
        return at.joined(separator: "/")
    }

    /// The content of the file a path leads to, links followed; nil when there is none.
    public func content(_ path: String) -> FileContent? {
        guard let real = resolve(path), let entry = table[real] else { return nil }
        if case .hardlink(let target) = entry.kind { return table[target]?.content }
        return entry.content
    }

    /// Changes every entry's attributes in place; path and kind cannot be changed here.
    public mutating func updateAttributes(_ body: (inout Entry) throws -> Void) rethrows {
        for key in table.keys {
            guard var entry = table[key] else { continue }
            let kind = entry.kind
            try body(&entry)
            entry.path = key
            entry.kind = kind
            table[key] = entry
        }
    }

    /// Sets every time later than the given one, or before 1970, to it.
    public mutating func clampTimes(to epoch: Int64) {
        updateAttributes { entry in if entry.mtime > epoch || entry.mtime < 0 { entry.mtime = epoch } }
    }

    /// The tree with each hard link made a file of its own and the links' content shared.
    public func expandingHardlinks() -> FileTree {
        var copy = self
        for (target, names) in links {
            guard let kind = table[target]?.kind else { continue }
            for name in names { copy.table[name]?.kind = kind }
        }
        copy.links = [:]
        return copy
    }

    /// The entries in the order to write them: sorted, and the first name of a hard-linked file carries the content.
    public var canonicalEntries: [Entry] {
        if links.isEmpty { return entries }
        var copy = self
        for (target, names) in links {
            guard let first = names.min(), first < target, let kind = table[target]?.kind else { continue }
            copy.table[first]?.kind = kind
            copy.table[target]?.kind = .hardlink(first)
            for name in names where name != first { copy.table[name]?.kind = .hardlink(first) }
        }
        return copy.entries
    }

    /// Two trees are equal when their entries are, contents by where they come from.
    public static func == (a: FileTree, b: FileTree) -> Bool { a.table == b.table }

    static func error(_ code: String, _ message: String, _ path: String, _ cause: String? = nil) -> LapwingError {
        LapwingError("tree." + code, exit: .badInput, message, subject: "/" + path, cause: cause)
    }
}

// MARK: - Shorthand

extension FileTree {
    /// Adds a file.
    public mutating func addFile(
        _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o644, uid: UInt32 = 0, gid: UInt32 = 0, mtime: Int64 = 0
    ) throws {
        try insert(Entry(path, .file(.bytes(bytes)), mode: mode, uid: uid, gid: gid, mtime: mtime))
    }

    /// Adds a text file.
    public mutating func addFile(_ path: String, _ text: String, mode: UInt32 = 0o644, mtime: Int64 = 0) throws {
        try addFile(path, Array(text.utf8), mode: mode, mtime: mtime)
    }

    /// Adds a directory.
    public mutating func addDirectory(
        _ path: String, mode: UInt32 = 0o755, uid: UInt32 = 0, gid: UInt32 = 0, mtime: Int64 = 0
    ) throws {
        try insert(Entry(path, .directory, mode: mode, uid: uid, gid: gid, mtime: mtime))
    }

    /// Adds a symbolic link.
    public mutating func addSymlink(_ path: String, to target: String, mtime: Int64 = 0) throws {
        try insert(Entry(path, .symlink(target), mode: 0o777, mtime: mtime))
    }
}

/// The rules for paths of a tree.
public enum TreePath {
    /// Throws unless the path is relative, in normal form, free of `..` and NUL, and within Linux's limits (255 bytes a
    /// component, 4095 in all). The empty path is the root.
    public static func check(_ path: String) throws {
        if path.isEmpty { return }
        var length = 0
        var dots = 0
        func end() throws {
            if length == 0 || length > 255 || (dots == length && length <= 2) {
                throw FileTree.error("bad-path", "The path is not a clean relative path.", path)
            }
        }
        for byte in path.utf8 {
            if byte == UInt8(ascii: "/") {
                try end()
                length = 0
                dots = 0
                continue
            }
            if byte == 0 { throw FileTree.error("bad-path", "The path holds a NUL.", path) }
            length += 1
            if byte == UInt8(ascii: ".") { dots += 1 }
        }
        try end()
        if path.utf8.count > 4095 { throw FileTree.error("bad-path", "The path is too long.", path) }
    }

    /// Brings a path as archives write it (`./usr/bin/`) to a tree's form. Absolute paths and `..` are errors.
    public static func normalize(_ raw: String) throws -> String {
        if raw.isEmpty || raw.hasPrefix("/") {
            throw FileTree.error("bad-path", "An archive names an absolute or empty path.", raw)
        }
        if !raw.hasPrefix("."), !raw.hasSuffix("/"), !raw.utf8.contains(0) {
            if (try? check(raw)) != nil { return raw }
        }
        let parts = raw.split(separator: "/").filter { $0 != "." }
        let path = parts.joined(separator: "/")
        try check(path)
        return path
    }
}
