// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// An update that does not start: the boot loader gives up on it and takes the other slot.
enum FallbackScenarios {
    static let group = ScenarioGroup(
        "boot.fallback", "a raw image whose newer slot does not start, with the system in the other one", kind: .disk,
        attachment: .nvme, damage: .failingUpdate, start: .attended(fail), bootLimit: .seconds(1500),
        scenarios: [BootScenarios.units, BootScenarios.root, slot, BootScenarios.entry, counters])

    private static let notice = "starting again in 60 seconds"

    /// Each of the three tries must fail and say so. The machine starts again by itself after the first; the others
    /// are cut short with the reset button.
    private static let fail: @Sendable (Guest) async throws -> Void = { guest in
        var seen = 0
        for attempt in 1...3 {
            _ = try await guest.machine.waitForConsole([notice], after: seen, within: .seconds(450))
            let failed = String(decoding: guest.console.utf8.dropFirst(seen), as: UTF8.self)
            try guest.require(
                failed.contains("the root file system is not the one this boot file was made for"),
                "Try \(attempt) must fail for the root's sake.", seen: failed)
            seen = guest.consoleLength
            if attempt == 1 {
                _ = try await guest.machine.waitForConsole(["(XEN) Xen version"], after: seen, within: .seconds(450))
                seen = guest.consoleLength
            } else {
                try await guest.machine.control.reset()
            }
        }
    }

    private static let slot = Scenario("other-slot", "the root is the second slot's partition") { guest in
        let status = Facts.fields(try await guest.expect("veritysetup", "status", "lapwing-root"))
        let device = try guest.unwrap(status["data device"], "veritysetup must name the data device.")
        let name = device.split(separator: "/").last.map(String.init) ?? ""
        let number = try await guest.text("/sys/class/block/\(name)/partition").trimmed
        try guest.require(
            number == String(guest.image.slots[1].root.number), "The root must be that of the second slot.",
            seen: device)
    }

    private static let counters = Scenario(
        "counters", "the failed slot has no tries left and the good one none to lose"
    ) { guest in
        func name(_ slot: CheckedImage.Slot) -> Substring {
            let file = slot.bootFile.split(separator: "/").last ?? ""
            return file.prefix { $0 != "+" }
        }
        let names = try await guest.expect("ls", "/boot/EFI/Linux").split(separator: "\n").map(String.init)
        let expected = ["\(name(guest.image.slots[0]))+0-3.efi", "\(name(guest.image.slots[1])).efi"]
        try guest.require(
            names.sorted() == expected.sorted(), "The boot files must be \(expected.joined(separator: " ")).",
            seen: names.joined(separator: " "))
    }
}
