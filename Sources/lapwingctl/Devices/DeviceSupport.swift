// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DeviceModel
import LapwingCore
import SystemPackage

extension DeviceOptions {
    /// The tree of the kernel's files.
    func tree() throws -> SystemTree { try SystemTree(root: FilePath(root)) }

    /// A reader of the machine; names cost a read of the list of PCI ids.
    func inventory(names: Bool = true) throws -> InventoryReader {
        InventoryReader(try tree(), names: names ? PCINameList() : nil)
    }
}

/// One thing shown in full: rows for people, the value itself for programs.
struct Details<Value: Encodable> {
    private struct Document: Encodable {
        var schemaVersion = 1
        var value: Value
        var name: String

        struct Key: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init(_ text: String) { stringValue = text }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(schemaVersion, forKey: Key("schemaVersion"))
            try container.encode(value, forKey: Key(name))
        }
    }

    var name: String
    var value: Value
    var rows: [(String, String?)]

    /// The text for standard output. Rows without a value are left out.
    func render(json: Bool) throws -> String {
        if json { return try JSONText.string(Document(value: value, name: name)) }
        let shown = rows.compactMap { row in row.1.map { (row.0, $0) } }
        let width = shown.map(\.0.count).max() ?? 0
        return shown.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + SafeText.printable(value) + "\n"
        }.joined()
    }
}

/// What people read of a device.
enum DeviceWords {
    static func name(_ function: PCIFunction) -> String {
        guard let vendor = function.names.vendor else {
            return "\(function.identity.vendor):\(function.identity.device)"
        }
        return vendor + " " + (function.names.device ?? function.identity.device.description)
    }

    static func kind(_ function: PCIFunction) -> String {
        function.names.classCode ?? "class \(function.classCode)"
    }

    static func name(_ device: USBDevice) -> String {
        let parts = [device.manufacturer, device.product].compactMap { $0 }
        return parts.isEmpty ? "\(device.identity.vendor):\(device.identity.product)" : parts.joined(separator: " ")
    }

    /// The kinds of a device by all its interfaces; one whose descriptors are damaged may be more than it says.
    static func kind(_ device: USBDevice) -> String {
        var names: [String] = []
        for name in device.classes.map(\.name) where !names.contains(name) { names.append(name) }
        if device.descriptorsDamaged { names.append("damaged descriptors") }
        return names.isEmpty ? "unknown" : names.joined(separator: ", ")
    }

    static func speed(_ speed: USBSpeed) -> String { speed == .unknown ? "unknown" : speed.rawValue + " Mbit/s" }

    static func driver(_ device: Device) -> String { device.driver ?? "none" }

    static func yes(_ value: Bool) -> String { value ? "yes" : "no" }

    static func list(_ items: [String], none: String = "none") -> String {
        items.isEmpty ? none : items.joined(separator: ", ")
    }
}
