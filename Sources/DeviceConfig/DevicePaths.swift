// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// Where things lie on the device, under a root that tests replace by a directory of their own.
public struct DevicePaths: Sendable, Hashable {
    /// The root directory; `/` on the device.
    public var root: FilePath

    /// Paths under a root.
    public init(root: FilePath = "/") {
        self.root = root
    }

    /// The path under the root of an absolute path on the device.
    public func at(_ path: String) -> FilePath {
        root.pushing(FilePath(String(path.drop { $0 == "/" })))
    }

    /// The image's defaults, read-only: `/usr/lib/lapwing`.
    public var image: FilePath { at("/usr/lib/lapwing") }
    /// What a person changed on the device: `/var/lib/lapwing/config`.
    public var changes: FilePath { at("/var/lib/lapwing/config") }
    /// The administrator's passphrase and keys: `/var/lib/lapwing/access`, for root alone.
    public var access: FilePath { at("/var/lib/lapwing/access") }
    /// The user records made at boot: `/run/userdb` (systemd's nss-systemd(8) reads them).
    public var userRecords: FilePath { at("/run/userdb") }
    /// The socket of `lapwingd`: `/run/lapwing/control.sock`.
    public var socket: FilePath { at("/run/lapwing/control.sock") }
    /// Definitions of domains made on the device: `/var/lib/lapwing/domains.d`.
    public var domainFiles: FilePath { at("/var/lib/lapwing/domains.d") }
    /// What is known of each domain beyond its definition, its UUID: `/var/lib/lapwing/domains`.
    public var domainIdentities: FilePath { at("/var/lib/lapwing/domains") }
    /// Disk images made for domains, a directory each: `/var/lib/lapwing/disks`.
    public var domainDisks: FilePath { at("/var/lib/lapwing/disks") }
    /// What holds until the machine restarts: `/run/lapwing/domains`.
    public var domainRun: FilePath { at("/run/lapwing/domains") }
    /// What is kept of each domain with a virtual battery, a file named by its number: `/run/lapwing/acpi`.
    public var acpiRun: FilePath { at("/run/lapwing/acpi") }
    /// What is assigned for good: `/var/lib/lapwing/assignments.json`.
    public var assignments: FilePath { at("/var/lib/lapwing/assignments.json") }
    /// The device transaction under way: `/run/lapwing/transaction.json`. Nothing of it outlives a restart of the machine.
    public var transaction: FilePath { at("/run/lapwing/transaction.json") }
    /// What guests are told of the machine's power: `/run/lapwing/power`.
    public var power: FilePath { at("/run/lapwing/power") }
    /// The socket of the XenStore: `/run/xenstored/socket`.
    public var xenStore: FilePath { at("/run/xenstored/socket") }
}
