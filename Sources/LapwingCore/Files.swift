// SPDX-License-Identifier: Apache-2.0

import CLinux
public import SystemPackage

extension FileDescriptor {
    /// Reads exactly `count` bytes from `offset`; fewer only at the end of the file.
    public func readAll(at offset: Int64, count: Int) throws -> [UInt8] {
        var failure: (any Error)?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do {
                while filled < count {
                    let target = UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                    let got = try read(fromAbsoluteOffset: offset + Int64(filled), into: target)
                    if got == 0 { break }
                    filled += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// Whole-file operations whose failures are errors for the person.
public enum Files {
    /// Turns a failed system call on a path into a `LapwingError`.
    public static func explain<T>(_ action: String, _ path: FilePath, _ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch let errno as Errno {
            let exit: ExitStatus =
                switch errno {
                case .permissionDenied, .notPermitted: .notPermitted
                case .noSuchFileOrDirectory: .unavailable
                default: .inputOutput
                }
            throw LapwingError(
                errno == .noSpace ? "file.no-space" : "file.failed", exit: exit, "Could not \(action) a file.",
                subject: path.string, cause: errno.description,
                hint: errno == .noSpace ? "Make room on that file system and run the command again." : nil)
        }
    }

    /// The whole content of a file; refuses more than `limit` bytes.
    public static func read(_ path: FilePath, limit: Int = .max) throws -> [UInt8] {
        try explain("read", path) {
            let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try descriptor.closeAfter {
                var bytes: [UInt8] = []
                var chunk = [UInt8](repeating: 0, count: 1 << 16)
                while true {
                    let got = try chunk.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                    if got == 0 { return bytes }
                    bytes.append(contentsOf: chunk[..<got])
                    if bytes.count > limit {
                        throw LapwingError(
                            "file.too-large", exit: .badInput, "The file is larger than \(limit) bytes.",
                            subject: path.string)
                    }
                }
            }
        }
    }

    /// The content of a text file; anything but UTF-8 is an error.
    public static func text(_ path: FilePath, limit: Int = .max) throws -> String {
        guard let text = String(validating: try read(path, limit: limit), as: UTF8.self) else {
            throw LapwingError("file.not-utf8", exit: .badInput, "The file is not UTF-8 text.", subject: path.string)
        }
        return text
    }

    /// Writes a file so that readers see the old content or the new, never a part; with `sync` also after a crash.
    public static func write(
        _ bytes: [UInt8], to path: FilePath, permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead],
        sync: Bool = false
    ) throws {
        let temporary = FilePath(path.string + ".\(lapwing_process_id()).\(UInt32.random(in: 0 ... .max)).tmp")
        try explain("write", path) {
            do {
                let descriptor = try FileDescriptor.open(
                    temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec], permissions: permissions)
                try descriptor.closeAfter {
                    _ = try descriptor.writeAll(bytes)
                    if sync, lapwing_fsync(descriptor.rawValue) != 0 { throw Errno(rawValue: lapwing_errno()) }
                }
                guard lapwing_rename(temporary.string, path.string) == 0 else { throw Errno(rawValue: lapwing_errno()) }
            } catch {
                _ = lapwing_unlink(temporary.string)
                throw error
            }
        }
    }

    /// Writes text, as `write` does for bytes.
    public static func write(_ text: String, to path: FilePath, sync: Bool = false) throws {
        try write(Array(text.utf8), to: path, sync: sync)
    }

    /// Makes a directory and those above it; one that is there is fine.
    public static func makeDirectory(
        _ path: FilePath, permissions: FilePermissions = [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]
    ) throws {
        if path.isEmpty || isDirectory(path) { return }
        let parent = path.removingLastComponent()
        if parent != path { try makeDirectory(parent, permissions: permissions) }
        try explain("make the directory of", path) {
            if lapwing_mkdir(path.string, UInt32(permissions.rawValue)) != 0 {
                let errno = Errno(rawValue: lapwing_errno())
                if errno != .fileExists || !isDirectory(path) { throw errno }
            }
        }
    }

    /// True for a directory, links followed.
    public static func isDirectory(_ path: FilePath) -> Bool { lapwing_file_kind(path.string) == 2 }

    /// True when there is something at the path, links followed.
    public static func exists(_ path: FilePath) -> Bool { lapwing_file_kind(path.string) != 0 }

    /// Removes a file; nothing there is fine.
    public static func remove(_ path: FilePath) throws {
        try explain("remove", path) {
            if lapwing_unlink(path.string) != 0 {
                let errno = Errno(rawValue: lapwing_errno())
                if errno != .noSuchFileOrDirectory { throw errno }
            }
        }
    }

    /// Renames a file or directory.
    public static func rename(_ from: FilePath, to: FilePath) throws {
        try explain("rename", from) {
            guard lapwing_rename(from.string, to.string) == 0 else { throw Errno(rawValue: lapwing_errno()) }
        }
    }
}
