// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What a guest sees of its devices, from sysfs (kernel, Documentation/ABI/testing): a line for each, fields with one
/// blank between them and `-` for what is not there.
struct Sight {
    /// Where sysfs is mounted.
    var root = "/sys"
    /// Where proc is mounted.
    var processes = "/proc"
    /// Where input devices have their nodes.
    var devices = "/dev/input"

    /// BDF, vendor:device, class, driver.
    var pci: [String] {
        names("bus/pci/devices").map { name in
            let base = "bus/pci/devices/\(name)"
            let id = hex(value("\(base)/vendor")) + ":" + hex(value("\(base)/device"))
            return "\(name) \(id) \(hex(value("\(base)/class"))) \(link("\(base)/driver"))"
        }
    }

    /// Port path, vendor:product, serial, controller's BDF, driver of the first interface. Root hubs are left out.
    var usb: [String] {
        names("bus/usb/devices").filter { $0.first?.isNumber == true && !$0.contains(":") }.map { name in
            let base = "bus/usb/devices/\(name)"
            let id = value("\(base)/idVendor") + ":" + value("\(base)/idProduct")
            let driver = names(base).first { $0.hasPrefix(name + ":") }.map { link("\(base)/\($0)/driver") } ?? "-"
            return "\(name) \(id) \(value("\(base)/serial")) \(place(base).function) \(driver)"
        }
    }

    /// Name, sectors of 512 bytes, serial, controller's BDF, USB port path.
    var disks: [String] {
        names("block").filter { !$0.hasPrefix("loop") && !$0.hasPrefix("ram") }.map { name in
            let place = place("block/\(name)")
            // An NVMe disk has its serial on the controller, a stick on the USB device above it.
            var serial = value("block/\(name)/device/serial")
            if serial == "-", place.port != "-" { serial = value("bus/usb/devices/\(place.port)/serial") }
            return "\(name) \(value("block/\(name)/size")) \(serial) \(place.function) \(place.port)"
        }
    }

    /// Name, driver, BDF, carrier (1, 0 or - while it is down), hardware address.
    var networks: [String] {
        names("class/net").filter { $0 != "lo" }.map { name in
            let base = "class/net/\(name)"
            return "\(name) \(link("\(base)/device/driver")) \(place(base).function) "
                + "\(value("\(base)/carrier")) \(value("\(base)/address"))"
        }
    }

    /// Card, driver, BDF, connectors with their states.
    var displays: [String] {
        let all = names("class/drm")
        return all.filter { $0.hasPrefix("card") && !$0.contains("-") }.map { card in
            let connectors = all.filter { $0.hasPrefix(card + "-") }.map {
                "\($0.dropFirst(card.utf8.count + 1)):\(value("class/drm/\($0)/status"))"
            }
            let base = "class/drm/\(card)"
            return "\(card) \(link("\(base)/device/driver")) \(place(base).function) "
                + (connectors.isEmpty ? "-" : connectors.joined(separator: ","))
        }
    }

    // MARK: sysfs

    /// The first line of a file as one printable word.
    func value(_ path: String) -> String {
        let text = Files.text("\(root)/\(path)")
        var line = (text.split(separator: "\n", omittingEmptySubsequences: false).first ?? "").utf8[...]
        // NVMe pads its strings.
        while line.last == 32 { line.removeLast() }
        let word = line.prefix(64).map { byte -> Character in
            byte > 32 && byte < 127 ? Character(UnicodeScalar(byte)) : byte == 32 ? "_" : "?"
        }
        return word.isEmpty ? "-" : String(word)
    }

    private func hex(_ value: String) -> String { value.hasPrefix("0x") ? String(value.dropFirst(2)) : value }

    /// The last name of a link's target.
    private func link(_ path: String) -> String {
        let target = Files.real("\(root)/\(path)")
        return target.split(separator: "/").last.map(String.init) ?? "-"
    }

    func names(_ path: String) -> [String] { Files.names("\(root)/\(path)") }

    /// The nearest PCI function and USB device above something.
    private func place(_ path: String) -> (function: String, port: String) {
        let parts = Files.real("\(root)/\(path)").split(separator: "/").map(String.init)
        return (parts.last(where: Self.isFunction) ?? "-", parts.last(where: Self.isPort) ?? "-")
    }

    /// `0000:00:05.0`.
    static func isFunction(_ name: String) -> Bool {
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0].utf8.count == 4 && parts[1].utf8.count == 2 && parts[2].utf8.count == 4
            && parts[2].contains(".")
    }

    /// `2-1` or `2-1.4`.
    static func isPort(_ name: String) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[1].isEmpty && Int(parts[0]) != nil
            && parts[1].utf8.allSatisfy { (48...57).contains($0) || $0 == 46 }
    }
}

/// Readers of files without errors: what is not there is empty.
enum Files {
    /// A file's text, 64 KiB at most.
    static func text(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count < 1 << 16 {
            let got = read(file, &chunk, chunk.count)
            if got <= 0 { break }
            bytes += chunk[..<got]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A path without links, empty when there is nothing.
    static func real(_ path: String) -> String {
        guard let found = realpath(path, nil) else { return "" }
        defer { free(found) }
        return String(cString: found)
    }

    /// The sorted names in a directory.
    static func names(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }
}
