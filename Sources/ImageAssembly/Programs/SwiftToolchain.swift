// SPDX-License-Identifier: Apache-2.0

import BuildEngine
public import LapwingCore
public import SystemPackage

/// The Swift tool chain of this host that compiles the device programs. Its version is an input of the step: apt has
/// none to pin.
public struct SwiftToolchain: Sendable, Hashable {
    /// The tool chain's `usr` directory.
    public var directory: FilePath
    /// What `swiftc --version` says.
    public var version: String

    /// A tool chain at a place.
    public init(directory: FilePath, version: String) {
        self.directory = directory
        self.version = version
    }

    /// Finds the tool chain behind `swiftc` in `PATH`, or in the directory that `LAPWING_SWIFT` names.
    public static func discover(_ context: Context) async throws -> SwiftToolchain {
        let missing = LapwingError(
            "programs.no-swift", exit: .unavailable, "No Swift tool chain was found.",
            hint: "Install Swift 6.2 or later (swift.org/install) and put its usr/bin into PATH.")
        var candidates = (context.environment["PATH"] ?? "").split(separator: ":").map { FilePath(String($0)) }
        if let own = context.environment["LAPWING_SWIFT"] { candidates.insert(FilePath(own), at: 0) }
        guard let found = candidates.first(where: { Files.exists($0.appending("swiftc")) })?.appending("swiftc") else {
            throw missing
        }
        // A version manager's swiftc is a program that starts another one: ask which.
        let target = try await context.runner.require(Command(found.string, ["-print-target-info"]), missing.message)
        let info = try JSONText.decode(JSONValue.self, from: target.output, file: found.string)
        guard let resources = info["paths"]?["runtimeResourcePath"]?.text, resources.hasPrefix("/") else {
            throw missing
        }
        // …/usr/lib/swift
        let directory = FilePath(resources).removingLastComponent().removingLastComponent()
        guard Files.exists(directory.appending("bin/swift-build")),
            Files.exists(directory.appending("lib/swift_static")), Files.exists(directory.appending("bin/ld.lld"))
        else {
            throw LapwingError(
                "programs.swift-incomplete", exit: .unavailable, "The Swift tool chain lacks parts.",
                subject: directory.string, cause: "swift-build, ld.lld and lib/swift_static are needed",
                hint: "Install the full tool chain of swift.org.")
        }
        let text = info["compilerVersion"]?.text ?? ""
        guard !text.isEmpty else { throw missing }
        return SwiftToolchain(directory: directory, version: text)
    }
}
