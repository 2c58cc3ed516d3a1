// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// Limits of what a tar archive may hold, so that a lying one cannot exhaust the machine.
public struct TarLimits: Sendable {
    /// Members, headers of extensions not counted.
    public var members = 2_000_000
    /// Bytes of one pax or long-name header.
    public var extensionSize: UInt64 = 1 << 20
    /// Bytes of all pax and long-name headers.
    public var extensionTotal: UInt64 = 256 << 20

    /// The usual limits.
    public init() {}
}

/// Reads an uncompressed tar archive (ustar, pax, GNU long names) into a tree whose contents are ranges of that file.
///
/// The archive is taken as hostile: every number is checked against the length of the file, absolute paths, `..`,
/// members below links, hard links to nothing and unknown types are errors, and nothing of a content is ever read.
public enum TarReader {
    /// Reads an archive file.
    public static func read(_ path: FilePath, limits: TarLimits = TarLimits()) throws -> FileTree {
        try readInOrder(path, limits: limits).tree
    }

    /// Reads an archive file; also gives the paths in the archive's own order, each once.
    static func readInOrder(
        _ path: FilePath, limits: TarLimits = TarLimits()
    ) throws -> (tree: FileTree, order: [String]) {
        do {
            return try Files.explain("read", path) {
                let descriptor = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
                return try descriptor.closeAfter {
                    let size = try descriptor.seek(offset: 0, from: .end)
                    var scanner = Scanner(path: path, descriptor: descriptor, size: size, limits: limits)
                    let tree = try scanner.tree()
                    return (tree, scanner.order)
                }
            }
        } catch var error as LapwingError where error.code.hasPrefix("tar.") || error.code.hasPrefix("tree.") {
            error.cause = [error.subject, error.cause].compactMap { $0 }.joined(separator: ": ")
            if error.cause?.isEmpty == true { error.cause = nil }
            error.subject = path.string
            throw error
        }
    }

    private struct Scanner {
        let path: FilePath
        let descriptor: FileDescriptor
        let size: Int64
        let limits: TarLimits
        var offset: Int64 = 0
        var extensionTotal: UInt64 = 0
        var window: [UInt8] = []
        var windowStart: Int64 = 0
        var order: [String] = []

        /// The next bytes, through a window so that headers of small files cost no system call each.
        mutating func bytes(_ count: Int) throws -> [UInt8] {
            if offset < windowStart || offset + Int64(count) > windowStart + Int64(window.count) {
                window = try descriptor.readAll(at: offset, count: min(max(count, 1 << 14), Int(size - offset)))
                windowStart = offset
            }
            let start = Int(offset - windowStart)
            let got = Array(window[start..<min(start + count, window.count)])
            offset += Int64(got.count)
            return got
        }

        /// Steps over a member's content and its padding; returns where the content began.
        mutating func content(_ length: UInt64) throws -> Int64 {
            let start = offset
            guard let length = Int64(exactly: length), length <= size - offset else {
                throw TarHeader.error("truncated", "The tar archive ends in the middle of a file.")
            }
            // The padding of the last member may be missing only together with the end mark, which is checked later.
            offset = min(size, start + length + (512 - length % 512) % 512)
            return start
        }

        mutating func extensionBytes(_ length: UInt64) throws -> [UInt8] {
            extensionTotal += min(length, limits.extensionSize + 1)
            guard length <= limits.extensionSize, extensionTotal <= limits.extensionTotal else {
                throw TarHeader.error("too-large", "An extension header of the tar archive is too large.")
            }
            guard Int64(length) <= size - offset else {
                throw TarHeader.error("truncated", "The tar archive ends in the middle of a header.")
            }
            let start = offset
            let bytes = try bytes(Int(length))
            offset = start
            _ = try content(length)
            return bytes
        }

        mutating func tree() throws -> FileTree {
            var tree = FileTree()
            var global = Extensions()
            var local = Extensions()
            var members = 0
            while true {
                guard offset < size else {
                    throw TarHeader.error("truncated", "The tar archive has no end mark.")
                }
                guard let header = try TarHeader(bytes(512)) else { break }
                switch header.type {
                case UInt8(ascii: "x"): try local.take(PaxRecords.parse(extensionBytes(header.size)))
                case UInt8(ascii: "g"): try global.take(PaxRecords.parse(extensionBytes(header.size)))
                case UInt8(ascii: "L"): local.path = try extensionBytes(header.size).cut()
                case UInt8(ascii: "K"): local.link = try extensionBytes(header.size).cut()
                default:
                    members += 1
                    guard members <= limits.members else {
                        throw TarHeader.error("too-large", "The tar archive has too many members.")
                    }
                    let merged = global.overlaid(local)
                    local = Extensions()
                    let entry = try entry(header, merged)
                    if tree[entry.path] == nil || order.isEmpty { order.append(entry.path) }
                    try tree.insert(entry)
                }
            }
            guard local == Extensions() else {
                throw TarHeader.error("truncated", "The tar archive ends after an extension header.")
            }
            return tree
        }

