// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Synchronization
import SystemPackage
import Testing

@testable import Emulator

/// Writes down what it is asked to run; every program succeeds, but for one that fails when told so.
private final class RecordingRunner: ProcessRunner {
    let failing: String?
    private let log = Mutex<[String]>([])

    init(failing: String? = nil) { self.failing = failing }

    var lines: [String] { log.withLock { $0 } }

    func run(_ command: Command) async throws -> CommandResult {
        log.withLock { $0.append(command.line) }
        return CommandResult(ending: .exited(command.executable == failing ? 1 : 0), error: Array("disk full".utf8))
    }

    func lines(
        _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws -> CommandResult { try await run(command) }
}

/// The changes of boot files that were asked for.
private final class Changes: Sendable {
    let list = Mutex<[BootChange]>([])
}

@Suite struct ThrowAwayCopyTests {
    private func copy(
        _ kind: CheckedImage.Kind, _ damage: ScenarioGroup.Damage, runner: RecordingRunner = RecordingRunner(),
        unlock: String? = nil, changes: Changes = Changes(),
        _ body: (_ original: FilePath, _ copy: FilePath) throws -> Void
    ) async throws {
        let work = try WorkDirectory()
        defer { work.remove() }
        let original = work.path.appending("image")
        try Files.write((0..<65536).map { UInt8(truncatingIfNeeded: $0 / 256) }, to: original)
        let image = CheckedImage(
            path: original, kind: kind, bootFileSystem: .init(offset: 512, size: 512), bootFile: "EFI/Linux/a+3.efi",
            slots: [
                .init(
                    bootFile: "EFI/Linux/a+3.efi", root: .init(number: 2, extent: .init(offset: 0x1200, size: 4096)),
                    verity: .init(number: 3, extent: .init(offset: 0x2200, size: 512))),
                .init(
                    bootFile: "EFI/Linux/b+3.efi", root: .init(number: 4, extent: .init(offset: 0x8200, size: 4096)),
                    verity: .init(number: 5, extent: .init(offset: 0x9200, size: 512))),
            ], expected: .init(rootHash: try #require(Digest(hex: String(repeating: "12", count: 32))))
        ) { change in
            changes.list.withLock { $0.append(change) }
            return "/test.efi"
        }
        var context = Context.trapping
        context.runner = runner
        let tools = EmulatorTools(root: "/tools") { command, reads, writes in
            #expect(reads == (command.executable == "mcopy" ? ["/test.efi"] : []))
            #expect(writes == [work.path.appending("copy")])
            return command
        }
        let group = ScenarioGroup(
            "g", "a group", kind: kind, attachment: .nvme, damage: damage, stateUnlock: unlock, scenarios: [])
        try await ThrowAwayCopy(image: image, path: work.path.appending("copy"), tools: tools, context: context)
            .make(group)
        try body(original, work.path.appending("copy"))
    }

    @Test func `the boot file is exchanged in the copy's own boot file system`() async throws {
        let runner = RecordingRunner()
        try await copy(.iso, .none, runner: runner) { original, copy in
            let bytes = (try Files.read(original), try Files.read(copy))
            #expect(bytes.0 == bytes.1)
            #expect(
                runner.lines == [
                    "mdel -i \(copy.string)@@512 ::/EFI/Linux/a+3.efi",
                    "mcopy -i \(copy.string)@@512 /test.efi ::/EFI/Linux/a+3.efi",
                ])
        }
    }

    @Test func `damage is one bit of the root's first byte, in the copy alone`() async throws {
        try await copy(.iso, .rootBit) { original, copy in
            let before = try Files.read(original)
            let after = try Files.read(copy)
            #expect(before.count == after.count)
            #expect(before.indices.filter { before[$0] != after[$0] } == [0x1200])
            #expect(before[0x1200] ^ after[0x1200] == 1)
        }
    }

    @Test func `a disk grows to leave room for the state and an ISO does not`() async throws {
        try await copy(.disk, .none) { _, copy in
            let size = try Files.status(copy)?.size
            #expect(size == 8 << 30)
        }
        try await copy(.iso, .none) { _, copy in
            let size = try Files.status(copy)?.size
            #expect(size == 65536)
        }
    }

    @Test func `another way to unlock the state is a word of the boot file`() async throws {
        let changes = Changes()
        try await copy(.disk, .none, unlock: "passphrase", changes: changes) { _, _ in }
        #expect(
            changes.list.withLock { $0 } == [
                BootChange(kernelOptions: ["lapwing.state=passphrase", ThrowAwayCopy.patience])
            ])
    }

    @Test func `a failing update has the system in the second slot and a newer entry for a root that is not there`()
        async throws
    {
        let (runner, changes) = (RecordingRunner(), Changes())
        try await copy(.disk, .failingUpdate, runner: runner, changes: changes) { original, copy in
            let before = try Files.read(original)
            let descriptor = try FileDescriptor.open(copy, .readOnly)
            let after = try descriptor.closeAfter { try descriptor.readAll(at: 0, count: before.count) }
            #expect(after[0x8200..<0x9200] == before[0x1200..<0x2200])
            #expect(after[0x9200..<0x9400] == before[0x2200..<0x2400])
            #expect(after[..<0x8200] == before[..<0x8200])
            let drive = "-i \(copy.string)@@512"
            let one = "12121212-1212-1212-1212-121212121212"
            let none = "0badf00d-0bad-f00d-0bad-f00d0badf00d"
            #expect(
                runner.lines == [
                    "mdel \(drive) ::/EFI/Linux/a+3.efi", "mcopy \(drive) /test.efi ::/EFI/Linux/b+3.efi",
                    "mcopy \(drive) /test.efi ::/EFI/Linux/a+3.efi",
                    "sfdisk --quiet --part-uuid \(copy.string) 2 \(none)",
                    "sfdisk --quiet --part-uuid \(copy.string) 3 \(none)",
                    "sfdisk --quiet --part-uuid \(copy.string) 4 \(one)",
                    "sfdisk --quiet --part-uuid \(copy.string) 5 \(one)",
                ])
        }
        #expect(
            changes.list.withLock { $0 } == [
                BootChange(),
                BootChange(kernelOptions: ["lapwing.roothash=\(ThrowAwayCopy.foreignHash)"], version: "9999"),
            ])
    }

    @Test(arguments: ["mdel", "mcopy"])
    func `a boot file that cannot be exchanged is an error with the reason`(program: String) async throws {
        let error = await #expect(throws: LapwingError.self) {
            try await copy(.disk, .none, runner: RecordingRunner(failing: program)) { _, _ in }
        }
        #expect(error?.code == "check.boot-file")
        #expect(error?.cause?.contains("disk full") == true)
    }
}
