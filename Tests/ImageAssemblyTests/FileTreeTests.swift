// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import ImageAssembly

@Suite struct FileTreeTests {
    func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch { return (error as? LapwingError)?.code }
    }

    @Test func `entries come sorted with missing parents made`() throws {
        var tree = FileTree()
        try tree.addFile("usr/bin/b", "b")
        try tree.addFile("usr/bin/a", "a")
        #expect(tree.entries.map(\.path) == ["", "usr", "usr/bin", "usr/bin/a", "usr/bin/b"])
        #expect(tree.children(of: "usr/bin").map { String($0.name) } == ["a", "b"])
        #expect(tree.contentSize == 2)
    }

    @Test(arguments: [
        "../etc", "/etc", "a//b", "a/./b", "a/..", "a/", ".", "a\u{0}b", String(repeating: "x", count: 256),
    ])
    func `a path that is not clean is refused`(path: String) {
        var tree = FileTree()
        #expect(code { try tree.addFile(path, "") } == "tree.bad-path")
    }

    @Test func `nothing lies below a file or a link`() throws {
        var tree = FileTree()
        try tree.addSymlink("bin", to: "/etc")
        #expect(code { try tree.addFile("bin/passwd", "") } == "tree.parent-not-directory")
        try tree.addFile("file", "")
        #expect(code { try tree.addDirectory("file") } == "tree.kind-conflict")
        #expect(code { try tree.addFile("file/x", "") } == "tree.parent-not-directory")
    }

    @Test func `a name that differs only in Unicode form is refused`() throws {
        var tree = FileTree()
        try tree.addFile("\u{e9}", "")
        #expect(code { try tree.addFile("e\u{301}", "") } == "tree.equal-names")
    }

    @Test func `a removed file hands its content to its other names`() throws {
        var tree = FileTree()
        try tree.addFile("b/one", "content")
        for name in ["b/two", "c"] { try tree.insert(.init(name, .hardlink("b/one"), mode: 0o644)) }
        #expect(tree.canonicalEntries.first { $0.path == "b/one" }?.content?.size == 7)
        tree.remove("b/one")
        #expect(tree["b/two"]?.kind == .file(.bytes(Array("content".utf8))))
        #expect(tree["c"]?.kind == .hardlink("b/two"))
        try tree.addFile("b/two", "new")
        #expect(tree.content("c") == .bytes(Array("content".utf8)))
        tree.remove("b")
        #expect(tree.entries.map(\.path) == ["", "c"])
    }

    @Test func `hard links to nothing, to themselves and to links are refused`() throws {
        var tree = FileTree()
        try tree.addSymlink("link", to: "x")
        for target in ["none", "self", "link", ""] {
            #expect(code { try tree.insert(.init("self", .hardlink(target), mode: 0)) } == "tree.bad-hardlink")
        }
    }

    @Test func `an overlay follows the links of a merged usr`() throws {
        var base = FileTree()
        try base.addDirectory("usr/bin")
        try base.addSymlink("bin", to: "usr/bin")
        var package = FileTree()
        try package.addDirectory("bin", mode: 0o700)
        try package.addFile("bin/sh", "shell")
        try package.insert(.init("bin/rsh", .hardlink("bin/sh"), mode: 0o755))
        try base.overlay(package, keepDirectories: true, throughLinks: true)
        #expect(base["bin"]?.kind == .symlink("usr/bin"))
        #expect(base.content("bin/sh") == .bytes(Array("shell".utf8)))
        #expect(base.content("usr/bin/rsh") == .bytes(Array("shell".utf8)))
        #expect(base["usr/bin"]?.mode == 0o755)
    }

    @Test func `links are followed inside the tree only`() throws {
        var tree = FileTree()
        try tree.addFile("etc/real", "x")
        try tree.addSymlink("a", to: "../../../etc/real")
        try tree.addSymlink("b", to: "/a")
        try tree.addSymlink("loop", to: "loop")
        #expect(tree.resolve("b") == "etc/real")
        #expect(tree.resolve("loop") == nil)
        #expect(tree.resolve("a/x") == nil)
    }

    @Test func `filtering takes along what is below and clamping keeps older times`() throws {
        var tree = FileTree()
        try tree.addFile("a/b", [], mtime: 5)
        try tree.addFile("c", [], mtime: 50)
        tree.clampTimes(to: 10)
        #expect(tree.filter { $0.path != "a" }.entries.map(\.mtime) == [0, 10])
        #expect(tree["a/b"]?.mtime == 5)
    }
}
