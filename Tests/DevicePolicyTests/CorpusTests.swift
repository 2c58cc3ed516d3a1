// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import struct SystemPackage.FilePath
import Testing

@testable import DevicePolicy

@Suite struct CorpusTests {
    static let bad = Support.folder.appending("Corpus/bad")
    static let good = Support.folder.appending("Corpus/good")

    private static func parsed(_ directory: FilePath, _ name: String) throws -> (
        rules: [PolicyRule], errors: [LapwingError]
    ) {
        PolicyFile(file: name, bytes: try Files.read(directory.appending(name))).parsed()
    }

    private static func expected(_ directory: FilePath, _ name: String, _ found: String) throws -> String {
        let path = directory.appending(String(name.dropLast(PolicyFile.suffix.count)) + ".expected")
        if Support.rewrite { try Files.write(found, to: path) }
        return try Files.text(path)
    }

    @Test(arguments: Support.names(bad, suffix: PolicyFile.suffix))
    func `a bad rule file gives exactly its expected errors, in order and with status 65`(name: String) throws {
        let errors = try Self.parsed(Self.bad, name).errors
        let found = errors.map { error in
            "\(error.location?.description ?? "nowhere"): \(error.message)\n"
                + (error.hint.map { "    \($0)\n" } ?? "")
        }.joined()
        #expect(found == (try Self.expected(Self.bad, name, found)))
        #expect(!errors.isEmpty)
        for error in errors {
            #expect(error.exit == .badInput && error.code.hasPrefix("policy.") && error.message.hasSuffix("."))
        }
        let places = errors.compactMap(\.location)
        #expect(places == places.sorted() && places.count == errors.count)
    }

    @Test func `the corpus of bad rule files has at least fifty cases, each with an expectation`() {
        let cases = Support.names(Self.bad, suffix: PolicyFile.suffix)
        #expect(cases.count >= 50)
        #expect(Support.names(Self.bad, suffix: ".expected").count == cases.count)
    }

    @Test(arguments: Support.names(good, suffix: PolicyFile.suffix))
    func `a good rule file gives its expected rules, and their text gives them again`(name: String) throws {
        let (rules, errors) = try Self.parsed(Self.good, name)
        #expect(errors == [])
        let found = rules.map { "\($0.location.line):\($0.location.column) \($0.text)\n" + Self.shown($0) }.joined()
        #expect(found == (try Self.expected(Self.good, name, found)))
        let again = PolicyFile(file: "again", text: rules.map { $0.text + "\n" }.joined()).parsed()
        #expect(again.errors == [])
        #expect(again.rules.map(Self.shown) == rules.map(Self.shown))
        #expect(again.rules.map(\.text) == rules.map(\.text))
    }

    private static func shown(_ rule: PolicyRule) -> String {
        var lines = ["\(rule.decision) \(rule.kind) \(rule.targets) \(rule.modifiers.map(\.rawValue).sorted())"]
        for condition in rule.conditions {
            switch condition {
            case .id(let ids): lines.append("id \(ids.map(\.rawValue))")
            case .port(let places): lines.append("port \(places)")
            case .below(let places): lines.append("below \(places)")
            case .vendor(let numbers): lines.append("vendor \(numbers)")
            case .product(let numbers): lines.append("product \(numbers)")
            case .classes(let quantifier, let patterns):
                let texts = patterns.map { "\($0.base)/\($0.sub.map(Int.init) ?? -1)/\($0.third.map(Int.init) ?? -1)" }
                lines.append("class \(quantifier) \(texts)")
            case .serial(let texts): lines.append("serial \(texts)")
            case .name(let globs): lines.append("name \(globs.map(\.pattern))")
            }
        }
        return lines.map { "    \($0)\n" }.joined()
    }

    @Test func `a file over the limit is refused without being read`() {
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: PolicyFile.sizeLimit + 1)
        let errors = PolicyFile(file: "huge.rules", bytes: bytes).parsed().errors
        #expect(errors.map(\.code) == ["policy.too-large"])
    }

    @Test func `of very many mistakes the first hundred are shown and the rest is counted`() {
        let errors = Support.policy(String(repeating: "what\n", count: 500)).errors
        #expect(errors.count == 101)
        #expect(errors.last?.message.contains("more mistakes are not shown") == true)
    }

    @Test func `files go by name over both directories, and a local one replaces the image's of its name`() {
        func file(_ path: String) -> PolicyFile { PolicyFile(file: path, text: "deny usb name=\"\(path)\"\n") }
        let set = PolicySet(
            image: [file("/usr/50-recipe.rules"), file("/usr/90-end.rules")],
            local: [file("/var/90-end.rules"), file("/var/10-mine.rules"), file("/var/60.rules")])
        #expect(
            set.files == ["/var/10-mine.rules", "/usr/50-recipe.rules", "/var/60.rules", "/var/90-end.rules"])
        #expect(set.rules.map(\.location.file) == set.files)
    }
}
