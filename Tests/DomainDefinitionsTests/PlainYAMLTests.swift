// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Testing

@testable import DomainDefinitions

@Suite struct PlainYAMLTests {
    private func show(_ node: PlainNode) -> String {
        switch node.content {
        case .scalar(let text, let plain): plain ? text : "\"\(text)\""
        case .list(let items): "[" + items.map(show).joined(separator: ",") + "]"
        case .map(let entries): "{" + entries.map { "\($0.key):\(show($0.value))" }.joined(separator: ",") + "}"
        }
    }

    @Test(arguments: [
        ("a: 1\nb: two words # comment\n", "{a:1,b:two words}"),
        ("---\na:\n  - x\n  - y: 1\n    z: '2'\n", "{a:[x,{y:1,z:\"2\"}]}"),
        ("a:\n- x\n-  y\nb: {c: d, e: [f, \"g, h\"]}\n", "{a:[x,y],b:{c:d,e:[f,\"g, h\"]}}"),
        ("a: 'it''s'\nb: \"say \\\"x\\\" \\\\\"\nc:\n", "{a:\"it's\",b:\"say \"x\" \\\",c:}"),
        ("\"quoted key\": []\nd: /a/b:c#d\n", "{quoted key:[],d:/a/b:c#d}"),
        ("# nothing\n\n", "{}"), ("a: don't # it's\n", "{a:don't}"),
        ("a:\n  - - 1\n    - 2\n  -\n    b: 3\n", "{a:[[1,2],{b:3}]}"), ("a: [x, y,]\r\nb: {}\r\n", "{a:[x,y],b:{}}"),
    ])
    func `the subset is read as YAML means it`(text: String, shown: String) throws {
        #expect(show(try PlainYAML.read(Array(text.utf8), file: "f")) == shown)
    }

    @Test(arguments: [
        ("a: &x 1\n", 1, 4, "anchors"), ("a: !!str 1\n", 1, 4, "tags"), ("a: |\n  x\n", 1, 4, "several lines"),
        ("a: 1\n---\nb: 2\n", 2, 1, "second YAML document"), ("a: 1\n\tb: 2\n", 2, 1, "tab"),
        ("a: 1\na: 2\n", 2, 1, "twice"), ("a: [1, 2\n", 1, 9, "not closed"), ("a: \"x\n", 1, 4, "not closed"),
        ("a: 1\n  b: 2\n", 2, 3, "indented more"), ("  a: 1\nb: 2\n", 2, 1, "indented less"),
        ("a: 1\n- b\n", 2, 1, "list begins"), ("a: b: c\n", 1, 8, "colon"), ("a: [1 2] x\n", 1, 10, "behind"),
        ("a: {b}\n", 1, 5, "key with a colon"), ("a: \u{1}\n", 1, 4, "control"), ("a: {b: 1, b: 2}\n", 1, 11, "twice"),
        ("a: \"\\n\"\n", 1, 5, "escape"), ("%YAML 1.2\na: 1\n", 1, 1, "directives"),
    ])
    func `what is not in the subset is refused with its place`(
        text: String, line: Int, column: Int, word: String
    ) throws {
        let error = try #require(throws: LapwingError.self) { try PlainYAML.read(Array(text.utf8), file: "f") }
        #expect(error.location == SourceLocation(file: "f", line: line, column: column), "\(error)")
        #expect(error.message.contains(word), "\(error)")
    }

    @Test func `deep nesting and large files are refused before they cost anything`() {
        let deep = String(repeating: "[", count: 5000)
        #expect(throws: LapwingError.self) { try PlainYAML.read(Array("a: \(deep)".utf8), file: "f") }
        let steps = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(throws: LapwingError.self) { try PlainYAML.read(Array(steps.utf8), file: "f") }
        let hyphens = String(repeating: "- ", count: 5000) + "x"
        #expect(throws: LapwingError.self) { try PlainYAML.read(Array(hyphens.utf8), file: "f") }
        #expect(throws: LapwingError.self) {
            try PlainYAML.read([UInt8](repeating: 32, count: PlainYAML.sizeLimit + 1), file: "f")
        }
    }

    @Test func `whatever the bytes are, the reader ends with a value or an error`() {
        let seed = Array("domains:\n  a: {type: pvh, memory: 1 GiB}\n  b:\n    disks:\n      - name: 'x'\n".utf8)
        var random = SystemRandomNumberGenerator()
        var good = 0
        for _ in 0..<3000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                default: bytes.insert(Array("[]{}:-#'\" \n&*!|".utf8).randomElement(using: &random) ?? 0, at: at)
                }
            }
            do {
                _ = try DefinitionReader.read(bytes, file: "f")
                good += 1
            } catch {
                #expect(!error.errors.isEmpty)
                #expect(error.errors.allSatisfy { $0.location != nil }, "\(error)")
            }
        }
        #expect(good < 3000)
    }
}
