// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// The copy of an image that a check boots. Its boot file brings the agent; the rest is the image's own bytes, unless
/// the group asks for damage.
struct ThrowAwayCopy {
    /// The image.
    let image: CheckedImage
    /// The copy, which must not exist.
    let path: FilePath
    /// mtools and sfdisk.
    let tools: EmulatorTools
    /// The outside world.
    let context: Context

    /// A root hash that belongs to no root.
    static let foreignHash = String(repeating: "0badf00d", count: 8)
    /// The version of an update that is newer than everything.
    static let newerVersion = "9999"

    /// An emulated machine on a busy host starts slowly: udev may then take longer than the 90 seconds that systemd gives
    /// a device (systemd(1), kernel command line).
    static let patience = "systemd.default_device_timeout_sec=900"

    /// Makes the copy.
    func make(_ group: ScenarioGroup) async throws {
        try Files.copySparse(image.path, to: path, permissions: 0o600)
        var change = group.boot
        if let unlock = group.stateUnlock { change.kernelOptions.append("lapwing.state=\(unlock)") }
        // A system that is to fail does so in its own time.
        if group.damage == .none { change.kernelOptions.append(Self.patience) }
        try await bootFiles(group.damage, change)
        let descriptor = try FileDescriptor.open(path, .readWrite, options: .closeOnExec)
        try descriptor.closeAfter {
            switch group.damage {
            case .none: break
            case .rootBit: try turnBit(descriptor)
            case .failingUpdate: try moveSystem(descriptor)
            }
            if image.kind == .disk, try descriptor.seek(offset: 0, from: .end) < group.diskSize.bytes {
                try descriptor.resize(to: Int64(clamping: group.diskSize.bytes))
            }
        }
        if group.damage == .failingUpdate { try await renameSlots() }
    }

    // MARK: the boot file system

    /// Exchanges the boot file. Taking the old one away first makes room, and fails when there is none.
    private func bootFiles(_ damage: ScenarioGroup.Damage, _ change: BootChange) async throws {
        try await mtools("mdel", [], image.bootFile)
        if damage == .failingUpdate {
            try await put(change, image.slots[1].bootFile)
            var update = change
            update.kernelOptions.append("lapwing.roothash=\(Self.foreignHash)")
            update.version = Self.newerVersion
            try await put(update, image.slots[0].bootFile)
        } else {
            try await put(change, image.bootFile)
        }
    }

    private func put(_ change: BootChange, _ name: String) async throws {
        try await mtools("mcopy", [try image.testBootFile(change)], name)
    }

    private func mtools(_ program: String, _ files: [FilePath], _ target: String) async throws {
        let drive = "\(path.string)@@\(image.bootFileSystem.offset)"
        let command = Command(
            program, ["-i", drive] + files.map(\.string) + ["::/" + target],
            environment: ["MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"])
        do {
            try await context.runner.require(try tools.wrap(command, files, [path]))
        } catch let error as LapwingError where error.code == "command.failed" {
            throw LapwingError(
                "check.boot-file", "The test's boot file could not be put into the copy of the image.",
                subject: image.bootFile, cause: error.cause,
                hint: "The boot file system needs a few MiB of free space for the test agent.")
        }
    }

    // MARK: the slots

    private func turnBit(_ descriptor: FileDescriptor) throws {
        guard let root = image.slots.first?.root.extent else {
            throw LapwingError("check.no-root", "It is not known where the image has its root.")
        }
        var byte = try descriptor.readAll(at: Int64(root.offset), count: 1)
        guard byte.count == 1 else {
            throw LapwingError(
                "check.image-short", exit: .badInput, "The image ends before its root.", subject: image.path.string)
        }
        byte[0] ^= 1
        _ = try descriptor.writeAll(toAbsoluteOffset: Int64(root.offset), byte)
    }

    /// Copies root and hash tree of the first slot to the second, which is empty in an image.
    private func moveSystem(_ descriptor: FileDescriptor) throws {
        let (first, second) = (image.slots[0], image.slots[1])
        let piece = 4 << 20
        for (from, to) in [(first.root.extent, second.root.extent), (first.verity.extent, second.verity.extent)] {
            guard from.size <= to.size else {
                throw LapwingError("check.slot-size", "The second slot is smaller than the first.")
            }
            var done: UInt64 = 0
            while done < from.size {
                let count = Int(min(UInt64(piece), from.size - done))
                let bytes = try descriptor.readAll(at: Int64(from.offset + done), count: count)
                if bytes.contains(where: { $0 != 0 }) {
                    _ = try descriptor.writeAll(toAbsoluteOffset: Int64(to.offset + done), bytes)
                }
                done += UInt64(count)
            }
        }
    }

    /// Gives the second slot's partitions the names that the root hash demands, the first one's those of no root
    /// (Discoverable Partitions Specification: the halves of the root hash).
    private func renameSlots() async throws {
        for (slot, hash) in [(0, Self.foreignHash), (1, image.expected.rootHash.hex)] {
            let parts = image.slots[slot]
            for (part, half) in [(parts.root, hash.prefix(32)), (parts.verity, hash.suffix(32))] {
                let command = Command(
                    "sfdisk", ["--quiet", "--part-uuid", path.string, String(part.number), Self.uuid(half)])
                try await context.runner.require(
                    try tools.wrap(command, [], [path]), "The copy's partitions could not be renamed.")
            }
        }
    }

    /// 32 hexadecimal digits as a UUID.
    static func uuid(_ digits: Substring) -> String {
        var rest = digits
        return [8, 4, 4, 4, 12].map { length in
            defer { rest = rest.dropFirst(length) }
            return String(rest.prefix(length))
        }.joined(separator: "-")
    }
}
