// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import GuestAgent

@Suite struct WitnessTests {
    @Test func `only the word itself asks for a witness`() {
        #expect(Witness.isWanted("console=hvc0 lapwing.witness\n"))
        #expect(!Witness.isWanted("console=hvc0 lapwing.witnesses"))
        #expect(!Witness.isWanted(""))
    }

    @Test func `what a witness says is one line of names and values, read from the kernel`() throws {
        let line = Witness.line(boot: "b")
        #expect(line.hasPrefix("witness boot=b up=") && line.hasSuffix("\n"))
        #expect(line.split(separator: "\n").count == 1)
        let values = line.split(separator: " ").dropFirst().map { $0.split(separator: "=")[0] }
        #expect(values.map(String.init) == ["boot", "up", "memory", "cpus", "disks"])
        #expect(!line.contains("cpus=0") && !line.contains("memory=?"))
    }
}
