// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import ImageAssembly

@Suite struct RootFinishTests {
    static func base() throws -> FileTree {
        var tree = FileTree()
        try tree.addFile("etc/shadow", "root:*:1::::::\nadmin:!:1::::::\n", mode: 0o640)
        try tree.addFile("etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        try tree.addFile("etc/ssh/ssh_host_rsa_key", "x")
        try tree.addFile("var/log/dpkg.log", "x")
        try tree.addFile("var/lib/systemd/random-seed", "x")
        try tree.addFile("var/lib/dpkg/status", "Package: a\n")
        try tree.addFile("var/lib/dpkg/status-old", "x")
        try tree.addFile("var/lib/app/data", "data")
        try tree.addFile("usr/bin/passwd", "x", mode: 0o4755)
        try tree.addFile("usr/lib/python3/__pycache__/a.pyc", "x")
        try tree.addFile(
            "usr/lib/systemd/system/a.service", "[Unit]\n[Install]\nWantedBy=multi-user.target\nAlias=b.service\n")
        try tree.addFile("usr/lib/systemd/system/t@.service", "[Install]\nRequiredBy=x.target\n")
        try tree.addFile("usr/lib/systemd/system/static.service", "[Service]\n")
        return tree
    }

    @Test func `a finished root is clean, has its settings, and keeps var for the state partition`() throws {
        let contents = RootContents(
            hostname: "lapwing", items: [.file("etc/x", "x")], enable: ["a.service", "t@1.service"],
            mask: ["m.service"],
            passwordHashes: ["admin": "$y$hash"])
        let tree = try contents.finish(Self.base(), overlays: [], epoch: 100)
        let reader = ContentReader()
        func text(_ path: String) throws -> String? {
            try tree.content(path).map { String(decoding: try reader.bytes($0), as: UTF8.self) }
        }
        #expect(try text("etc/machine-id") == "")
        #expect(try text("etc/hostname") == "lapwing\n")
        #expect(try text("etc/shadow") == "root:*:1::::::\nadmin:$y$hash:1::::::\n")
        #expect(try text("usr/share/lapwing/factory/var/lib/app/data") == "data")
        #expect(try text("usr/share/lapwing/dpkg/status") == "Package: a\n")
        #expect(tree["usr/share/lapwing/factory/var/lib/dpkg"]?.kind == .symlink("/usr/share/lapwing/dpkg"))
        #expect(tree.children(of: "var").isEmpty && tree["var"] != nil)
        #expect(
            tree["etc/systemd/system/multi-user.target.wants/a.service"]?.kind
                == .symlink("/usr/lib/systemd/system/a.service"))
        #expect(tree["etc/systemd/system/b.service"] != nil)
        #expect(
            tree["etc/systemd/system/x.target.requires/t@1.service"]?.kind
                == .symlink("/usr/lib/systemd/system/t@.service"))
        #expect(tree["etc/systemd/system/m.service"]?.kind == .symlink("/dev/null"))
        for name in ["ssh_host_rsa_key", "dpkg.log", "random-seed", "status-old", "a.pyc"] {
            #expect(!tree.entries.contains { $0.name == name }, "\(name)")
        }
    }

    @Test func `a unit that cannot be enabled and a user who is not there are errors`() throws {
        for (unit, code) in [("none.service", "root.no-unit"), ("static.service", "root.static-unit")] {
            let error = #expect(throws: LapwingError.self) {
                try RootContents(hostname: "h", enable: [unit]).finish(Self.base(), overlays: [], epoch: 1)
            }
            #expect(error?.code == code)
        }
        let error = #expect(throws: LapwingError.self) {
            try RootContents(hostname: "h", passwordHashes: ["nobody": "$y$"]).finish(
                Self.base(), overlays: [], epoch: 1)
        }
        #expect(error?.code == "root.no-user")
    }

    @Test func `every forbidden thing is found, all at once`() throws {
        var tree = FileTree()
        let factory = RootCleaning.factory
        try tree.addFile("etc/ssh/ssh_host_ed25519_key", "k")
        try tree.addFile("etc/machine-id", "0123\n")
        try tree.addFile("\(factory)/lib/systemd/random-seed", "s")
        try tree.addFile("\(factory)/log/syslog", "l")
        try tree.addFile("usr/bin/evil", "e", mode: 0o4755)
        try tree.addFile("usr/share/open", "o", mode: 0o666)
        try tree.addDirectory("usr/share/opendir", mode: 0o777)
        try tree.addDirectory("usr/share/sticky", mode: 0o1777)
        try tree.addFile("etc/shadow", "root::1:\nbin:*:1:\nx:$6$abc:1:\n")
        try tree.addFile("etc/ssl/key.pem", "-----BEGIN PRIVATE KEY-----\n")
        try tree.insert(.init("usr/bin/cap", .file(.bytes([])), mode: 0o755, xattrs: ["security.capability": [1]]))
        try tree.insert(.init("etc/null", .character(major: 1, minor: 3), mode: 0o600))
        let found = try RootCheck().findings(tree).map { "\($0.code) \($0.subject ?? "")" }
        #expect(
            Set(found) == [
                "root.host-key /etc/ssh/ssh_host_ed25519_key", "root.machine-id /etc/machine-id",
                "root.random-seed /\(factory)/lib/systemd/random-seed", "root.log /\(factory)/log/syslog",
                "root.set-id /usr/bin/evil", "root.world-writable /usr/share/open",
                "root.world-writable /usr/share/opendir", "root.password /etc/shadow",
                "root.private-key /etc/ssl/key.pem", "root.capability /usr/bin/cap", "root.device /etc/null",
            ])
        #expect(found.filter { $0 == "root.password /etc/shadow" }.count == 2)
        #expect(throws: LapwingErrors.self) { try RootCheck().require(tree) }
    }
}
