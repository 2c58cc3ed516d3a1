// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import LapwingCore
import USBChannel
public import XenControl

/// A USB device in a domain, as it is written down in the XenStore.
public struct HeldUSB: Sendable, Hashable, Codable {
    /// Where it is in the domain.
    public enum Place: Sendable, Hashable, Codable {
        /// A port, from 1, of a controller that the domain's device model emulates; Xen's tools wrote it down.
        case emulated(controller: Int, port: Int)
        /// A slot of a domain that has no such controller; its transfers are carried by `lapwing-usb`.
        case carried(slot: Int)
    }

    /// Where it is in the domain.
    public var place: Place
    /// The port in dom0, such as `1-1.4`.
    public var hostPort: String

    /// True for one that `lapwing-usb` carries.
    public var isCarried: Bool {
        if case .carried = place { return true }
        return false
    }
}

/// What domains hold, and the tools that change it. Looking believes only what dom0 alone can write, and the device
/// model; changing has time limits, and what a tool answers is not the truth.
public protocol XenDevices: Sendable {
    /// The PCI functions a domain holds, from its back end.
    func functions(of domain: Int) throws -> [PCIAddress]
    /// The USB devices that are written down for a domain.
    func usb(of domain: Int) throws -> [HeldUSB]
    /// The addresses of the USB devices the domain's device model has open.
    func modelled(in domain: Int) async throws -> Set<USBAddress>
    /// True when an IOMMU translates what devices do.
    func hasIOMMU() async throws -> Bool
    /// `xl pci-assignable-add`: from its driver to Xen's back end.
    func release(_ function: PCIAddress) async throws
    /// `xl pci-assignable-remove -r`: back to the driver it had.
    func reclaim(_ function: PCIAddress) async throws
    /// `xl pci-attach`.
    func attach(_ function: PCIAddress, to domain: Int) async throws
    /// `xl pci-detach`.
    func detach(_ function: PCIAddress, from domain: Int) async throws
    /// `xl usbdev-attach`.
    func attach(_ device: USBAddress, to domain: Int) async throws
    /// Offers the USB device in a port of dom0 to a domain that has no device model, in a slot, and carries its transfers.
    func offer(_ port: String, to domain: Int, slot: Int) async throws
    /// `xl usbdev-detach`, or the end of an offer.
    func detach(_ device: HeldUSB, from domain: Int) async throws
    /// Clears away what is left of a USB device that was pulled: Xen's tools can neither take it back nor attach another
    /// one while its port is written down.
    func forget(_ device: HeldUSB, in domain: Int) async throws
    /// Takes a device that was pulled out of the domain's device model, or another one with its address would follow it.
    func drop(_ device: USBAddress, from domain: Int) async throws
    /// Lets a domain read a value in its own part of the XenStore, where it cannot write. True when that is news.
    func tell(_ domain: Int, _ name: String, _ value: String) throws -> Bool
}

/// Xen through `xl` and the XenStore.
public struct XLDevices: XenDevices {
    private let runner: any ProcessRunner
    private let store: XenStoreClient
    /// How long `xl` may take to change something; a reset and a slow device model are in it.
    static let changeLimit = Duration.seconds(60)
    /// How long a question may take under load.
    static let askLimit = Duration.seconds(30)

    /// The live Xen.
    public init(runner: any ProcessRunner, store: XenStoreClient) {
        self.runner = runner
        self.store = store
    }

    // MARK: Looking

    /// From `/local/domain/0/backend/pci/DOMAIN/0`, which xen-pciback serves (xen/include/public/io/pciif.h; libxl
    /// writes `num_devs` and `dev-N`).
    public func functions(of domain: Int) throws -> [PCIAddress] {
        let back = "/local/domain/0/backend/pci/\(domain)/0"
        guard let count = try store.read(back + "/num_devs").flatMap({ Int($0) }), (1...4096).contains(count) else {
            return []
        }
        var found: [PCIAddress] = []
        for index in 0..<count {
            // A function that was detached leaves its number free.
            guard let text = try store.read(back + "/dev-\(index)"), let address = PCIAddress(text) else { continue }
            // 6 is closed: it is on its way out (xen/include/public/io/xenbus.h).
            if try store.read(back + "/state-\(index)") != "6" { found.append(address) }
        }
        return found
    }

    /// From `/libxl/DOMAIN/device/vusb/CONTROLLER/port/PORT`, which holds the name of dom0's port or nothing, and from the
    /// domain's slots.
    public func usb(of domain: Int) throws -> [HeldUSB] {
        let base = "/libxl/\(domain)/device/vusb"
        var found: [HeldUSB] = []
        for controller in try store.names(base).compactMap({ Int($0) }).sorted() {
            let ports = "\(base)/\(controller)/port"
            for port in try store.names(ports).compactMap({ Int($0) }).sorted() {
                guard let name = try store.read("\(ports)/\(port)"), !name.isEmpty else { continue }
                found.append(HeldUSB(place: .emulated(controller: controller, port: port), hostPort: name))
            }
        }
        for number in try store.names(Slot.directory(domain)).compactMap({ Int($0) }).sorted() {
            if let port = try store.read(Slot(domain: domain, number: number).path(.port)) {
                found.append(HeldUSB(place: .carried(slot: number), hostPort: port))
            }
        }
        return found
    }

    /// QEMU's own list; libxl names a device it hands over `xenusb-BUS-DEVICE` (decimal).
    public func modelled(in domain: Int) async throws -> Set<USBAddress> {
        let command = xl(["qemu-monitor-command", String(domain), "info usb"], Self.askLimit)
        let result = try await runner.require(command, "The domain's device model does not tell what it has.")
        return Self.modelled(result.text)
    }

