// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Sticks and keyboards.
enum PassthroughUSBScenarios {
    static let all = [stick, surprise, replug, eject, keyboard]

    private static let domain = PassthroughScenarios.domain
    /// As QEMU calls its sticks.
    static let identity = "46f4:0001"

    static func stickDevice(_ id: String, port: Int) -> Device {
        Device(
            "usb-storage",
            [
                "id": id, "bus": "\(PassthroughMachine.controller).0", "port": "\(port)", "drive": id, "serial": id,
            ])
    }

    private static let stick = Scenario(
        "stick", "a stick is given to the guest, which writes and reads it; taken back, dom0 reads the same",
        limit: .seconds(900)
    ) { guest in
        try await guest.plug(stickDevice("pt-stick", port: 4))
        _ = try await guest.disk(serial: "pt-stick")
        let port = try await guest.port(serial: "pt-stick")
        let plan = try await guest.device("attach", port, "--dry-run")
        try guest.require(plan.hasPrefix("planned: "), "A dry run must show the plan.", seen: plan)
        try guest.require(
            try await guest.ask(domain, "usb").isEmpty, "A dry run must change nothing for the guest.")
        try await guest.time("attach") { try await guest.device("attach", port) }
        _ = try await guest.time("until the guest sees it") {
            try await guest.wait(domain, sees: [identity, " pt-stick ", "usb-storage"], in: "usb")
        }
        let line = try await guest.wait(domain, sees: ["\(64 << 11) pt-stick "], in: "disks")
        let name = try guest.unwrap(line.split(separator: " ").first.map(String.init), "A disk must have a name.")
        let dom0 = try await guest.expect("lsblk", "--nodeps", "--noheadings", "--output", "SERIAL")
        try guest.require(!dom0.contains("pt-stick"), "dom0 must not have the disk as well.", seen: dom0)
        let sum = try await guest.time("write and read 8 MiB") {
            try await guest.writeAndRead(name, drive: "pt-stick", mebibytes: 8, seed: 41)
        }
        let again = try await guest.tryDevice("attach", port)
        try guest.require(
            again.succeeded && again.errorText.contains("nothing to do"), "A second attach must be nothing to do.",
            seen: again.errorText + again.text)
        try await guest.time("detach") { try await guest.device("detach", port) }
        try await guest.waitGone("pt-stick", in: "usb")
        let here = try await guest.disk(serial: "pt-stick")
        let read = try await guest.sum(ofDisk: here, mebibytes: 8)
        try guest.require(read == sum, "dom0 must read what the guest wrote.", seen: "\(read), not \(sum)")
    }

    private static let surprise = Scenario(
        "surprise", "a stick pulled out of the guest leaves nothing behind; it and another can be given at once",
        limit: .seconds(900)
    ) { guest in
        try await guest.startMonitor()
        let port = try await guest.port(serial: "pt-stick")
        try await guest.device("attach", port)
        _ = try await guest.wait(domain, sees: ["pt-stick"], in: "disks")
        try await guest.unplug("pt-stick")
        try await guest.waitGone("pt-stick", in: "disks")
        try await guest.wait(for: "the word that it was pulled", within: .seconds(60)) {
            try await guest.events().contains("device.pulled")
        }
        let held = try await guest.expect("lapwingctl", "device", "owners", "--quiet")
        try guest.require(held.isEmpty, "No domain may seem to have it.", seen: held)
        // libxl gives nothing to anybody as long as its records name a port that nothing is in.
        try await guest.plug(stickDevice("pt-other-stick", port: 5))
        let other = try await guest.port(serial: "pt-other-stick")
        try await guest.device("attach", other)
        _ = try await guest.wait(domain, sees: ["\(72 << 11) pt-other-stick "], in: "disks")
        // What a person gave once does not go back by itself.
        try await guest.plug(stickDevice("pt-stick", port: 4))
        _ = try await guest.disk(serial: "pt-stick")
        let back = try await guest.port(serial: "pt-stick")
        try guest.require(back == port, "It must be in its port again.", seen: "\(back), not \(port)")
        try await guest.device("attach", back)
        let line = try await guest.wait(domain, sees: [" pt-stick "], in: "disks")
        let name = try guest.unwrap(line.split(separator: " ").first, "A disk must have a name.")
        let read = try await guest.ask(domain, "read \(name) 8", within: .seconds(300))
        let sum = "sum=" + (try guest.sum(ofDrive: "pt-stick", mebibytes: 8))
        try guest.require(read == [sum], "The guest must read what was written before.", seen: "\(read), not \(sum)")
        for device in [back, other] { try await guest.device("detach", device) }
        try await guest.waitGone("stick", in: "usb")
        let errors = try await guest.events()
        try guest.require(!errors.contains("device.failed"), "Nothing may have failed.", seen: errors)
    }

