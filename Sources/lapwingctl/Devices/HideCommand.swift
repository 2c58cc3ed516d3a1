// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceHiding
import DeviceModel
import LapwingCore
import Passthrough
import SystemPackage

/// `lapwingctl device hide`
struct DeviceHide: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hide", abstract: "Keep assigned PCI devices from dom0's drivers.",
        discussion: """
            Run by lapwing-hide-devices.service when the machine starts, before dom0's drivers are loaded: each PCI \
            function that is assigned to a domain, with all that goes along with it, is handed to Xen's back end \
            (xen-pciback). A device that is missing, or in whose place another one is, is a warning. The controller of a \
            disk that the system runs from, a bridge, and the only display are never hidden. A damaged list of \
            assignments (status 65) hides nothing.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions
    @Flag(help: "Hide the devices that are assigned to domains.")
    var assigned = false
    @Flag(help: "Only show what would be done.")
    var dryRun = false

    struct Record: Encodable, Sendable {
        var device: DeviceFacts.DeviceID
        var domain: String
        var outcome: String
        var reason: String?
        var functions: [HidingPlan.Function]
        var takenFrom: [String: String]
    }

    func validate() throws {
        if !assigned { throw ValidationError("Say which devices: --assigned.") }
    }

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let tree = try device.tree()
            let assignments = try AssignmentStore(path: device.paths.assignments).read()
            let plan = HidingPlan(tree, assignments: assignments)
            for item in plan.items {
                if let reason = item.reason {
                    context.progress.warning("\(item.device), assigned to \(item.domain), is not hidden: \(reason)")
                }
            }
            var results = plan.items.map { DeviceHider.Result($0) }
            if plan.changes, !dryRun {
                let hider = DeviceHider(tree, files: SystemFiles(root: FilePath(device.root)))
                if !hider.hasHolder {
                    _ = try await context.runner.require(
                        Command("modprobe", ["xen-pciback"], timeLimit: .seconds(60)),
                        "The driver that holds devices for domains could not be loaded.")
                }
                results = hider.carryOut(plan)
            }
            try show(results, context.progress)
        }
    }

    private func show(_ results: [DeviceHider.Result], _ progress: any Progress) throws {
        for result in results {
            for (address, driver) in result.taken.sorted(by: { $0.key < $1.key }) {
                progress.note("\(address) was with the driver \(driver) already and was taken from it")
            }
            if let failure = result.failure {
                progress.warning("\(result.item.device) could not be hidden and stays with dom0: \(failure)")
            }
        }
        let records = results.map { result in
            Record(
                device: result.item.device, domain: result.item.domain,
                outcome: result.failure != nil ? "failed" : result.hidden ? "hidden" : result.item.outcome.rawValue,
                reason: result.failure ?? result.item.reason, functions: result.item.functions,
                takenFrom: result.taken)
        }
        let table = Listing(
            "devices", records,
            columns: [
                .init("ID") { $0.device.rawValue }, .init("DOMAIN") { $0.domain }, .init("OUTCOME") { $0.outcome },
                .init("FUNCTIONS") { DeviceWords.list($0.functions.map(\.address.description)) },
                .init("REASON") { $0.reason ?? "" },
            ])
        print(try table.render(listing.format), terminator: "")
        let failed = results.count { $0.failure != nil }
        if failed > 0 {
            throw LapwingError(
                "passthrough.not-hidden", exit: .failure, "Not every assigned device could be hidden.",
                cause: "\(failed) of \(results.count)")
        }
    }
}
