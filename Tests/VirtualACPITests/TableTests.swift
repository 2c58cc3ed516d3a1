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
            #expect(try Files.read(table) == first)
            #expect(first.starts(with: Array("SSDT".utf8)) && first.reduce(0, &+) == 0)
        }
    }

    @Test func `ACPI's own interpreter finds what each method returns as it should be`() async throws {
        let expected: [(String, [String])] = [
            (#"\_SB.BAT0._STA"#, ["[Integer] = 000000000000000F"]), (#"\_SB.BAT0._BIF"#, ["Contains 13 Elements"]),
            (#"\_SB.BAT1._BIX"#, ["Contains 21 Elements", "[String] Length 00"]),
            (#"\_SB.BAT1._BST"#, ["Contains 4 Elements"]), (#"\_SB.BAT0._PCL"#, ["Contains 1 Elements"]),
            (#"\_SB.ADP1._PSR"#, ["[Integer]"]), (#"\_SB.LID0._LID"#, ["[Integer]"]),
            (#"\_SB.LPRS._CRS"#, ["47 01 00 A0 00 A0 01 10 79"]), (#"\_GPE._L0D"#, ["No object was returned"]),
            (#"\_SB.BAT0._BTP 1000"#, ["No object was returned"]),
        ]
        try await compiled { table in
            for (method, words) in expected {
                let result = try await SubprocessRunner().run(
                    Command(tools[1], ["-b", "evaluate \(method)", table.string], timeLimit: .seconds(60)))
                let text = result.text + result.errorText
                for word in words { #expect(text.contains(word), "\(method): \(text)") }
                for bad in ["Error", "Warning", "Exception", "AE_"] {
                    #expect(!text.contains(bad), "\(method): \(text)")
                }
            }
        }
    }
}
