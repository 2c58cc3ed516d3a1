// SPDX-License-Identifier: Apache-2.0

import BuildTools
import DiskLayout
import LapwingCore
import SystemPackage

/// Writes EFI system partitions with mkfs.fat and mtools. Both take their time stamps from SOURCE_DATE_EPOCH.
struct EspWriter: Sendable {
    let tools: ToolsTree
    let context: Context
    let epoch: Int64

    /// Room for more than what is in an image: the test agent's copy of a boot file.
    static let headroom: UInt64 = 32 << 20

    /// Bytes an ESP needs for one boot file, a second one of that size, the loader and the file system itself.
    static func needed(bootFile: UInt64, loader: UInt64) -> UInt64 {
        Layout.aligned(2 * bootFile + 2 * loader + headroom + (4 << 20))
    }

    /// Sectors of 512 bytes per cluster: as many as leave FAT32 the clusters it must have (at least 65525).
    static func clusterSectors(_ size: UInt64) -> UInt64 {
        [8, 4, 2].first { size / 512 / $0 > 70_000 } ?? 1
    }

    /// Makes the file system at `offset` of an image file and puts files into it, by path. The directories come first.
    func write(
        image: FilePath, offset: UInt64, size: UInt64, volume: UInt32, files: [(path: String, from: FilePath)]
    ) async throws {
        let id = String(volume, radix: 16)
        let kind = size / 512 > 70_000 ? "32" : "16"
        try await run(
            Command(
                "mkfs.fat",
                [
                    "-F", kind, "-s", String(kind == "16" ? 4 : Self.clusterSectors(size)), "-S", "512",
                    "-n", "LAPWING-ESP", "-i", String(repeating: "0", count: 8 - id.count) + id, "--invariant",
                    "--offset", String(offset / 512), image.string, String(size / 1024),
                ]), image)
        var directories: Set<String> = []
        for file in files {
            var parent = FilePath(file.path).removingLastComponent()
            while !parent.isEmpty {
                directories.insert(parent.string)
                parent = parent.removingLastComponent()
            }
        }
        let target = "\(image.string)@@\(offset)"
        if !directories.isEmpty {
            try await run(Command("mmd", ["-i", target] + directories.sorted().map { "::" + $0 }), image)
        }
        for file in files.sorted(by: { $0.path < $1.path }) {
            try await run(Command("mcopy", ["-i", target, file.from.string, "::" + file.path]), image, [file.from])
        }
    }

    private func run(_ command: Command, _ image: FilePath, _ reads: [FilePath] = []) async throws {
        var command = command
        command.environment = ["SOURCE_DATE_EPOCH": String(epoch), "MTOOLS_SKIP_CHECK": "1"]
        try await context.runner.require(
            tools.command(command, reads: reads, writes: [image.removingLastComponent()]),
            "The EFI system partition could not be written.")
    }
}
