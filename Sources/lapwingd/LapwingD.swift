// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import DeviceConfig
import DeviceManagement
import DeviceModel
import Diagnostics
import LapwingCore
import SystemPackage
import XenControl

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
            let mailbox = try Mailbox()
            let journal = Journal()
            let progress = context.progress
            let tools = ToolClock()
            let runner = tools.counting(context.runner)
            let domains = DomainManager(
                paths: paths, xen: XLHypervisor(runner: runner, run: paths.domainRun), clock: context.clock
            ) { event in
                journal.write(Journal.entry(event), progress)
                if let data = try? JSONValue(encoding: event) {
                    mailbox.post(.event(.event(name: event.name, data)))
                }
            }
            let tree = try SystemTree(root: paths.root)
            let devices = DeviceManager(
                paths: paths, tree: tree,
                xen: XLDevices(runner: runner, store: XenStoreClient(socket: paths.xenStore)),
                clock: context.clock, tools: tools, domains: { try await domains.list().domains }
            ) { event in
                journal.write(Journal.entry(event), progress)
                if let data = try? JSONValue(encoding: event) {
                    mailbox.post(.event(.event(name: event.name, data)))
                }
            }
            let store = offline ? nil : paths.xenStore
            let power = try PowerService(
                paths: paths, tree: tree, store: store.map { XenStoreClient(socket: $0) }, context: context,
                domains: { try await domains.list().domains }
            ) { name, data in
                mailbox.post(.event(.event(name: name, data)))
            } audit: { report, user in
                journal.write(Journal.entry(report, user), progress)
            }
            await domains.accompany(Companions(devices: devices, keys: power.keys, profiles: power.profiles))
            let handler = Handler(
                status: StatusReader(paths: paths, runner: offline ? nil : context.runner), paths: paths,
                domains: domains, devices: devices, power: power)
            // Opened before the first look at the devices, so that none slips through in between.
            let uevents = offline ? nil : openUevents(progress)
            let hotplug = Hotplug(tools)
            let following = Task {
                await hotplug.follow(tree, clock: context.clock, settle: { await devices.look($0) }) { name, data in
                    mailbox.post(.event(.event(name: name, data)))
                }
            }
            let powering = Task { await power.run() }
            defer {
                following.cancel()
                powering.cancel()
                power.end()
            }
            try await EventThread.run {
                try Server(
                    listener: listener, handler: handler, context: context, mailbox: mailbox, xenStore: store,
                    uevents: uevents, deviceChanged: hotplug.changed, powerChanged: power.changed
                ).serve()
            }
        }
        if status != .success { throw ExitCode(status.rawValue) }
    }

    /// Without the kernel's messages the daemon still serves all the rest.
    private func openUevents(_ progress: any Progress) -> UeventSocket? {
        do {
            return try UeventSocket()
        } catch {
            let known = error as? LapwingError
            progress.warning("\(known?.message ?? "no hot-plug") \(known?.cause ?? "")")
            return nil
        }
    }
}
