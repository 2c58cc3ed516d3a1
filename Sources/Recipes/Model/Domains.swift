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

    @Key("How the domain is virtualised.", required: true)
    public var type = Kind.hvm
    @Key("Its memory.", .size("16 MiB", "16 TiB"), required: true)
    public var memory = ByteSize(bytes: 1 << 30)
    @Key("Its virtual CPUs.", .range(1...512))
    public var vcpus = 1
    @Key("Its disks.")
    public var disks: [GuestDisk] = []
    @Key("Whether it starts with the machine.")
    public var autostart = false
    @Key("How it sees the battery.")
    public var battery = Battery.none
}

/// A disk of a guest, on the state partition.
public struct GuestDisk: RecipeSection {
    public static let about = "A disk of a guest, kept on the state partition."
    public static let identity: String? = "name"
    public init() {}

    @Key("The name of the disk within its domain.", .identifier, required: true)
    public var name = ""
    @Key("Its size.", .size("1 MiB", "64 TiB"), required: true)
    public var size = ByteSize(bytes: 1 << 30)
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
