// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// PCI functions: a controller, a network card, disks, displays, and one that nothing can reset.
enum PassthroughPCIScenarios {
    static let all = [controller, nic, nvme, display, noReset]

    private static let domain = PassthroughScenarios.domain
    /// Intel's 82574L, as QEMU's e1000e.
    private static let card = "8086:10d3"

    private static func nic(_ guest: Guest) async throws -> String {
        try await guest.function(("vendor", "0x8086"), ("device", "0x10d3"))
    }

    private static let controller = Scenario(
        "controller", "a whole USB controller is given with the stick in it, and comes back with it",
        limit: .seconds(900)
    ) { guest in
        let port = try await guest.port(serial: "pt-deep-stick")
        let path = try await guest.expect("readlink", "-f", "/sys/bus/usb/devices/\(port)")
        let parts = path.split(separator: "/").map(String.init)
        let at = try guest.unwrap(parts.firstIndex { $0.hasPrefix("usb") }, "It must be behind a controller.")
        let function = parts[at - 1]
        try await guest.time("attach") { try await guest.device("attach", function) }
        _ = try await guest.wait(domain, sees: ["1b36:000d", "xhci_hcd"], in: "pci")
        let line = try await guest.wait(domain, sees: ["\(80 << 11) pt-deep-stick "], in: "disks")
        try guest.require(
            try await guest.driver(of: function) == "pciback", "dom0's driver must have let go of it.")
        let name = String(line.prefix { $0 != " " })
        let sum = try await guest.writeAndRead(name, drive: "pt-deep-stick", mebibytes: 2, seed: 42)
        try await guest.time("detach") { try await guest.device("detach", function) }
        try await guest.waitGone("1b36:000d", in: "pci")
        let here = try await guest.disk(serial: "pt-deep-stick")
        let read = try await guest.sum(ofDisk: here, mebibytes: 2)
        try guest.require(read == sum, "dom0 must read what the guest wrote.", seen: "\(read), not \(sum)")
    }

    /// Sends and receives over the guest's network card, and asserts that what came is what went.
    private static func talk(_ guest: Guest, seed: Int) async throws {
        let line = try await guest.wait(domain, sees: ["e1000e"], in: "net")
        let name = String(line.prefix { $0 != " " })
        let echo = PassthroughMachine.echo
        let said = try await guest.ask(
            domain, "talk \(name) 10.0.2.15 \(echo.address) \(echo.port) 512 \(seed)", within: .seconds(200))
        let words = said.first?.split(whereSeparator: { " =,".contains($0) }).map(String.init) ?? []
        try guest.require(
            words.count == 7 && words[1] == "\(512 << 10)" && words[3] == words[1] && words[5] == words[6],
            "The guest must get back all it sends.", seen: said.joined(separator: "\n"))
        await guest.note("traffic \(seed)", said.joined())
    }

    /// What dom0 says of radios reaches the domain that has the card: the country, and a switch that goes off and on. A
    /// radio that the kernel plays (mac80211_hwsim) gives dom0 such a switch.
    private static func radios(_ guest: Guest) async throws {
        func told(_ name: String, _ value: String) async throws {
            try await guest.wait(for: "\(name) \(value) in the guest", within: .seconds(90)) {
                // One that is not there is an error to the guest.
                (try? await guest.ask(domain, "store lapwing/wlan/\(name)")) == [value]
            }
        }
        try await told("radio", "on")
        try await guest.expect("modprobe", "mac80211_hwsim", "radios=1", timeout: .seconds(120))
        try await guest.expect("iw", "reg", "set", "DE")
        try await guest.wait(for: "the country in dom0", within: .seconds(60)) {
            try await guest.expect("iw", "reg", "get").contains("country DE")
        }
        try await guest.expect("rfkill", "block", "wlan")
        try await told("radio", "off")
        try await told("country", "DE")
        try await guest.expect("rfkill", "unblock", "wlan")
        try await told("radio", "on")
        try await guest.expect("modprobe", "-r", "mac80211_hwsim")
    }

    private static let nic = Scenario(
        "nic",
        "a network card is picked, kept from dom0, given, used, there again after a restart, and taken back; the guest is "
            + "told of dom0's country and radio switch",
        limit: .seconds(1500)
    ) { guest in
        let function = try await nic(guest)
        try guest.require(try await guest.driver(of: function) == "e1000e", "dom0 must have it before.")
        try await guest.time("assign") { try await guest.device("assign", function) }
        try guest.require(try await guest.driver(of: function) == "pciback", "It must be kept from dom0.")
        try await talk(guest, seed: 1)
        try await radios(guest)
        let before = try await guest.witness(domain)
        try await guest.expect("lapwingctl", "domain", "restart", "--force", domain, timeout: .seconds(500))
        _ = try await guest.witness(domain, notBoot: before["boot"], within: .seconds(700))
        try await talk(guest, seed: 2)
        try guest.require(
            try await guest.ask(domain, "store lapwing/wlan/radio") == ["on"], "The next life must be told as well.")
        try await guest.expect("lapwingctl", "domain", "stop", "--force", domain, timeout: .seconds(300))
        try guest.require(
            try await guest.driver(of: function) == "pciback", "It must be kept for the domain that does not run.")
        let owners = try await guest.expect("lapwingctl", "device", "owners")
        try guest.require(
            owners.split(separator: "\n").contains { $0.contains("nobody") && $0.contains(domain) },
            "owners must say for whom.", seen: owners)
        try await guest.device("unassign", function)
        try await guest.wait(for: "dom0's driver", within: .seconds(60)) {
            try await guest.driver(of: function) == "e1000e"
        }
        try await guest.expect("sh", "-c", "ls /sys/bus/pci/devices/\(function)/net")
        try await guest.expect("lapwingctl", "domain", "start", domain, timeout: .seconds(400))
        _ = try await guest.witness(domain, within: .seconds(700))
    }

