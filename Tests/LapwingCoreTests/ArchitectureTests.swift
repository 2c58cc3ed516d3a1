// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

/// The module table of `docs/architecture.md`, read by the test, against the manifest and the sources.
@Suite struct ArchitectureTests {
    private static let package = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()
    private static let shortNames = [
        "Core": "LapwingCore", "System": "SystemPackage",
    ]
    /// What the page allows every module in the sentence below the table.
    private static let everywhere: Set = [
        "SystemPackage", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization",
    ]

    /// The rows of the table: each module and what it may import.
    private static func table() throws -> [String: Set<String>] {
        var rows: [String: Set<String>] = [:]
        for line in try Files.text(package.appending("docs/architecture.md")).split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") }
            guard cells.count == 3, cells[0].hasPrefix("`") else { continue }
            let allowed = cells[2].split(separator: ",").map { $0.split(separator: " ").joined(separator: " ") }
                .filter { $0 != "-" }
            let names = cells[0].split(separator: "`").filter { $0.contains { $0.isLetter } }
            for name in names { rows[String(name)] = Set(allowed.map { shortNames[$0] ?? $0 }) }
        }
        return rows
    }

    /// The targets of the manifest that are neither tests nor helpers of tests.
    private static func targets() throws -> Set<String> {
        let words = ["module(", "program(", "Program(", ".executableTarget(", ".systemLibrary(", ".target("]
        let text = try Files.text(package.appending("Package.swift"))
        let list = try #require(text.split(separator: "    targets: [").last)
        var found: Set<String> = []
        let pieces = list.split(separator: "\"", omittingEmptySubsequences: false)
        for (index, piece) in pieces.enumerated() where index + 1 < pieces.count && index.isMultiple(of: 2) {
            // `module("A"`, `.target(name: "A"` and `.target(\n name: "A"` alike.
            var opener = piece.filter { !$0.isWhitespace }
            if opener.hasSuffix("name:") { opener.removeLast(5) }
            if words.contains(where: opener.hasSuffix) { found.insert(String(pieces[index + 1])) }
        }
        return found.subtracting(["engine-probe"])
    }

    /// What the Swift files of a module import. Text within string literals of several lines does not count.
    private static func imports(in folder: FilePath) throws -> Set<String> {
        var found: Set<String> = []
        for name in try Files.names(in: folder) {
            let path = folder.appending(name)
            if Files.isDirectory(path) {
                found.formUnion(try imports(in: path))
            } else if name.hasSuffix(".swift") {
                found.formUnion(imports(of: try Files.text(path)))
            }
        }
        return found
    }

    private static func imports(of text: String) -> Set<String> {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        var found: Set<String> = []
        var quoted = false
        for line in text.split(separator: "\n") {
            if !line.split(separator: "\"\"\"", omittingEmptySubsequences: false).count.isMultiple(of: 2) {
                if !quoted {
                    let words = line.split(separator: " ")
                    if let index = words.firstIndex(of: "import"), index <= 1, words[0] != "//" {
                        let name = words[(index + 1)...].first { !kinds.contains($0) }
                        if let name = name?.split(separator: ".").first { found.insert(String(name)) }
                    }
                }
            } else {
                quoted.toggle()
            }
        }
        return found
    }

    @Test func `the module table names every target of the manifest and no other`() throws {
        let targets = try Self.targets()
        #expect(targets.count > 15)
        #expect(Set(try Self.table().keys) == targets)
    }

    @Test func `no module imports what the module table does not allow it`() throws {
        let table = try Self.table()
        for (name, allowed) in table.sorted(by: { $0.key < $1.key }) {
            let places = ["Sources", "Benchmarks/SchedulerSimulator/Sources", "Benchmarks/device"].map {
                Self.package.appending($0).appending(name)
            }
            let folder = try #require(places.first(where: Files.isDirectory), "\(name) has no folder")
            let imported = try Self.imports(in: folder)
            #expect(imported.subtracting(allowed).subtracting(Self.everywhere) == [], "\(name)")
            #expect(allowed.subtracting(imported) == [], "\(name) does not use what the table allows it")
        }
    }

    @Test func `imports are read with their modifiers and not out of string literals`() {
        let text = """
            import A
            public import B
            import struct C.D
            @testable import E
            // import F
            let text = \"""
                import G
                \"""
            let more = \"""one\"""
            import H
            """
        #expect(Self.imports(of: text) == ["A", "B", "C", "E", "H"])
    }
}
