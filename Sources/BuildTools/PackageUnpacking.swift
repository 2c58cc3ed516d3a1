// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// Unpacking packages into a tree that is never configured.
public enum PackageUnpacking {
    /// Unpacks packages into a directory, a few at a time, owned by whoever runs this.
    ///
    /// - Parameter purpose: What the packages are for, as it stands in the error: `the tools`.
    public static func unpack(
        _ packages: [FilePath], into directory: FilePath, purpose: String, runner: any ProcessRunner
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            var waiting = packages.makeIterator()
            func next() {
                guard let package = waiting.next() else { return }
                group.addTask {
                    try await runner.require(
                        Command("dpkg-deb", ["--extract", package.string, directory.string]),
                        "A package of \(purpose) could not be unpacked.")
                }
            }
            for _ in 0..<4 { next() }
            while try await group.next() != nil { next() }
        }
    }
}
