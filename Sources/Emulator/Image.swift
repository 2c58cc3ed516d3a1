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
    /// The boot file of the throw-away copy: the same, but for the command line and one more cpio archive with the
    /// files of `AgentPayload`.
    public var testBootFile: FilePath
    /// The verity root's data, to damage it on purpose; nil to leave that scenario out.
    public var root: Extent?
    /// What the booted system must say of itself.
    public var expected: Expectations

    /// Describes an image.
    public init(
        path: FilePath, kind: Kind, architecture: Machine.Architecture = .x86_64, bootFileSystem: Extent,
        bootFile: String, testBootFile: FilePath, root: Extent?, expected: Expectations
    ) {
        self.path = path
        self.kind = kind
        self.architecture = architecture
        self.bootFileSystem = bootFileSystem
        self.bootFile = bootFile
        self.testBootFile = testBootFile
        self.root = root
        self.expected = expected
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
