// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A stick for a guest without a device model: `lapwing-usb` carries its transfers over shared memory.
enum CarriedUSBScenarios {
    /// The domain that gets it.
    static let domain = "light"
    /// What its kernel needs beside the drivers of the device itself.
    static let drivers = ["vhci_hcd", "xen_gntdev", "xen_evtchn"]

    private static let unit = "lapwing-usb@*.service"

    /// dom0 has the stick's disk, and nothing of USB/IP has the stick.
    private static func isWithDom0(_ guest: Guest, _ port: String) async throws {
        _ = try await guest.disk(serial: "pt-stick")
        let driver = try await guest.expect("sh", "-c", "basename $(readlink /sys/bus/usb/devices/\(port)/driver)")
        try guest.require(driver == "usb", "dom0's driver must have the stick.", seen: driver)
        try await guest.wait(for: "an owner of nothing", within: .seconds(60)) {
            try await guest.expect("lapwingctl", "device", "owners", "--quiet").isEmpty
        }
        try await guest.wait(for: "the end of what carried it", within: .seconds(60)) {
            let all = ["--all", "--quiet", "--plain", "--no-legend"]
            return try await guest.exec(["systemctl", "list-units"] + all + [unit]).text.trimmed.isEmpty
        }
    }

    static let stick = Scenario(
        "stick-pvh",
        "a PVH guest gets a stick, writes and reads it, also when what carries it was killed; detached or pulled, dom0 has it",
        limit: .seconds(900)
    ) { guest in
        let definition = WitnessGuest.definition(domain, type: "pvh", mebibytes: 256)
        try await guest.machine.agent.write(Array(definition.utf8), to: "/run/light.yaml")
        try await guest.expect("lapwingctl", "domain", "define", "/run/light.yaml")
        try await guest.expect("lapwingctl", "domain", "start", domain, timeout: .seconds(300))
        _ = try await guest.witness(domain, within: .seconds(300))
        let failed = try await guest.ask(domain, "modules")
        try guest.require(failed.isEmpty, "All drivers must load.", seen: failed.joined(separator: "\n"))
        try await guest.startMonitor()
        try await guest.plug(PassthroughUSBScenarios.stickDevice("pt-stick", port: 4))
        _ = try await guest.disk(serial: "pt-stick")
        let port = try await guest.port(serial: "pt-stick")

        try await guest.time("attach") { try await guest.device("attach", port, domain: domain) }
        let name = try await guest.time("until the guest sees the disk") { try await disk(guest) }
        let usb = try await guest.ask(domain, "usb")
        try guest.require(
            usb.count == 1 && usb[0].contains("\(PassthroughUSBScenarios.identity) pt-stick"),
            "The guest must see the stick itself.", seen: usb.joined(separator: "\n"))
        let sum = try await guest.time("write and read 8 MiB") {
            try await guest.writeAndRead(name, drive: "pt-stick", mebibytes: 8, seed: 43, domain: domain)
        }
        try await guest.time("detach") { try await guest.device("detach", port) }
        try await guest.waitGone("pt-stick", in: "usb", domain: domain)
        let read = try await guest.sum(ofDisk: try await guest.disk(serial: "pt-stick"), mebibytes: 8)
        try guest.require(read == sum, "dom0 must read what the guest wrote.", seen: "\(read), not \(sum)")
        try await isWithDom0(guest, port)

        try await guest.device("attach", port, domain: domain)
        _ = try await disk(guest)
        try await guest.expect("systemctl", "kill", "--signal=KILL", unit)
        try await guest.wait(for: "another one to carry it", within: .seconds(60)) {
            try await guest.expect("systemctl", "show", "--property=NRestarts", "--value", unit) == "1"
        }
        let again = try await guest.ask(domain, "read \(try await disk(guest)) 8", within: .seconds(300))
        try guest.require(again == ["sum=\(sum)"], "The guest must have the stick again.", seen: "\(again), not \(sum)")

        try await guest.unplug("pt-stick")
        try await guest.waitGone("pt-stick", in: "usb", domain: domain)
        try await guest.wait(for: "the word that it was pulled", within: .seconds(60)) {
            try await guest.events().contains("device.pulled")
        }
        try await guest.plug(PassthroughUSBScenarios.stickDevice("pt-stick", port: 4))
        try await isWithDom0(guest, port)

        // A domain that ends has nothing any more.
        try await guest.device("attach", port, domain: domain)
        _ = try await disk(guest)
        try await guest.expect("lapwingctl", "domain", "stop", domain, "--force", timeout: .seconds(300))
        try await isWithDom0(guest, port)
        let errors = try await guest.events()
        try guest.require(!errors.contains("device.failed"), "Nothing may have failed.", seen: errors)
        try await guest.expect("lapwingctl", "domain", "remove", "--yes", domain)
        try await guest.unplug("pt-stick")
    }

    /// The name of the stick's disk in the guest.
    private static func disk(_ guest: Guest) async throws -> String {
        let line = try await guest.wait(domain, sees: ["\(64 << 11) pt-stick "], in: "disks")
        return try guest.unwrap(line.split(separator: " ").first.map(String.init), "A disk must have a name.")
    }
}
