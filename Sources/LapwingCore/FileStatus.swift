// SPDX-License-Identifier: Apache-2.0

import CLinux
public import SystemPackage

/// What `lstat(2)` says of a path; a link is not followed.
public struct FileStatus: Sendable, Hashable {
    /// What kind of thing stands at a path.
    public enum Kind: Sendable, Hashable {
        /// A regular file.
        case file
        /// A directory.
        case directory
        /// A symbolic link.
        case link
        /// A device, a pipe or a socket.
        case special
    }

    /// The kind.
    public let kind: Kind
    /// The permission bits with set-id and sticky bits, `0o7777` at most.
    public let permissions: UInt32
    /// The length in bytes.
    public let size: Int64
    /// Bytes on the disk, less than `size` for a sparse file.
    public let allocated: Int64
    /// The file system it is on.
    public let device: UInt64
    /// The inode number.
    public let inode: UInt64
    /// The number of hard links.
    public let links: UInt64
    /// The owner's user id.
    public let owner: UInt32
    /// The group id.
    public let group: UInt32
    /// The last change of the content, nanoseconds since 1970.
    public let modified: Int64
    /// The last change of content or inode, nanoseconds since 1970.
    public let changed: Int64

    fileprivate init(_ status: lapwing_status) {
        switch status.mode & 0o170000 {
        case 0o100000: kind = .file
        case 0o040000: kind = .directory
        case 0o120000: kind = .link
        default: kind = .special
        }
        permissions = status.mode & 0o7777
        size = status.size
        allocated = status.allocated
        device = status.device
        inode = status.inode
        links = status.links
        owner = status.uid
        group = status.gid
        modified = status.mtime_ns
        changed = status.ctime_ns
    }
}

extension Files {
    /// The status of a path, links not followed; nil when nothing is there.
    public static func status(_ path: FilePath) throws -> FileStatus? {
        var status = lapwing_status()
        let result = lapwing_lstat(path.string, &status)
        if result == 0 { return FileStatus(status) }
        let errno = Errno(rawValue: -result)
        if errno == .noSuchFileOrDirectory || errno == .notDirectory { return nil }
        return try explain("look at", path) { throw errno }
    }

    /// The status of an open file.
    public static func status(_ descriptor: FileDescriptor) throws -> FileStatus {
        var status = lapwing_status()
        let result = lapwing_fstat(descriptor.rawValue, &status)
        guard result == 0 else { throw Errno(rawValue: -result) }
        return FileStatus(status)
    }

    /// The names in a directory, sorted by their bytes. A name that is no UTF-8 is an error: it could not be named in
    /// a manifest.
    public static func names(in directory: FilePath) throws -> [String] {
        final class Found {
            var names: [String] = []
            var bad = false
        }
        let found = Found()
        try explain("list", directory) {
            let result = lapwing_list(directory.string, Unmanaged.passUnretained(found).toOpaque()) {
                state, name, length in
                guard let state, let name else { return }
                let found = Unmanaged<Found>.fromOpaque(state).takeUnretainedValue()
                let bytes = UnsafeRawBufferPointer(start: name, count: Int(length))
                if let text = String(validating: bytes, as: UTF8.self) {
                    found.names.append(text)
                } else {
                    found.bad = true
                }
            }
            guard result == 0 else { throw Errno(rawValue: -result) }
        }
        if found.bad {
            throw LapwingError(
                "file.bad-name", exit: .badInput, "The directory holds a name that is not UTF-8.",
                subject: directory.string)
        }
        return found.names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Removes a file or a whole tree. Links are not followed, other file systems are not entered, nothing there is
    /// fine. What can be removed is, even when something else cannot.
    public static func removeTree(_ path: FilePath) throws {
        try check("remove", path, lapwing_remove_tree(path.string))
    }

    /// Makes another name for a file. False when the two are on different file systems, or the file system has no
    /// such links.
    public static func link(_ from: FilePath, to: FilePath) throws -> Bool {
        let result = lapwing_link(from.string, to.string)
        let impossible: [Errno] = [.improperLink, .notSupported, .tooManyLinks, .notPermitted]
        if impossible.contains(Errno(rawValue: -result)) { return false }
        try check("link", to, result)
        return true
    }

    /// Sets the permission bits, whatever the umask; links are followed.
    public static func setPermissions(_ path: FilePath, _ bits: UInt32) throws {
        try check("set the permissions of", path, lapwing_chmod(path.string, bits))
    }

    /// Sets modification and access time to now.
    public static func touch(_ path: FilePath) throws {
        try check("touch", path, lapwing_touch(path.string))
    }

    /// The target of a symbolic link.
    public static func linkTarget(_ path: FilePath) throws -> String {
        try explain("read the link", path) {
            var buffer = [CChar](repeating: 0, count: 4097)
            let length = lapwing_readlink(path.string, &buffer, 4096)
            guard length >= 0 else { throw Errno(rawValue: Int32(-length)) }
            return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// Copies a file and keeps its holes; `to` must not exist. The copy has the given permission bits.
    public static func copySparse(_ from: FilePath, to: FilePath, permissions: UInt32) throws {
        try explain("copy to", to) {
            let input = try FileDescriptor.open(from, .readOnly, options: .closeOnExec)
            defer { try? input.close() }
            let output = try FileDescriptor.open(
                to, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
            do {
                defer { try? output.close() }
                let result = lapwing_copy_sparse(input.rawValue, output.rawValue)
                guard result == 0 else { throw Errno(rawValue: -result) }
            } catch {
                _ = lapwing_unlink(to.string)
                throw error
            }
        }
        try setPermissions(to, permissions)
    }

    /// Bytes that may still be written on the file system of a path.
    public static func freeBytes(_ path: FilePath) throws -> UInt64 {
        let free = lapwing_free_bytes(path.string)
        if free < 0 { try check("look at the file system of", path, Int32(clamping: free)) }
        return UInt64(max(0, free))
    }

    private static func check(_ action: String, _ path: FilePath, _ result: Int32) throws {
        if result == 0 { return }
        try explain(action, path) { throw Errno(rawValue: -result) }
    }
}

/// The effective user id of this process.
public func effectiveUserID() -> UInt32 { UInt32(bitPattern: lapwing_user_id()) }

/// Processor time and memory, as `getrusage(2)` counts them.
public struct ResourceUsage: Sendable, Hashable {
    /// Seconds of processor time in programs.
    public let user: Double
    /// Seconds of processor time in the kernel.
    public let system: Double
    /// The largest resident size reached, in bytes; for children, that of the largest one alone.
    public let peakBytes: Int64

    private init(children: Int32) {
        var usage = lapwing_usage()
        lapwing_usage(children, &usage)
        user = usage.user_seconds
        system = usage.system_seconds
        peakBytes = usage.peak_bytes
    }

    /// This process so far.
    public static var own: ResourceUsage { ResourceUsage(children: 0) }
    /// All child processes that have ended and been waited for; what still runs is not counted.
    public static var children: ResourceUsage { ResourceUsage(children: 1) }
}
