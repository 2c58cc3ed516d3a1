// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// What the shell is told when a person presses the tabulator.
@Suite final class CompletionTests {
    private let root: FilePath
    private let program: FilePath

    init() throws {
        root = FilePath("/tmp/lapwing-complete-\(UInt64.random(in: 0 ... .max))")
        let own = FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        program = own.removingLastComponent().appending("lapwingctl")
        for slot in ["02", "03"] {
            var config = [UInt8](repeating: 0, count: 64)
            config.replaceSubrange(0..<4, with: [0x86, 0x80, 0x25, 0x27])
            let place = root.pushing(FilePath("sys/devices/pci0000:00/0000:00:\(slot).0"))
            try Files.makeDirectory(place)
            try Files.write(config, to: place.appending("config"))
            let links = root.pushing(FilePath("sys/bus/pci/devices"))
            try Files.makeDirectory(links)
            try FileManager.default.createSymbolicLink(
                atPath: links.appending("0000:00:\(slot).0").string,
                withDestinationPath: "../../../devices/pci0000:00/0000:00:\(slot).0")
        }
    }

    deinit { try? Files.removeTree(root) }

    /// Sources the script that the program makes, and asks bash what it would offer for the words.
    private func offered(_ words: [String]) async throws -> [String] {
        let script = """
            PATH=$1:$PATH; shift
            source <(lapwingctl --generate-completion-script bash)
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_TYPE=9 COMP_KEY=9
            COMP_POINT=${#COMP_LINE}
            _lapwingctl lapwingctl "${@: -1}" "${@: -2:1}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let result = try await SubprocessRunner().run(
            Command(
                "bash", ["-c", script, "bash", program.removingLastComponent().string, "lapwingctl"] + words,
                timeLimit: .seconds(60)))
        #expect(result.succeeded, "\(result.errorText)")
        return result.text.split(separator: "\n").map { String($0) }.sorted()
    }

    @Test func `bash offers the ids of the devices that are there, and addresses to whom began one`() async throws {
        let ids = ["pci-0000.00-02.0~8086.2725", "pci-0000.00-03.0~8086.2725"]
        #expect(try await offered(["device", "show", "--root", root.string, ""]) == ids)
        #expect(try await offered(["pci", "show", "--root", root.string, "pci-0000.00-03"]) == [ids[1]])
        #expect(try await offered(["policy", "explain", "--root", root.string, "p"]) == ids)
        #expect(try await offered(["usb", "show", "--root", root.string, ""]) == [])
        // Before the colon bash breaks the word in two.
        #expect(try await offered(["device", "show", "--root", root.string, "0000"]).count == 2)
    }
}
