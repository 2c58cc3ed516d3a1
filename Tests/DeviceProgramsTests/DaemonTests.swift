// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// The daemon as a process, asked by the manager as a process, over a real socket.
@Suite(.serialized) final class DaemonTests {
    private let directory: FilePath
    private let programs: FilePath

    init() throws {
        // Short: the address of a socket has 108 bytes (unix(7)).
        directory = FilePath("/tmp/lapwingd-\(UInt32.random(in: 0 ... .max))")
        try Files.makeDirectory(directory.appending("root/var"))
        // The programs stand beside the one that runs the tests.
        let own = FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        programs = own.removingLastComponent()
    }

    deinit { try? Files.removeTree(directory) }

    /// Starts the daemon, runs a shell script that may use $ctl and $socket, and ends the daemon with SIGTERM. The
    /// script's output comes first, then `daemon STATUS`.
    private func run(_ script: String) async throws -> CommandResult {
        let frame = """
            ctl=$1/lapwingctl socket=$2/socket
            "$1/lapwingd" --root "$2/root" --socket "$socket" --offline 2>"$2/log" & daemon=$!
            for _ in $(seq 200); do [ -S "$socket" ] && break; sleep 0.05; done
            \(script)
            kill -TERM $daemon; wait $daemon; echo daemon $?
            [ -e "$socket" ] && echo socket left
            exit 0
            """
        return try await SubprocessRunner().run(
            Command("sh", ["-c", frame, "sh", programs.string, directory.string], timeLimit: .seconds(60)))
    }

    @Test func `lapwingctl gets the status from the running daemon, which ends cleanly when told to`() async throws {
        let result = try await run(
            #""$ctl" status --root "$2/root" --json --socket "$socket"; echo ctl $?"#)
        let lines = result.text.split(separator: "\n").map(String.init)
        #expect(lines.suffix(2) == ["ctl 0", "daemon 0"], "\(result.text)\(result.errorText)")
        #expect(result.text.contains(#""source" : "lapwingd""#))
        #expect(!result.errorText.contains("found without it"))
    }

    @Test func `a second daemon on the same socket is refused and the first one goes on`() async throws {
        let result = try await run(
            #"""
            "$1/lapwingd" --root "$2/root" --socket "$socket" --offline; echo second $?
            "$ctl" status --root "$2/root" --json --socket "$socket" | grep -c '"source" : "lapwingd"'
            """#)
        #expect(result.text == "second 75\n1\ndaemon 0\n", "\(result.errorText)")
        #expect(result.errorText.contains("Another daemon serves this socket."))
    }

    @Test func `noise on the socket does not end the daemon`() async throws {
        let result = try await run(
            #"""
            python3 - "$socket" <<'PY'
            import socket, sys
            for noise in (b"", b"\n", b"\x00" * 5000 + b"\n", b"{}\n", b"[1,2\n", b"{" * 100000):
                s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
                try: s.sendall(noise)
                except BrokenPipeError: pass
                s.close()
            PY
            "$ctl" status --root "$2/root" --json --socket "$socket" | grep -c '"source" : "lapwingd"'
            """#)
        #expect(result.text == "1\ndaemon 0\n", "\(result.errorText)")
    }

    @Test func `without a daemon lapwingctl looks for itself and says so`() async throws {
        let result = try await SubprocessRunner().run(
            Command(
                programs.appending("lapwingctl").string,
                [
                    "status", "--root", directory.appending("root").string, "--json", "--socket",
                    directory.appending("nobody").string,
                ], timeLimit: .seconds(60)))
        #expect(result.succeeded, "\(result.errorText)")
        #expect(result.text.contains(#""source" : "direct""#))
        #expect(result.errorText.contains("found without it"))
    }
}
