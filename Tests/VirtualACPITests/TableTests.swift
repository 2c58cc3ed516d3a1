// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

private let tools = ["/usr/bin/iasl", "/usr/bin/acpiexec"]

/// The tables of Firmware/ACPI with ACPICA's own compiler and interpreter, where this host has them.
@Suite(.enabled(if: tools.allSatisfy { Files.exists(FilePath($0)) }, "this host has no iasl and acpiexec"))
struct TableTests {
    private func compiled(_ body: (FilePath) async throws -> Void) async throws {
        let source = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
            .pushing(FilePath("Firmware/ACPI/battery.asl"))
        let directory = FilePath("/tmp/lapwing-asl-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(directory)
        defer { try? Files.removeTree(directory) }
        let result = try await SubprocessRunner().run(
            Command(
                tools[0], ["-we", "-vs", "-p", directory.appending("battery").string, source.string],
                timeLimit: .seconds(60)))
        #expect(result.succeeded && (result.text + result.errorText).contains("0 Errors, 0 Warnings, 0 Remarks"))
        try await body(directory.appending("battery.aml"))
    }

    @Test func `the tables compile without a warning, to the same bytes each time`() async throws {
        var first: [UInt8] = []
        try await compiled { first = try Files.read($0) }
        try await compiled { table in
            let second = try Files.read(table)
            #expect(second == first)
            #expect(first.starts(with: Array("SSDT".utf8)) && first.reduce(0, &+) == 0)
        }
    }

    @Test func `ACPI's own interpreter finds what each method returns as it should be`() async throws {
        let expected: [(String, [String])] = [
            (#"\_SB.BAT0._STA"#, ["[Integer] = 000000000000000F"]), (#"\_SB.BAT0._BIF"#, ["Contains 13 Elements"]),
            (#"\_SB.BAT1._BIX"#, ["Contains 21 Elements", "[String] Length 00"]),
            (#"\_SB.BAT1._BST"#, ["Contains 4 Elements"]), (#"\_SB.BAT0._PCL"#, ["Contains 1 Elements"]),
            (#"\_SB.ADP1._PSR"#, ["[Integer]"]), (#"\_SB.LID0._LID"#, ["[Integer]"]),
            (#"\_SB.LPRS._CRS"#, ["47 01 00 A0 00 A0 01 10 79"]),
            // The interpreter's ports are memory: what is written last is what happened.
            (#"\_SB.BAT0._BTP 3855"#, ["No object was returned"]),
            (
                #"\_GPE._L0D"#,
                [
                    "[ADP1]|0x80", "[LID0]|0x80", "[PWRB]|0x80", "[SLPB]|0x80", "[BAT0]|0x81", "[BAT0]|0x80",
                    "[BAT1]|0x81",
                    "[BAT1]|0x80",
                ]
            ),
        ]
        try await compiled { table in
            let commands = expected.map { "evaluate " + $0.0 }.joined(separator: ";")
            let result = try await SubprocessRunner().run(
                Command(tools[1], ["-b", commands, table.string], timeLimit: .seconds(60)))
            let text = result.text + result.errorText
            for bad in ["Error", "Warning", "Exception", "AE_", "Excess"] { #expect(!text.contains(bad), "\(text)") }
            let lines = text.split(separator: "\n")
            for (method, words) in expected {
                let begin = try #require(
                    lines.firstIndex { $0 == "Evaluating " + (method.split(separator: " ").first ?? "") })
                let answer = lines[begin...].dropFirst().prefix { !$0.hasPrefix("Evaluating ") }
                for word in words {
                    // A device and what it is told stand in one line.
                    let parts = word.split(separator: "|")
                    #expect(
                        answer.contains { line in parts.allSatisfy { line.contains($0) } }, "\(method) \(word): \(text)"
                    )
                }
            }
        }
    }
}
