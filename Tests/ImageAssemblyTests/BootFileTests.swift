// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import ImageAssembly

/// A small PE32+ program as linkers make them: two sections, no room in the header for more, symbols at the end.
func smallProgram() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 0x200)
    func put(_ value: UInt64, _ at: Int, _ count: Int) {
        for index in 0..<count { bytes[at + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
    }
    bytes[0] = 0x4d
    bytes[1] = 0x5a
    put(0x80, 0x3c, 4)
    put(0x4550, 0x80, 4)
    put(2, 0x86, 2)
    put(0x400, 0x8c, 4)
    put(3, 0x90, 4)
    put(240, 0x94, 2)
    put(0x20b, 0x98, 2)
    put(0x1000, 0x98 + 32, 4)
    put(0x20, 0x98 + 36, 4)
    put(0x3000, 0x98 + 56, 4)
    put(0x1e0, 0x98 + 60, 4)
    put(16, 0x98 + 108, 4)
    let table = 0x98 + 240
    bytes.replaceSubrange(table..<table + 5, with: ".text".utf8)
    put(0x10, table + 8, 4)
    put(0x1000, table + 12, 4)
    put(0x20, table + 16, 4)
    put(0x1e0, table + 20, 4)
    bytes.replaceSubrange(table + 40..<table + 44, with: ".bss".utf8)
    put(0x1234, table + 48, 4)
    put(0x2000, table + 52, 4)
    for index in 0x1e0..<0x200 { bytes[index] = UInt8(index & 0xff) }
    return bytes + Array("symbols".utf8)
}

@Suite struct BootFileTests {
    private func file() throws -> BootFile {
        BootFile(
            xen: try PEImage(smallProgram(), subject: "xen.efi"),
            options: BootOptions(xen: ["console=com1,vga"], kernel: ["console=hvc0", "quiet"]),
            kernel: Array("kernel".utf8), initrd: Array("initrd!".utf8), microcode: Array("micro".utf8),
            osRelease: "ID=lapwing\n")
    }

    @Test func `sections lie above all others, each on a page of its own, and overlap nowhere`() throws {
        let image = try PEImage(try file().assembled(), subject: "x")
        #expect(image.sections.map(\.name) == [".text", ".bss", ".osrel", ".config", ".ucode", ".kernel", ".ramdisk"])
        #expect(image.sections.dropFirst(2).map(\.address) == [0x4000, 0x5000, 0x6000, 0x7000, 0x8000])
        let files = image.sections.filter { $0.fileSize > 0 }.sorted { $0.fileOffset < $1.fileOffset }
        for (one, next) in zip(files, files.dropFirst()) {
            #expect(one.fileOffset + one.fileSize <= next.fileOffset, "\(one.name) \(next.name)")
        }
        // The table of seven headers ends before the first section's data.
        #expect((files.first?.fileOffset ?? 0) >= 0x98 + 240 + 7 * 40)
        #expect(image.content(".kernel") == Array("kernel".utf8))
        #expect(image.content(".text") == smallProgram()[0x1e0..<0x1f0].map { $0 })
    }

    @Test func `a boot file taken apart and put together is the same file`() throws {
        let bytes = try file().assembled()
        #expect(try BootFile(reading: bytes, subject: "x").assembled() == bytes)
    }

    @Test func `a rewritten boot file differs only in what was asked for`() throws {
        let bytes = try file().assembled()
        let changed = try BootFile.rewritten(
            efi: bytes, subject: "x", appendInitrd: Array("0707".utf8), appendKernelOptions: ["lapwing.agent=1"],
            appendXenOptions: ["loglvl=all"])
        let parts = try BootFile(reading: changed, subject: "x")
        #expect(parts.initrd == Array("initrd!\0".utf8) + Array("0707".utf8))
        #expect(parts.options.kernel == ["console=hvc0", "quiet", "lapwing.agent=1"])
        #expect(parts.options.xen == ["console=com1,vga", "loglvl=all"])
        #expect(parts.kernel == Array("kernel".utf8))
        #expect(parts.microcode == Array("micro".utf8))
        #expect(parts.osRelease == "ID=lapwing\n")
    }

    @Test func `another hypervisor takes the place of the image's, and nothing else changes`() throws {
        let bytes = try file().assembled()
        var other = smallProgram()
        other[0x1e0] ^= 0xff
        let changed = try BootFile.rewritten(
            efi: bytes, subject: "x", xen: try PEImage(other, subject: "debug.efi"))
        let parts = try BootFile(reading: changed, subject: "x")
        #expect(parts.xen.content(".text") == other[0x1e0..<0x1f0].map { $0 })
        let back = try BootFile.rewritten(efi: changed, subject: "x", xen: try file().xen)
        #expect(try back == BootFile.rewritten(efi: bytes, subject: "x"))
    }

    @Test(arguments: ["two words", "line\nbreak", "", "tab\t"])
    func `an option that would become two is refused`(word: String) {
        #expect {
            try BootOptions(xen: [], kernel: [word]).config()
        } throws: {
            ($0 as? LapwingError)?.code == "boot.bad-option"
        }
    }

    @Test func `what is no EFI program is refused at every length`() throws {
        let whole = smallProgram()
        for length in [0, 1, 63, 64, 0x80, 0x97, 0x120, 0x187, 0x1ff] {
            #expect(throws: LapwingError.self) { try PEImage(Array(whole[..<length]), subject: "x") }
        }
        #expect {
            try BootFile(reading: whole, subject: "x")
        } throws: {
            ($0 as? LapwingError)?.code == "boot.not-ours"
        }
    }
}