    static func modelled(_ text: String) -> Set<USBAddress> {
        var found: Set<USBAddress> = []
        for line in text.split(whereSeparator: \.isNewline) {
            guard let id = line.split(separator: " ").last, id.hasPrefix("xenusb-") else { continue }
            let numbers = id.dropFirst("xenusb-".count).split(separator: "-").compactMap { Int($0) }
            if numbers.count == 2 { found.insert(USBAddress(bus: numbers[0], device: numbers[1])) }
        }
        return found
    }

    /// `xl info`, the line `virt_caps`: `hvm_directio` is there when Xen has an IOMMU in use for HVM guests.
    public func hasIOMMU() async throws -> Bool {
        let result = try await runner.require(xl(["info"], Self.askLimit), "Xen does not tell what it can do.")
        return Self.hasIOMMU(result.text)
    }

    static func hasIOMMU(_ info: String) -> Bool {
        info.split(whereSeparator: \.isNewline).contains { line in
            let words = line.split(whereSeparator: { $0 == " " || $0 == ":" || $0 == "\t" })
            return words.first == "virt_caps" && words.contains("hvm_directio")
        }
    }

    // MARK: Changing

    /// Runs `xl pci-assignable-add`.
    public func release(_ function: PCIAddress) async throws {
        try await change(["pci-assignable-add", "\(function)"], "Xen's back end did not take the device.")
    }

    /// Runs `xl pci-assignable-remove -r`.
    public func reclaim(_ function: PCIAddress) async throws {
        try await change(["pci-assignable-remove", "-r", "\(function)"], "Xen's back end did not let the device go.")
    }

    /// Runs `xl pci-attach`.
    public func attach(_ function: PCIAddress, to domain: Int) async throws {
        try await change(["pci-attach", "\(domain)", "\(function)"], "The domain did not get the device.")
    }

    /// Runs `xl pci-detach`.
    public func detach(_ function: PCIAddress, from domain: Int) async throws {
        try await change(["pci-detach", "\(domain)", "\(function)"], "The domain did not give the device back.")
    }

    /// Runs `xl usbdev-attach`.
    public func attach(_ device: USBAddress, to domain: Int) async throws {
        let words = ["usbdev-attach", "\(domain)", "hostbus=\(device.bus)", "hostaddr=\(device.device)"]
        try await change(words, "The domain did not get the device.")
    }

    /// Starts the unit `lapwing-usb@`, which tells when the domain can take the device.
    public func offer(_ port: String, to domain: Int, slot: Int) async throws {
        let unit = Lease(port: port, slot: Slot(domain: domain, number: slot)).unit
        let result = try await runner.run(systemctl(["start", unit]))
        if result.succeeded { return }
        let status = try? await runner.run(systemctl(["show", "--property=StatusText", "--value", unit]))
        // It would be tried again.
        for verb in ["stop", "reset-failed"] { _ = try? await runner.run(systemctl([verb, unit])) }
        let said = status?.text.split(whereSeparator: \.isNewline).first ?? ""
        throw LapwingError(
            "xen.usb-offer", exit: .unavailable, "The device could not be offered to the domain.", subject: port,
            cause: SafeText.printable(String(said.isEmpty ? "systemd did not start it" : said)),
            hint: "\"journalctl --unit=\(unit)\" says more.")
    }

    /// Runs `xl usbdev-detach`, or ends the unit that carries the device, which gives it back to dom0's driver.
    public func detach(_ device: HeldUSB, from domain: Int) async throws {
        switch device.place {
        case .emulated(let controller, let port):
            let words = ["usbdev-detach", "\(domain)", "\(controller)", "\(port)"]
            try await change(words, "The domain did not give the device back.")
        case .carried: try await forget(device, in: domain)
        }
    }

    /// Writes the port as free; of a device that is carried, the unit ends and the slot goes.
    public func forget(_ device: HeldUSB, in domain: Int) async throws {
        switch device.place {
        case .emulated(let controller, let port):
            try store.write("/libxl/\(domain)/device/vusb/\(controller)/port/\(port)", "")
        case .carried(let number):
            let slot = Slot(domain: domain, number: number)
            // What somebody else wrote there is no unit's name.
            if let lease = Lease("\(device.hostPort):\(domain):\(number)") {
                try await runner.require(
                    systemctl(["stop", lease.unit]), "What carries the device's transfers did not end.")
                // One that was killed stays on the list of what failed; most were not.
                _ = try? await runner.run(systemctl(["reset-failed", lease.unit]))
            }
            try store.remove(slot.path)
        }
    }

    /// Runs QEMU's `device_del`.
    public func drop(_ device: USBAddress, from domain: Int) async throws {
        let line = "device_del xenusb-\(device.bus)-\(device.device)"
        try await change(["qemu-monitor-command", "\(domain)", line], "The device model did not let the device go.")
    }

    /// Writes `/local/domain/DOMAIN/lapwing/NAME`. What libxl lets the domain read above it can be read there too.
    public func tell(_ domain: Int, _ name: String, _ value: String) throws -> Bool {
        let path = "/local/domain/\(domain)/lapwing/\(name)"
        if try store.read(path) == value { return false }
        try store.write(path, value)
        return true
    }

    private func systemctl(_ arguments: [String]) -> Command {
        Command("systemctl", arguments, environment: ["LC_ALL": "C"], timeLimit: Self.changeLimit)
    }

    private func xl(_ arguments: [String], _ limit: Duration) -> Command {
        Command("xl", arguments, environment: ["LC_ALL": "C"], timeLimit: limit)
    }

    private func change(_ arguments: [String], _ message: String) async throws {
        try await runner.require(xl(arguments, Self.changeLimit), message)
    }
}
