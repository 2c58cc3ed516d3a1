// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import ControlProtocol

/// SplitMix64: the same numbers for the same seed, everywhere.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

struct ControlProtocolTests {
    static let messages: [ControlMessage] = [
        .request(id: 1, method: "status", params: [:]),
        .request(id: .max, method: "usb.attach", params: ["device": .string("1-2"), "n": .integer(3)]),
        .result(id: 0, .null), .result(id: -1, .object(["a": .array([.bool(true), .number(1.5)])])),
        .failure(id: nil, ControlFailure(LapwingError("a.b", exit: .busy, "No.", cause: "c", hint: "h"))),
        .failure(id: 4, ControlFailure(LapwingError("a.b", "No."))),
        .event(name: "usb.added", .string("line\nbreak \u{2028} \u{1b}[31m")),
    ]

    @Test(arguments: messages) func `a message is one line and reads back as itself`(message: ControlMessage) throws {
        let line = try message.line()
        #expect(line.filter { $0 == UInt8(ascii: "\n") }.count == 1)
        #expect(line.last == UInt8(ascii: "\n"))
        #expect(try ControlMessage(line: line.dropLast()) == message)
    }

    @Test(arguments: [
        ("", "control.not-a-message"), ("{}", "control.not-a-message"), ("[1]", "control.not-a-message"),
        (#"{"lapwing":2,"id":1,"method":"status"}"#, "control.version"),
        (#"{"lapwing":1,"id":1,"method":"Status"}"#, "control.bad-name"),
        (#"{"lapwing":1,"id":1,"method":""}"#, "control.bad-name"),
        (#"{"lapwing":1,"id":1,"method":"a","result":1}"#, "control.not-a-message"),
        (#"{"lapwing":1,"method":"status"}"#, "control.not-a-message"),
        (#"{"lapwing":1,"id":"1","method":"status"}"#, "control.not-a-message"),
        (#"{"lapwing":1,"id":1e30,"method":"status"}"#, "control.not-a-message"),
    ])
    func `what is no message is refused with a reason`(text: String, code: String) {
        let error = #expect(throws: LapwingError.self) { try ControlMessage(line: Array(text.utf8)) }
        #expect(error?.code == code)
    }

    @Test func `nesting deeper than the limit is refused before it is parsed`() {
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        let error = #expect(throws: LapwingError.self) { try ControlMessage(line: deep) }
        #expect(error?.code == "control.too-deep")
        // Brackets inside a string are no nesting.
        let text = #"{"lapwing":1,"id":1,"result":""# + String(repeating: "[", count: 99) + #""}"#
        #expect(throws: Never.self) { try ControlMessage(line: Array(text.utf8)) }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `damaged messages are read or refused and never crash`(seed: UInt64) throws {
        var random = SeededGenerator(state: seed)
        let corpus = try Self.messages.map { Array(try $0.line().dropLast()) }
        var refused = 0
        for _ in 0..<2_000 {
            var line = corpus[Int.random(in: 0..<corpus.count, using: &random)]
            for _ in 0..<Int.random(in: 1...6, using: &random) where !line.isEmpty {
                let at = Int.random(in: 0..<line.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: line[at] = UInt8.random(in: 0...255, using: &random)
                case 1: line.remove(at: at)
                case 2: line.insert(Array("{}[]\",:\\u0e".utf8).randomElement(using: &random) ?? 0, at: at)
                default: line += line[at...].prefix(64)
                }
            }
            do {
                let message = try ControlMessage(line: line)
                // What was understood can be said again.
                #expect(try ControlMessage(line: try message.line().dropLast()) == message)
            } catch {
                let error = try #require(error as? LapwingError)
                #expect(error.code.hasPrefix("control."))
                refused += 1
            }
        }
        #expect(refused > 500)
    }

    @Test(arguments: [1, 2, 7, 64, 1_000])
    func `lines come out the same however the stream is cut`(piece: Int) throws {
        let lines = ["", "a", String(repeating: "b", count: 300), "c"]
        let stream = Array(lines.map { $0 + "\n" }.joined().utf8)
        var splitter = LineSplitter(limit: 300)
        var found: [String] = []
        for start in stride(from: 0, to: stream.count, by: piece) {
            splitter.append(stream[start..<min(stream.count, start + piece)])
            while let line = try splitter.next() { found.append(String(decoding: line, as: UTF8.self)) }
        }
        #expect(found == lines)
        #expect(!splitter.isMidLine)
    }

    @Test func `an endless line is refused when the limit is passed`() {
        var splitter = LineSplitter(limit: 10)
        splitter.append([UInt8](repeating: 65, count: 11))
        #expect(throws: LapwingError.self) { try splitter.next() }
    }
}
