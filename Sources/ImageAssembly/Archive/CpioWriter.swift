// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// Writes a tree as a cpio archive in the `newc` form the kernel reads as an initramfs
/// (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). Hard links become files of their own, inode
/// numbers count from 1 in the order of the names, and the archive is padded to 512 bytes so that another may follow.
public enum CpioWriter {
    /// Writes an archive to a new file.
    public static func write(_ tree: FileTree, to path: FilePath) throws {
        try writeFile(path) { try write(tree, to: $0) }
    }

    /// Writes an archive to an open descriptor; returns its length in bytes. Extended attributes have no place in it and
    /// are left out; a file of 4 GiB or more is an error.
    @discardableResult
    public static func write(_ tree: FileTree, to descriptor: FileDescriptor) throws -> Int64 {
        let reader = ContentReader()
        var output = BufferedOutput(descriptor)
        var inode: UInt32 = 0
        for entry in tree.expandingHardlinks().entries {
            inode += 1
            var device: (major: UInt32, minor: UInt32) = (0, 0)
            var content = FileContent.bytes([])
            let type: UInt32
            switch entry.kind {
            case .file(let found):
                type = 0o100000
                content = found
            case .directory: type = 0o040000
            case .symlink(let target):
                type = 0o120000
                content = .bytes(Array(target.utf8))
            case .character(let major, let minor):
                type = 0o020000
                device = (major, minor)
            case .block(let major, let minor):
                type = 0o060000
                device = (major, minor)
            case .fifo: type = 0o010000
            case .hardlink: continue
            }
            guard let size = UInt32(exactly: content.size) else {
                throw LapwingError(
                    "cpio.too-large", "A file is too large for an initrd.", subject: "/" + entry.path,
                    cause: "the newc form holds less than 4 GiB a file")
            }
            try member(
                &output, name: entry.path.isEmpty ? "." : entry.path,
                fields: [
                    inode, type | entry.mode, entry.uid, entry.gid, entry.isDirectory ? 2 : 1,
                    UInt32(clamping: entry.mtime), size, 0, 0, device.major, device.minor,
                ])
            try output.write(content, reader)
            try output.zeros(Int((4 - content.size % 4) % 4))
        }
        try member(&output, name: "TRAILER!!!", fields: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        try output.zeros(Int((512 - output.count % 512) % 512))
        try output.flush()
        return output.count
    }

    private static func member(_ output: inout BufferedOutput, name: String, fields: [UInt32]) throws {
        let length = name.utf8.count + 1
        var header = Array("070701".utf8)
        for field in fields + [UInt32(length), 0] {
            let digits = Array(String(field, radix: 16).utf8)
            header += repeatElement(UInt8(ascii: "0"), count: 8 - digits.count) + digits
        }
        header += Array(name.utf8) + [0]
        header += repeatElement(0, count: (4 - header.count % 4) % 4)
        try output.write(header)
    }
}
