// SPDX-License-Identifier: Apache-2.0

/// Writes the few kinds of entries a captured tree has, in the ustar format with pax headers for what does not fit
/// (POSIX.1-2017, pax). Equal trees give equal bytes: no owners, no times.
struct TarWriter {
    private(set) var bytes: [UInt8] = []

    mutating func directory(_ path: String) { entry(path + "/", type: "5", mode: 0o755, link: "", content: []) }
    mutating func file(_ path: String, _ content: [UInt8]) {
        entry(path, type: "0", mode: 0o644, link: "", content: content)
    }
    mutating func link(_ path: String, to target: String) {
        entry(path, type: "2", mode: 0o777, link: target, content: [])
    }

    /// The end of the archive: two empty blocks.
    mutating func finish() { bytes += [UInt8](repeating: 0, count: 1024) }

    private mutating func entry(_ path: String, type: Character, mode: Int, link: String, content: [UInt8]) {
        var records: [UInt8] = []
        if path.utf8.count > 100 { records += TarWriter.record("path", path) }
        if link.utf8.count > 100 { records += TarWriter.record("linkpath", link) }
        if !records.isEmpty {
            block("pax", type: "x", mode: 0o644, link: "", content: records)
        }
        block(path, type: type, mode: mode, link: link, content: content)
    }

    /// `LENGTH KEY=VALUE\n`, the length counting itself.
    private static func record(_ key: String, _ value: String) -> [UInt8] {
        let rest = " \(key)=\(value)\n".utf8
        var length = rest.count
        while String(length).utf8.count + rest.count != length { length = String(length).utf8.count + rest.count }
        return Array(String(length).utf8) + Array(rest)
    }

    private mutating func block(_ path: String, type: Character, mode: Int, link: String, content: [UInt8]) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Collection<UInt8>, at offset: Int, _ room: Int) {
            for (index, byte) in text.prefix(room).enumerated() { header[offset + index] = byte }
        }
        func octal(_ value: Int, at offset: Int, _ room: Int) {
            let digits = String(value, radix: 8)
            put(Array((String(repeating: "0", count: max(0, room - 1 - digits.count)) + digits).utf8), at: offset, room)
        }
        put(path.utf8, at: 0, 100)
        octal(mode, at: 100, 8)
        octal(0, at: 108, 8)
        octal(0, at: 116, 8)
        octal(content.count, at: 124, 12)
        octal(0, at: 136, 12)
        put(String(repeating: " ", count: 8).utf8, at: 148, 8)
        put(String(type).utf8, at: 156, 1)
        put(link.utf8, at: 157, 100)
        put(Array("ustar\0".utf8) + Array("00".utf8), at: 257, 8)
        let sum = header.reduce(0) { $0 + Int($1) }
        octal(sum, at: 148, 7)
        header[155] = 0x20
        bytes += header
        bytes += content
        let odd = content.count % 512
        if odd != 0 { bytes += [UInt8](repeating: 0, count: 512 - odd) }
    }
}
