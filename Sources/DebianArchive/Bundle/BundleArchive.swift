// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// Writes the tar of an export: regular files only, POSIX ustar headers (IEEE Std 1003.1, pax, "ustar Interchange
/// Format"), every field but name, size and time fixed.
struct BundleWriter {
    private let descriptor: FileDescriptor
    private let time: Int64

    init(_ descriptor: FileDescriptor, time: Int64) {
        self.descriptor = descriptor
        self.time = time
    }

    func add(_ name: String, _ bytes: [UInt8]) throws {
        _ = try descriptor.writeAll(try header(name, UInt64(bytes.count)))
        _ = try descriptor.writeAll(bytes)
        try pad(UInt64(bytes.count))
    }

    /// Copies `size` bytes of a file; a file of another size is an error.
    func add(_ name: String, file: FilePath, size: UInt64) throws {
        _ = try descriptor.writeAll(try header(name, size))
        let input = try Files.explain("read", file) {
            try FileDescriptor.open(file, .readOnly, options: [.closeOnExec, .noFollow])
        }
        defer { try? input.close() }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
        defer { buffer.deallocate() }
        var left = size
        while left > 0 {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, 1 << 20))])
            let got = try input.read(into: piece)
            guard got > 0 else {
                throw LapwingError("export.short", exit: .inputOutput, "A file became shorter.", subject: file.string)
            }
            _ = try descriptor.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<got]))
            left -= UInt64(got)
        }
        try pad(size)
    }

    /// Writes the end: two empty blocks.
    func finish() throws {
        _ = try descriptor.writeAll([UInt8](repeating: 0, count: 1024))
    }

    private func pad(_ size: UInt64) throws {
        let rest = Int(size % 512)
        if rest > 0 { _ = try descriptor.writeAll([UInt8](repeating: 0, count: 512 - rest)) }
    }

    private func header(_ name: String, _ size: UInt64) throws -> [UInt8] {
        guard name.utf8.count <= 100 else {
            throw LapwingError(
                "export.name-too-long", exit: .badInput, "A file's path is longer than 100 bytes.", subject: name,
                hint: "Move the recipe and its layers nearer to each other.")
        }
        guard size < 1 << 33 else {
            throw LapwingError("export.too-large", exit: .badInput, "A file is larger than 8 GiB.", subject: name)
        }
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            block.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ value: UInt64, _ width: Int, at offset: Int) {
            let digits = String(value, radix: 8)
            put(String(repeating: "0", count: width - digits.utf8.count) + digits, at: offset)
        }
        put(name, at: 0)
        octal(0o644, 7, at: 100)
        octal(0, 7, at: 108)
        octal(0, 7, at: 116)
        octal(size, 11, at: 124)
        octal(UInt64(max(0, time)), 11, at: 136)
        put("        ", at: 148)
        put("0", at: 156)
        put("ustar\u{0}00", at: 257)
        octal(block.reduce(0) { $0 + UInt64($1) }, 6, at: 148)
        block[154] = 0
        return block
    }
}

/// Reads what `BundleWriter` writes and refuses everything else. Nothing is unpacked by name: the caller says what
/// becomes of each entry.
struct BundleReader {
    private let descriptor: FileDescriptor
    private let file: String
    private var left: UInt64 = 0
    private var padding: UInt64 = 0

    init(_ descriptor: FileDescriptor, file: String) {
        self.descriptor = descriptor
        self.file = file
    }

    private func bad(_ cause: String) -> LapwingError {
        LapwingError(
            "import.bad-archive", exit: .badInput, "The file is no whole export of lapwing.", subject: file,
            cause: cause)
    }

    /// The next entry's name and size; nil at the end. What is left of the entry before is skipped.
    mutating func next() throws -> (name: String, size: UInt64)? {
        while left > 0 { _ = try read(1 << 20) }
        try skip(padding)
        let block = try exactly(512)
        if block.allSatisfy({ $0 == 0 }) {
            guard try exactly(512).allSatisfy({ $0 == 0 }) else { throw bad("it has no end mark") }
            guard try some(512).isEmpty else { throw bad("something follows its end") }
            return nil
        }
        var sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
        for index in 148..<156 { sum = sum - UInt64(block[index]) + 32 }
        guard Array(block[257..<265]) == Array("ustar\u{0}00".utf8), number(block[148..<156]) == sum else {
            throw bad("a header is damaged")
        }
        guard block[156] == UInt8(ascii: "0"), block[157..<257].allSatisfy({ $0 == 0 }),
            block[345...].allSatisfy({ $0 == 0 })
        else { throw bad("it has an entry that is no plain file") }
        let name = block[..<100].prefix { $0 != 0 }
        guard let text = String(validating: name, as: UTF8.self), let size = number(block[124..<136]) else {
            throw bad("a header is damaged")
        }
        left = size
        padding = size % 512 == 0 ? 0 : 512 - size % 512
        return (text, size)
    }

    /// Up to `most` bytes of the present entry; empty at its end.
    mutating func read(_ most: Int) throws -> [UInt8] {
        if left == 0 { return [] }
        let bytes = try some(Int(min(left, UInt64(most))))
        if bytes.isEmpty { throw bad("it ends too early") }
        left -= UInt64(bytes.count)
        return bytes
    }

    /// The whole of the present entry; refuses more than `limit` bytes.
    mutating func all(limit: Int) throws -> [UInt8] {
        guard left <= UInt64(limit) else { throw bad("an entry is larger than it may be") }
        var bytes: [UInt8] = []
        while left > 0 { bytes += try read(1 << 20) }
        return bytes
    }

    private func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        let digits = field.drop { $0 == 32 }.prefix { (48...55).contains($0) }
        guard !digits.isEmpty, digits.count <= 11 else { return nil }
        return digits.reduce(0) { $0 << 3 + UInt64($1 - 48) }
    }

    private func some(_ count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = try descriptor.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    private func exactly(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try some(count - bytes.count)
            if more.isEmpty { throw bad("it ends too early") }
            bytes += more
        }
        return bytes
    }

    private func skip(_ count: UInt64) throws {
        if count > 0 { _ = try exactly(Int(count)) }
    }
}
