// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import DeviceConfig
import Diagnostics
import LapwingCore
import SystemPackage

/// The program: reads its options, opens the socket, serves until it is told to stop.
@main
struct LapwingD: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lapwingd", abstract: "The daemon of a Lapwing device.",
        discussion: """
            Answers lapwingctl on a local socket. systemd starts it on the first request (lapwingd.socket) and confines \
            it (lapwingd.service); started by hand it makes the socket itself. SIGTERM ends it.
            """,
        version: LapwingVersion.text)

    @Option(help: ArgumentHelp("Take the system's files from below this directory.", valueName: "directory"))
    var root = "/"
    @Option(help: ArgumentHelp("The socket to make, when systemd hands over none.", valueName: "path"))
    var socket: String?
    @Option(help: ArgumentHelp("The group that may talk to the daemon.", valueName: "name"))
    var group = "lapwing"
    @Flag(help: "Ask no other program (xl, systemctl) for the status.")
    var offline = false

    func run() async throws {
        let context = Context.live(progress: .plain)
        let status = await Program.run {
            let paths = DevicePaths(root: FilePath(root))
            let listener = try Listener(
                environment: context.environment, path: socket.map { FilePath($0) } ?? paths.socket, group: group,
                progress: context.progress)
            let handler = Handler(
                status: StatusReader(paths: paths, runner: offline ? nil : context.runner), paths: paths)
            try await Server(listener: listener, handler: handler, context: context).serve()
        }
        if status != .success { throw ExitCode(status.rawValue) }
    }
}
