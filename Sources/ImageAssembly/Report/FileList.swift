// SPDX-License-Identifier: Apache-2.0

import Hashing
public import LapwingCore
public import SystemPackage

/// Every path of the root file system with its content's digest, `NAME.files.json`: lets two images be compared file
/// by file without opening either.
public struct FileList: Sendable, Codable, Hashable {
    /// One path.
    public struct Entry: Sendable, Codable, Hashable {
        /// The path without a leading slash.
        public var path: String
        /// `file`, `directory`, `symlink`, `hardlink`, `character`, `block` or `fifo`.
        public var kind: String
        /// The permission bits in octal.
        public var mode: String
        /// The owner's user id.
        public var uid: UInt32
        /// The group id.
        public var gid: UInt32
        /// The length in bytes; files only.
        public var size: Int64?
        /// The SHA-256 of the content; files only.
        public var sha256: Digest?
        /// Where a link points, or `major:minor` of a device.
        public var target: String?

        /// Describes a path.
        public init(
            path: String, kind: String, mode: String, uid: UInt32 = 0, gid: UInt32 = 0, size: Int64? = nil,
            sha256: Digest? = nil, target: String? = nil
        ) {
            self.path = path
            self.kind = kind
            self.mode = mode
            self.uid = uid
            self.gid = gid
            self.size = size
            self.sha256 = sha256
            self.target = target
        }
    }

    /// The version of this shape.
    public var schemaVersion = 1
    /// The paths, sorted.
    public var files: [Entry]

    /// A list of paths; sorted here.
    public init(_ files: [Entry]) {
        self.files = files.sorted { $0.path < $1.path }
    }

    /// Lists a tree and digests its files.
    public init(_ tree: FileTree) throws {
        let reader = ContentReader()
        self.init(
            try tree.entries.map { entry in
                var result = Entry(
                    path: entry.path, kind: "file", mode: String(entry.mode, radix: 8), uid: entry.uid, gid: entry.gid)
                switch entry.kind {
                case .file(let content):
                    var hasher = Hasher256()
                    try reader.pieces(content) { hasher.update($0) }
                    result.size = content.size
                    result.sha256 = hasher.finalize()
                case .directory: result.kind = "directory"
                case .symlink(let target): (result.kind, result.target) = ("symlink", target)
                case .hardlink(let target): (result.kind, result.target) = ("hardlink", target)
                case .character(let major, let minor): (result.kind, result.target) = ("character", "\(major):\(minor)")
                case .block(let major, let minor): (result.kind, result.target) = ("block", "\(major):\(minor)")
                case .fifo: result.kind = "fifo"
                }
                return result
            })
    }

    /// The list as it is written: one line for each path, since there are tens of thousands.
    public func json() throws -> [UInt8] {
        var bytes = Array("{\n\"files\": [".utf8)
        for (index, entry) in files.enumerated() {
            bytes += Array((index == 0 ? "\n" : ",\n").utf8)
            bytes += try JSONText.encode(entry, pretty: false)
        }
        bytes += Array("\n],\n\"schemaVersion\": \(schemaVersion)\n}\n".utf8)
        return bytes
    }

    /// Reads a list.
    public static func load(_ path: FilePath) throws -> FileList {
        try JSONText.decode(FileList.self, from: Files.read(path, limit: 1 << 30), file: path.string)
    }

    /// The bytes below each directory, `depth` levels deep; what is small is gathered under `other`.
    public func sizes(depth: Int = 4) -> SizeNode {
        SizeNode.tree(files.map { ($0.path, $0.size ?? 0) }, depth: depth)
    }
}
