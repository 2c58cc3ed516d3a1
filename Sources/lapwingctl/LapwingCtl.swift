// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceConfig
import LapwingCore
import SystemPackage

@main
struct LapwingCtl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lapwingctl", abstract: "Manages a Lapwing device.",
        discussion: """
            Start with "lapwingctl status". Data goes to standard output, talk to standard error; --json gives every \
            listing as JSON with a schemaVersion. Commands that need the daemon say so when it does not run.
            """,
        version: LapwingVersion.text,
        subcommands: [
            VersionCommand.self, StatusCommand.self, DomainCommand.self, MonitorCommand.self, ConfigCommand.self,
            AccessCommand.self, DeviceCommand.self, USBCommand.self, PCICommand.self, GPUCommand.self,
            WLANCommand.self, PolicyCommand.self, PowerCommand.self, BatteryCommand.self,
        ])
}

/// What every command takes.
struct DeviceOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Take the system's files from below this directory.", valueName: "directory"))
    var root = "/"

    var paths: DevicePaths { DevicePaths(root: FilePath(root)) }
}

/// How a listing is written.
struct ListingOptions: ParsableArguments {
    @Flag(help: "Write JSON.")
    var json = false
    @Flag(name: .shortAndLong, help: "Write the first column only.")
    var quiet = false

    var format: ListingFormat { json ? .json : quiet ? .quiet : .table }
}

extension AsyncParsableCommand {
    /// Runs the work of a command and ends the program with the status its failure asks for.
    func finish(_ body: () async throws -> Void) async throws {
        let status = await Program.run(body)
        if status != .success { throw ExitCode(status.rawValue) }
    }
}
