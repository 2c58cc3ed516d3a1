// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import LapwingCore

/// `lapwingctl pci`
struct PCICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pci", abstract: "Show PCI functions.",
        subcommands: [PCIList.self, PCIShow.self, PCIGroups.self])
}

/// `lapwingctl pci list`
struct PCIList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "List PCI functions.")

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            // JSON has everything; a table needs one file of each function.
            let functions = try device.inventory().pci(details: listing.json)
            let table = Listing(
                "functions", functions,
                columns: [
                    .init("ID") { $0.id.rawValue }, .init("ADDRESS") { $0.address.description },
                    .init("KIND") { DeviceWords.kind($0) }, .init("DRIVER") { $0.driver ?? "none" },
                    .init("NAME") { DeviceWords.name($0) },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}

/// `lapwingctl pci show`
struct PCIShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a PCI function in full.",
        discussion: """
            The group is the one lapwingctl pci groups computes. Resets are the kernel's, its first choice first; a \
            function without any keeps what the last domain left in it.
            """)

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Write JSON.")
    var json = false
    @Argument(help: ArgumentHelp("An id or a BDF.", valueName: "function"), completion: .functions)
    var name: String

    func run() async throws {
        try await finish {
            let inventory = Inventory(pci: try device.inventory().pci())
            guard case .pci(let found) = try inventory.device(named: name) else { return }
            print(try Self.details(found, inventory.pci).render(json: json), terminator: "")
        }
    }

    static func details(_ function: PCIFunction, _ all: [PCIFunction]) -> Details<PCIFunction> {
        let group = IsolationGroups.of(all).first { $0.members.contains(function.address) }
        let others = (group?.members ?? []).filter { $0 != function.address }.map(\.description)
        var rows: [(String, String?)] = [
            ("id", function.id.rawValue), ("address", function.address.description),
            ("below", function.parent?.description), ("kind", "\(DeviceWords.kind(function)) (\(function.classCode))"),
            ("name", DeviceWords.name(function)),
            ("vendor:device", "\(function.identity.vendor):\(function.identity.device)"),
            (
                "subsystem",
                function.identity.subsystemVendor.map { vendor in
                    "\(vendor):\(function.identity.subsystemDevice ?? 0)"
                        + (function.names.subsystem.map { " " + $0 } ?? "")
                }
            ),
            ("revision", String(function.revision, radix: 16)), ("driver", function.driver ?? "none"),
            ("numa node", function.numaNode.map { String($0) }),
            ("boot display", function.bootDisplay ? "yes" : nil),
            ("group", "\(group?.id ?? 0), with " + DeviceWords.list(others, none: "nothing else")),
            ("resets", DeviceWords.list(function.resetMethods.map(\.rawValue))),
        ]
        if let express = function.express {
            rows.append(("express", express.type?.rawValue ?? "reserved type"))
            if express.maximumWidth > 0 {
                rows.append(
                    (
                        "link",
                        "generation \(express.generation) x\(express.width) of \(express.maximumGeneration)"
                            + " x\(express.maximumWidth)"
                    ))
            }
        }
        if let bridge = function.bridge { rows.append(("buses", "\(bridge.secondary) to \(bridge.subordinate)")) }
        if let access = function.accessControl {
            rows.append(
                (
                    "access control",
                    "\(DeviceWords.list(access.enabled.letters)) on, of \(DeviceWords.list(access.capable.letters))"
                ))
        }
        if let virtual = function.virtualFunctions {
            rows.append(("virtual functions", "\(virtual.enabled) of \(virtual.total)"))
        }
        rows.append(("virtual function of", function.physicalFunction?.description))
        for resource in function.resources {
            let fetch = resource.prefetchable ? ", prefetchable" : ""
            rows.append(
                (
                    resource.kind == .rom ? "rom" : "bar \(resource.index)",
                    "\(resource.kind.rawValue) at 0x\(String(resource.address, radix: 16)), "
                        + "\(ByteSize(bytes: resource.size))\(fetch)"
                ))
        }
        let names = function.capabilities.map(\.name)
        rows.append(
            (
                "capabilities",
                function.capabilitiesIncomplete
                    ? "not all readable without root" + (names.isEmpty ? "" : ": " + names.joined(separator: ", "))
                    : DeviceWords.list(names)
            ))
        return Details(name: "function", value: function, rows: rows)
    }
}
