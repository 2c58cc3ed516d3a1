// SPDX-License-Identifier: Apache-2.0

/// What a program or library names as needed at run time (ELF-64, little-endian; System V ABI, chapter 5).
struct ElfFile: Hashable {
    /// The loader's path, for a program.
    var interpreter: String?
    /// File names of needed libraries, in order.
    var needed: [String]

    /// Reads an ELF file; nil for anything else. Damaged tables give what could be read: the caller notices at the latest
    /// when the image starts, and a package from the archive is no attacker of itself.
    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]) else { return nil }
        func number(_ at: UInt64, _ count: Int) -> UInt64 {
            guard at <= UInt64(bytes.count), UInt64(bytes.count) - at >= UInt64(count) else { return 0 }
            return (0..<count).reversed().reduce(0) { $0 << 8 | UInt64(bytes[Int(at) + $1]) }
        }
        func text(_ at: UInt64) -> String {
            guard at < UInt64(bytes.count) else { return "" }
            return String(decoding: bytes[Int(at)...].prefix { $0 != 0 }, as: UTF8.self)
        }
        needed = []
        let table = number(32, 8)
        let size = number(54, 2)
        guard size >= 56 else { return }
        var loads: [(address: UInt64, offset: UInt64, size: UInt64)] = []
        var dynamic: (offset: UInt64, size: UInt64)?
        for index in 0..<number(56, 2) {
            let at = table &+ index &* size
            let offset = number(at &+ 8, 8)
            switch number(at, 4) {
            case 1: loads.append((number(at &+ 16, 8), offset, number(at &+ 32, 8)))
            case 2: dynamic = (offset, number(at &+ 32, 8))
            case 3: interpreter = text(offset)
            default: break
            }
        }
        guard let dynamic, dynamic.size < 1 << 20 else { return }
        var names: [UInt64] = []
        var strings: UInt64 = 0
        for at in stride(from: dynamic.offset, to: dynamic.offset &+ dynamic.size, by: 16) {
            let value = number(at &+ 8, 8)
            switch number(at, 8) {
            case 1: names.append(value)
            case 5: strings = value
            default: break
            }
        }
        guard let load = loads.first(where: { strings >= $0.address && strings - $0.address < $0.size }) else { return }
        let base = strings - load.address &+ load.offset
        needed = names.map { text(base &+ $0) }.filter { !$0.isEmpty }
    }
}
