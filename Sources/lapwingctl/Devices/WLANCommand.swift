// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import LapwingCore

/// `lapwingctl wlan`
struct WLANCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wlan", abstract: "Show wireless network cards.", subcommands: [WLANList.self, WLANStatus.self])
}

/// `lapwingctl wlan list`
struct WLANList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List wireless network cards.",
        discussion: """
            Firmware "running" means that the card has a radio here; "missing" that a driver holds it and there is none, \
            as a rule for want of a firmware file; "notLoaded" that no driver of this system works with it, as when it \
            is kept for a domain.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let reader = try device.inventory()
            let cards = WLANReader(reader.tree).cards(functions: reader.pci(), devices: reader.usb())
            let table = Listing(
                "cards", cards,
                columns: [
                    .init("ID") { $0.device?.rawValue ?? "none" },
                    .init("ADDRESS") { $0.address?.description ?? "none" }, .init("RADIO") { $0.phy ?? "none" },
                    .init("INTERFACES") { DeviceWords.list($0.interfaces) }, .init("DRIVER") { $0.driver ?? "none" },
                    .init("FIRMWARE") { $0.firmware.rawValue }, .init("RFKILL") { Self.rfkill($0.rfkill) },
                    .init("NAME") { $0.name ?? "" },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }

    static func rfkill(_ radio: WLANCard.RadioSwitch?) -> String {
        guard let radio else { return "none" }
        if radio.hard { return "off by switch" }
        return radio.soft ? "off" : "on"
    }
}
