// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A state partition behind a passphrase, with somebody at the keyboard.
enum AttendedScenarios {
    static let group = ScenarioGroup(
        "boot.passphrase", "the raw image on a large disk, its state behind a passphrase typed at the keyboard",
        kind: .disk, attachment: .nvme, stateUnlock: "passphrase", diskSize: ByteSize(bytes: 48 << 30),
        start: .attended(choose), scenarios: [BootScenarios.units, BootScenarios.state, size, unlock, slots])

    private static let passphrase = "correct horse 42"
    private static let first = "Choose a passphrase"
    private static let again = "The same passphrase once more"
    // systemd-cryptsetup's own question.
    private static let question = "Please enter passphrase"

    /// The first start: a passphrase that is too short, two that differ, then a good one.
    private static let choose: @Sendable (Guest) async throws -> Void = { guest in
        var seen = try await guest.answer(first, "short")
        seen = try await guest.answer(first, passphrase, after: seen, also: "at least 8 characters")
        seen = try await guest.answer(again, "something else", after: seen)
        seen = try await guest.answer(first, passphrase, after: seen, also: "The two passphrases differ")
        _ = try await guest.answer(again, passphrase, after: seen)
    }

    private static let size = Scenario(
        "state-size", "on a disk larger than the image the state reaches to the disk's end"
    ) { guest in
        let mounts = Facts.mounts(try await guest.text("/proc/self/mountinfo"))
        let variable = try guest.unwrap(mounts["/var"], "Something must be mounted at /var.")
        let mapper = "/sys/dev/block/\(variable.device)"
        let partition = try await guest.expect("sh", "-c", "readlink -f \(mapper)/slaves/*")
        let disk = try await guest.number("\(partition)/../size")
        let end = try await guest.number("\(partition)/start") + guest.number("\(partition)/size")
        try guest.require(disk == 48 << 21, "The disk must have 48 GiB.", seen: "\(disk) sectors")
        // The second partition table, and what is left of the last whole MiB.
        try guest.require(
            disk - end <= 4096, "The state must end at most 2 MiB before the disk's end.", seen: "\(disk - end) sectors"
        )
        let inner = try await guest.number("\(mapper)/size")
        // LUKS2 keeps 16 MiB for itself (cryptsetup, LUKS2 on-disk format).
        let outer = try await guest.number("\(partition)/size")
        try guest.require(
            outer - inner <= 64 << 11, "The encrypted device must fill the partition.", seen: "\(outer - inner) sectors"
        )
        let total = try guest.unwrap(
            UInt64(try await guest.expect("stat", "--file-system", "--format=%b", "/var")), "stat must count blocks.")
        let block = try guest.unwrap(
            UInt64(try await guest.expect("stat", "--file-system", "--format=%S", "/var")), "stat must tell the block.")
        // What ext4 keeps for inodes and journal is below 5 % by mke2fs's own settings for such a size.
        try guest.require(
            total * block / 512 > inner / 100 * 95, "The file system must fill the device.", seen: "\(total) blocks")
        await guest.note("state", ByteSize(bytes: inner * 512).description)
    }

    private static let unlock = Scenario(
        "unlock", "on later starts a wrong passphrase is refused and the right one opens the same state",
        limit: .seconds(900)
    ) { guest in
        try await guest.machine.agent.write(Array("kept".utf8), to: "/var/lib/lapwing/check-marker")
        try await guest.expect("sync")
        let before = guest.consoleLength
        try await guest.reboot(within: .seconds(840)) {
            let seen = try await guest.answer(question, "wrong horse 42", after: before)
            _ = try await guest.answer(question, passphrase, after: seen)
        }
        try guest.require(
            try await guest.text("/var/lib/lapwing/check-marker") == "kept", "The state must survive a restart.")
    }

    private static let slots = Scenario("key-slots", "the passphrase is the only key of the state") { guest in
        let mounts = Facts.mounts(try await guest.text("/proc/self/mountinfo"))
        let variable = try guest.unwrap(mounts["/var"], "Something must be mounted at /var.")
        let device = try await guest.expect("sh", "-c", "basename /sys/dev/block/\(variable.device)/slaves/*")
        let header = try await guest.expect("cryptsetup", "luksDump", "--dump-json-metadata", "/dev/\(device)")
        let metadata = try JSONText.decode(LuksMetadata.self, from: Array(header.utf8), file: "luksDump")
        try guest.require(
            metadata.keyslots.count == 1 && metadata.tokens.isEmpty, "There must be one key slot and no token.",
            seen: header)
        try guest.require(
            metadata.keyslots.values.allSatisfy { $0.kdf.type == "argon2id" }, "It must be hard to guess at.",
            seen: header)
    }

    private struct LuksMetadata: Decodable {
        struct KeySlot: Decodable { var kdf: Derivation }
        struct Derivation: Decodable { var type: String }
        struct Token: Decodable { var type: String }
        var keyslots: [String: KeySlot]
        var tokens: [String: Token]
    }
}

extension Guest {
    /// The number that is a file's only content.
    func number(_ path: String) async throws -> UInt64 {
        let content = try await text(path)
        return try unwrap(UInt64(content.trimmed), "\(path) must be a number.")
    }

    /// How much the console has shown.
    var consoleLength: Int { console.utf8.count }

    /// Waits until a question stands on the console, types an answer and the enter key, and returns how much the
    /// console had shown when the question was seen. `also` must have been said since `after`.
    func answer(
        _ question: String, _ text: String, after: Int = 0, also: String? = nil, within limit: Duration = .seconds(600)
    ) async throws -> Int {
        if let also { _ = try await machine.waitForConsole([also], after: after, within: limit) }
        _ = try await machine.waitForConsole([question], after: after, within: limit)
        // The question is on the serial line first; the keyboard belongs to the other console.
        try await Task.sleep(for: .seconds(3))
        let seen = consoleLength
        try await machine.control.type(text + "\n")
        return seen
    }
}
