// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// An image to be checked and what is known of it. The caller takes the facts from the manifest and the layout; this
/// module reads no partition tables.
public struct CheckedImage: Sendable {
    /// What the file is.
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        /// A raw disk with a GPT.
        case disk
        /// A hybrid ISO.
        case iso
    }

    /// A piece of the image, in bytes.
    public struct Extent: Sendable, Hashable {
        /// The first byte.
        public var offset: UInt64
        /// The number of bytes.
        public var size: UInt64

        /// Creates an extent.
        public init(offset: UInt64, size: UInt64) {
            self.offset = offset
            self.size = size
        }
    }

    /// A partition of the image.
    public struct Part: Sendable, Hashable {
        /// Its number in the partition table, from one.
        public var number: Int
        /// Where it lies.
        public var extent: Extent

        /// Creates a partition.
        public init(number: Int, extent: Extent) {
            self.number = number
            self.extent = extent
        }
    }

    /// One of the slots of a disk.
    public struct Slot: Sendable, Hashable {
        /// The path of its boot file when nothing has been tried yet, with `/` between the names.
        public var bootFile: String
        /// The root file system.
        public var root: Part
        /// Its hash tree.
        public var verity: Part

        /// Describes a slot.
        public init(bootFile: String, root: Part, verity: Part) {
            self.bootFile = bootFile
            self.root = root
            self.verity = verity
        }
    }

    /// The file.
    public var path: FilePath
    /// What it is.
    public var kind: Kind
    /// The architecture it is for.
    public var architecture: Machine.Architecture
    /// The FAT file system that holds the boot file: a partition, or a file inside the ISO.
    public var bootFileSystem: Extent
    /// The boot file's path in it, with `/` between the names.
    public var bootFile: String
    /// Makes the boot file of a throw-away copy: the same, but for what is changed and one more cpio archive with the
    /// files of `AgentPayload`. The file lasts as long as the check.
    public var testBootFile: @Sendable (BootChange) throws -> FilePath
    /// The slots of a disk, the one that holds the system first; empty for an ISO.
    public var slots: [Slot]
    /// What the booted system must say of itself.
    public var expected: Expectations
    /// True when a test boot file can have the same Xen with its assertions.
    public var hasDebugHypervisor: Bool

    /// Describes an image.
    public init(
        path: FilePath, kind: Kind, architecture: Machine.Architecture = .x86_64, bootFileSystem: Extent,
        bootFile: String, slots: [Slot], expected: Expectations, hasDebugHypervisor: Bool = false,
        testBootFile: @escaping @Sendable (BootChange) throws -> FilePath
    ) {
        self.path = path
        self.kind = kind
        self.architecture = architecture
        self.bootFileSystem = bootFileSystem
        self.bootFile = bootFile
        self.testBootFile = testBootFile
        self.slots = slots
        self.expected = expected
        self.hasDebugHypervisor = hasDebugHypervisor
    }

    /// What the booted system must say of itself, from the manifest.
    public struct Expectations: Sendable, Hashable {
        /// The verity root hash.
        public var rootHash: Digest
        /// The version of the hypervisor as `xl info` gives it under `xen_version`; nil to accept any.
        public var xenVersion: String?
        /// The scheduler the recipe names, as Xen names it at its start; nil to accept any.
        public var scheduler: String?
        /// The version `lapwingctl version` must print somewhere; nil to accept any.
        public var programVersion: String?
        /// TCP ports something may listen on for other machines.
        public var listeningPorts: Set<Int>
        /// Accounts that may have a password set (hashed in the recipe).
        public var accountsWithPassword: Set<String>
        /// How the state partition is unlocked: `none`, `tpm2` or `passphrase`.
        public var stateUnlock: String
        /// True when the machine needs a TPM.
        public var tpm: Bool { stateUnlock == "tpm2" }

        /// Describes what is expected.
        public init(
            rootHash: Digest, xenVersion: String? = nil, scheduler: String? = nil, programVersion: String? = nil,
            listeningPorts: Set<Int> = [],
            accountsWithPassword: Set<String> = [], stateUnlock: String = "none"
        ) {
            self.rootHash = rootHash
            self.xenVersion = xenVersion
            self.scheduler = scheduler
            self.programVersion = programVersion
            self.listeningPorts = listeningPorts
            self.accountsWithPassword = accountsWithPassword
            self.stateUnlock = stateUnlock
        }
    }
}

/// What is different about the boot file of a throw-away copy, beside the test agent.
public struct BootChange: Sendable, Hashable {
    /// Words put behind the kernel's command line; where an option may stand once, the last one counts.
    public var kernelOptions: [String]
    /// Words put behind Xen's options.
    public var xenOptions: [String]
    /// The version the boot file says it is, which decides which entry is started first; nil for its own.
    public var version: String?
    /// True to start the Xen with assertions instead of the image's own.
    public var debugHypervisor: Bool

    /// Describes a change; nothing unless told.
    public init(
        kernelOptions: [String] = [], xenOptions: [String] = [], version: String? = nil, debugHypervisor: Bool = false
    ) {
        self.kernelOptions = kernelOptions
        self.xenOptions = xenOptions
        self.version = version
        self.debugHypervisor = debugHypervisor
    }
}
