// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// A private directory with a short path, because the name of a Unix socket holds 107 bytes at most. It is removed by
/// `remove`.
struct WorkDirectory: Sendable {
    let path: FilePath

    /// Makes a directory of its own under `/tmp`, for its owner alone.
    init() throws {
        while true {
            let path = FilePath("/tmp/lapwing-" + String(UInt64.random(in: 0 ... .max), radix: 36))
            // Somebody else's directory must never be taken for ours.
            if Files.exists(path) { continue }
            try Files.makeDirectory(path, permissions: .ownerReadWriteExecute)
            self.path = path
            return
        }
    }

    func remove() { try? Files.removeTree(path) }
}

extension FilePath {
    /// The path seen from `directory`, when it is relative.
    func absolute(from directory: FilePath) -> FilePath {
        isAbsolute ? self : directory.pushing(self)
    }
}
