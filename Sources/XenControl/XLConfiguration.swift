// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import DomainDefinitions
import LapwingCore
public import SystemPackage

/// A domain's configuration as libxl reads it (xl.cfg(5), xl-disk-configuration(5)). Text is only written after a look
/// at every byte: what a quote or a comma could break out of is an error even if a check before should have seen it.
public struct XLConfiguration {
    /// The domain's name.
    public var name: String
    /// Its UUID.
    public var uuid: String
    /// What it is.
    public var settings: DomainSettings
    /// Where images made for it stand.
    public var disks: FilePath
    /// Where its screen's socket is made.
    public var run: FilePath
    /// True when PCI functions may be attached to it later: Xen then makes it tables for the IOMMU, which cannot be done
    /// afterwards (xl.cfg(5), `passthrough`). Without an IOMMU Xen would refuse the domain.
    public var takesFunctions = false
    /// True when the guest's own ACPI tables can be added to those of Xen.
    public var hasPowerTables = true

    /// The tables of a virtual battery, with mains, lid and buttons; made from Firmware/ACPI/battery.asl.
    public static let powerTables = "/usr/share/lapwing/acpi/battery.aml"
    /// True when an ACPI of its own tells the guest of the battery; other domains have the XenStore.
    var hasVirtualACPI: Bool { settings.type == .hvm && settings.battery == .virtual && hasPowerTables }

    /// Describes a configuration.
    public init(name: String, uuid: String, settings: DomainSettings, disks: FilePath, run: FilePath) {
        self.name = name
        self.uuid = uuid
        self.settings = settings
        self.disks = disks
        self.run = run
    }

    /// The image of one of its disks, when it is one of ours.
    public func image(_ disk: DomainSettings.Disk) -> FilePath { disks.appending(name).appending(disk.name + ".img") }

    /// The socket of its screen.
    public var screen: FilePath { run.appending(name + ".vnc") }

    /// How many USB devices can be attached to an HVM domain at once.
    static let usbPorts = 8

    /// The file's text; `xen.bad-text` when a value cannot be written safely.
    public func text() throws -> String {
        if let mistake = DefinitionCheck.mistakes(name, settings).first {
            throw LapwingError("domain.bad-value", exit: .badInput, mistake.message, subject: name, hint: mistake.hint)
        }
        var lines: [String] = []
        func set(_ key: String, _ value: String) throws { lines.append("\(key) = \(try Self.quoted(value))") }
        func set(_ key: String, _ value: Int) { lines.append("\(key) = \(value)") }
        try set("name", name)
        try set("uuid", uuid)
        try set("type", settings.type.rawValue)
        let mebibytes = Int(clamping: settings.memory.bytes >> 20)
        set("memory", mebibytes)
        set("maxmem", mebibytes)
        set("vcpus", settings.vcpus)
        if !settings.cpus.isEmpty { try set("cpus", settings.cpus.map(String.init).joined(separator: ",")) }
        if let kernel = settings.kernel { try set("kernel", kernel) }
        if let ramdisk = settings.ramdisk { try set("ramdisk", ramdisk) }
        if let cmdline = settings.cmdline { try set("cmdline", cmdline) }
        if takesFunctions, settings.type != .pvh { try set("passthrough", "enabled") }
        // The daemon decides what follows an end; xl has no watcher (`-e`).
        try set("on_poweroff", "destroy")
        try set("on_reboot", "destroy")
        try set("on_crash", "preserve")
        if settings.type == .hvm {
            let boot = settings.boot.isEmpty ? [.cdrom, .disk] : settings.boot
            if hasVirtualACPI { try set("acpi_firmware", Self.powerTables) }
            try set("boot", boot.map { $0 == .disk ? "c" : "d" }.joined())
            try set("serial", "pty")
            // Ports for USB devices that are attached while it runs.
            lines.append("usbctrl = [\(try Self.quoted("type=devicemodel,version=3,ports=\(Self.usbPorts)"))]")
            try set("vga", "stdvga")
            set("sdl", 0)
            switch settings.display {
            case .none: set("vnc", 0)
            case .vnc:
                set("vnc", 1)
                try set("vnclisten", "unix:" + screen.string)
                set("vncunused", 0)
            }
            // A tablet follows the pointer of the screen's viewer.
            set("usb", settings.display == .vnc ? 1 : 0)
            if settings.display == .vnc { try set("usbdevice", "tablet") }
        }
        if !settings.disks.isEmpty {
            let devices = try devices()
            let list = try zip(settings.disks, devices).map { try "  " + Self.quoted(disk($0, device: $1)) }
            lines.append("disk = [\n" + list.joined(separator: ",\n") + ",\n]")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the guest calls each disk. The first four of an HVM guest are IDE's, which QEMU cannot make read-only; the
    /// others, and those that are read-only, are there for Xen's own driver alone.
    private func devices() throws -> [String] {
        let letters = "abcdefghijklmnopqrstuvwxyz".map(String.init)
        guard settings.type == .hvm else { return settings.disks.indices.map { "xvd" + letters[$0] } }
        var ide = letters[..<4]
        var others = letters[4...]
        return settings.disks.map { disk in
            if disk.cdrom != nil || !disk.readOnly, let letter = ide.popFirst() { return "hd" + letter }
            return "xvd" + (others.popFirst() ?? "z")
        }
    }

    /// One disk. `target` comes last: it takes the rest of the line as it is.
    private func disk(_ disk: DomainSettings.Disk, device: String) throws -> String {
        if let path = disk.cdrom {
            return "vdev=\(device),format=raw,access=ro,devtype=cdrom,target=\(try Self.path(path))"
        }
        let target = try Self.path(disk.file ?? disk.device ?? image(disk).string)
        // A name ending in .qcow2 says the format; nothing looks into an image a guest has written.
        let format = target.hasSuffix(".qcow2") && disk.file != nil ? "qcow2" : "raw"
        return "vdev=\(device),format=\(format),access=\(disk.readOnly ? "ro" : "rw"),target=\(target)"
    }

    private static func path(_ path: String) throws -> String {
        guard DomainDefinition.isPath(path) else { throw bad(path) }
        return path
    }

    static func quoted(_ text: String) throws -> String {
        guard DomainDefinition.isCommandLine(text) else { throw bad(text) }
        return "\"\(text)\""
    }

    private static func bad(_ text: String) -> LapwingError {
        LapwingError(
            "xen.bad-text", exit: .badInput, "A value cannot be written into Xen's configuration.",
            subject: SafeText.printable(text))
    }
}
