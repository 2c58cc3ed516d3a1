// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

@testable import DeviceAccess

/// A person who types lines prepared beforehand.
private struct ScriptedTerminal: PassphraseTerminal {
    var lines: [String?]
    var shown = ""
    var interrupted = false
    mutating func show(_ text: String) { shown += text }
    mutating func readHidden() throws -> [UInt8]? {
        lines.isEmpty ? nil : lines.removeFirst().map { Array($0.utf8) }
    }
}

struct DeviceAccessTests {
    private let good = "correct horse battery"

    @Test func `a passphrase is hashed by yescrypt with a salt of its own and checked again`() throws {
        let first = try PasswordHash.make(Array(good.utf8))
        let second = try PasswordHash.make(Array(good.utf8))
        #expect(first.hasPrefix("$y$"))
        #expect(first != second)
        #expect(PasswordHash.matches(Array(good.utf8), first))
        #expect(!PasswordHash.matches(Array("correct horse batter".utf8), first))
    }

    @Test(arguments: [
        "", "!", "*", "x", "$1$abcdefgh$0123456789012345678901", "abJnggxhB/yWI",
        "!$y$j9T$LRChpn9RYLuaThHSgqZMm.$4PSNXb2TeN7xwyWukzF7zteqtFq9SK.bVkyohncm7X1",
        "$6$salt$" + String(repeating: "a", count: 600), "$6$sa:lt$" + String(repeating: "a", count: 86),
    ])
    func `hashes that lock, are weak or would break a record are not taken`(hash: String) {
        #expect(!PasswordHash.isAcceptable(hash))
    }

    @Test(arguments: ["", "short", "aaaaaaaaaaaa", "password1", "admin1234", "tab\tin the middle"])
    func `a poor passphrase is objected to`(passphrase: String) {
        #expect(PassphraseRule.objection(Array(passphrase.utf8), user: "admin") != nil)
    }

    @Test func `a passphrase in any script will do`() {
        #expect(PassphraseRule.objection(Array("приветмир".utf8), user: "admin") == nil)
        #expect(PassphraseRule.objection([0xFF, 0xFE] + Array(good.utf8), user: "admin") != nil)
    }

    @Test func `the dialogue asks again after a mistake and never shows what was typed`() throws {
        var terminal = ScriptedTerminal(lines: ["short", good, good + "x", good, good])
        let result = try PassphraseDialogue(user: "admin").run(&terminal)
        #expect(result == .chosen(Array(good.utf8)))
        #expect(!terminal.shown.contains("horse"))
        #expect(terminal.shown.contains("differ"))
    }

    @Test func `giving up sets nothing`() throws {
        var terminal = ScriptedTerminal(lines: [good, nil])
        #expect(try PassphraseDialogue(user: "admin").run(&terminal) == .cancelled)
        var elsewhere = ScriptedTerminal(lines: [], interrupted: true)
        #expect(try PassphraseDialogue(user: "admin").run(&elsewhere) == .answeredElsewhere)
    }

    private func withStore(_ settings: AccessSettings, _ body: (AccessStore) throws -> Void) throws {
        let root = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("lapwing-access-\(UInt64.random(in: 0 ... .max))")
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        try Files.makeDirectory(root)
        try body(AccessStore(paths: DevicePaths(root: root), settings: settings))
    }

    @Test func `a new device has no password and asks until one is set`() throws {
        try withStore(AccessSettings(user: "admin", ask: true)) { store in
            #expect(try store.mustAsk())
            #expect(try store.summary().password == .none)
            try store.apply()
            let secret = store.paths.userRecords.appending("admin.user-privileged")
            #expect(try Files.text(secret).contains("\"!*\""))
            let hash = try PasswordHash.make(Array(good.utf8))
            try store.store(hash: hash)
            #expect(try !store.mustAsk())
            #expect(try store.summary().password == .device)
            #expect(try Files.text(secret).contains(hash))
            let mode = try #require(try Files.status(secret)).permissions & 0o777
            #expect(mode == 0o600)
            let stored =
                try #require(try Files.status(store.paths.access.appending("password.json"))).permissions & 0o777
            #expect(stored == 0o600)
        }
    }

    @Test func `a damaged password file is an error and not another password`() throws {
        let hash = try PasswordHash.make(Array(good.utf8))
        try withStore(AccessSettings(user: "admin", passwordHash: hash)) { store in
            #expect(try store.summary().password == .image)
            try Files.makeDirectory(store.paths.access)
            try Files.write("{\"schemaVersion\":1,\"hash\":\"x\"}", to: store.paths.access.appending("password.json"))
            #expect(throws: LapwingError.self) { try store.apply() }
        }
    }

    @Test(arguments: ["root", "Admin", "a/b", "../x", "", "1a", "a:b", String(repeating: "a", count: 32)])
    func `user names that are not plain are refused`(user: String) {
        #expect(throws: LapwingError.self) { try UserRecords(settings: AccessSettings(user: user), hash: nil) }
    }
}
