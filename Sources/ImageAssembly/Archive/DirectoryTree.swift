// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
public import SystemPackage

/// Turns a negative errno of a shim into an error for the person.
@discardableResult
func checked<T: SignedInteger>(_ result: T, _ action: String, _ path: String) throws -> T {
    if result < 0 { try Files.explain(action, FilePath(path)) { throw Errno(rawValue: CInt(-result)) } }
    return result
}

/// Reads a directory on disk into a tree.
public enum DirectoryReader {
    /// Reads all below a directory on the same file system, contents as ranges of the files there. Owners and modes are
    /// those on disk. Of the extended attributes `security.capability` alone is taken: the others are the host's.
    /// Sockets, which no image can hold, are left out.
    public static func read(_ directory: FilePath) throws -> FileTree {
        guard let top = try Files.status(directory), top.kind == .directory else {
            throw LapwingError(
                "tree.no-directory", exit: .unavailable, "There is no directory here.", subject: directory.string)
        }
        var names: [LinkKey: String] = [:]
        var found: [FileTree.Entry] = [entry("", top, .directory)]
        var pending: [String] = [""]
        while let path = pending.popLast() {
            let prefix = path.isEmpty ? "" : path + "/"
            for name in try Files.names(in: FilePath(directory.string + "/" + path)) {
                let child = prefix + name
                let full = FilePath(directory.string + "/" + child)
                guard let status = try Files.status(full) else { continue }
                let kind: FileTree.Kind
                switch status.kind {
                case .directory:
                    kind = .directory
                    if status.device == top.device { pending.append(child) }
                case .link: kind = .symlink(try Files.linkTarget(full))
                case .file:
                    let key = LinkKey(device: status.device, inode: status.inode)
                    if status.links > 1, let first = names[key] {
                        kind = .hardlink(first)
                    } else {
                        if status.links > 1 { names[key] = child }
                        kind = .file(.range(full, offset: 0, size: status.size))
                    }
                case .special:
                    guard let special = special(full) else { continue }
                    kind = special
                }
                var entry = entry(child, status, kind)
                if case .file = kind, let value = try capability(full) { entry.xattrs["security.capability"] = value }
                found.append(entry)
            }
        }
        return try FileTree(found)
    }

    private struct LinkKey: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    private static func entry(_ path: String, _ status: FileStatus, _ kind: FileTree.Kind) -> FileTree.Entry {
        FileTree.Entry(
            path, kind, mode: status.permissions, uid: status.owner, gid: status.group,
            mtime: status.modified.dividedRoundingDown(1_000_000_000))
    }

    private static func capability(_ path: FilePath) throws -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 64)
        let length = lapwing_get_attribute(path.string, "security.capability", &buffer, 64)
        return length > 0 ? Array(buffer[..<length]) : nil
    }

    private static func special(_ path: FilePath) -> FileTree.Kind? {
        let number = lapwing_device_number(path.string)
        let (major, minor) = (UInt32(number >> 32), UInt32(truncatingIfNeeded: number))
        return switch lapwing_node_type(path.string) {
        case 1: .character(major: major, minor: minor)
        case 2: .block(major: major, minor: minor)
        case 3: .fifo
        default: nil
        }
    }
}

/// Writes a tree below an empty directory on disk.
public struct DirectoryWriter: Sendable {
    /// True to give files their owners, set-ID bits, devices and attributes; false to make all of it the caller's own,
    /// as a tools tree wants it: owner-writable, without set-ID bits and devices.
    public var faithful: Bool

    /// A writer.
    public init(faithful: Bool) {
        self.faithful = faithful
    }

    /// Writes the tree. The directory must exist and hold nothing the tree names; each parent of an entry is a directory
    /// made here, so no link is ever followed. Files are written by several tasks at once.
    public func write(_ tree: FileTree, to directory: FilePath) async throws {
        let entries = tree.canonicalEntries
        let base = directory.string + "/"
        for entry in entries where entry.isDirectory && !entry.path.isEmpty {
            try checked(
                lapwing_mkdir(base + entry.path, 0o700) == 0 ? 0 : -lapwing_errno(), "make a directory",
                base + entry.path)
        }
        // Files of one spool stay together and big ones are spread, so that the tasks end at about the same time.
        let files = entries.filter { $0.content != nil }
        let workers = 4
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    let reader = ContentReader()
                    for chunk in stride(from: worker * 256, to: files.count, by: workers * 256) {
                        for entry in files[chunk..<min(chunk + 256, files.count)] {
                            try Task.checkCancellation()
                            try writeFile(entry, base, reader)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        for entry in entries { try writeOther(entry, base) }
        for entry in entries.reversed() where entry.isDirectory {
            let path = base + entry.path
            if faithful {
                try checked(lapwing_set_owner(path, entry.uid, entry.gid), "give a directory its owner", path)
            }
            try Files.setPermissions(FilePath(path), faithful ? entry.mode : entry.mode & 0o777 | 0o700)
            try checked(lapwing_set_time(path, entry.mtime), "set the time of", path)
        }
    }

    private func writeFile(_ entry: FileTree.Entry, _ base: String, _ reader: ContentReader) throws {
        guard let content = entry.content else { return }
        let path = FilePath(base + entry.path)
        try Files.explain("write", path) {
            let descriptor = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .exclusiveCreate, .noFollow, .closeOnExec],
                permissions: [.ownerReadWrite])
            try descriptor.closeAfter {
                try reader.copy(content, to: descriptor)
                let uid = faithful ? entry.uid : UInt32.max
                let gid = faithful ? entry.gid : UInt32.max
                let mode = faithful ? entry.mode : entry.mode & 0o777 | 0o600
                try checked(
                    lapwing_finish_file(descriptor.rawValue, uid, gid, mode, entry.mtime), "finish", path.string)
            }
        }
        if faithful {
            for (name, value) in entry.xattrs.sorted(by: { $0.key < $1.key }) {
                try checked(
                    lapwing_set_attribute(path.string, name, value, UInt(value.count)), "set an attribute of",
                    path.string)
            }
        }
    }

    private func writeOther(_ entry: FileTree.Entry, _ base: String) throws {
        let path = base + entry.path
        switch entry.kind {
        case .file, .directory: return
        case .hardlink(let target):
            _ = try Files.link(FilePath(base + target), to: FilePath(path))
            return
        case .symlink(let target): try checked(lapwing_symlink(target, path), "make a link", path)
        case .fifo: try checked(lapwing_make_node(path, 0o010600, 0, 0), "make a pipe", path)
        case .character(let major, let minor):
            if !faithful { return }
            try checked(lapwing_make_node(path, 0o020600, major, minor), "make a device", path)
        case .block(let major, let minor):
            if !faithful { return }
            try checked(lapwing_make_node(path, 0o060600, major, minor), "make a device", path)
        }
        if faithful { try checked(lapwing_set_owner(path, entry.uid, entry.gid), "give an owner to", path) }
        if case .symlink = entry.kind {} else { try Files.setPermissions(FilePath(path), entry.mode) }
        try checked(lapwing_set_time(path, entry.mtime), "set the time of", path)
    }
}

extension Int64 {
    fileprivate func dividedRoundingDown(_ divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
