// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import LapwingCore

extension IsolationGroups.Services: ExpressibleByArgument {}

/// `lapwingctl pci groups`
struct PCIGroups: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups", abstract: "Show which PCI functions cannot be kept apart, and why.",
        discussion: """
            Functions of one group can reach each other, or look alike to the IOMMU: they are given to a domain together \
            or not at all. The groups are computed by Linux's rules, for a dom0 of Xen sees no IOMMU. By default the \
            isolation that is switched on counts; "--services capable" counts all that the hardware has. With --check \
            the groups of a kernel that has some are compared, and the exit status is 1 when they differ.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions
    @Option(help: ArgumentHelp("Which isolation counts: enabled or capable.", valueName: "services"))
    var services = IsolationGroups.Services.enabled
    @Flag(help: "Compare with the groups of the running kernel.")
    var check = false
    @Argument(help: ArgumentHelp("Show only the groups of these.", valueName: "function"), completion: .functions)
    var names: [String] = []

    struct Record: Encodable, Sendable {
        var group: Int
        var address: PCIAddress
        var id: DeviceID?
        var name: String
        var tiedTo: PCIAddress?
        var reason: IsolationGroup.Reason?
        var cause: PCIAddress?
        var why: String
    }

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let functions = try device.inventory().pci()
            if functions.contains(where: \.capabilitiesIncomplete) {
                context.progress.warning(
                    "Not all of config space can be read, so more may be tied together than must be. Run it as root.")
            }
            var groups = IsolationGroups.of(functions, services: services)
            let found = groups
            if !names.isEmpty {
                let inventory = Inventory(pci: functions)
                let wanted = try names.map { try inventory.device(named: $0).id }
                let addresses = Set(functions.filter { wanted.contains($0.id) }.map(\.address))
                groups = groups.filter { !addresses.isDisjoint(with: $0.members) }
            }
            let table = Listing(
                "functions", Self.records(groups, functions),
                columns: [
                    .init("ADDRESS") { $0.address.description }, .init("GROUP", right: true) { String($0.group) },
                    .init("NAME") { $0.name }, .init("WHY") { $0.why },
                ])
            print(try table.render(listing.format), terminator: "")
            if check { try Self.compare(found, functions, context) }
        }
    }

    static func records(_ groups: [IsolationGroup], _ functions: [PCIFunction]) -> [Record] {
        var known: [PCIAddress: PCIFunction] = [:]
        for function in functions { known[function.address] = function }
        return groups.flatMap { group in
            group.members.map { address in
                let tie = group.ties.first { $0.function == address }
                return Record(
                    group: group.id, address: address, id: known[address]?.id,
                    name: known[address].map { DeviceWords.name($0) } ?? "", tiedTo: tie?.with, reason: tie?.reason,
                    cause: tie?.cause, why: tie.map(why) ?? (group.members.count > 1 ? "first of its group" : "alone"))
            }
        }
    }

    private static func why(_ tie: IsolationGroup.Tie) -> String {
        let cause = tie.cause.map { $0.description } ?? tie.with.description
        switch tie.reason {
        case .behindPCIBridge: return "behind \(cause), a bridge to conventional PCI, which speaks for it"
        case .noAccessControlAbove: return "\(cause) above does not send everything up (no access control services)"
        case .sameDevice: return "same device as \(tie.with), no access control services between them"
        case .alias: return "shares a requester id with \(tie.with)"
        }
    }

    private static func compare(_ groups: [IsolationGroup], _ functions: [PCIFunction], _ context: Context) throws {
        var kernel: [Int: Set<PCIAddress>] = [:]
        for function in functions {
            if let group = function.kernelGroup { kernel[group, default: []].insert(function.address) }
        }
        guard !kernel.isEmpty else {
            throw LapwingError(
                "pci.no-kernel-groups", exit: .unavailable, "The running kernel has no groups to compare with.",
                hint: "A dom0 of Xen has none; a Linux that runs alone has some when its IOMMU is on.")
        }
        let known = kernel.values.reduce(into: Set<PCIAddress>()) { $0.formUnion($1) }
        let mine = Set(groups.map { Set($0.members).intersection(known) }.filter { !$0.isEmpty })
        let theirs = Set(kernel.values)
        let wrong = mine.symmetricDifference(theirs)
        context.progress.note("\(theirs.count) groups of \(known.count) functions compared with the kernel's")
        if !wrong.isEmpty {
            let text = wrong.map { $0.sorted().map(\.description).joined(separator: " ") }.sorted()
            throw LapwingError(
                "pci.groups-differ", "The kernel's groups are others.", cause: text.joined(separator: "; "))
        }
    }
}
