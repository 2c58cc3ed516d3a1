// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The documentation of each key is the text of its @Key: the reference and the JSON Schema print the same words.

/// A processor architecture.
public enum Architecture: String, RecipeValue, CaseIterable {
    case x86_64, arm64

    /// The architecture's name in Debian.
    public var debian: String {
        switch self {
        case .x86_64: "amd64"
        case .arm64: "arm64"
        }
    }
}

/// The firmware that starts the machine.
public enum FirmwareKind: String, RecipeValue, CaseIterable { case uefi }

/// The machines an image is for.
public struct Target: RecipeSection {
    public static let about = "The machines the image is for."
    public init() {}

    @Key("The processor architecture.")
    public var architecture = Architecture.x86_64
    @Key("The firmware that starts the machine.")
    public var firmware = FirmwareKind.uefi
    @Key("Boards that need files of their own; empty for PCs.", .identifier)
    public var boards: [String] = []
}

/// A suite of Debian that stands beside a release.
public enum ArchivePocket: String, RecipeValue, CaseIterable { case updates, security }

/// The Debian archive the packages come from.
public struct Archive: RecipeSection {
    public static let about =
        "The Debian archive the packages come from. Which mirror serves it is the host's business."
    public init() {}

    @Key("The code name of the release.", .release)
    public var release = "trixie"
    @Key("The components packages may come from.", .release)
    public var components = ["main"]
    @Key("The suites taken beside the release itself.")
    public var pockets: [ArchivePocket] = [.updates, .security]
    @Key(
        "URLs of archives that keep old versions, tried when the mirror has dropped a locked package. {path} is the path"
            + " of the package in the archive, {archive} the archive's name, {name}, {version} and {sha256} are the"
            + " package's, {date} is the date of the lock.", .urlTemplate)
    public var oldVersions: [String] = []
}

/// Where the hypervisor comes from.
public enum HypervisorSource: String, RecipeValue, CaseIterable { case debian, build }

/// The scheduler of the hypervisor.
public enum SchedulerKind: String, RecipeValue, CaseIterable { case lapwing, credit2, credit }

/// The hypervisor and its options.
public struct Hypervisor: RecipeSection {
    public static let about = "The hypervisor and its options."
    public init() {}

    @Key("The package as it is, or its source, built with the power-aware scheduler added.")
    public var source = HypervisorSource.debian
    @Key("The package that holds the hypervisor.", .packageName, required: true)
    public var package = ""
    @Key(
        "Whether an older source of the same series may be built when no mirror has that of the package's version.")
    public var olderSource = false
    @Key(
        "Tarballs of older sources, for olderSource: what is built when the signed indices name no source that can be"
            + " had. The recipe vouches for their digests.")
    public var knownSources: [KnownSource] = []
    @Key("Whether the hypervisor is built with its assertions: for tests, slower.")
    public var debug = false
    @Key("The scheduler; lapwing, the power-aware one, needs source: build.")
    public var scheduler = SchedulerKind.credit2
    @Key(
        "Further options of Xen's command line, one per element. Memory, CPUs and scheduler have keys of their own.",
        .xenOption)
    public var options: [String] = []
    @Key("Whether the boot file carries processor microcode from the microcode packages in the root.")
    public var ucode = true
}

/// A tarball of a source package.
public struct KnownSource: RecipeSection {
    public static let about = "A tarball of a source package, as a signed index of an earlier day named it."
    public static let identity: String? = "path"
    public init() {}

    @Key("Its path in the archive of the release.", .tarballPath, required: true)
    public var path = ""
    @Key("The version of the source package.", .sourceVersion, required: true)
    public var version = ""
    @Key("Its size in bytes.", .range(1...1 << 30), required: true)
    public var size = 0
    @Key("Its SHA-256.", .sha256, required: true)
    public var sha256 = ""
}
