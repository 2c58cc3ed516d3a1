// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import LapwingCore

/// `lapwingctl usb`
struct USBCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usb", abstract: "Show USB devices.", subcommands: [USBList.self, USBShow.self])
}

/// `lapwingctl usb list`
struct USBList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List USB devices.",
        discussion: """
            The kind names the classes of all interfaces, whichever configuration they are in: a stick that is also a \
            keyboard shows both. Names are the device's own words. Root hubs are left out unless --all is given.
            """)

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions
    @Flag(name: .shortAndLong, help: "List root hubs too.")
    var all = false

    func run() async throws {
        try await finish {
            let devices = USBReader(try device.tree()).devices().filter { all || !$0.isRootHub }
            let table = Listing(
                "devices", devices,
                columns: [
                    .init("ID") { $0.id.rawValue }, .init("BUS:DEV", right: true) { $0.address.description },
                    .init("PORT") { $0.port }, .init("KIND") { DeviceWords.kind($0) },
                    .init("MBIT/S", right: true) { $0.speed.rawValue },
                    .init("DRIVER") { DeviceWords.driver(.usb($0)) }, .init("NAME") { DeviceWords.name($0) },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}

/// `lapwingctl usb show`
struct USBShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a USB device in full.")

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Write JSON.")
    var json = false
    @Flag(help: "Ask the device itself for its words, which the kernel read when it was plugged in. Opens the device.")
    var ask = false
    @Argument(help: ArgumentHelp("An id, a port or bus:device.", valueName: "device"), completion: .usbDevices)
    var name: String

    func run() async throws {
        try await finish {
            let tree = try device.tree()
            let inventory = Inventory(usb: USBReader(tree).devices())
            guard case .usb(var found) = try inventory.device(named: name) else { return }
            if ask {
                guard tree.isLive else {
                    throw LapwingError(
                        "usb.captured", exit: .usage, "A captured tree has no device that could be asked.",
                        subject: tree.root.string)
                }
                let words = try LiveUSB().words(of: found.address)
                (found.manufacturer, found.product) = (words.manufacturer, words.product)
                found.identity.serial = words.serial
            }
            print(try Self.details(found).render(json: json), terminator: "")
        }
    }

    static func details(_ device: USBDevice) -> Details<USBDevice> {
        var rows: [(String, String?)] = [
            ("id", device.id.rawValue), ("port", device.port), ("bus:device", device.address.description),
            ("controller", device.controller?.description),
            ("vendor:product", "\(device.identity.vendor):\(device.identity.product)"),
            ("manufacturer", device.manufacturer), ("product", device.product), ("serial", device.identity.serial),
            ("usb", version(device.usbVersion)), ("release", version(device.release)),
            ("kind", DeviceWords.kind(device)), ("class", device.classCode.description),
            ("speed", DeviceWords.speed(device.speed)), ("attachment", device.attachment.rawValue),
            ("authorized", DeviceWords.yes(device.authorized)),
            ("ports", device.downstreamPorts > 0 ? String(device.downstreamPorts) : nil),
            ("descriptors", device.descriptorsDamaged ? "damaged: take it for anything" : nil),
        ]
        for configuration in device.configurations {
            var words = ["up to \(configuration.milliamperes) mA"]
            if configuration.selfPowered { words.append("self-powered") }
            if configuration.remoteWakeup { words.append("can wake the machine") }
            if device.activeConfiguration == configuration.value { words.append("active") }
            rows.append(("configuration \(configuration.value)", words.joined(separator: ", ")))
            for interface in device.interfaces where interface.configuration == configuration.value {
                let setting = interface.alternate > 0 ? " setting \(interface.alternate)" : ""
                let driver = interface.driver.map { ", driver \($0)" } ?? ""
                rows.append(
                    (
                        "  interface \(interface.number)\(setting)",
                        "\(interface.classCode) \(interface.classCode.name), \(interface.endpoints) endpoints\(driver)"
                    ))
            }
        }
        return Details(name: "device", value: device, rows: rows)
    }

    /// `0210` is 2.10.
    private static func version(_ value: Hex16) -> String {
        let digits = value.description
        return "\(Int(digits.prefix(2)) ?? 0).\(digits.suffix(2))"
    }
}
