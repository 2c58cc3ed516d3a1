// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// Builds in processes of their own, killed or at once; `Tests/EngineProbe` is what they run.
@Suite(.serialized) struct ProcessTests {
    let place: Workplace
    let probe: String

    init() throws {
        place = try Workplace()
        // The probe stands beside the program that runs the tests.
        let own = FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        probe = own.removingLastComponent().appending("engine-probe").string
    }

    private var names: [String] { (0..<8).map { "s\($0)" } }

    private func log() throws -> [String] {
        guard Files.exists(place("log")) else { return [] }
        return try Files.text(place("log")).split(separator: "\n").map(String.init)
    }

    private func run(_ script: String, size: Int = 1 << 16) async throws -> CommandResult {
        try await SubprocessRunner().run(
            Command(
                "sh", ["-c", script, "sh", probe, place("cache").string, place("log").string, "\(size)"],
                timeLimit: .seconds(120)))
    }

    private func expectRight(_ result: CommandResult) {
        #expect(result.succeeded, "\(result.errorText)")
        #expect(result.text.split(separator: "\n").map(String.init) == names.map { $0 + " right" })
    }

    private func expectTidy() throws {
        #expect(try Files.names(in: place("cache/tmp")).isEmpty)
        for key in try Files.names(in: place("cache/steps")) {
            #expect(try Files.names(in: place("cache/steps").appending(key)) == ["files", "out", "step.json"])
        }
        #expect(try Files.names(in: place("cache/steps")).count == 8)
    }

    @Test func `a build killed again and again ends with the right result, and redoes no finished step`() async throws {
        var killed = 0
        for round in 1...14 {
            let delay = "0.\(String(1000 + round * 20).dropFirst())"
            let result = try await run("\"$@\" & sleep \(delay); kill -9 $! 2>/dev/null; wait $!")
            if result.ending == .exited(137) { killed += 1 }
        }
        #expect(killed >= 3, "the probe was too quick to be killed")
        expectRight(try await run("exec \"$@\""))
        try expectTidy()
        let before = try log().count
        expectRight(try await run("exec \"$@\""))
        #expect(try log().count == before)
        #expect(Set(try log()) == Set(names))
    }

    @Test func `three builds at once do each step once and all end right`() async throws {
        let script = """
            "$@" > "$3.1" & one=$!; "$@" > "$3.2" & two=$!; "$@" > "$3.3" & three=$!
            wait $one && wait $two && wait $three
            """
        let result = try await run(script, size: 1 << 20)
        #expect(result.succeeded, "\(result.errorText)")
        for number in 1...3 {
            let text = try Files.text(place("log.\(number)"))
            #expect(text.split(separator: "\n").map(String.init) == names.map { $0 + " right" })
        }
        #expect(try log().sorted() == names)
        try expectTidy()
    }

    @Test func `when one of two builds is killed the other takes its step over`() async throws {
        let script = """
            "$@" & one=$!; while ! [ -s "$3" ]; do sleep 0.01; done; "$@" > "$3.2" & two=$!; sleep 0.1
            kill -9 $one 2>/dev/null; wait $one; wait $two
            """
        let result = try await run(script, size: 4 << 20)
        #expect(result.succeeded, "\(result.errorText)")
        #expect(try Files.text(place("log.2")).split(separator: "\n").map(String.init) == names.map { $0 + " right" })
        expectRight(try await run("exec \"$@\"", size: 4 << 20))
        try expectTidy()
    }

    @Test func `an interrupted build leaves nothing half-made`() async throws {
        let result = try await run(
            "\"$@\" 2> \"$3.err\" & while ! [ -s \"$3\" ]; do sleep 0.01; done; kill -INT $!; wait $!; status=$?; cat \"$3.err\" >&2; exit $status",
            size: 16 << 20)
        #expect(!result.succeeded)
        #expect(result.errorText.contains("build.interrupted"))
        #expect(try Files.names(in: place("cache/tmp")).isEmpty)
        for key in try Files.names(in: place("cache/steps")) {
            #expect(Files.exists(place("cache/steps/\(key)/step.json")))
        }
    }
}
