// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// Services that set what profiles set. Two of a kind undo each other's work, so that the person has to be told.
public struct RivalServices: Sendable {
    private let runner: any ProcessRunner
    /// The units looked for.
    public static let units = [
        "tlp.service", "power-profiles-daemon.service", "tuned.service", "auto-cpufreq.service",
    ]
    static let limit = Duration.seconds(10)

    /// Asks systemd through a runner.
    public init(runner: any ProcessRunner) {
        self.runner = runner
    }

    /// The units that run, sorted. Throws `power.no-answer` when systemd cannot be asked or says something else.
    public func active() async throws -> [String] {
        let command = Command(
            "systemctl", ["is-active"] + Self.units, environment: ["LC_ALL": "C"], timeLimit: Self.limit)
        let result = try await runner.run(command)
        // It ends with 0 when one of them runs, else with 3 or 4; a line of its own for each unit is the answer.
        let states = result.text.split(whereSeparator: \.isNewline)
        guard states.count == Self.units.count, case .exited = result.ending else {
            throw LapwingError(
                "power.no-answer", "systemd does not say which other power services run.", subject: command.line,
                cause: result.errorText.split(whereSeparator: \.isNewline).first.map {
                    SafeText.printable(String($0.prefix(200)))
                })
        }
        let running: Set<Substring> = ["active", "activating", "reloading", "refreshing"]
        return zip(Self.units, states).filter { running.contains($0.1) }.map(\.0).sorted()
    }
}
