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
    private func run(_ script: String, _ options: String = "--offline") async throws -> CommandResult {
        let frame = """
            ctl=$1/lapwingctl socket=$2/socket
            "$1/lapwingd" --root "$2/root" --socket "$socket" \(options) 2>"$2/log" & daemon=$!
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

    /// A battery that is drained, with its adapter.
    private func putBattery() throws {
        let values = [
            "BAT0": [
                "type": "Battery", "status": "Discharging", "energy_full_design": "50000000", "energy_full": "45000000",
                "energy_now": "18000000", "power_now": "9000000", "capacity": "40", "cycle_count": "120",
                "manufacturer": "LG\u{1b}[2J", "model_name": "DELL 1",
            ], "AC": ["type": "Mains", "online": "0"],
        ]
        for (name, attributes) in values {
            let place = directory.pushing("root/sys/class/power_supply").appending(name)
            try Files.makeDirectory(place)
            for (key, value) in attributes { try Files.write(value + "\n", to: place.appending(key)) }
        }
    }

    @Test func `the daemon publishes the state of the batteries, and lapwingctl shows it`() async throws {
        try putBattery()
        let result = try await run(
            #"""
            "$ctl" battery --root "$2/root" --socket "$socket"; echo ctl $?
            "$ctl" battery --root "$2/root" --socket "$socket" --json | grep -c '"slot" : 0'
            "$ctl" power status --root "$2/root" --socket "$socket"
            cat "$2/root/run/lapwing/power/state"
            """#)
        let text = result.text
        #expect(
            text.contains("BAT0  discharging    40 %  9.0 W  2 h 0 min    90 %     120     0  LG?[2J DELL 1"), "\(text)"
        )
        #expect(text.contains("ctl 0\n1\n") && text.contains("draw    9.0 W\n"), "\(text)\(result.errorText)")
        #expect(text.contains("AC      off (Mains)\n") && text.contains("lid     none\n"), "\(text)")
        #expect(text.contains("lapwing-power 1\nonline=0\nlid=absent\n") && text.contains("battery0.remaining=18000\n"))
        #expect(text.hasSuffix("daemon 0\n") && !result.errorText.contains("found without it"), "\(result.errorText)")
    }

    @Test func `a profile is planned, set, shown and taken back`() async throws {
        let screen = directory.pushing("root/sys/class/backlight/intel_backlight")
        try Files.makeDirectory(screen)
        try Files.write("1000\n", to: screen.appending("max_brightness"))
        try Files.write("900\n", to: screen.appending("brightness"))
        let result = try await run(
            #"""
            for words in "status" "set critical --dry-run" "set critical" "profile" "history" "reset" "set fast"; do
                "$ctl" power $words --root "$2/root" --socket "$socket"; echo "$words: $?"
                echo $(cat "$2/root/sys/class/backlight/intel_backlight/brightness")
            done
            """#, "")
        let text = result.text
        func part(_ from: String, _ to: String) -> String {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).drop { $0 != from }
            return lines.prefix { $0 != to }.joined(separator: "\n") + "\n"
        }
        #expect(text.contains("profile  none is set (power set auto)\nstatus: 0\n900\n"), "\(text)\(result.errorText)")
        let planned = part("status: 0", "set critical --dry-run: 0")
        #expect(planned.contains("would set backlight: intel_backlight 900 -> 300\n"), "\(text)")
        #expect(text.contains("set critical --dry-run: 0\n900\n"), "\(text)")
        #expect(text.contains("set critical: 0\n300\n"), "\(text)")
        #expect(text.contains("backlight  set, intel_backlight 900 -> 300\n"), "\(text)")
        #expect(part("set critical: 0", "profile: 0").contains("profile    critical: set by hand"), "\(text)")
        #expect(part("profile: 0", "history: 0").contains("critical"), "\(text)")
        #expect(text.contains("reset: 0\n900\n") && text.contains("set fast: 64\n900\n"), "\(text)\(result.errorText)")
        #expect(text.hasSuffix("daemon 0\n"), "\(text)\(result.errorText)")
    }

    @Test func `without a daemon the batteries are read all the same`() async throws {
        try putBattery()
        let result = try await SubprocessRunner().run(
            Command(
                programs.appending("lapwingctl").string,
                [
                    "power", "status", "--json", "--root", directory.appending("root").string, "--socket",
                    directory.appending("nobody").string,
                ], timeLimit: .seconds(60)))
        #expect(result.succeeded && result.errorText.contains("found without it"), "\(result.errorText)")
        let power = try JSONText.decode(JSONValue.self, from: Array(result.text.utf8), file: "power")["power"]
        #expect(power?["mains"] == .bool(false) && power?["drawMilliwatts"] == .integer(9000))
        #expect(power?["batteries"]?.elements?.first?["seconds"] == .integer(7200))
        #expect(power?["batteries"]?.elements?.first?["slot"] == nil)
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
