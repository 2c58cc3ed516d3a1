// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import LapwingCore

/// `lapwingctl gpu`
struct GPUCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gpu", abstract: "Show graphics adapters.", subcommands: [GPUList.self])
}

/// `lapwingctl gpu list`
struct GPUList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List graphics adapters and what is connected to them.",
        discussion: """
            The console is the adapter that the text console is drawn on, the boot display the one the firmware drew \
            on. Screens are named by their own words (EDID). On the live machine drivers are asked for modes with their \
            rates; JSON has all of them.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let reader = try device.inventory()
            var adapters = GraphicsReader(reader.tree).adapters(functions: reader.pci(), devices: reader.usb())
            if reader.tree.isLive {
                for index in adapters.indices {
                    guard let card = adapters[index].card, let live = LiveDisplays.connectors(card: card) else {
                        continue
                    }
                    for (place, connector) in adapters[index].connectors.enumerated() {
                        guard let other = live.first(where: { $0.name == connector.name }), !other.modes.isEmpty else {
                            continue
                        }
                        adapters[index].connectors[place].modes = other.modes
                    }
                }
            }
            let table = Listing(
                "adapters", adapters,
                columns: [
                    .init("ID") { $0.device?.rawValue ?? "none" },
                    .init("ADDRESS") { $0.address?.description ?? "none" },
                    .init("CARD") { $0.card ?? "none" }, .init("DRIVER") { $0.driver ?? "none" },
                    .init("ROLE") { Self.role($0) }, .init("SCREENS") { Self.screens($0) },
                    .init("NAME") { $0.name ?? "" },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }

    private static func role(_ adapter: GraphicsAdapter) -> String {
        var roles: [String] = []
        if adapter.console { roles.append("console") }
        if adapter.bootDisplay { roles.append("boot display") }
        return DeviceWords.list(roles)
    }

    private static func screens(_ adapter: GraphicsAdapter) -> String {
        DeviceWords.list(
            adapter.connectors.filter { $0.status == .connected }.map { connector in
                var text = connector.name
                if let display = connector.display {
                    text += " " + (display.name ?? "\(display.manufacturer) \(display.product)")
                }
                if let mode = connector.modes.first { text += " \(mode)" }
                return text
            })
    }
}
