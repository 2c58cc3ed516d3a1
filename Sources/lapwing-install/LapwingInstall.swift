// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceConfig
import LapwingCore
import SystemPackage
import TargetInstall

@main
struct LapwingInstall: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lapwing-install", abstract: "Looks at the machine for an installation.",
        discussion: """
            This version installs nothing and writes to no disk: it lists the disks and says which of them could be \
            installed to. To put the system on a disk today, write the raw image to it from another system.
            """,
        version: LapwingVersion.text, subcommands: [Version.self, Probe.self])
}

/// `lapwing-install version`
struct Version: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the version of the program.")

    func run() async throws { print("lapwing-install \(LapwingVersion.text)") }
}

/// `lapwing-install probe`
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the disks of the machine.",
        discussion: """
            Reads sysfs only: no disk is opened, mounted or checked. The disk the running system was started from is \
            listed and refused.
            """)

    @Flag(help: "Write JSON.")
    var json = false
    @Flag(name: .shortAndLong, help: "Write the names of the disks that can be installed to, and nothing else.")
    var quiet = false
    @Option(help: ArgumentHelp("Take the system's files from below this directory.", valueName: "directory"))
    var root = "/"

    func run() async throws {
        let status = await Program.run {
            var disks = try DiskProbe(paths: DevicePaths(root: FilePath(root))).disks()
            if quiet { disks = disks.filter { $0.refusal == nil } }
            let listing = Listing(
                "disks", disks,
                columns: [
                    .init("DISK") { $0.path }, .init("SIZE", right: true) { $0.size.description },
                    .init("MODEL") { $0.model ?? "-" }, .init("SERIAL") { $0.serial ?? "-" },
                    .init("INSTALL") { $0.refusal.map { "no: " + $0 } ?? "possible" },
                ])
            print(try listing.render(json ? .json : quiet ? .quiet : .table), terminator: "")
        }
        if status != .success { throw ExitCode(status.rawValue) }
    }
}
