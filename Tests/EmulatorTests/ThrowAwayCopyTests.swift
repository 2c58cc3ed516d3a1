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

@Suite struct ThrowAwayCopyTests {
    private func copy(
        _ kind: CheckedImage.Kind, _ damage: ScenarioGroup.Damage, runner: RecordingRunner = RecordingRunner(),
        _ body: (_ original: FilePath, _ copy: FilePath) throws -> Void
    ) async throws {
        let work = try WorkDirectory()
        defer { work.remove() }
        let original = work.path.appending("image")
        try Files.write((0..<65536).map { UInt8(truncatingIfNeeded: $0 / 256) }, to: original)
        let image = CheckedImage(
            path: original, kind: kind, bootFileSystem: .init(offset: 512, size: 512), bootFile: "EFI/Linux/a+3.efi",
            testBootFile: "/test.efi", root: .init(offset: 0x1200, size: 4096),
            expected: .init(rootHash: try #require(Digest(hex: String(repeating: "0", count: 64)))))
        var context = Context.trapping
        context.runner = runner
        let tools = EmulatorTools(root: "/tools") { command, reads, writes in
            #expect(reads == ["/test.efi"])
            #expect(writes == [work.path.appending("copy")])
            return command
        }
        try await ThrowAwayCopy.make(
            of: image, at: work.path.appending("copy"), damage: damage, tools: tools, context: context)
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
            #expect(size == ThrowAwayCopy.smallestDisk)
        }
        try await copy(.iso, .none) { _, copy in
            let size = try Files.status(copy)?.size
            #expect(size == 65536)
        }
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