    /// The address of an NVMe controller.
    private static func nvme(_ guest: Guest, serial: String) async throws -> String {
        try await guest.expect(
            "sh", "-c", "basename $(readlink -f $(dirname $(grep -l '^\(serial) *$' /sys/class/nvme/*/serial))/device)")
    }

    private static let nvme = Scenario(
        "nvme", "the disk the system runs from is refused whatever is overridden; a second one is given and written",
        limit: .seconds(900)
    ) { guest in
        let boot = try await nvme(guest, serial: "image")
        try await guest.refuses(boot, saying: "The system runs from it.")
        try await guest.refuses(boot, saying: "The system runs from it.", "--override-protection", "bootDisk")
        let function = try await nvme(guest, serial: "pt-nvme")
        try guest.require(function != boot, "The second disk must be another one.", seen: function)
        try await guest.time("attach") { try await guest.device("attach", function) }
        let line = try await guest.wait(domain, sees: ["\(96 << 11) pt-nvme "], in: "disks")
        let sum = try await guest.writeAndRead(
            String(line.prefix { $0 != " " }), drive: "pt-disk", mebibytes: 8, seed: 43)
        try await guest.time("detach") { try await guest.device("detach", function) }
        try await guest.waitGone("pt-nvme", in: "disks")
        let read = try await guest.sum(ofDisk: try await guest.disk(serial: "pt-nvme"), mebibytes: 8)
        try guest.require(read == sum, "dom0 must read what the guest wrote.", seen: "\(read), not \(sum)")
    }

    private static let display = Scenario(
        "display", "the display in use is refused, a second adapter is given and the guest's DRM has its connector",
        limit: .seconds(900)
    ) { guest in
        let console = try await guest.function(("class", "0x030000"))
        try await guest.refuses(console, saying: "stays with dom0")
        let function = try await guest.function(("vendor", "0x1234"), ("class", "0x038000"))
        let cards = try await guest.ask(domain, "drm")
        try await guest.time("attach") { try await guest.device("attach", function) }
        let own = cards.map { String($0.prefix { $0 != " " }) }
        try await guest.wait(for: "a second card in the guest", within: .seconds(120)) {
            try await guest.ask(domain, "drm").count == cards.count + 1
        }
        let now = try await guest.ask(domain, "drm")
        let new = now.filter { line in !own.contains(String(line.prefix { $0 != " " })) }
        try guest.require(
            new.count == 1 && new[0].contains("bochs-drm") && new[0].contains(":connected"),
            "The guest must have a card with a connected screen.", seen: now.joined(separator: "\n"))
        await guest.note("the guest's card", new[0])
        let left = try await guest.expect("sh", "-c", "ls -d /sys/class/drm/card*-*")
        try guest.require(left.split(separator: "\n").count == 1, "dom0 must have the other one alone.", seen: left)
        try await guest.time("detach") { try await guest.device("detach", function) }
        try await guest.wait(for: "the guest alone with its own card", within: .seconds(60)) {
            try await guest.ask(domain, "drm").count == cards.count
        }
        try await guest.wait(for: "dom0's driver", within: .seconds(60)) {
            try await guest.driver(of: function) == "bochs-drm"
        }
    }

    private static let noReset = Scenario(
        "no-reset", "a function that nothing can reset is refused, and given on the record when that is overridden",
        limit: .seconds(600)
    ) { guest in
        let function = try await guest.function(("vendor", "0x1234"), ("device", "0x11e8"))
        try await guest.refuses(function, saying: "It cannot be reset")
        let left = try await guest.exec(["sh", "-c", "grep \(function) /sys/bus/pci/drivers/pciback/slots"])
        try guest.require(left.text.isEmpty, "A refusal must leave it where it is.", seen: left.text)
        try await guest.device("attach", function, "--override-protection", "noReset")
        _ = try await guest.wait(domain, sees: ["1234:11e8"], in: "pci")
        try await guest.device("detach", function)
        try await guest.waitGone("1234:11e8", in: "pci")
    }

    static let reboot = Scenario(
        "reboot",
        "an assigned card is hidden when the machine starts and with its domain, which starts with the machine",
        limit: .seconds(1800)
    ) { guest in
        let function = try await nic(guest)
        try await guest.device("assign", function, "--required")
        try await guest.expect("lapwingctl", "domain", "autostart", domain, "on", "--order", "7")
        let other = "domains:\n  other:\n    type: pvh\n    memory: 64 MiB\n    vcpus: 1\n    kernel: /nowhere\n"
        try await guest.machine.agent.write(Array(other.utf8), to: "/run/other.yaml")
        try await guest.expect("lapwingctl", "domain", "define", "/run/other.yaml")
        let before = try await guest.witness(domain)
        await guest.note("restart of the machine", Facts.seconds(try await guest.reboot(within: .seconds(900))))
        _ = try await guest.witness(domain, notBoot: before["boot"], within: .seconds(900))
        let state = try await guest.report("other")["state"]?.text
        try guest.require(state == "stopped", "A domain that does not start with the machine must not.", seen: state)
        try await talk(guest, seed: 3)
        try guest.require(try await guest.driver(of: function) == "pciback", "It must be kept from dom0.")
        // dom0's driver announces each card it finds.
        let seen = try await guest.exec(["sh", "-c", "dmesg | grep 'e1000e \(function)'"])
        try guest.require(seen.text.isEmpty, "dom0's driver must not have had it.", seen: seen.text)
        try await guest.device("unassign", function)
        try await guest.waitGone(card, in: "pci")
        try await guest.wait(for: "dom0's driver", within: .seconds(60)) {
            try await guest.driver(of: function) == "e1000e"
        }
    }
}
