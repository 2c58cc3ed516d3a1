// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
import SystemPackage

/// Reads the contents of a tree's files. It keeps the spool files it has opened, because thousands of contents lie in
/// one of them. Not for use by two tasks at once.
public final class ContentReader {
    private var open: [FilePath: FileDescriptor] = [:]
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)

    /// A reader with nothing open.
    public init() {}

    deinit {
        for descriptor in open.values { try? descriptor.close() }
        buffer.deallocate()
    }

    private func descriptor(_ path: FilePath) throws -> FileDescriptor {
        if let found = open[path] { return found }
        if open.count >= 64 {
            for descriptor in open.values { try? descriptor.close() }
            open = [:]
        }
        let made = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .noFollow])
        open[path] = made
        return made
    }

    /// Hands over a content piece by piece. A file that ends too early is an error: its length is a promise.
    public func pieces(_ content: FileContent, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        switch content {
        case .bytes(let bytes): try bytes.withUnsafeBytes { if !$0.isEmpty { try body($0) } }
        case .range(let path, let offset, let size):
            try Files.explain("read", path) {
                let source = try descriptor(path)
                var done: Int64 = 0
                while done < size {
                    let want = Int(min(size - done, Int64(buffer.count)))
                    let got = try source.read(
                        fromAbsoluteOffset: offset + done,
                        into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<want]))
                    if got == 0 {
                        throw LapwingError(
                            "tree.content-lost", exit: .inputOutput, "A file became shorter while it was used.",
                            subject: path.string)
                    }
                    try body(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
                    done += Int64(got)
                }
            }
        }
    }

    /// The whole content.
    public func bytes(_ content: FileContent) throws -> [UInt8] {
        if case .bytes(let bytes) = content { return bytes }
        var result: [UInt8] = []
        result.reserveCapacity(Int(content.size))
        try pieces(content) { result.append(contentsOf: $0) }
        return result
    }

    /// Writes a content to a descriptor, without a detour through this process where the kernel can copy.
    func copy(_ content: FileContent, to target: FileDescriptor) throws {
        guard case .range(let path, let offset, let size) = content, size >= 1 << 16 else {
            return try pieces(content) { _ = try target.writeAll($0) }
        }
        try Files.explain("copy", path) {
            let source = try descriptor(path)
            var done: Int64 = 0
            while done < size {
                let got = lapwing_copy_range(source.rawValue, offset + done, target.rawValue, UInt64(size - done))
                if got <= 0 {
                    // A pipe, another kind of file system, or the end: the plain way copies, or says what is wrong.
                    return try pieces(.range(path, offset: offset + done, size: size - done)) {
                        _ = try target.writeAll($0)
                    }
                }
                done += got
            }
        }
    }
}

/// Collects small writes; the owner calls `flush` at the end.
struct BufferedOutput: ~Copyable {
    private let target: FileDescriptor
    private var buffer: [UInt8] = []
    /// Bytes written in all.
    private(set) var count: Int64 = 0

    init(_ target: FileDescriptor) {
        self.target = target
        buffer.reserveCapacity(1 << 20)
    }

    mutating func write(_ bytes: some Collection<UInt8>) throws {
        buffer.append(contentsOf: bytes)
        count += Int64(bytes.count)
        if buffer.count >= 1 << 20 - 1 << 16 { try flush() }
    }

    mutating func zeros(_ number: Int) throws {
        buffer.append(contentsOf: repeatElement(0, count: number))
        count += Int64(number)
    }

    mutating func write(_ content: FileContent, _ reader: ContentReader) throws {
        if content.size < 1 << 18 {
            try reader.pieces(content) { piece in
                buffer.append(contentsOf: piece)
                if buffer.count >= 1 << 20 - 1 << 16 { try flush() }
            }
        } else {
            try flush()
            try reader.copy(content, to: target)
        }
        count += content.size
    }

    mutating func flush() throws {
        if buffer.isEmpty { return }
        _ = try target.writeAll(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}

/// Makes a file of what a body writes into it.
func writeFile(_ path: FilePath, _ body: (FileDescriptor) throws -> Void) throws {
    try Files.explain("write", path) {
        let descriptor = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate, .closeOnExec],
            permissions: [.ownerReadWrite, .groupRead, .otherRead])
        try descriptor.closeAfter { try body(descriptor) }
    }
}
