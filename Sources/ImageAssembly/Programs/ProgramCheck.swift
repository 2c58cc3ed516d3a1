// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What must hold of a linked device program, whatever the linker said.
enum ProgramCheck {
    /// The largest program, in bytes: FoundationEssentials takes 14 MB, Foundation would take 58.
    static let limit = 24 << 20
    /// The libraries a program may load: those of `DeviceSysroot.runtimePackages`.
    static let libraries: Set<String> = [
        "libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libcrypt.so.1", "libdrm.so.2",
        "libpci.so.3", "libusb-1.0.so.0", "libxendevicemodel.so.1", "libxenevtchn.so.1", "libxenforeignmemory.so.1",
        "libxentoolcore.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1",
    ]

    /// Throws `programs.unfit` when a program is no stripped 64-bit ELF file, is too large, loads another library, or
    /// has Foundation, its ICU, or a path of a build host in it.
    static func check(_ bytes: [UInt8], name: String) throws {
        func unfit(_ cause: String) -> LapwingError {
            LapwingError("programs.unfit", "A device program is not fit for the image.", subject: name, cause: cause)
        }
        guard bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46, 2, 1]) else { throw unfit("it is no 64-bit ELF file") }
        guard bytes.count <= limit else { throw unfit("it has \(bytes.count) bytes, more than \(limit)") }
        let needed = try neededLibraries(bytes, name: name)
        if let other = needed.first(where: { !libraries.contains($0) }) { throw unfit("it loads \(other)") }
        // The mangled names of Foundation's own types, and ICU's data, which only FoundationInternationalization has.
        for mark in ["$s10Foundation", "icudt", DevicePrograms.place] where contains(bytes, Array(mark.utf8)) {
            throw unfit("it holds \"\(mark)\"")
        }
    }

    /// The DT_NEEDED entries of an ELF file (System V ABI, chapter 5), read with every offset checked.
    static func neededLibraries(_ bytes: [UInt8], name: String) throws -> [String] {
        func number(_ offset: Int, _ count: Int) throws -> Int {
            guard offset >= 0, offset <= bytes.count - count else {
                throw LapwingError("programs.unfit", exit: .badInput, "The ELF file is cut short.", subject: name)
            }
            var value: UInt64 = 0
            for index in (0..<count).reversed() { value = value << 8 | UInt64(bytes[offset + index]) }
            return Int(truncatingIfNeeded: value & UInt64(Int.max))
        }
        let (headers, size, count) = (try number(32, 8), try number(54, 2), try number(56, 2))
        var segments: [(offset: Int, address: Int, size: Int)] = []
        var dynamic: (offset: Int, size: Int)?
        for index in 0..<count {
            let at = headers + index * size
            let kind = try number(at, 4)
            let (offset, address, length) = (try number(at + 8, 8), try number(at + 16, 8), try number(at + 32, 8))
            if kind == 1 { segments.append((offset, address, length)) }
            if kind == 2 { dynamic = (offset, length) }
        }
        guard let dynamic else { return [] }
        var names: [Int] = []
        var strings = 0
        for index in 0..<(dynamic.size / 16) {
            let tag = try number(dynamic.offset + index * 16, 8)
            let value = try number(dynamic.offset + index * 16 + 8, 8)
            if tag == 0 { break }
            if tag == 1 { names.append(value) }
            if tag == 5 { strings = value }
        }
        guard let segment = segments.first(where: { strings >= $0.address && strings - $0.address < $0.size }) else {
            return []
        }
        let table = segment.offset + strings - segment.address
        return try names.map { name in
            var text: [UInt8] = []
            var at = table + name
            while let byte = UInt8(exactly: try number(at, 1)), byte != 0, text.count < 256 {
                text.append(byte)
                at += 1
            }
            return String(decoding: text, as: UTF8.self)
        }
    }

    static func contains(_ bytes: [UInt8], _ pattern: [UInt8]) -> Bool {
        guard let first = pattern.first, bytes.count >= pattern.count else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            var at = 0
            let last = bytes.count - pattern.count
            while at <= last {
                if bytes[at] == first, (1..<pattern.count).allSatisfy({ bytes[at + $0] == pattern[$0] }) { return true }
                at += 1
            }
            return false
        }
    }
}
