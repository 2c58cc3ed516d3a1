// SPDX-License-Identifier: Apache-2.0

import CLinux
import DeviceConfig
import LapwingCore
import SystemPackage

/// The administrator's home on the state partition: the root is read-only.
enum HomeDirectory {
    /// The home of a user, as a path on the device.
    static func path(_ user: String) -> String { "/var/home/" + user }

    /// Makes the home when it is not there. One that is there is left as it is.
    static func make(paths: DevicePaths, user: String) throws {
        let home = paths.at(path(user))
        if Files.exists(home) { return }
        try Files.makeDirectory(home.removingLastComponent())
        try Files.makeDirectory(home, permissions: [.ownerReadWriteExecute])
        // Under a root of their own tests are no root and keep what they made.
        guard paths.root == "/" else { return }
        try Files.explain("give away", home) {
            let failed = lapwing_chown(home.string, UserRecords.uid, UserRecords.uid)
            if failed != 0 { throw Errno(rawValue: -failed) }
        }
    }
}