    private static let replug = Scenario(
        "replug", "an assigned stick goes back to the guest when it is plugged in again, and its twin does not",
        limit: .seconds(900)
    ) { guest in
        let port = try await guest.port(serial: "pt-stick")
        try await guest.device("assign", port)
        _ = try await guest.wait(domain, sees: [" pt-stick "], in: "disks")
        try await guest.unplug("pt-stick")
        try await guest.waitGone(" pt-stick ", in: "disks")
        try await guest.time("from the plug to the guest's disk") {
            try await guest.plug(stickDevice("pt-stick", port: 4))
            _ = try await guest.wait(domain, sees: [" pt-stick "], in: "disks")
        }
        let events = try await guest.events()
        let told = events.split(separator: "\n").last { $0.contains("device.attached") && $0.contains("asked for ") }
        let line = try guest.unwrap(told, "It must say how quickly it asked.")
        await guest.note("lapwingd", line.split(separator: " ").suffix(10).joined(separator: " "))
        let other = try await guest.disk(serial: "pt-other-stick")
        await guest.note("the twin stays as", other)
        let lines = try await guest.ask(domain, "usb")
        try guest.require(
            lines.count { $0.contains(identity) } == 1, "The guest must have the one stick.",
            seen: lines.joined(separator: "\n"))
        try await guest.device("unassign", port)
        try await guest.waitGone("stick", in: "usb")
        _ = try await guest.disk(serial: "pt-stick")
    }

    private static let eject = Scenario(
        "eject", "a stick that is ejected out of the guest is off for dom0 too, until it is plugged in again"
    ) { guest in
        let port = try await guest.port(serial: "pt-stick")
        try await guest.device("attach", port)
        _ = try await guest.wait(domain, sees: [" pt-stick "], in: "disks")
        try await guest.device("eject", port)
        try await guest.waitGone(" pt-stick ", in: "disks")
        let list = try await guest.expect("lsblk", "--nodeps", "--noheadings", "--output", "SERIAL")
        try guest.require(
            !list.contains("pt-stick") && list.contains("pt-other-stick"), "dom0 must have the other one alone.",
            seen: list)
        try await guest.unplug("pt-stick")
        // QEMU keeps the file a moment longer.
        try await guest.wait(for: "a free file", within: .seconds(60)) {
            (try? await guest.plug(stickDevice("pt-stick", port: 4))) != nil
        }
        _ = try await guest.disk(serial: "pt-stick")
        for id in ["pt-stick", "pt-other-stick"] { try await guest.unplug(id) }
    }

    private static let keyboard = Scenario(
        "keyboard", "keyboard, tablet and hub stay with dom0 though a rule gives every USB device away"
    ) { guest in
        for port in ["1-1", "1-2"] { try await guest.refuses(port, saying: "It is an input device") }
        try await guest.refuses("1-3", saying: "It is a hub.")
        try await guest.refuses("1-3", saying: "It is a hub.", "--override-protection", "hub")
        let lines = try await guest.ask(domain, "usb")
        try guest.require(lines.isEmpty, "The guest must have none of them.", seen: lines.joined(separator: "\n"))
        let bound = try await guest.expect(
            "sh", "-c", "basename $(readlink /sys/bus/usb/devices/1-1:1.0/driver)")
        try guest.require(bound == "usbhid", "The keyboard must work in dom0.", seen: bound)
    }
}
