// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What a kernel says of batteries, mains and the lid, and how often its ACPI was interrupted.
extension Sight {
    /// The files of a power supply that are told, in this order (kernel, Documentation/ABI/testing/sysfs-class-power).
    static let supplyFields = [
        "type", "online", "status", "present", "capacity", "energy_now", "energy_full", "energy_full_design",
        "charge_now", "charge_full", "charge_full_design", "power_now", "current_now", "voltage_now", "cycle_count",
        "technology", "manufacturer", "model_name", "serial_number",
    ]

    /// Name, then `field=value` for each of `supplyFields`. What the kernel does not know is a dash, as is what the supply
    /// does not have.
    var supplies: [String] {
        names("class/power_supply").map { name in
            let fields = Self.supplyFields.map { "\($0)=\(value("class/power_supply/\(name)/\($0)"))" }
            return ([name] + fields).joined(separator: " ")
        }
    }

    /// Name of each input device with a lid's switch, and `closed`, `open`, or a dash when it could not be asked.
    var lids: [String] {
        names("class/input").filter { $0.hasPrefix("event") && hasLid("class/input/\($0)") }.map { name in
            let file = open("\(devices)/\(name)", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            guard file >= 0 else { return "\(name) -" }
            defer { close(file) }
            let state = lapwing_guest_lid(file)
            return "\(name) \(state < 0 ? "-" : state == 0 ? "open" : "closed")"
        }
    }

    /// SW_LID is number 0 (kernel, include/uapi/linux/input-event-codes.h); the file has the lowest word last.
    private func hasLid(_ path: String) -> Bool {
        let words = Files.text("\(root)/\(path)/device/capabilities/sw").split { $0 == " " || $0 == "\n" }
        guard let lowest = words.last.flatMap({ UInt64($0, radix: 16) }) else { return false }
        return lowest & 1 == 1
    }

    /// `irqN COUNT` for each interrupt of ACPI, over all CPUs, then `sci COUNT` and each general purpose event that ever
    /// came (kernel, Documentation/ABI/testing/sysfs-firmware-acpi).
    var interrupts: [String] {
        var lines: [String] = []
        for line in Files.text("\(processes)/interrupts").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let number = words.first, number.hasSuffix(":"), words.last == "acpi" else { continue }
            let counts = words.dropFirst().prefix { UInt64($0) != nil }.compactMap { UInt64($0) }
            lines.append("irq\(number.dropLast()) \(counts.reduce(0, &+))")
        }
        for name in names("firmware/acpi/interrupts") where name == "sci" || name.hasPrefix("gpe") {
            let text = Files.text("\(root)/firmware/acpi/interrupts/\(name)")
            guard let count = text.split(whereSeparator: \.isWhitespace).first.flatMap({ UInt64($0) }) else { continue }
            if count > 0 || name == "sci" { lines.append("\(name) \(count)") }
        }
        return lines
    }
}
