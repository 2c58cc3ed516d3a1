// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import DeviceFacts
import DeviceModel
import LapwingCore
import SystemPackage

/// `lapwingctl device`
struct DeviceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "device", abstract: "Show the devices of the machine, and give them to domains.",
        discussion: """
            A device is named by an id that stays the same over boots and replugs: its way from the root (bridges, hub \
            ports), then what it is. Commands also take the BDF of a PCI function, and the port or bus:device number of \
            a USB device; those may name another device tomorrow.
            """,
        subcommands: [
            DeviceList.self, DeviceShow.self, DeviceOwners.self, DeviceAttach.self, DeviceAssign.self,
            DeviceDetach.self,
            DeviceUnassign.self, DeviceEject.self, DeviceHide.self, DeviceCaptureCommand.self, DeviceCompare.self,
        ])
}

/// `lapwingctl device list`
struct DeviceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List PCI functions and USB devices.",
        discussion: "Bridges and hubs are left out unless --all is given.")

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions
    @Flag(name: .shortAndLong, help: "List bridges and hubs too.")
    var all = false

    struct Record: Encodable, Sendable {
        var id: DeviceFacts.DeviceID
        var bus: DeviceFacts.DeviceID.Bus
        var address: String
        var kind: String
        var driver: String?
        var name: String
    }

    func run() async throws {
        try await finish {
            let reader = try device.inventory()
            let pci = reader.pci(details: false).filter { all || !$0.classCode.isBridge }
            let usb = reader.usb().filter { all || !$0.isHub }
            let records =
                pci.map {
                    Record(
                        id: $0.id, bus: .pci, address: $0.address.description, kind: DeviceWords.kind($0),
                        driver: $0.driver, name: DeviceWords.name($0))
                }
                + usb.map {
                    Record(
                        id: $0.id, bus: .usb, address: $0.address.description, kind: DeviceWords.kind($0),
                        driver: Device.usb($0).driver, name: DeviceWords.name($0))
                }
            let table = Listing(
                "devices", records,
                columns: [
                    .init("ID") { $0.id.rawValue }, .init("ADDRESS") { $0.address }, .init("KIND") { $0.kind },
                    .init("DRIVER") { $0.driver ?? "none" }, .init("NAME") { $0.name },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}

/// `lapwingctl device show`
struct DeviceShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show all there is to know of a device.")

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Write JSON.")
    var json = false
    @Argument(
        help: ArgumentHelp("An id, a BDF, a USB port or bus:device.", valueName: "device"), completion: .devices)
    var name: String

    func run() async throws {
        try await finish {
            let inventory = try device.inventory().inventory()
            switch try inventory.device(named: name) {
            case .pci(let function):
                print(try PCIShow.details(function, inventory.pci).render(json: json), terminator: "")
            case .usb(let found): print(try USBShow.details(found).render(json: json), terminator: "")
            }
        }
    }
}

/// `lapwingctl device capture`
struct DeviceCaptureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capture", abstract: "Write the machine's devices into an archive.",
        discussion: """
            The archive (tar) holds the kernel's files of PCI, USB, displays and wireless cards that lapwingctl reads. \
            Unpacked elsewhere, "--root DIRECTORY" shows that machine. Serial numbers and hardware addresses are left \
            out or blanked unless --serials is given. Run it as root: ordinary users cannot read whole config spaces.
            """)

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Keep serial numbers and hardware addresses.")
    var serials = false
    @Argument(help: ArgumentHelp("The archive to write.", valueName: "file"))
    var file: String

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let tree = try device.tree()
            if tree.isLive, effectiveUserID() != 0 {
                context.progress.warning("Without root the capabilities of PCI functions are missing from the archive.")
            }
            try Files.write(DeviceCapture.archive(tree, serials: serials), to: FilePath(file))
        }
    }
}

/// `lapwingctl device compare`
struct DeviceCompare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Hold what was read from sysfs against what the libraries see.",
        discussion: """
            For the live machine only. Every difference is listed: it is a mistake in a reader, or a device that came or \
            went in between. The exit status is 1 when there is one. What could not be compared is said on standard \
            error.
            """)

    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let context = Context.live(progress: .plain)
            let tree = try SystemTree()
            var comparison = Comparison()
            func attempt(_ what: String, _ body: () throws -> Void) {
                do {
                    try body()
                } catch let error as LapwingError {
                    context.progress.warning("\(what) were not compared: \(error.message) \(error.cause ?? "")")
                } catch {
                    context.progress.warning("\(what) were not compared.")
                }
            }
            attempt("PCI functions") {
                comparison.add(sysfs: PCIReader(tree).functions(), library: try LivePCI.functions())
            }
            attempt("USB devices") {
                comparison.add(sysfs: USBReader(tree).devices(), library: try LiveUSB().devices())
            }
            for adapter in GraphicsReader(tree).adapters(functions: []) {
                guard let card = adapter.card else { continue }
                if let live = LiveDisplays.connectors(card: card) {
                    comparison.add(card: card, sysfs: adapter.connectors, library: live)
                } else {
                    context.progress.warning("\(card) was not compared: it cannot be opened, or has no mode setting.")
                }
            }
            let table = Listing(
                "differences", comparison.differences,
                columns: [
                    .init("DEVICE") { $0.device }, .init("WHAT") { $0.what }, .init("SYSFS") { $0.sysfs },
                    .init("LIBRARY") { $0.library },
                ])
            print(try table.render(listing.format), terminator: "")
            context.progress.note("\(comparison.compared) compared")
            if !comparison.differences.isEmpty {
                throw LapwingError(
                    "device.differs", "sysfs and the libraries do not agree.",
                    cause: "\(comparison.differences.count) differences")
            }
        }
    }
}
