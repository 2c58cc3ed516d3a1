// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// The daemon as a process, whose socket gets mutated requests in pieces of any size over many connections at once.
@Suite final class SocketFuzzTests {
    private let directory: FilePath
    private let programs: FilePath

    init() throws {
        directory = FilePath("/tmp/lapwingd-\(UInt32.random(in: 0 ... .max))")
        try Files.makeDirectory(directory.appending("root/var"))
        let own = FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        programs = own.removingLastComponent()
    }

    deinit { try? Files.removeTree(directory) }

    private static let client = #"""
        import json, random, socket, sys, time
        dice = random.Random(20261123)
        methods = ["version", "status", "monitor", "domain.list", "domain.show", "domain.start", "domain.define", "x"]
        values = [None, True, -1, 2**63 - 1, 1.5, "", "net", "../..", "\x1b[2J", "n" * 3000, [], {}, {"a": [1]}]
        def request(number):
            params = {dice.choice(["name", "text", "file", "force", "seconds", "on"]): dice.choice(values) for _ in range(3)}
            text = {"lapwing": 1, "id": number, "method": dice.choice(methods), "params": params}
            return bytearray(json.dumps(text).encode() + b"\n")
        def mutated(line):
            for _ in range(dice.choice([0, 0, 1, 3])):
                at = dice.randrange(len(line))
                kind = dice.randrange(4)
                if kind == 0: line[at] = dice.randrange(256)
                elif kind == 1: del line[at:at + dice.randrange(1, 9)]
                elif kind == 2: line[at:at] = dice.choice([b"{", b"[", b"\"", b"\\u00", b"\n", b"\x00", b"e9"])
                else: line[at:at] = line[at:at + 40]
                if not line: line = bytearray(b"\n")
            return line
        sent = answers = failures = 0
        end = time.monotonic() + float(sys.argv[2])
        while time.monotonic() < end or answers < 20:
            open_ = []
            for _ in range(8):
                s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(sys.argv[1]); open_.append(s)
            for turn in range(6):
                for s in open_:
                    data = mutated(request(turn))
                    try:
                        while data:
                            count = dice.randrange(1, len(data) + 1)
                            s.sendall(data[:count]); del data[:count]
                        sent += 1
                    except OSError: pass
            for s in open_:
                # Some hang up without reading.
                if dice.randrange(3):
                    s.settimeout(0.3); got = b""
                    try:
                        s.shutdown(socket.SHUT_WR)
                        while True:
                            piece = s.recv(65536)
                            if not piece: break
                            got += piece
                    except OSError: pass
                    for line in got.split(b"\n")[:-1]:
                        message = json.loads(line)
                        assert message["lapwing"] == 1
                        answers += "result" in message; failures += "error" in message
                s.close()
        assert sent > 50 and answers >= 20 and failures >= 20, (sent, answers, failures)
        print("fuzzed")
        """#

    @Test func `whatever comes over the socket, every answer is a message and the daemon goes on`() async throws {
        let script = """
            socket=$2/socket
            "$1/lapwingd" --root "$2/root" --socket "$socket" --offline 2>"$2/log" & daemon=$!
            for _ in $(seq 200); do [ -S "$socket" ] && break; sleep 0.05; done
            python3 -c "$3" "$socket" 1.0
            "$1/lapwingctl" status --root "$2/root" --json --socket "$socket" | grep -c '"source" : "lapwingd"'
            # A daemon that keeps what it was sent would have grown by much more.
            awk '/VmRSS/ { print ($2 < 200000) ? "small" : $0 }' /proc/$daemon/status
            kill -TERM $daemon; wait $daemon; echo daemon $?
            """
        let result = try await SubprocessRunner().run(
            Command(
                "sh", ["-c", script, "sh", programs.string, directory.string, Self.client], timeLimit: .seconds(120)))
        #expect(result.text == "fuzzed\n1\nsmall\ndaemon 0\n", "\(result.errorText)")
    }
}
