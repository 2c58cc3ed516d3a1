// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
public import SystemPackage

/// The files of the kernel below a root directory: `/` on the live machine, or a directory with a captured tree. No
/// link of such a tree can lead out of it, and what is missing is nil, for devices go away while they are looked at.
public final class SystemTree: Sendable {
    /// The root.
    public let root: FilePath
    private let descriptor: Int32

    /// Opens a root. One that is not there or no directory is `device.no-root` (exit 69).
    public init(root: FilePath = "/") throws {
        self.root = root
        descriptor = lapwing_root_open(root.string)
        if descriptor < 0 {
            throw LapwingError(
                "device.no-root", exit: .unavailable, "The directory with the system's files cannot be opened.",
                subject: root.string, cause: Errno(rawValue: -descriptor).description)
        }
        // A directory is no file to read; any other answer means that nothing can be read at all, as in a sandbox that
        // forbids openat2(2).
        let answer = lapwing_root_read(descriptor, "/", nil, 0)
        if answer != -Errno.invalidArgument.rawValue {
            throw LapwingError(
                "device.no-root", exit: .unavailable, "The system's files cannot be read here.", subject: root.string,
                cause: Errno(rawValue: -answer).description)
        }
    }

    deinit { try? FileDescriptor(rawValue: descriptor).close() }

    /// True for the machine this program runs on.
    public var isLive: Bool { root == "/" }

    /// At most `limit` bytes of a file; nil when it cannot be read.
    public func bytes(_ path: String, limit: Int = 4096) -> [UInt8]? {
        var result: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            result = lapwing_root_read(descriptor, path, buffer.baseAddress, limit)
            filled = max(0, Int(result))
        }
        return result < 0 ? nil : bytes
    }

    /// The first line of a small file without blanks around it; nil when there is none or it is empty.
    public func line(_ path: String) -> String? {
        guard let bytes = bytes(path, limit: 1024) else { return nil }
        let line = bytes.prefix { $0 != 10 && $0 != 0 }
        let text = String(decoding: line, as: UTF8.self)
        var part = text[...]
        while let first = part.first, first == " " || first == "\t" { part.removeFirst() }
        while let last = part.last, last == " " || last == "\t" || last == "\r" { part.removeLast() }
        return part.isEmpty ? nil : String(part)
    }

    /// A decimal number.
    public func number(_ path: String) -> Int? { line(path).flatMap { Int($0) } }

    /// A hexadecimal number, with or without `0x`.
    public func hexadecimal(_ path: String) -> UInt32? {
        line(path).flatMap { UInt32($0.hasPrefix("0x") ? String($0.dropFirst(2)) : $0, radix: 16) }
    }

    /// The names in a directory, sorted by their bytes; empty when it cannot be read. Names that are not plain ASCII
    /// without control characters, or more than `limit`, are left out: the kernel makes none.
    public func names(_ path: String, limit: Int = 65536) -> [String] {
        final class Found {
            var names: [String] = []
            let limit: Int
            init(_ limit: Int) { self.limit = limit }
        }
        let found = Found(limit)
        let result = lapwing_root_list(descriptor, path, Unmanaged.passUnretained(found).toOpaque()) {
            state, name, length in
            guard let state, let name else { return }
            let found = Unmanaged<Found>.fromOpaque(state).takeUnretainedValue()
            let bytes = UnsafeRawBufferPointer(start: name, count: Int(length))
            guard found.names.count < found.limit, bytes.allSatisfy({ (33...126).contains($0) }) else { return }
            found.names.append(String(decoding: bytes, as: UTF8.self))
        }
        return result == 0 ? found.names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } : []
    }

    /// The target of a link as it is written; nil for what is none.
    public func link(_ path: String) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            let length = lapwing_root_link(descriptor, path, buffer.baseAddress, 4096)
            guard length > 0 else { return nil }
            return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }

    /// The last part of a link's target, such as a driver's name, made safe; nil for what is no link.
    public func linkName(_ path: String) -> String? {
        guard let target = link(path), let name = target.split(separator: "/").last else { return nil }
        return Self.isPlain(name) ? String(name) : nil
    }

    /// What stands at a path, links followed.
    public func isDirectory(_ path: String) -> Bool { lapwing_root_kind(descriptor, path) == 2 }
    /// True when something stands at a path, links followed.
    public func exists(_ path: String) -> Bool { lapwing_root_kind(descriptor, path) != 0 }

    /// The place of a device in the tree of devices, from `/sys/devices` on, by the link that a bus or a class has to
    /// it; the parts after `devices`. Nil when there is no such link.
    public func devicePath(_ link: String) -> [String]? {
        guard let target = self.link(link) else { return nil }
        let parts = target.split(separator: "/").map { String($0) }
        guard let start = parts.firstIndex(of: "devices"), start + 1 < parts.count,
            parts[(start + 1)...].allSatisfy({ Self.isPlain($0) && $0 != ".." && $0 != "." })
        else { return nil }
        return Array(parts[(start + 1)...])
    }

    static func isPlain(_ name: some StringProtocol) -> Bool {
        !name.isEmpty && name.utf8.count < 256 && name.utf8.allSatisfy { (33...126).contains($0) && $0 != 47 }
    }
}
