// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import LapwingCore

/// Writes definitions as `DefinitionReader` reads them.
public enum DefinitionWriter {
    /// One domain as a file, keys in a fixed order, defaults left out.
    public static func text(_ name: String, _ settings: DomainSettings) -> String {
        var lines = ["domains:", "  \(name):"]
        func key(_ name: String, _ value: String?) { if let value { lines.append("    \(name): \(value)") } }
        key("description", settings.description.map(quoted))
        key("type", settings.type.rawValue)
        key("memory", size(settings.memory))
        key("vcpus", String(settings.vcpus))
        if !settings.cpus.isEmpty { key("cpus", "[\(settings.cpus.map(String.init).joined(separator: ", "))]") }
        key("kernel", settings.kernel.map(quoted))
        key("ramdisk", settings.ramdisk.map(quoted))
        key("cmdline", settings.cmdline.map(quoted))
        if !settings.boot.isEmpty { key("boot", "[\(settings.boot.map(\.rawValue).joined(separator: ", "))]") }
        if settings.display != .none { key("display", settings.display.rawValue) }
        if settings.autostart { key("autostart", "true") }
        if settings.startOrder != DomainSettings.usualOrder { key("startOrder", String(settings.startOrder)) }
        if settings.onCrash != .restart { key("onCrash", settings.onCrash.rawValue) }
        if settings.battery != .none { key("battery", settings.battery.rawValue) }
        if !settings.disks.isEmpty { lines.append("    disks:") }
        for disk in settings.disks {
            lines.append("      - name: \(disk.name)")
            func key(_ name: String, _ value: String?) { if let value { lines.append("        \(name): \(value)") } }
            key("size", disk.size.map(size))
            key("file", disk.file.map(quoted))
            key("device", disk.device.map(quoted))
            key("cdrom", disk.cdrom.map(quoted))
            if disk.readOnly { key("readOnly", "true") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A size without loss: the largest unit that divides it.
    public static func size(_ size: ByteSize) -> String {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
        where size.bytes != 0 && size.bytes.trailingZeroBitCount >= shift {
            return "\(size.bytes >> UInt64(shift)) \(unit)"
        }
        return "\(size.bytes) B"
    }

    private static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
}
