// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// The verbs for domains as processes, with a daemon that has no Xen.
@Suite(.serialized) final class DomainProgramTests {
    private let directory: FilePath
    private let programs: FilePath

    init() throws {
        directory = FilePath("/tmp/lapwingdom-\(UInt32.random(in: 0 ... .max))")
        try Files.makeDirectory(directory.appending("root/var"))
        let own = FilePath(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
        programs = own.removingLastComponent()
    }

    deinit { try? Files.removeTree(directory) }

    private func run(_ script: String) async throws -> CommandResult {
        let frame = """
            ctl=$1/lapwingctl root=$2/root; cd "$2"
            ask() { verb=$1; shift; "$ctl" "$verb" "$1" --socket "$PWD/socket" "${@:2}"; }
            "$1/lapwingd" --root "$root" --socket "$PWD/socket" --offline 2>"$2/log" & daemon=$!
            for _ in $(seq 200); do [ -S socket ] && break; sleep 0.05; done
            \(script)
            kill -TERM $daemon; wait $daemon; echo daemon $?
            """
        return try await SubprocessRunner().run(
            Command("bash", ["-c", frame, "bash", programs.string, directory.string], timeLimit: .seconds(120)))
    }

    @Test func `define shows every mistake with its place and then changes nothing`() async throws {
        try Files.write(
            "domains:\n  Net:\n    type: pvhh\n    memory: lots\n", to: directory.appending("bad.yaml"))
        let result = try await run("ask domain define bad.yaml; echo $?; ls root/var/lib 2>/dev/null")
        #expect(result.text == "65\ndaemon 0\n", "\(result.errorText)")
        #expect(result.errorText.contains("bad.yaml:3:11: error: type must be one of hvm, pvh, pv, not pvhh."))
        #expect(result.errorText.contains("bad.yaml:4:13: error: memory must be a size, not lots."))
    }

    @Test func `a definition is kept, its image made, and a monitor told`() async throws {
        let result = try await run(
            #"""
            "$ctl" monitor --socket "$PWD/socket" >events & monitor=$!
            for _ in $(seq 100); do sleep 0.05; done
            ask domain create work --memory 1GiB --disk system=8MiB --iso /x.iso 2>&1; echo $?
            ask domain create work --memory 2GiB 2>/dev/null; echo $?
            for _ in $(seq 100); do grep -q defined events && break; sleep 0.05; done
            cat events; kill $monitor
            cat root/var/lib/lapwing/domains.d/work.yaml
            stat --format=%s root/var/lib/lapwing/disks/work/system.img
            """#)
        #expect(
            result.text == """
                defined work
                0
                65
                domain.defined work
                domains:
                  work:
                    type: hvm
                    memory: 1 GiB
                    vcpus: 1
                    disks:
                      - name: system
                        size: 8 MiB
                      - name: install
                        cdrom: '/x.iso'
                8388608
                daemon 0

                """, "\(result.errorText)")
    }

    @Test func `options that make no domain are refused before the daemon is asked`() async throws {
        let result = try await SubprocessRunner().run(
            Command(
                programs.appending("lapwingctl").string,
                ["domain", "create", "Net", "--type", "pvh", "--memory", "1GiB", "--socket", "/nonexistent"],
                timeLimit: .seconds(60)))
        #expect(result.ending == .exited(64))
        #expect(result.errorText.contains("This is no name for a domain."))
        #expect(result.errorText.contains("A domain of type pvh needs a kernel."))
    }

    @Test func `parameters of the wrong kind are an answer and not the daemon's end`() async throws {
        let result = try await run(
            #"""
            python3 - "$PWD/socket" <<'PY'
            import json, socket, sys
            s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); f = s.makefile("rw")
            for params in ({}, {"name": 3}, {"name": "x" * 500}, {"name": "a", "force": "yes"}, {"name": "../x"}):
                f.write(json.dumps({"lapwing": 1, "id": 7, "method": "domain.stop", "params": params}) + "\n"); f.flush()
                print(json.loads(f.readline())["error"]["code"])
            PY
            """#)
        #expect(
            result.text
                == String(repeating: "control.bad-params\n", count: 4) + "domain.unknown\ndaemon 0\n",
            "\(result.errorText)")
    }
}
