// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Reads the USB devices of a machine from sysfs, which serves live and captured alike. What a device is comes out of
/// its raw descriptors; the kernel adds where it hangs, how fast, and which drivers hold it.
public struct USBReader: Sendable {
    /// Where the files are.
    public let tree: SystemTree
    private static let devices = "sys/bus/usb/devices/"

    /// A reader of a tree.
    public init(_ tree: SystemTree) {
        self.tree = tree
    }

    /// The devices by address, root hubs included. A device that vanishes while it is read is left out.
    public func devices() -> [USBDevice] {
        let names = tree.names(Self.devices)
        var drivers: [String: [String]] = [:]
        for name in names {
            // `1-1.4:1.0`: an interface of the device before the colon.
            if let colon = name.firstIndex(of: ":") { drivers[String(name[..<colon]), default: []].append(name) }
        }
        var generations: [Int: Int] = [:]
        for name in names where name.hasPrefix("usb") {
            if let bus = Int(name.dropFirst(3)) { generations[bus] = generation(name) }
        }
        return names.compactMap { name in
            guard let place = USBReader.place(name) else { return nil }
            return device(
                name, place: place, generation: generations[place.bus] ?? 0, interfaces: drivers[name] ?? [])
        }.sorted { $0.address < $1.address }
    }

    /// `1-1.4` is bus 1, ports 1 and 4; `usb1` is the root hub of bus 1. Nil for anything else, interfaces too. No
    /// device is more than seven deep, hubs included (USB 2.0, 4.1.1), and no hub has more than 255 ports.
    static func place(_ name: String) -> (bus: Int, ports: [UInt8])? {
        if name.hasPrefix("usb") { return Int(name.dropFirst(3)).flatMap { $0 > 0 ? ($0, []) : nil } }
        let halves = name.split(separator: "-", omittingEmptySubsequences: false)
        guard halves.count == 2, let bus = Int(halves[0]), bus > 0 else { return nil }
        let parts = halves[1].split(separator: ".", omittingEmptySubsequences: false)
        let ports = parts.compactMap { UInt8($0) }
        guard !ports.isEmpty, ports.count == parts.count, ports.count <= 6, !ports.contains(0) else { return nil }
        return (bus, ports)
    }

    /// The first digit of the USB version of a root hub: it tells apart the two root hubs of one xHCI controller.
    private func generation(_ name: String) -> Int {
        tree.bytes("\(Self.devices)\(name)/descriptors", limit: 18).flatMap { $0.count == 18 ? Int($0[3]) : nil } ?? 0
    }

    private func device(
        _ name: String, place: (bus: Int, ports: [UInt8]), generation: Int, interfaces: [String]
    ) -> USBDevice? {
        let base = Self.devices + name + "/"
        guard let bytes = tree.bytes(base + "descriptors", limit: 1 << 16),
            let number = tree.number(base + "devnum"), number > 0
        else { return nil }
        let descriptors = USBDescriptors(bytes)
        func hex(_ file: String) -> Hex16 {
            Hex16(tree.hexadecimal(base + file).flatMap { UInt16(exactly: $0) } ?? 0)
        }
        let identity = USBIdentity(
            vendor: descriptors?.vendor ?? hex("idVendor"), product: descriptors?.product ?? hex("idProduct"),
            serial: text(base + "serial"))
        let (controller, function) = controller(name)
        let active = tree.number(base + "bConfigurationValue").flatMap { UInt8(exactly: $0) }
        return USBDevice(
            id: DeviceID(controller: controller, generation: generation, ports: place.ports, identity: identity),
            port: name, ports: place.ports, address: USBAddress(bus: place.bus, device: number), controller: function,
            identity: identity, release: descriptors?.release ?? hex("bcdDevice"),
            usbVersion: descriptors?.usbVersion ?? 0, classCode: descriptors?.classCode ?? USBClass(base: 0xFF),
            manufacturer: text(base + "manufacturer"), product: text(base + "product"),
            speed: tree.line(base + "speed").flatMap { USBSpeed(rawValue: $0) } ?? .unknown,
            configurations: descriptors?.configurations ?? [], activeConfiguration: active,
            interfaces: held(descriptors?.interfaces ?? [], active, name, interfaces),
            descriptorsDamaged: descriptors?.damaged ?? true,
            authorized: tree.line(base + "authorized") != "0",
            attachment: tree.line(base + "removable").flatMap { USBDevice.Attachment(rawValue: $0) } ?? .unknown,
            downstreamPorts: tree.number(base + "maxchild").map { max(0, min(255, $0)) } ?? 0)
    }

    /// The interfaces with the drivers that hold those of the active configuration.
    private func held(
        _ interfaces: [USBInterface], _ active: UInt8?, _ name: String, _ files: [String]
    ) -> [USBInterface] {
        guard let active, !files.isEmpty else { return interfaces }
        var drivers: [UInt8: String] = [:]
        for file in files {
            let place = file.dropFirst(name.utf8.count + 1).split(separator: ".")
            guard place.count == 2, UInt8(place[0]) == active, let number = UInt8(place[1]) else { continue }
            if let driver = tree.linkName("\(Self.devices)\(file)/driver") { drivers[number] = driver }
        }
        return interfaces.map { interface in
            var interface = interface
            if interface.configuration == active { interface.driver = drivers[interface.number] }
            return interface
        }
    }

    /// The controller from the device's place in the tree of devices: everything before the root hub.
    private func controller(_ name: String) -> (USBController, PCIAddress?) {
        guard let parts = tree.devicePath(Self.devices + name),
            let hub = parts.firstIndex(where: { $0.hasPrefix("usb") && Int($0.dropFirst(3)) != nil }), hub > 0
        else {
            return (.platform("unknown"), nil)
        }
        if let way = PCIReader.way(parts: parts[..<hub]), let address = way.functions.last,
            parts[hub - 1] == address.description
        {
            return (
                .pci(domain: way.domain, rootBus: way.rootBus, slots: way.functions.map(\.slot)), address
            )
        }
        return (.platform(parts[hub - 1].lowercased()), nil)
    }

    private func text(_ path: String) -> String? {
        tree.bytes(path, limit: 1024).flatMap { DeviceText.clean(bytes: $0) }
    }
}
