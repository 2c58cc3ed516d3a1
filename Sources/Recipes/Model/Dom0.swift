// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The documentation of each key is the text of its @Key: the reference and the JSON Schema print the same words.

public import LapwingCore

/// The control domain.
public struct Dom0: RecipeSection {
    public static let about = "The control domain: what runs beside the hypervisor."
    public init() {}

    @Key("The memory of the control domain.", .size("256 MiB", "1 TiB"))
    public var memory = ByteSize(bytes: 1 << 30)
    @Key("The virtual CPUs of the control domain.", .range(1...512))
    public var vcpus = 2
    @Key("The host name.", .hostname)
    public var hostname = "lapwing"
    @Key("The package that holds, or depends on, the Linux kernel.", .packageName, required: true)
    public var kernel = ""
    @Key("Further options of the kernel's command line, one per element.", .kernelOption)
    public var kernelOptions: [String] = []
    @Key("Debian packages of the root, with what they depend on; recommended packages are not taken.", .packageName)
    public var packages: [String] = []
    @Key("Files to write over those of the packages.")
    public var files: [File] = []
    @Key("Which systemd units start.")
    public var services = Services()
    @Key("The locale.", .locale)
    public var locale = "C.UTF-8"
    @Key("The time zone.", .timezone)
    public var timezone = "Etc/UTC"
    @Key("The keymap of the console.", .keymap)
    public var keymap = "us"
}

/// A file to write into the root.
public struct File: RecipeSection {
    public static let about = "A file to write into the root, owned by root."
    public static let identity: String? = "path"
    public init() {}

    @Key("Where the file goes.", .absolutePath, required: true)
    public var path = ""
    @Key("The text of the file.", .content)
    public var content: String? = nil
    @Key(
        "A text file with the content, relative to the recipe file that names it. A loaded recipe has its text in"
            + " content.", .relativePath)
    public var source: String? = nil
    @Key("The permissions, in octal.", .fileMode)
    public var mode = "0644"

    /// The permission bits as a number.
    public var permissions: UInt32 { UInt32(mode, radix: 8) ?? 0o644 }
    /// The content as bytes.
    public var bytes: [UInt8] { Array((content ?? "").utf8) }
}

/// Which systemd units start.
public struct Services: RecipeSection {
    public static let about = "Which systemd units start."
    public init() {}

    @Key("Units to enable.", .unitName)
    public var enable: [String] = []
    @Key("Units to disable; they can still be started.", .unitName)
    public var disable: [String] = []
    @Key("Units that must never start.", .unitName)
    public var mask: [String] = []
}

/// The initial RAM disk.
public struct Initrd: RecipeSection {
    public static let about = "The initial RAM disk: finds the root, checks it and opens the state."
    public init() {}

    @Key("Debian packages whose files are in the initial RAM disk.", .packageName)
    public var packages: [String] = []
    @Key("Kernel modules in it, with what they depend on.", .moduleName)
    public var modules: [String] = []
    @Key("Kernel modules kept out of it: drivers of devices meant for guests.", .moduleName)
    public var hiddenModules: [String] = []
}

/// The network of the control domain.
public struct Network: RecipeSection {
    public static let about = "The network of the control domain."
    public init() {}

    /// What the control domain does with wired network cards.
    public enum Wired: String, RecipeValue, CaseIterable { case none, dhcp }

    @Key("What the control domain does with wired network cards.")
    public var wired = Wired.none
}
