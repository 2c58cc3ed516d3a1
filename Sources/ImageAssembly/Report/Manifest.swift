// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// What an image is made of, `NAME.manifest.json`. The same inputs give the same bytes: nothing in it tells when,
/// where or by whom it was built.
public struct Manifest: Sendable, Codable, Hashable {
    /// The recipe.
    public struct RecipeIdentity: Sendable, Codable, Hashable {
        /// Its name.
        public var name: String
        /// Its version, when it states one.
        public var version: String?
        /// The digest of the recipe with all its layers.
        public var digest: Digest

        /// Describes a recipe.
        public init(name: String, version: String? = nil, digest: Digest) {
            self.name = name
            self.version = version
            self.digest = digest
        }
    }

    /// A file that was built.
    public struct Output: Sendable, Codable, Hashable {
        /// The name in the output directory.
        public var name: String
        /// The length in bytes.
        public var size: Int64
        /// The SHA-256 of the content.
        public var sha256: Digest

        /// Describes an output.
        public init(name: String, size: Int64, sha256: Digest) {
            self.name = name
            self.size = size
            self.sha256 = sha256
        }
    }

    /// A binary package that went in.
    public struct Package: Sendable, Codable, Hashable {
        /// Its name.
        public var name: String
        /// Its version.
        public var version: String
        /// Its architecture, `all` included.
        public var architecture: String
        /// The SHA-256 of the package file.
        public var sha256: Digest
        /// The sets it is in: `root`, `initrd`, `tools`, ….
        public var sets: [String]
        /// The source package it was built from.
        public var source: String?
        /// The version of the source package.
        public var sourceVersion: String?
        /// Where its licence stands in the image, when it does, for example `usr/share/doc/xen-utils/copyright`.
        public var licence: String?
        /// The bytes of its files in the root, when counted.
        public var installedBytes: Int64?

        /// Describes a package.
        public init(
            name: String, version: String, architecture: String, sha256: Digest, sets: [String], source: String? = nil,
            sourceVersion: String? = nil, licence: String? = nil, installedBytes: Int64? = nil
        ) {
            self.name = name
            self.version = version
            self.architecture = architecture
            self.sha256 = sha256
            self.sets = sets
            self.source = source
            self.sourceVersion = sourceVersion
            self.licence = licence
            self.installedBytes = installedBytes
        }
    }

    /// A file known by its content: one of our own programs in the image, or a part of the hypervisor's source.
    public struct File: Sendable, Codable, Hashable {
        /// Its path, in the image or the archive.
        public var path: String
        /// The length in bytes.
        public var size: Int64
        /// The SHA-256 of the content.
        public var sha256: Digest

        /// Describes a file.
        public init(path: String, size: Int64, sha256: Digest) {
            self.path = path
            self.size = size
            self.sha256 = sha256
        }
    }

    /// The version of this shape.
    public var schemaVersion = 1
    /// The recipe.
    public var recipe: RecipeIdentity
    /// The architecture of the image in Debian's words, for example `amd64`.
    public var architecture: String
    /// The digest of the lock file's content.
    public var lock: Digest
    /// The time everything in the image is clamped to, in seconds since 1970.
    public var sourceDateEpoch: Int64
    /// The root hash of the verity tree in hexadecimal: the one value that names the root file system.
    public var verityRootHash: String?
    /// The outputs, sorted by name; the manifest itself, the report and the timings are not among them.
    public var outputs: [Output]
    /// The packages, sorted by name, architecture and version.
    public var packages: [Package]
    /// The versions of the tools that built it, by name.
    public var tools: [String: String]
    /// Our own programs, sorted by path.
    public var programs: [File]
    /// The version of the compiler that built them.
    public var compiler: String?
    /// The hypervisor; nil in manifests of earlier versions.
    public var hypervisor: Hypervisor?

    /// Describes an image; the lists are sorted here.
    public init(
        recipe: RecipeIdentity, architecture: String, lock: Digest, sourceDateEpoch: Int64, verityRootHash: String?,
        outputs: [Output], packages: [Package], tools: [String: String] = [:], programs: [File] = [],
        compiler: String? = nil, hypervisor: Hypervisor? = nil
    ) {
        self.hypervisor = hypervisor
        self.recipe = recipe
        self.architecture = architecture
        self.lock = lock
        self.sourceDateEpoch = sourceDateEpoch
        self.verityRootHash = verityRootHash
        self.outputs = outputs.sorted { $0.name < $1.name }
        self.packages = packages.map { package in
            var package = package
            package.sets.sort()
            return package
        }.sorted { ($0.name, $0.architecture, $0.version) < ($1.name, $1.architecture, $1.version) }
        self.tools = tools
        self.programs = programs.sorted { $0.path < $1.path }
        self.compiler = compiler
    }

    /// The manifest as it is written.
    public func json() throws -> [UInt8] { try JSONText.encode(self) }

    /// Reads a manifest. A shape of a later version is an error that says so.
    public static func load(_ path: FilePath) throws -> Manifest {
        struct Version: Decodable { var schemaVersion: Int }
        let bytes = try Files.read(path, limit: 64 << 20)
        let version = try JSONText.decode(Version.self, from: bytes, file: path.string).schemaVersion
        guard version == 1 else {
            throw LapwingError(
                "manifest.version", exit: .badInput,
                "The manifest has version \(version); this program knows version 1.",
                subject: path.string, hint: "Use the version of lapwing that wrote it, or a later one.")
        }
        return try JSONText.decode(Manifest.self, from: bytes, file: path.string)
    }

    /// Finds the manifest for what a person named: a manifest, an output beside one, or a directory that holds one.
    public static func find(_ path: FilePath) throws -> FilePath {
        if path.string.hasSuffix(".manifest.json") { return path }
        let missing = LapwingError(
            "manifest.missing", exit: .unavailable, "There is no manifest for this image.", subject: path.string,
            hint: "Give a NAME.manifest.json, or an image that has its manifest beside it.")
        if Files.isDirectory(path) {
            let names = try Files.names(in: path).filter { $0.hasSuffix(".manifest.json") }
            guard names.count == 1 else { throw missing }
            return path.appending(names[0])
        }
        guard Files.exists(path), let stem = path.stem else { throw missing }
        let beside = path.removingLastComponent().appending(stem + ".manifest.json")
        guard Files.exists(beside) else { throw missing }
        return beside
    }
}
