// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Synchronization

extension CommandResult {
    /// A result that printed a text.
    static func text(_ output: String, error: String = "", code: Int32 = 0) -> CommandResult {
        CommandResult(ending: .exited(code), output: Array(output.utf8), error: Array(error.utf8))
    }
}

/// Answers commands by a function and keeps what was run.
final class ScriptedRunner: ProcessRunner {
    private let ran = Mutex<[Command]>([])
    private let answer: @Sendable (Command) throws -> CommandResult

    init(_ answer: @escaping @Sendable (Command) throws -> CommandResult) {
        self.answer = answer
    }

    /// The command lines so far.
    var lines: [String] { ran.withLock { $0.map(\.line) } }
    /// The time limits so far.
    var limits: [Duration?] { ran.withLock { $0.map(\.timeLimit) } }

    func run(_ command: Command) async throws -> CommandResult {
        ran.withLock { $0.append(command) }
        return try answer(command)
    }

    func lines(
        _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
    ) async throws -> CommandResult {
        preconditionFailure("nobody reads \(command.line) by lines")
    }
}
