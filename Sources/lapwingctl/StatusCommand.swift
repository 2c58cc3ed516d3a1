// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import DeviceConfig
import Diagnostics
import LapwingCore
import SystemPackage

/// `lapwingctl status`
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show how the device is.",
        discussion: """
            Asks the daemon; without one it looks for itself and says so. The exit status tells whether the status \
            could be shown, not whether all is well; scripts look at "healthy" in the JSON.
            """)

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Write JSON.")
    var json = false
    @Flag(help: "Do not ask the daemon.")
    var direct = false
    @Option(help: ArgumentHelp("The daemon's socket.", valueName: "path"))
    var socket: String?

    struct Document: Encodable {
        var schemaVersion = 1
        var source: String
        var healthy: Bool
        var status: DeviceStatus
    }

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let (status, source) = try await collect(context)
            if json {
                let document = Document(source: source, healthy: status.isHealthy, status: status)
                print(try JSONText.string(document), terminator: "")
            } else {
                print(StatusCommand.text(status), terminator: "")
            }
        }
    }

    private func collect(_ context: Context) async throws -> (DeviceStatus, String) {
        if !direct {
            do {
                let answer = try ControlClient(socket: socket.map { FilePath($0) } ?? device.paths.socket)
                    .ask("status")
                return (try answer.decoded(as: DeviceStatus.self), "lapwingd")
            } catch let error as LapwingError where error.exit == .unavailable || error.exit == .notPermitted {
                context.progress.warning(error.message + " What follows was found without it.")
            }
        }
        let runner = device.root == "/" ? context.runner : nil
        return (await StatusReader(paths: device.paths, runner: runner).read(), "direct")
    }

    /// The status for a person, a line each.
    static func text(_ status: DeviceStatus) -> String {
        let unknown = "unknown"
        var rows: [(String, String)] = []
        rows.append(("image", status.image ?? "not a Lapwing image"))
        rows.append(("up", status.uptime.map { duration($0) } ?? unknown))
        if let xen = status.hypervisor {
            var text = "Xen " + xen.version
            if let scheduler = xen.scheduler { text += ", scheduler \(scheduler)" }
            if let cpus = xen.cpus { text += ", \(cpus) CPUs" }
            if let free = xen.freeMemory, let memory = xen.memory { text += ", \(free) of \(memory) MiB free" }
            rows.append(("hypervisor", text))
        } else {
            rows.append(("hypervisor", "none"))
        }
        rows.append(("slot", status.boot.slot ?? unknown))
        rows.append(("root hash", status.boot.rootHash?.hex ?? "none: the root is not verified"))
        let real = status.stateIsEncrypted.map { $0 ? "encrypted" : "not encrypted" } ?? unknown
        rows.append(("state", real + (status.stateEncryption.map { " (declared: \($0.rawValue))" } ?? "")))
        let batteries = status.batteries.map { "\($0.name) \($0.percent.map { "\($0) %" } ?? unknown)" }
        rows.append(("battery", batteries.isEmpty ? "none" : batteries.joined(separator: ", ")))
        let failed = status.failedUnits.map { String($0) } ?? unknown
        let names = status.failedUnitNames.isEmpty ? "" : ": " + status.failedUnitNames.joined(separator: ", ")
        rows.append(("failed units", failed + names))
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + SafeText.printable(value) + "\n"
        }.joined()
    }

    private static func duration(_ seconds: Int) -> String {
        let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days) d \(hours) h" }
        if hours > 0 { return "\(hours) h \(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(seconds % 60) s" : "\(seconds) s"
    }
}
