// SPDX-License-Identifier: Apache-2.0

import GuestAgent
import LapwingCore
import SystemPackage
import Testing

@testable import Emulator

@Suite struct WitnessGuestTests {
    @Test func `answers are those of the question, once they are complete`() throws {
        let text = "witness boot=1\r\nanswer 7 sda 1\r\nanswer 8 sdb 2\r\nanswer 7 sdc 3\r\n"
        #expect(try WitnessGuest.answers(text, id: 7) == nil)
        #expect(try WitnessGuest.answers(text + "done 7 ok\r\n", id: 7) == ["sda 1", "sdc 3"])
        #expect(try WitnessGuest.answers(text + "done 77 ok\r\n", id: 7) == nil)
        #expect(throws: LapwingError.self) { try WitnessGuest.answers(text + "done 7 failed: open: 2\n", id: 7) }
    }

    @Test func `the sum is the one the agent makes`() {
        let bytes = Array("Lapwing".utf8) + [0, 255, 128]
        #expect(WitnessGuest.sum(bytes) == Pattern.text(Pattern.sum(bytes)))
    }

    @Test func `the archive of drivers is one that cpio reads, in the order they can be loaded`() async throws {
        let work = try WorkDirectory()
        defer { work.remove() }
        let directory = work.path.string
        // A modprobe that names two files for one driver and one of them again for the next.
        let modprobe = """
            #!/bin/sh
            [ "$2" = second ] && printf 'builtin core\\ninsmod \(directory)/base.ko.xz \\ninsmod \(directory)/second.ko.xz debug=1\\n'
            [ "$2" = first ] && printf 'insmod \(directory)/base.ko.xz \\ninsmod \(directory)/first.ko.xz \\n'
            true
            """
        try Files.write(
            Array(modprobe.utf8), to: work.path.appending("modprobe"), permissions: [.ownerReadWriteExecute])
        let contents = ["base": "b", "first": "four", "second": "six..."]
        for (name, text) in contents { try Files.write(Array(text.utf8), to: work.path.appending("\(name).ko.xz")) }
        try Files.write(Array("tool".utf8), to: work.path.appending("taker"))
        let script = WitnessGuest.moduleScript(
            ["first", "second"], programs: ["\(directory)/taker"], archive: "\(directory)/out.cpio")
        let runner = SubprocessRunner()
        try await runner.require(Command("sh", ["-ec", "PATH=\(directory):$PATH\n" + script]))
        let archive = try Files.read(work.path.appending("out.cpio"))
        let entries = try entries(archive)
        #expect(
            entries.map(\.name) == [
                "modules", "modules/101-base.ko.xz", "modules/102-first.ko.xz", "modules/103-second.ko.xz",
                "programs", "programs/taker", "TRAILER!!!",
            ])
        #expect(entries.map(\.text) == ["", "b", "four", "six...", "", "tool", ""])
        #expect(entries[5].mode == "000081ED")
        #expect(entries[0].mode == "000041ED" && entries[1].mode == "000081A4")
    }

    /// The entries of a "newc" archive (kernel, Documentation/driver-api/early-userspace/buffer-format.rst).
    private func entries(_ archive: [UInt8]) throws -> [(name: String, mode: String, text: String)] {
        var found: [(name: String, mode: String, text: String)] = []
        var at = 0
        func text(_ from: Int, _ count: Int) -> String { String(decoding: archive[from..<from + count], as: UTF8.self) }
        while at < archive.count {
            try #require(at % 4 == 0 && at + 110 <= archive.count && text(at, 6) == "070701")
            func field(_ index: Int) throws -> Int { try #require(Int(text(at + 6 + 8 * index, 8), radix: 16)) }
            let (size, length) = (try field(6), try field(11))
            let data = (at + 110 + length + 3) / 4 * 4
            try #require(data + size <= archive.count && archive[at + 110 + length - 1] == 0)
            found.append((text(at + 110, length - 1), text(at + 14, 8), text(data, size)))
            at = (data + size + 3) / 4 * 4
        }
        return found
    }
}
