// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import Recipes

@Suite struct FuzzTests {
    /// What mutations insert: bytes that mean something in YAML, and some that never may stand there.
    private static let pieces: [[UInt8]] =
        [
            ":", ": ", "- ", "\n", "  ", "\t", "[", "]", "{", "}", "\"", "'", "|\n", ">", "&a ", "*a", "!!str ", "? ",
            "#", "%",
            "@", "---\n", "...\n", "null", "true", "-1", "1e9", "{var: x}", "{add: [x]}", "<<: ", "\r", "\u{85}",
            "\u{2028}",
            "\u{feff}", "\u{e000}", "name: x\n", "\0",
        ].map { Array($0.utf8) } + [[0xff], [0xc3], [0xed, 0xa0, 0x80]]

    private static let seeds: [[UInt8]] = {
        let shipped = ["Recipes/laptop-x86_64.yaml", "Recipes/layers/boot.yaml", "Recipes/layers/base.yaml"]
        let corpus = Support.names(CorpusTests.bad, suffix: ".yaml").filter { $0 != "layers.yaml" }
        let paths =
            shipped.map { Support.package.appending($0) } + corpus.map { CorpusTests.bad.appending($0) }
        return paths.compactMap { try? Files.read($0) }.filter { $0.count < 4096 }
    }()

    private static func mutate(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...6, using: &dice) {
            let at = Int.random(in: 0...bytes.count, using: &dice)
            switch Int.random(in: 0...4, using: &dice) {
            case 0: bytes.insert(contentsOf: pieces.randomElement(using: &dice) ?? [], at: at)
            case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &dice)
            case 2:
                let end = min(bytes.count, at + Int.random(in: 0...20, using: &dice))
                bytes.removeSubrange(at..<end)
            case 3:
                let end = min(bytes.count, at + Int.random(in: 0...60, using: &dice))
                bytes.insert(contentsOf: bytes[at..<end], at: Int.random(in: 0...bytes.count, using: &dice))
            default:
                let other = seeds.randomElement(using: &dice) ?? []
                let from = Int.random(in: 0...other.count, using: &dice)
                bytes.insert(contentsOf: other[from..<min(other.count, from + 40)], at: at)
            }
        }
        return bytes
    }

    @Test(arguments: 0..<8)
    func `mutated recipes are accepted or refused with placed errors, never a crash`(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &* 7919)
        try Support.withFiles(["layers/base.yaml": "lapwing: 1\n"]) { root in
            let loader = Support.loader(in: root)
            for _ in 0..<150 {
                let bytes = Self.mutate(Self.seeds.randomElement(using: &dice) ?? [], &dice)
                try Files.write(bytes, to: root.appending("r.yaml"))
                do {
                    let loaded = try loader.load("r.yaml")
                    #expect(!loaded.recipe.name.isEmpty && !loaded.canonical.isEmpty)
                } catch let errors as LapwingErrors {
                    #expect(!errors.errors.isEmpty && errors.exit == .badInput)
                    for error in errors.errors {
                        let place = try #require(error.location)
                        #expect(place.line >= 1 && place.column >= 1, "\(error)")
                        #expect(!error.message.unicodeScalars.contains { $0.value < 32 }, "\(error)")
                    }
                } catch {
                    Issue.record("seed \(seed): \(error) for \(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
    }

    @Test func `a file over the limit is refused without being parsed`() throws {
        let huge = Support.recipe("# ") + String(repeating: "x", count: YAMLReader.sizeLimit)
        try Support.withFiles(["huge.yaml": huge]) { root in
            let errors = Support.errors { _ = try Support.loader(in: root).load("huge.yaml") }
            #expect(errors.hasPrefix("huge.yaml:1:1: The file is larger than 1048576 bytes"))
        }
    }

    @Test func `a missing recipe is an error of the input`() throws {
        try Support.withFiles(["lapto.yaml": "lapwing: 1\n"]) { root in
            let errors = Support.errors { _ = try Support.loader(in: root).load("laptop.yaml") }
            #expect(
                errors.contains("\"laptop.yaml\" cannot be read") && errors.contains("Did you mean \"lapto.yaml\"?"))
        }
    }

    @Test func `each rule accepts the example of its own hint`() {
        for (rule, example) in [
            (Rule.packageName, "xen-utils-4.20"), (.imageName, "laptop-x86_64"), (.hostname, "lapwing"),
            (.unitName, "systemd-networkd.service"), (.absolutePath, "/etc/motd"), (.relativePath, "files/motd"),
            (.layerPath, "../layers/base.yaml"), (.kernelOption, "quiet"), (.xenOption, "console=vga"),
            (.locale, "de_DE.UTF-8"), (.timezone, "Europe/Berlin"), (.keymap, "de-latin1"), (.volumeLabel, "LAPWING"),
            (.userName, "admin"), (.fileMode, "0644"), (.identifier, "net"), (.variableName, "dom0Memory"),
        ] {
            #expect(throws: Never.self) { try Leaf.text(example, rule) }
            #expect(throws: LeafProblem.self) { try Leaf.text(example + "\n", rule) }
            #expect(throws: LeafProblem.self) { try Leaf.text(example + "\r\n", rule) }
            #expect(throws: LeafProblem.self) { try Leaf.text("", rule) }
        }
    }

    @Test func `the nearest word is suggested, and none when all are far`() {
        #expect(Suggestion.nearest("pakages", among: ["packages", "package", "kernel"]) == "packages")
        #expect(Suggestion.nearest("hostnmae", among: ["hostname", "locale"]) == "hostname")
        #expect(Suggestion.nearest("colour", among: ["kernel", "locale"]) == nil)
    }
}
