// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The documentation of each key is the text of its @Key: the reference and the JSON Schema print the same words.

public import LapwingCore

/// A guest domain.
public struct Domain: RecipeSection {
    public static let about = "A guest domain."
    public init() {}

    /// How the domain is virtualised.
    public enum Kind: String, RecipeValue, CaseIterable { case hvm, pvh, pv }
    /// How the domain sees the battery.
    public enum Battery: String, RecipeValue, CaseIterable { case none, virtual, passthrough }
    /// What an HVM domain starts from.
    public enum BootDevice: String, RecipeValue, CaseIterable { case disk, cdrom }
    /// Where its screen is shown.
    public enum Display: String, RecipeValue, CaseIterable { case none, vnc }
    /// What is done when it crashes.
    public enum OnCrash: String, RecipeValue, CaseIterable { case restart, stop, keep }

    @Key("How the domain is virtualised.", required: true)
    public var type = Kind.hvm
    @Key("Its memory.", .size("16 MiB", "16 TiB"), required: true)
    public var memory = ByteSize(bytes: 1 << 30)
    @Key("Its virtual CPUs.", .range(1...512))
    public var vcpus = 1
    @Key("The physical CPUs it may run on, by Xen's numbers; all unless told.", .range(0...4095))
    public var cpus: [Int] = []
    @Key("What it is for, in a line.", .line)
    public var description: String? = nil
    @Key("Its disks.")
    public var disks: [GuestDisk] = []
    @Key("The kernel it is started with, in dom0; a PVH or PV domain needs one.", .guestPath)
    public var kernel: String? = nil
    @Key("The initial RAM disk beside the kernel.", .guestPath)
    public var ramdisk: String? = nil
    @Key("The kernel's command line.", .commandLine)
    public var cmdline: String? = nil
    @Key("What an HVM domain without a kernel starts from, in order; optical drives first unless told.")
    public var boot: [BootDevice] = []
    @Key("Where the screen of an HVM domain is shown; vnc is a socket in dom0, never a port.")
    public var display = Display.none
    @Key("Whether it starts with the machine.")
    public var autostart = false
    @Key("When, among those that start with the machine: lower numbers first.", .range(0...999))
    public var startOrder = 100
    @Key("What is done when it crashes; restarts are limited to five in ten minutes.")
    public var onCrash = OnCrash.restart
    @Key("How it sees the battery.")
    public var battery = Battery.none
}

/// A disk of a guest.
public struct GuestDisk: RecipeSection {
    public static let about = "A disk of a guest. It has exactly one of size, file, device and cdrom."
    public static let identity: String? = "name"
    public init() {}

    @Key("The name of the disk within its domain.", .identifier, required: true)
    public var name = ""
    @Key("The size of an image made on the state partition.", .size("1 MiB", "64 TiB"))
    public var size: ByteSize? = nil
    @Key("An image that is there already.", .guestPath)
    public var file: String? = nil
    @Key("A block device of dom0.", .guestPath)
    public var device: String? = nil
    @Key("An image in an optical drive, for an HVM domain.", .guestPath)
    public var cdrom: String? = nil
    @Key("Whether the guest may not write to it.")
    public var readOnly = false
}

/// Which devices domains get.
public struct Passthrough: RecipeSection {
    public static let about = "Which devices domains get."
    public init() {}

    @Key(
        "Rules of the device policy (docs/policy.md), one each, the first match decides. Without a rule a device stays "
            + "where it is.",
        .line)
    public var policy: [String] = []
}
