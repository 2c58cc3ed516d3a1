// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LapwingCore
import Recipes
import SystemPackage
import Testing

@testable import ImageAssembly

struct ProgramsTests {
    private static let source = FilePath(#filePath).removingLastComponent().removingLastComponent()
        .removingLastComponent()

    private func imports(_ module: String) throws -> Set<String> {
        var found: Set<String> = []
        func walk(_ path: FilePath) throws {
            if Files.isDirectory(path) {
                for name in try Files.names(in: path) { try walk(path.appending(name)) }
            } else if path.string.hasSuffix(".swift") {
                for line in try Files.text(path).split(separator: "\n") {
                    let words = line.split(separator: " ")
                    // `import struct A.B` imports A.
                    if let index = words.firstIndex(of: "import"), index <= 1,
                        let name = words[(index + 1)...].first(where: { !["struct", "func", "enum"].contains($0) }),
                        let module = name.split(separator: ".").first
                    {
                        found.insert(String(module))
                    }
                }
            }
        }
        try walk(Self.source.appending("Sources").appending(module))
        return found
    }

    @Test(arguments: ProgramSources.modules.filter { [.library, .program, .plain].contains($0.kind) }.map(\.name))
    func `a device module imports what its package declares and never Foundation`(name: String) throws {
        let module = try #require(ProgramSources.modules.first { $0.name == name })
        // Besides what is declared, the modules that every tool chain brings.
        let declared = Set(
            module.modules + module.products
                + ["Dispatch", "FoundationEssentials", "Glibc", "Musl", "Synchronization"])
        let imported = try imports(name)
        #expect(imported.subtracting(declared) == [])
        #expect(!imported.contains("Foundation"))
        #expect(!imported.isEmpty || module.modules.isEmpty)
    }

    private static let dump = #"""
        {"serializationVersion": 0, "command": {"commandName": "tool", "abstract": "Does it.", "discussion": ".dot\n\nNext \\fB",
         "arguments": [{"kind": "option", "shouldDisplay": true, "isOptional": true, "isRepeating": false,
           "names": [{"kind": "short", "name": "o"}, {"kind": "long", "name": "out-file"}], "valueName": "path", "abstract": "Where."}],
         "subcommands": [{"superCommands": ["tool"], "commandName": "run", "abstract": "Runs."}, {"commandName": "help"}]}}
        """#

    @Test func `every command has a page that lists all exit codes`() throws {
        let pages = try ManualPages(dump: Array(Self.dump.utf8), section: 8).pages()
        #expect(pages.map(\.file) == ["tool.8", "tool-run.8"])
        for page in pages {
            for status in ExitStatus.allCases { #expect(page.text.contains(".B \(status.rawValue)\n")) }
            #expect(page.text.hasPrefix(".TH "))
        }
    }

    @Test func `text of a program cannot become a roff command`() throws {
        let page = try #require(try ManualPages(dump: Array(Self.dump.utf8), section: 8).pages().first).text
        #expect(page.contains("\n\\&.dot\n"))
        #expect(page.contains("Next \\efB"))
        #expect(page.contains("\\fB\\-o\\fR, \\fB\\-\\-out\\-file\\fR \\fIpath\\fR"))
    }

    @Test func `a program that is none, or loads an unknown library, is not fit`() throws {
        #expect(throws: LapwingError.self) { try ProgramCheck.check(Array("#!/bin/sh".utf8), name: "x") }
        // This test's own program is linked against the host's Foundation and testing libraries.
        let own = try Files.read(FilePath("/proc/self/exe"))
        #expect(throws: LapwingError.self) { try ProgramCheck.check(own, name: "self") }
        var cut = own
        cut.removeLast(own.count - 200)
        #expect(throws: LapwingError.self) { try ProgramCheck.check(cut, name: "cut") }
    }

    @Test func `a table is whole or it is refused`() throws {
        var table = [UInt8](repeating: 0, count: 40)
        table.replaceSubrange(0..<5, with: Array("SSDT".utf8) + [40])
        table[9] = 0 &- table.reduce(0, &+)
        try PowerTables.check(table, name: "battery.asl")
        for change in [0, 4, 9, 39] {
            var bad = table
            bad[change] &+= 1
            let error = #expect(throws: LapwingError.self) { try PowerTables.check(bad, name: "battery.asl") }
            #expect(error?.code == "tables.unfit" && error?.subject == "battery.asl")
        }
        #expect(throws: LapwingError.self) { try PowerTables.check(Array(table.dropLast()), name: "x") }
        #expect(throws: LapwingError.self) { try PowerTables.check([], name: "x") }
        let command = PowerTables.compilation(of: "/a/battery.asl", to: "/b/battery.aml")
        #expect(command.arguments.contains("-we") && command.arguments.contains("/b/battery"))
    }

    @Test func `the recipe's rules become a file of their own, in their order`() throws {
        var recipe = Recipe()
        recipe.passthrough.policy = ["deny usb class=hub", "assign wlan to net persistent"]
        let tree = try DeviceOverlay.policyTree(recipe)
        let content = try #require(tree.content("usr/lib/lapwing/policy.d/50-recipe.rules"))
        let lines = String(decoding: try ContentReader().bytes(content), as: UTF8.self).split(separator: "\n")
        #expect(lines.filter { !$0.hasPrefix("#") } == recipe.passthrough.policy.map { $0[...] })
        let none = try DeviceOverlay.policyTree(Recipe())
        #expect(none.content("usr/lib/lapwing/policy.d/50-recipe.rules") != nil)
    }

    @Test func `accounts are prepared once and root is locked`() throws {
        var tree = FileTree()
        try tree.addFile("etc/group", "root:x:0:\nsudo:x:27:\n")
        try tree.addFile("etc/gshadow", "root:*::\n")
        try tree.addFile("etc/shadow", "root::19000:0:99999:7:::\ndaemon:*:1::::::\n")
        try tree.addFile("etc/nsswitch.conf", "# c\npasswd:         files\ngroup: files\nshadow: files\nhosts: files\n")
        try DeviceOverlay.prepare(&tree)
        let once = tree
        try DeviceOverlay.prepare(&tree)
        #expect(tree == once)
        func text(_ path: String) throws -> String {
            String(decoding: try ContentReader().bytes(try #require(tree.content(path))), as: UTF8.self)
        }
        #expect(try text("etc/group").hasSuffix("lapwing:x:970:\n"))
        #expect(try text("etc/shadow").hasPrefix("root:!*:19000:"))
        #expect(try text("etc/nsswitch.conf").contains("group:  files [SUCCESS=merge] systemd\n"))
        #expect(try text("etc/nsswitch.conf").contains("hosts: files\n"))
    }
}
