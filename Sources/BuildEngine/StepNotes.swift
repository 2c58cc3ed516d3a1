// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Synchronization

/// A program that a step ran.
public struct CommandTiming: Sendable, Codable, Hashable {
    /// The program's name, without its directory.
    public let program: String
    /// How long it ran, in seconds of wall time.
    public let seconds: Double
}

/// What a running step notes down for the report.
final class StepNotes: Sendable {
    private struct Content {
        var metrics: [String: Double] = [:]
        var commands: [CommandTiming] = []
    }

    private let content = Mutex(Content())

    func metric(_ name: String, _ value: Double) {
        content.withLock { $0.metrics[name] = value }
    }

    func command(_ timing: CommandTiming) {
        content.withLock { $0.commands.append(timing) }
    }

    /// A runner over another one whose programs are noted.
    func noting(_ inner: any ProcessRunner) -> TimedRunner {
        TimedRunner(inner) { [self] command, duration in
            let name = command.executable.split(separator: "/").last.map(String.init) ?? command.executable
            self.command(CommandTiming(program: name, seconds: duration.inSeconds))
        }
    }

    var metrics: [String: Double] { content.withLock { $0.metrics } }

    /// The programs that ran; of more than forty the longest forty, in the order they ended.
    var commands: [CommandTiming] {
        let all = content.withLock { $0.commands }
        if all.count <= 40 { return all }
        let least = all.map(\.seconds).sorted(by: >)[39]
        return Array(all.filter { $0.seconds >= least }.prefix(40))
    }
}

/// Says of each line which step it comes from.
struct StepProgress: Progress {
    let inner: any Progress
    let step: StepID

    func note(_ text: String) { inner.note("\(step): \(text)") }
    func status(_ text: String) { inner.status("\(step): \(text)") }
    func warning(_ text: String) { inner.warning("\(step): \(text)") }
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}
