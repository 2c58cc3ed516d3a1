// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

extension Manifest {
    /// The hypervisor of an image.
    public struct Hypervisor: Sendable, Codable, Hashable {
        /// `debian` for the package as it is, `build` for its source, built.
        public var origin: String
        /// The binary package it is, or in whose place it was built.
        public var package: String
        /// The version of the package or of the source.
        public var version: String
        /// The name after `sched=`: the scheduler that must be found running.
        public var scheduler: String
        /// The licence.
        public var licence: String
        /// True when it was built with assertions.
        public var debug: Bool?
        /// SHA-256 of its configuration, when it was built.
        public var config: Digest?
        /// The compiler that built it.
        public var compiler: String?
        /// What it was built from, sorted by path.
        public var sources: [Manifest.File]?
        /// The files of our own that were added to the source, sorted by path.
        public var added: [Manifest.File]?

        /// Describes a hypervisor.
        public init(
            origin: String, package: String, version: String, scheduler: String, licence: String, debug: Bool? = nil,
            config: Digest? = nil, compiler: String? = nil, sources: [Manifest.File]? = nil,
            added: [Manifest.File]? = nil
        ) {
            self.origin = origin
            self.package = package
            self.version = version
            self.scheduler = scheduler
            self.licence = licence
            self.debug = debug
            self.config = config
            self.compiler = compiler
            self.sources = sources?.sorted { $0.path < $1.path }
            self.added = added?.sorted { $0.path < $1.path }
        }

        /// The first two numbers of the version, such as `4.20`, as `xl info` begins its `xen_version`.
        public var series: String { version.split(separator: ".").prefix(2).joined(separator: ".") }
    }
}
