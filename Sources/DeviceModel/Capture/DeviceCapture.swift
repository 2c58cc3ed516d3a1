// SPDX-License-Identifier: Apache-2.0

import DeviceFacts

/// Copies the files that the readers of this module look at into an archive, so that another machine can be looked at
/// as if one sat before it. What names a single piece of hardware (serial numbers, hardware addresses) is left out or
/// blanked unless asked for.
public struct DeviceCapture: Sendable {
    private enum Entry {
        case file([UInt8])
        case link(String)
    }

    private let tree: SystemTree
    private let serials: Bool
    private var entries: [String: Entry] = [:]

    /// The archive (tar) of a tree.
    public static func archive(_ tree: SystemTree, serials: Bool = false) -> [UInt8] {
        var capture = DeviceCapture(tree, serials)
        capture.pci()
        capture.usb()
        capture.displays()
        capture.radios()
        return capture.write()
    }

    private init(_ tree: SystemTree, _ serials: Bool) {
        self.tree = tree
        self.serials = serials
    }

    // MARK: Pieces

    private mutating func pci() {
        for name in tree.names("sys/bus/pci/devices") where PCIAddress(name) != nil {
            guard let place = bus("sys/bus/pci/devices/" + name) else { continue }
            if let config = tree.bytes(place + "/config") {
                entries[place + "/config"] = .file(serials ? config : DeviceCapture.withoutSerial(config: config))
            }
            files(
                place,
                ["class", "subsystem_vendor", "subsystem_device", "numa_node", "resource", "boot_vga", "reset_method"])
            links(place, ["driver", "physfn", "iommu_group"])
        }
    }

    private mutating func usb() {
        for name in tree.names("sys/bus/usb/devices") {
            guard let place = bus("sys/bus/usb/devices/" + name) else { continue }
            if name.contains(":") {
                links(place, ["driver"])
            } else {
                var wanted = [
                    "descriptors", "devnum", "busnum", "speed", "authorized", "removable", "maxchild", "manufacturer",
                    "product", "bConfigurationValue", "idVendor", "idProduct", "bcdDevice",
                ]
                // A root hub's serial number is its controller's address.
                if serials { wanted.append("serial") }
                files(place, wanted, limit: 1 << 16)
                links(place, ["driver"])
            }
        }
    }

    private mutating func displays() {
        for name in tree.names("sys/class/drm") where name.hasPrefix("card") || name.hasPrefix("renderD") {
            guard let place = bus("sys/class/drm/" + name) else { continue }
            links(place, ["device"])
            links(place + "/device", ["driver"])
            guard name.contains("-") else { continue }
            files(place, ["status", "enabled", "modes"], limit: 1 << 14)
            if let edid = tree.bytes(place + "/edid", limit: EDID.limit), !edid.isEmpty {
                entries[place + "/edid"] = .file(serials ? edid : DeviceCapture.withoutSerial(edid: edid))
            }
        }
        _ = bus("sys/class/graphics/fb0")
        files("sys/class/vtconsole/vtcon1", ["bind"])
    }

    private mutating func radios() {
        for name in tree.names("sys/class/ieee80211") {
            guard let place = bus("sys/class/ieee80211/" + name) else { continue }
            links(place, ["device"])
            links(place + "/device", ["driver"])
            if serials { files(place, ["macaddress"]) }
            for part in tree.names(place) where part.hasPrefix("rfkill") {
                files(place + "/" + part, ["soft", "hard"])
            }
            guard let parts = tree.devicePath("sys/class/ieee80211/" + name) else { continue }
            // `…/DEVICE/ieee80211/phy0`: its network interfaces are in `…/DEVICE/net`.
            let device = "sys/devices/" + parts.dropLast(2).joined(separator: "/")
            for interface in tree.names(device + "/net") { files(device + "/net/" + interface, ["type", "operstate"]) }
        }
    }

    // MARK: Blanking

    /// Config space with the Device Serial Number capability's number zero.
    static func withoutSerial(config: [UInt8]) -> [UInt8] {
        var config = config
        for capability in ConfigSpace(config)?.capabilities ?? [] where capability.extended && capability.id == 3 {
            let start = Int(capability.offset) + 4
            for index in start..<min(start + 8, config.count) { config[index] = 0 }
        }
        return config
    }

    /// EDID with number, serial text and week zero or blank, its checksum right again. Extension blocks may hold more of
    /// the kind (DisplayID has a serial number of its own), so they are left out.
    static func withoutSerial(edid: [UInt8]) -> [UInt8] {
        guard edid.count >= 128 else { return [] }
        var block = Array(edid[..<128])
        for index in 12...16 { block[index] = 0 }
        for start in stride(from: 54, through: 108, by: 18)
        where block[start] == 0 && block[start + 1] == 0 && block[start + 3] == 0xFF {
            for index in (start + 5)..<(start + 18) { block[index] = 0x20 }
            block[start + 5] = 0x0A
        }
        block[126] = 0
        block[127] = 0 &- block[..<127].reduce(UInt8(0)) { $0 &+ $1 }
        return block
    }

    // MARK: Collecting

    /// Takes a link of a bus or class, and gives the place it leads to.
    private mutating func bus(_ link: String) -> String? {
        guard let target = tree.link(link), let parts = tree.devicePath(link) else { return nil }
        entries[link] = .link(target)
        return "sys/devices/" + parts.joined(separator: "/")
    }

    private mutating func files(_ place: String, _ names: [String], limit: Int = 4096) {
        for name in names {
            if let bytes = tree.bytes(place + "/" + name, limit: limit) { entries[place + "/" + name] = .file(bytes) }
        }
    }

    private mutating func links(_ place: String, _ names: [String]) {
        for name in names {
            // Behind a link the entry would stand where the link already does.
            if let target = tree.link(place + "/" + name), !place.hasSuffix("/device") || entries[place] == nil {
                entries[place + "/" + name] = .link(target)
            }
        }
    }

    private func write() -> [UInt8] {
        var writer = TarWriter()
        var made: Set<String> = []
        for path in entries.keys.sorted() {
            let parts = path.split(separator: "/")
            for count in 1..<max(1, parts.count) {
                let directory = parts[..<count].joined(separator: "/")
                if made.insert(directory).inserted { writer.directory(directory) }
            }
            switch entries[path] {
            case .file(let bytes): writer.file(path, bytes)
            case .link(let target): writer.link(path, to: target)
            case nil: break
            }
        }
        writer.finish()
        return writer.bytes
    }
}
