// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@Suite struct CommandTests {
    @Test func `a command captures both streams and the exit code`() async throws {
        let result = try await SubprocessRunner().run(
            Command("sh", ["-c", "cat; echo err >&2; exit 3"], input: .bytes(Array("hello".utf8))))
        #expect(result.text == "hello")
        #expect(result.errorText == "err\n")
        #expect(result.ending == .exited(3))
    }

    @Test func `a program that is not there is an error with exit status 69`() async throws {
        let error = await #expect(throws: LapwingError.self) {
            try await SubprocessRunner().run(Command("lapwing-no-such-program"))
        }
        #expect(error?.exit == .unavailable)
    }

    @Test func `a time limit kills the program`() async throws {
        let result = try await SubprocessRunner().run(Command("sleep", ["60"], timeLimit: .milliseconds(200)))
        #expect(result.ending == .timedOut)
    }

    @Test func `lines arrive one by one without their newlines`() async throws {
        let lines = Lines()
        let result = try await SubprocessRunner().lines(Command("printf", ["a\\nb\\n\\nc"])) { await lines.add($0) }
        #expect(result.succeeded)
        #expect(await lines.all == ["a", "b", "", "c"])
    }

    @Test(arguments: [("plain", "plain"), ("a b", "'a b'"), ("it's", #"'it'\''s'"#), ("", "''")])
    func `words are quoted for a shell when they must be`(word: String, quoted: String) {
        #expect(Command.quoted(word) == quoted)
    }
}

private actor Lines {
    var all: [String] = []
    func add(_ line: String) { all.append(line) }
}

@Suite struct ByteSizeTests {
    @Test(arguments: [("64 MiB", 67_108_864), ("1GB", 1_000_000_000), ("0 B", 0), ("7KiB", 7168)])
    func `sizes are read`(text: String, bytes: UInt64) { #expect(ByteSize(text)?.bytes == bytes) }

    @Test(arguments: ["", "12", "MiB", "-1 MiB", "1.5 GiB", "99999999999 TiB", "1 mib"])
    func `what is no size is refused`(text: String) { #expect(ByteSize(text) == nil) }

    @Test func `sizes are written for people`() {
        #expect(ByteSize(bytes: 1536).description == "1.5 KiB")
        #expect(ByteSize(bytes: 100).description == "100 B")
    }

    @Test func `what could move the cursor is shown, and only whole lines stay lines`() {
        let text = "one\u{1b}[2J\r\ntwo \u{202e}x"
        #expect(SafeText.printable(text) == "one\\u{1b}[2J\\u{d}\\u{a}two \\u{202e}x")
        #expect(SafeText.printableLines("one\u{1b}\ntwo\t\n") == "one\\u{1b}\ntwo\\u{9}\n")
    }
}
