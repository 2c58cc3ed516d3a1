// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// The rule files of the device policy as they lie on the device. What they say is no matter here.
public struct RuleFiles: Sendable, Hashable {
    /// A file.
    public struct File: Sendable, Hashable {
        /// Its path on the device, from the root.
        public var path: String
        /// What it holds.
        public var bytes: [UInt8]
    }

    /// The most bytes of a file.
    static let limit = 1 << 20

    /// Those of the image, by name.
    public var image: [File]
    /// Those of the device, by name.
    public var local: [File]

    /// Reads both directories. One that is not there has no files; a file that cannot be read is an error, for it may
    /// hold a ban.
    public init(_ paths: DevicePaths) throws {
        image = try RuleFiles.read(paths, "/usr/lib/lapwing/policy.d")
        local = try RuleFiles.read(paths, "/var/lib/lapwing/policy.d")
    }

    private static func read(_ paths: DevicePaths, _ directory: String) throws -> [File] {
        let place = paths.at(directory)
        guard Files.exists(place) else { return [] }
        return try Files.names(in: place).filter { $0.hasSuffix(".rules") && !$0.hasPrefix(".") }.sorted().map {
            File(path: directory + "/" + $0, bytes: try Files.read(place.appending($0), limit: limit))
        }
    }
}
