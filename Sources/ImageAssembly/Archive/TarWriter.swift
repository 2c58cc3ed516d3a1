// SPDX-License-Identifier: Apache-2.0

public import SystemPackage

/// Writes a tree as the one canonical tar archive for it: sorted names, ustar headers, pax headers only where ustar
/// does not reach, no user or group names.
public enum TarWriter {
    /// Writes an archive to a new file.
    public static func write(_ tree: FileTree, to path: FilePath) throws {
        try writeFile(path) { try write(tree, to: $0) }
    }

    /// Writes an archive to an open descriptor, a pipe too; returns its length in bytes.
    @discardableResult
    public static func write(_ tree: FileTree, to descriptor: FileDescriptor) throws -> Int64 {
        let reader = ContentReader()
        var output = BufferedOutput(descriptor)
        for entry in tree.canonicalEntries {
            try output.write(headers(entry))
            if let content = entry.content {
                try output.write(content, reader)
                try output.zeros(Int((512 - content.size % 512) % 512))
            }
        }
        try output.zeros(1024)
        try output.flush()
        return output.count
    }

    /// The header blocks of one entry.
    static func headers(_ entry: FileTree.Entry) -> [UInt8] {
        var header = TarHeader()
        var records: [UInt8] = []
        header.mode = entry.mode
        header.uid = UInt64(entry.uid)
        header.gid = UInt64(entry.gid)
        header.mtime = entry.mtime
        switch entry.kind {
        case .file(let content):
            header.type = UInt8(ascii: "0")
            header.size = UInt64(content.size)
        case .hardlink(let target):
            header.type = UInt8(ascii: "1")
            header.link = Array(target.utf8)
        case .symlink(let target):
            header.type = UInt8(ascii: "2")
            header.link = Array(target.utf8)
        case .character(let major, let minor):
            header.type = UInt8(ascii: "3")
            (header.major, header.minor) = (major, minor)
        case .block(let major, let minor):
            header.type = UInt8(ascii: "4")
            (header.major, header.minor) = (major, minor)
        case .directory: header.type = UInt8(ascii: "5")
        case .fifo: header.type = UInt8(ascii: "6")
        }
        let name = Array((entry.path.isEmpty ? "./" : entry.isDirectory ? entry.path + "/" : entry.path).utf8)
        var prefix: [UInt8] = []
        header.name = name
        if name.count > 100 {
            if let cut = split(name) {
                prefix = Array(name[..<cut])
                header.name = Array(name[(cut + 1)...])
            } else {
                records += PaxRecords.encode("path", name)
            }
        }
        if header.link.count > 100 { records += PaxRecords.encode("linkpath", header.link) }
        if header.size > TarHeader.largestSize { records += PaxRecords.encode("size", Array(String(header.size).utf8)) }
        if header.uid > TarHeader.largestID { records += PaxRecords.encode("uid", Array(String(header.uid).utf8)) }
        if header.gid > TarHeader.largestID { records += PaxRecords.encode("gid", Array(String(header.gid).utf8)) }
        if entry.mtime < 0 || UInt64(entry.mtime) > TarHeader.largestSize {
            records += PaxRecords.encode("mtime", Array(String(entry.mtime).utf8))
        }
        for (name, value) in entry.xattrs.sorted(by: { $0.key < $1.key }) {
            records += PaxRecords.encode("SCHILY.xattr." + name, value)
        }
        var result: [UInt8] = []
        if !records.isEmpty {
            var extra = TarHeader()
            extra.name = Array("PaxHeaders/entry".utf8)
            extra.type = UInt8(ascii: "x")
            extra.mode = 0o644
            extra.size = UInt64(records.count)
            result += extra.encoded() + records
            result += repeatElement(0, count: (512 - records.count % 512) % 512)
        }
        return result + header.encoded(prefix: prefix)
    }

    /// Where to cut a long name into a prefix of at most 155 bytes and a name of at most 100, at a slash.
    private static func split(_ name: [UInt8]) -> Int? {
        let last = name.count - 1
        for index in stride(from: min(155, last - 1), through: 1, by: -1) where name[index] == UInt8(ascii: "/") {
            if name.count - index - 1 <= 100 { return index }
        }
        return nil
    }
}
