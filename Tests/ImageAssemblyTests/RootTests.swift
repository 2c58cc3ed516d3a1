// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import ImageAssembly

@Suite struct RootTests {
    static func package(
        _ name: String, _ files: [String], fields: String = "", control: [String: String] = [:]
    ) throws -> DebContents {
        var tree = FileTree()
        for file in files { try tree.addFile(file, name) }
        var members = control.mapValues { Array($0.utf8) }
        members["control"] = Array("Package: \(name)\nVersion: 1\nArchitecture: amd64\n\(fields)".utf8)
        return DebContents(name: name, files: tree, order: tree.entries.map(\.path), control: members)
    }

    @Test func `dpkg's status lists every package as unpacked with its conffiles' digests`() throws {
        let one = try Self.package(
            "one", ["etc/one.conf"], fields: "Multi-Arch: same\nDescription: first\n more\n .\n text\n",
            control: ["conffiles": "/etc/one.conf\nremove-on-upgrade /etc/old\n", "postinst": "#!/bin/sh\n"])
        let tree = try DpkgDatabase([one, try Self.package("a", ["usr/bin/a"])]).database()
        let reader = ContentReader()
        let content = try #require(tree.content("var/lib/dpkg/status"))
        let status = String(decoding: try reader.bytes(content), as: UTF8.self)
        #expect(
            status == """
                Package: a
                Status: install ok unpacked
                Version: 1
                Architecture: amd64

                Package: one
                Status: install ok unpacked
                Version: 1
                Architecture: amd64
                Multi-Arch: same
                Description: first
                 more
                 .
                 text
                Conffiles:
                 /etc/one.conf f97c5d29941bfb1b2fdab0874906ab82

                """)
        #expect(tree["var/lib/dpkg/info/one:amd64.postinst"]?.mode == 0o755)
        let list = try reader.bytes(try #require(tree.content("var/lib/dpkg/info/a.list")))
        #expect(String(decoding: list, as: UTF8.self) == "/.\n/usr\n/usr/bin\n/usr/bin/a\n")
    }

    @Test func `trigger interests go to the files dpkg reads`() throws {
        let database = try DpkgDatabase([
            try Self.package("libc-bin", [], control: ["triggers": "interest-noawait ldconfig\nactivate x\n"]),
            try Self.package("man-db", [], control: ["triggers": "# c\ninterest-noawait /usr/share/man\ninterest y\n"]),
        ])
        let triggers = database.triggers()
        #expect(triggers.map(\.0) == ["File", "ldconfig", "y"])
        #expect(triggers.map(\.1) == ["/usr/share/man man-db/noawait\n", "libc-bin/noawait\n", "man-db\n"])
    }

    @Test func `two packages with one file are an error unless one replaces the other`() throws {
        let one = try Self.package("one", ["f"])
        let plain = try Self.package("two", ["f"])
        let replacing = try Self.package("two", ["f"], fields: "Replaces: one (<< 2)\n")
        let replaced = try Self.package("zero", ["f"])
        let error = #expect(throws: LapwingError.self) { try DpkgDatabase([one, plain]).files(.all) }
        #expect(error?.code == "root.file-conflict")
        #expect(try DpkgDatabase([one, replacing]).files(.all).content("f") == .bytes(Array("two".utf8)))
        let early = try Self.package("one", ["f"], fields: "Replaces: zero\n")
        #expect(try DpkgDatabase([early, replaced]).files(.all).content("f") == .bytes(Array("one".utf8)))
    }

    @Test(arguments: [
        ("#!/bin/sh\nset -e\n# note\ndpkg-maintscript-helper rm_conffile /etc/x 1 -- \"$@\"\nexit 0\n", false),
        ("set -e\nmkdir -p /var/lib/python\n", true),
        ("dpkg-maintscript-helper dir_to_symlink /a b 1 -- \"$@\"\n", true),
    ])
    func `a preinst that only forgets conffiles is not run`(script: String, effect: Bool) {
        #expect(DpkgDatabase.hasEffect(preinst: script) == effect)
    }

    @Test func `licences stay and other documentation goes`() {
        let policy = DocumentationPolicy.licences
        #expect(!policy.leavesOut("usr/share/doc/xen/copyright", isDirectory: false))
        #expect(policy.leavesOut("usr/share/doc/xen/changelog.gz", isDirectory: false))
        #expect(policy.leavesOut("usr/share/man/man1/ls.1.gz", isDirectory: false))
        #expect(!policy.leavesOut("usr/share/man", isDirectory: true))
        #expect(!policy.leavesOut("usr/share/documents/x/y", isDirectory: false))
        #expect(!DocumentationPolicy.all.leavesOut("usr/share/man/man1/ls.1.gz", isDirectory: false))
    }

    @Test func `a host that forbids namespaces is told which switch does`() {
        func code(_ change: (inout HostNamespaces.Facts) -> Void) -> String {
            var facts = HostNamespaces.Facts()
            change(&facts)
            return HostNamespaces.diagnose(facts, printed: "no").code
        }
        #expect(code { $0.maximum = 0 } == "namespace.limit")
        #expect(code { $0.clone = 0 } == "namespace.clone")
        #expect(code { $0.apparmor = 1 } == "namespace.apparmor")
        #expect(code { $0.mappers = false } == "namespace.no-newuidmap")
        #expect(code { $0.subordinates = false } == "namespace.no-subuids")
        #expect(code { _ in } == "namespace.forbidden")
        #expect(HostNamespaces.diagnose(nil, printed: "EPERM").hint?.contains("SYS_ADMIN") == true)
        #expect(HostNamespaces.subordinates("a:1:65536\nb:1:10\n1000:5:70000\n", user: "b", uid: 1000) == 70000)
        #expect(HostNamespaces.subordinates("", user: "b", uid: 1000) == 0)
    }

    @Test func `a tree written to disk reads back the same`() async throws {
        try await withTemporaryDirectory { directory in
            var tree = FileTree()
            try tree.addFile("a/file", "text", mode: 0o640, mtime: 1_000_000)
            try tree.addSymlink("a/link", to: "/nowhere")
            try tree.insert(.init("a/other", .hardlink("a/file"), mode: 0o640, mtime: 1_000_000))
            try tree.addDirectory("b", mode: 0o750, mtime: 2_000_000)
            try await DirectoryWriter(faithful: false).write(tree, to: directory)
            let back = try DirectoryReader.read(directory)
            #expect(back.canonicalEntries.map(\.path) == tree.canonicalEntries.map(\.path))
            #expect(back["a/link"]?.kind == .symlink("/nowhere"))
            #expect(back["a/other"]?.kind == .hardlink("a/file") || back["a/file"]?.kind == .hardlink("a/other"))
            #expect(back["b"]?.mode == 0o750 && back["b"]?.mtime == 2_000_000)
            let content = try #require(back.content("a/other"))
            #expect(try ContentReader().bytes(content) == Array("text".utf8))
        }
    }
}