        mutating func entry(_ header: TarHeader, _ more: Extensions) throws -> FileTree.Entry {
            let raw = try Self.string(more.path ?? header.name)
            let path = try TreePath.normalize(raw)
            let length = more.size ?? header.size
            let link = more.link ?? header.link
            let kind: FileTree.Kind
            switch header.type {
            case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
                if raw.hasSuffix("/"), header.type == 0 {
                    kind = .directory
                } else {
                    kind = .file(.range(self.path, offset: try content(length), size: Int64(length)))
                }
            case UInt8(ascii: "1"):
                guard length == 0 else { throw TarHeader.error("bad-hardlink", "A hard link has a content.", path) }
                kind = .hardlink(try TreePath.normalize(Self.string(link)))
            case UInt8(ascii: "2"):
                let target = try Self.string(link)
                guard !target.isEmpty, target.utf8.count < 4096, !target.utf8.contains(0) else {
                    throw TarHeader.error("bad-symlink", "A symbolic link has a bad target.", path)
                }
                kind = .symlink(target)
            case UInt8(ascii: "3"): kind = .character(major: header.major, minor: header.minor)
            case UInt8(ascii: "4"): kind = .block(major: header.major, minor: header.minor)
            case UInt8(ascii: "5"): kind = .directory
            case UInt8(ascii: "6"): kind = .fifo
            default:
                throw TarHeader.error(
                    "unknown-type", "The tar archive has a member of a kind that is not read.",
                    "type \(header.type) at \(path)")
            }
            return FileTree.Entry(
                path, kind, mode: header.mode, uid: try TarHeader.small(more.uid ?? header.uid, "owner"),
                gid: try TarHeader.small(more.gid ?? header.gid, "group"), mtime: more.mtime ?? header.mtime,
                xattrs: more.xattrs)
        }

        static func string(_ bytes: [UInt8]) throws -> String {
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw TarHeader.error(
                    "bad-name", "A name in the tar archive is not UTF-8.", String(decoding: bytes, as: UTF8.self))
            }
            return text
        }
    }
}

/// What pax and GNU extension headers say about the next member.
private struct Extensions: Equatable {
    var path: [UInt8]?
    var link: [UInt8]?
    var size: UInt64?
    var uid: UInt64?
    var gid: UInt64?
    var mtime: Int64?
    var xattrs: [String: [UInt8]] = [:]

    private static let attribute = "SCHILY.xattr."

    mutating func take(_ records: [(key: String, value: [UInt8])]) throws {
        for (key, value) in records {
            switch key {
            case "path": path = value
            case "linkpath": link = value
            case "size": size = try Self.number(value)
            case "uid": uid = try Self.number(value)
            case "gid": gid = try Self.number(value)
            case "mtime": mtime = try Self.time(value)
            default:
                if key.hasPrefix(Self.attribute) {
                    xattrs[String(key.dropFirst(Self.attribute.count))] = value
                } else if key.hasPrefix("GNU.sparse.") {
                    throw TarHeader.error("sparse", "The tar archive holds a sparse file, which is not read.")
                }
            }
        }
    }

    func overlaid(_ other: Extensions) -> Extensions {
        var result = self
        result.path = other.path ?? path
        result.link = other.link ?? link
        result.size = other.size ?? size
        result.uid = other.uid ?? uid
        result.gid = other.gid ?? gid
        result.mtime = other.mtime ?? mtime
        result.xattrs.merge(other.xattrs) { $1 }
        return result
    }

    private static func number(_ value: [UInt8]) throws -> UInt64 {
        guard value.allSatisfy({ (48...57).contains($0) }),
            let number = UInt64(String(decoding: value, as: UTF8.self))
        else { throw TarHeader.error("bad-number", "A pax header has a bad number.") }
        return number
    }

    /// Seconds with an optional fraction, which is dropped.
    private static func time(_ value: [UInt8]) throws -> Int64 {
        let text = String(decoding: value, as: UTF8.self)
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = parts.first.flatMap({ Int64($0) }),
            parts.count < 2 || parts[1].utf8.allSatisfy({ (48...57).contains($0) })
        else { throw TarHeader.error("bad-number", "A pax header has a bad time.") }
        return seconds
    }
}

extension [UInt8] {
    fileprivate func cut() -> [UInt8] { Array(prefix { $0 != 0 }) }
}
