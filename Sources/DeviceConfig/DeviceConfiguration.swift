// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What the image says of itself: `/usr/lib/lapwing/image.json`. Nothing here can be changed on the device, and the
/// root hash is not in it: a file inside the root cannot know the digest of that root (see `BootFacts`).
public struct ImageFacts: Codable, Sendable, Hashable {
    /// The name of the image, as the recipe gives it.
    public var name: String
    /// The version of the image.
    public var version: String
    /// What the image is for, in a line.
    public var description: String?
    /// `x86_64` or `arm64`.
    public var architecture: String
    /// The code name of the Debian release underneath.
    public var release: String
    /// The digest of the merged recipe.
    public var recipeDigest: Digest
    /// The digest of the lock, that is of all packages; nil when the builder did not say.
    public var lockDigest: Digest?
    /// The boards the image carries files for; empty for PCs.
    public var boards: [String]

    /// Describes an image.
    public init(
        name: String, version: String, description: String? = nil, architecture: String, release: String,
        recipeDigest: Digest, lockDigest: Digest? = nil, boards: [String] = []
    ) {
        self.name = name
        self.version = version
        self.description = description
        self.architecture = architecture
        self.release = release
        self.recipeDigest = recipeDigest
        self.lockDigest = lockDigest
        self.boards = boards
    }
}

/// The control domain.
public struct Dom0Settings: Codable, Sendable, Hashable {
    /// The host name.
    public var hostname: String
    /// The memory of the control domain, in bytes.
    public var memory: ByteSize
    /// The virtual CPUs of the control domain.
    public var vcpus: Int
    /// The locale, such as `C.UTF-8`.
    public var locale: String
    /// The time zone, such as `Etc/UTC`.
    public var timezone: String
    /// The keymap of the console, such as `us`.
    public var keymap: String

    /// Describes the control domain.
    public init(hostname: String, memory: ByteSize, vcpus: Int, locale: String, timezone: String, keymap: String) {
        self.hostname = hostname
        self.memory = memory
        self.vcpus = vcpus
        self.locale = locale
        self.timezone = timezone
        self.keymap = keymap
    }
}

/// How the administrator gets in. What the device itself was told (a passphrase typed at the first console) is kept
/// apart from this, see `AccessStore`.
public struct AccessSettings: Codable, Sendable, Hashable {
    /// The administrator's user name.
    public var user: String
    /// The hash of the administrator's password as crypt(5) writes it, when the recipe gives one.
    public var passwordHash: String?
    /// The SSH public keys of the administrator.
    public var sshKeys: [String]
    /// True when the first console asks for the administrator's passphrase.
    public var ask: Bool

    /// Describes the access.
    public init(user: String, passwordHash: String? = nil, sshKeys: [String] = [], ask: Bool = false) {
        self.user = user
        self.passwordHash = passwordHash
        self.sshKeys = sshKeys
        self.ask = ask
    }
}

/// The state partition.
public struct StateSettings: Codable, Sendable, Hashable {
    /// How the state partition is unlocked.
    public enum Encryption: String, Codable, Sendable, CaseIterable {
        /// Sealed by the TPM.
        case tpm2
        /// By a passphrase typed at boot.
        case passphrase
        /// Not encrypted, as the recipe declares.
        case none
    }

    /// How it is unlocked.
    public var encryption: Encryption

    /// Describes the state partition.
    public init(encryption: Encryption) {
        self.encryption = encryption
    }
}

/// The network of the control domain.
public struct NetworkSettings: Codable, Sendable, Hashable {
    /// What the control domain does with wired cards.
    public enum Wired: String, Codable, Sendable, CaseIterable {
        /// It leaves them alone.
        case none
        /// It asks for an address.
        case dhcp
    }

    /// What the control domain does with wired cards.
    public var wired: Wired

    /// Describes the network.
    public init(wired: Wired) {
        self.wired = wired
    }
}

/// The installer on the image.
public struct InstallerSettings: Codable, Sendable, Hashable {
    /// True when the image carries the installer.
    public var enabled: Bool

    /// Describes the installer.
    public init(enabled: Bool) {
        self.enabled = enabled
    }
}

/// Everything the builder compiles for the device: the image's defaults, one file each under `/usr/lib/lapwing`.
public struct DeviceConfiguration: Sendable, Hashable {
    /// What the image says of itself.
    public var image: ImageFacts
    /// The control domain.
    public var dom0: Dom0Settings
    /// How the administrator gets in.
    public var access: AccessSettings
    /// The state partition.
    public var state: StateSettings
    /// The network of the control domain.
    public var network: NetworkSettings
    /// Power and timers.
    public var power: PowerSettings
    /// The domains by name.
    public var domains: [String: DomainSettings]
    /// The installer.
    public var installer: InstallerSettings

    /// Puts a configuration together.
    public init(
        image: ImageFacts, dom0: Dom0Settings, access: AccessSettings, state: StateSettings, network: NetworkSettings,
        power: PowerSettings, domains: [String: DomainSettings] = [:], installer: InstallerSettings
    ) {
        self.image = image
        self.dom0 = dom0
        self.access = access
        self.state = state
        self.network = network
        self.power = power
        self.domains = domains
        self.installer = installer
    }

    /// The files for `/usr/lib/lapwing`, by name (`image.json` …), ready to write. All keys are sorted.
    public func files() throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for section in ConfigSection.allCases { files[section.file] = try section.encode(self) }
        return files
    }
}

/// One file of the configuration.
public enum ConfigSection: String, Sendable, CaseIterable, Codable {
    /// What the image says of itself.
    case image
    /// The control domain.
    case dom0
    /// How the administrator gets in.
    case access
    /// The state partition.
    case state
    /// The network.
    case network
    /// Power and timers.
    case power
    /// The domains.
    case domains
    /// The installer.
    case installer

    /// The file's name.
    public var file: String { rawValue + ".json" }

    /// True when a file of the same name under `/var/lib/lapwing/config` may change the image's values. The rest is
    /// fixed by the boot file or the disk, so that a local value would be a lie.
    public var mayChange: Bool {
        switch self {
        case .image, .dom0, .state, .installer: false
        case .access, .network, .power, .domains: true
        }
    }

    fileprivate func encode(_ configuration: DeviceConfiguration) throws -> [UInt8] {
        switch self {
        case .image: try JSONText.encode(configuration.image)
        case .dom0: try JSONText.encode(configuration.dom0)
        case .access: try JSONText.encode(configuration.access)
        case .state: try JSONText.encode(configuration.state)
        case .network: try JSONText.encode(configuration.network)
        case .power: try JSONText.encode(configuration.power)
        case .domains: try JSONText.encode(configuration.domains)
        case .installer: try JSONText.encode(configuration.installer)
        }
    }
}
