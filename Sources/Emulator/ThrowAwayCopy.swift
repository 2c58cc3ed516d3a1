// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// The copy of an image that a check boots. Its boot file brings the agent; the rest is the image's own bytes.
enum ThrowAwayCopy {
    /// A disk is at least this large, so that there is room for the state.
    static let smallestDisk: Int64 = 8 << 30

    /// Makes the copy at `path`, which must not exist.
    static func make(
        of image: CheckedImage, at path: FilePath, damage: ScenarioGroup.Damage, tools: EmulatorTools, context: Context
    ) async throws {
        let permissions: UInt32 = 0o600
        try Files.copySparse(image.path, to: path, permissions: permissions)
        let drive = "\(path.string)@@\(image.bootFileSystem.offset)"
        let environment = ["MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"]
        let target = "::/" + image.bootFile
        // Taking the old file away first makes room, and fails when there is none.
        let commands = [
            Command("mdel", ["-i", drive, target], environment: environment),
            Command("mcopy", ["-i", drive, image.testBootFile.string, target], environment: environment),
        ]
        do {
            for command in commands {
                try await context.runner.require(try tools.wrap(command, [image.testBootFile], [path]))
            }
        } catch let error as LapwingError where error.code == "command.failed" {
            throw LapwingError(
                "check.boot-file", "The test's boot file could not be put into the copy of the image.",
                subject: image.bootFile, cause: error.cause,
                hint: "The boot file system needs a few MiB of free space for the test agent.")
        }
        let descriptor = try FileDescriptor.open(path, .readWrite, options: .closeOnExec)
        try descriptor.closeAfter {
            if damage == .rootBit {
                guard let root = image.root else {
                    throw LapwingError("check.no-root", "It is not known where the image has its root.")
                }
                var byte = try descriptor.readAll(at: Int64(root.offset), count: 1)
                guard byte.count == 1 else {
                    throw LapwingError(
                        "check.image-short", exit: .badInput, "The image ends before its root.",
                        subject: image.path.string)
                }
                byte[0] ^= 1
                _ = try descriptor.writeAll(toAbsoluteOffset: Int64(root.offset), byte)
            }
            if image.kind == .disk, try descriptor.seek(offset: 0, from: .end) < smallestDisk {
                try descriptor.resize(to: smallestDisk)
            }
        }
    }
}
