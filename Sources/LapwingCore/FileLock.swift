// SPDX-License-Identifier: Apache-2.0

import CLinux
import Synchronization
public import SystemPackage

/// A `flock(2)` lock on a file made for it. It ends with the process at the latest, however that dies, and is not
/// inherited by programs that are run.
public final class FileLock: Sendable {
    /// Who else may hold the lock.
    public enum Mode: Sendable {
        /// Others that share.
        case shared
        /// Nobody.
        case exclusive
    }

    private let descriptor: Mutex<FileDescriptor?>

    private init(_ descriptor: FileDescriptor) {
        self.descriptor = Mutex(descriptor)
    }

    deinit {
        release()
    }

    /// Gives the lock up; more than once is fine.
    public func release() {
        descriptor.withLock { descriptor in
            try? descriptor?.close()
            descriptor = nil
        }
    }

    /// Takes the lock if nobody is in the way; nil otherwise.
    public static func attempt(_ path: FilePath, _ mode: Mode) throws -> FileLock? {
        try take(path, mode, wait: false)
    }

    /// Takes the lock and blocks the thread as long as another is in the way; for locks that are held briefly.
    public static func wait(_ path: FilePath, _ mode: Mode) throws -> FileLock {
        while true {
            if let lock = try take(path, mode, wait: true) { return lock }
        }
    }

    /// Takes the lock; asks again every 50 ms while another is in the way and stops when the task is cancelled.
    /// `waiting` is called once when there is something to wait for.
    public static func acquire(_ path: FilePath, _ mode: Mode, waiting: () -> Void = {}) async throws -> FileLock {
        var told = false
        while true {
            try Task.checkCancellation()
            if let lock = try attempt(path, mode) { return lock }
            if !told {
                told = true
                waiting()
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Removes the lock file; only for one who holds the lock exclusively. Those who have the old file open notice
    /// and open the new one.
    public func removeFile(_ path: FilePath) {
        _ = lapwing_unlink(path.string)
    }

    private static func take(_ path: FilePath, _ mode: Mode, wait: Bool) throws -> FileLock? {
        try Files.explain("lock", path) {
            while true {
                let descriptor = try FileDescriptor.open(
                    path, .readWrite, options: [.create, .closeOnExec], permissions: .ownerReadWrite)
                let lock = FileLock(descriptor)
                let result = lapwing_lock(descriptor.rawValue, mode == .exclusive ? 1 : 0, wait ? 1 : 0)
                if Errno(rawValue: -result) == .wouldBlock { return nil }
                guard result == 0 else { throw Errno(rawValue: -result) }
                // The file may have been removed between the opening and the locking: then this lock is on nothing.
                let mine = try Files.status(descriptor)
                if let there = try Files.status(path), there.inode == mine.inode, there.device == mine.device {
                    return lock
                }
            }
        }
    }
}
