// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import SystemPackage

/// The power attributes of dom0's devices, below a root.
struct SysfsControls: Sendable {
    private let paths: DevicePaths
    /// The most devices of a kind that are looked at, and the most bytes of an attribute.
    static let deviceLimit = 4096
    static let valueLimit = 4096

    init(_ paths: DevicePaths) {
        self.paths = paths
    }

    private func base(_ control: PowerControl) -> FilePath {
        switch control {
        case .pci: paths.at("/sys/bus/pci/devices")
        case .usb: paths.at("/sys/bus/usb/devices")
        case .sata: paths.at("/sys/class/scsi_host")
        default: paths.at("/sys/class/backlight")
        }
    }

    private static func attribute(_ control: PowerControl) -> String {
        switch control {
        case .pci, .usb: "power/control"
        case .sata: "link_power_management_policy"
        default: "brightness"
        }
    }

    private static func none(_ control: PowerControl) -> String {
        switch control {
        case .pci: "no PCI functions of dom0 tell of runtime power management"
        case .usb: "no USB devices of dom0 tell of runtime power management"
        case .sata: "no SATA ports with link power management"
        default: "no built-in screen whose brightness can be set"
        }
    }

    /// Reads a control. A device that goes meanwhile is not there.
    func read(_ control: PowerControl) throws -> ControlReading {
        let base = base(control)
        guard Files.isDirectory(base) else { return .unavailable(Self.none(control)) }
        let names = try Files.names(in: base)
        var parts: [String: ControlReading.Part] = [:]
        for name in names.sorted().prefix(Self.deviceLimit) where isMine(control, name, base) {
            guard let value = value(base.appending(name).pushing(FilePath(Self.attribute(control)))) else { continue }
            var part = ControlReading.Part(value)
            if control == .backlight {
                guard let now = Digits.number(value),
                    let highest = self.value(base.appending(name).appending("max_brightness")).flatMap({
                        Digits.number($0)
                    }), now <= highest
                else { continue }
                (part.lowest, part.highest) = (0, highest)
            }
            parts[name] = part
        }
        return .parts(parts, orNone: Self.none(control))
    }

    /// Whether a profile may set a device: not one that a guest has, no interfaces, and nothing a person types or
    /// points with, for a sleeping one loses the first key.
    private func isMine(_ control: PowerControl, _ name: String, _ base: FilePath) -> Bool {
        if name.isEmpty || name.contains("/") || name.hasPrefix(".") { return false }
        switch control {
        case .pci: return !Files.exists(paths.at("/sys/bus/pci/drivers/pciback/" + name))
        case .usb:
            if name.contains(":") || value(base.appending(name).appending("bDeviceClass")) == "09" { return false }
            let inside = (try? Files.names(in: base.appending(name))) ?? []
            return !inside.contains { entry in
                entry.contains(":")
                    && value(base.appending(name).appending(entry).appending("bInterfaceClass")) == "03"
            }
        default: return true
        }
    }

    /// An attribute's text without the line's end; nil when it cannot be read or is not plain.
    private func value(_ path: FilePath) -> String? {
        guard let bytes = try? Files.read(path, limit: Self.valueLimit) else { return nil }
        let text = ToolText.trimmed(Substring(String(decoding: bytes, as: UTF8.self).prefix { !$0.isNewline }))
        guard !text.isEmpty, text.utf8.count <= 64, text.utf8.allSatisfy({ (33...126).contains($0) }) else {
            return nil
        }
        return text
    }

    /// Writes values. All are tried; what the kernel does not take is told at the end.
    func write(_ control: PowerControl, _ values: [String: String]) throws {
        var failure: LapwingError?
        for (name, value) in values.sorted(by: { Words.inOrder($0.key, $1.key) }) {
            let path = base(control).appending(name).pushing(FilePath(Self.attribute(control)))
            do {
                let file = try FileDescriptor.open(path, .writeOnly, options: [.truncate, .closeOnExec])
                _ = try file.closeAfter { try file.writeAll(Array(value.utf8)) }
            } catch let errno as Errno {
                let refused = errno == .notSupportedOnSocket || errno == .notSupported
                failure =
                    failure
                    ?? LapwingError(
                        refused ? "power.refused" : "power.failed", "The kernel did not take \(value).",
                        subject: path.string, cause: errno.description)
            }
        }
        if let failure { throw failure }
    }
}
