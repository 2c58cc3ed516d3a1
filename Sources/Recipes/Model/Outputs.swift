// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The documentation of each key is the text of its @Key: the reference and the JSON Schema print the same words.

public import LapwingCore

/// The files to write.
public struct Outputs: RecipeSection {
    public static let about = "The files to write."
    public init() {}

    @Key("The raw disk image.")
    public var disk = DiskOutput()
    @Key("The hybrid ISO image.")
    public var iso = ISOOutput()
}

/// The raw disk image.
public struct DiskOutput: RecipeSection {
    public static let about = "The raw disk image: a boot partition, two root slots, state."
    public init() {}

    @Key("Whether to write it.")
    public var enabled = true
    @Key("The size of the EFI system partition; a multiple of 1 MiB.", .size("64 MiB", "4 GiB"))
    public var espSize = ByteSize(bytes: 512 << 20)
    @Key("The size of each of the two root slots; a multiple of 1 MiB.", .size("64 MiB", "64 GiB"))
    public var rootSlotSize = ByteSize(bytes: 2 << 30)
    @Key(
        "The size of the state partition in the image; it grows on the device. A multiple of 1 MiB.",
        .size("64 MiB", "1 TiB"))
    public var stateSize = ByteSize(bytes: 512 << 20)
}

/// The hybrid ISO image.
public struct ISOOutput: RecipeSection {
    public static let about = "The hybrid ISO image: starts from a stick and from an optical disc."
    public init() {}

    @Key("Whether to write it.")
    public var enabled = true
    @Key("The volume label.", .volumeLabel)
    public var label = "LAPWING"
}

/// Limits that fail the build.
public struct Budget: RecipeSection {
    public static let about = "Limits that fail the build when they are passed."
    public init() {}

    @Key("The root file system, compressed, without its hash tree.", .size("1 MiB", "64 GiB"))
    public var root: ByteSize? = nil
    @Key("The initial RAM disk, compressed.", .size("1 MiB", "4 GiB"))
    public var initrd: ByteSize? = nil
    @Key("The raw disk image.", .size("1 MiB", "2 TiB"))
    public var disk: ByteSize? = nil
    @Key("The ISO image.", .size("1 MiB", "64 GiB"))
    public var iso: ByteSize? = nil
    @Key("The number of packages in the root.", .range(1...100_000))
    public var packages: Int? = nil
}

/// The installer on the image.
public struct Installer: RecipeSection {
    public static let about = "The installer on the image."
    public init() {}

    @Key("Whether the image carries the installer.")
    public var enabled = true
}
