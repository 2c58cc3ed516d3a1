// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What `lapwingctl` says of the devices of a machine that has some: a switch, bridges, a USB controller with a hub, a
/// stick and a keyboard, a second display adapter.
enum DeviceScenarios {
    static let group = ScenarioGroup(
        "devices.inventory", "the raw image on a machine with a switch, bridges, USB devices and two displays",
        kind: .disk, attachment: .nvme, stateUnlock: "none",
        change: { machine in
            machine.devices += [
                Device("pcie-root-port", ["id": "inv-port", "chassis": "21", "slot": "21"]),
                Device("qemu-xhci", ["id": "inv-usb", "bus": "inv-port"]),
                Device("usb-hub", ["bus": "inv-usb.0", "port": "1"]),
                Device("usb-kbd", ["bus": "inv-usb.0", "port": "1.2"]),
                Device("usb-tablet", ["bus": "inv-usb.0", "port": "2"]),
                Device("pcie-root-port", ["id": "inv-up", "chassis": "22", "slot": "22"]),
                Device("x3130-upstream", ["id": "inv-switch", "bus": "inv-up"]),
                Device("xio3130-downstream", ["id": "inv-down", "bus": "inv-switch", "chassis": "23", "slot": "23"]),
                Device("e1000e", ["bus": "inv-down"]),
                Device("pcie-pci-bridge", ["id": "inv-bridge"]),
                Device("e1000", ["bus": "inv-bridge", "addr": "1.0"]),
                Device("e1000", ["bus": "inv-bridge", "addr": "2.0"]),
                Device("bochs-display"),
            ]
        },
        scenarios: [BootScenarios.units, libraries, usb, groups, capture, policy] + HotplugScenarios.all)

    private static let libraries = Scenario(
        "libraries-agree", "sysfs and libusb, libpci and libdrm say the same of every device"
    ) { guest in
        let outcome = try await guest.exec(["lapwingctl", "device", "compare"])
        try guest.require(
            outcome.succeeded, "sysfs and the libraries must agree.", seen: outcome.text + outcome.errorText)
        await guest.note("compared", outcome.errorText.trimmed)
    }

    private static let usb = Scenario("usb", "USB devices have their places, kinds and words, cold in little time") {
        guest in
        let list = try await guest.expect("lapwingctl", "usb", "list")
        for word in ["-u2-1.2~", "-u2-2~", "input", "QEMU"] {
            try guest.require(list.contains(word), "The USB list must tell of \(word).", seen: list)
        }
        let theirs = try await guest.expect("lsusb")
        let count = theirs.split(separator: "\n").count
        let all = try await guest.expect("lapwingctl", "usb", "list", "--all", "--quiet")
        try guest.require(
            all.split(separator: "\n").count == count, "lsusb must list as many devices.", seen: all + "\n" + theirs)
        for line in ["lapwingctl usb list", "lsusb", "lapwingctl pci list", "lspci -nn"] {
            let loop =
                "TIMEFORMAT='%R real %U user %S system'; time for i in 1 2 3 4 5 6 7 8 9 10; do \(line) > /dev/null; done"
            let outcome = try await guest.exec(["bash", "-c", loop], timeout: .seconds(300))
            await guest.note(line + ", 10 times, s", outcome.errorText.trimmed)
        }
    }

    private static let groups = Scenario("groups", "what is behind a bridge to PCI is one group with it, and says why")
    {
        guest in
        let list = try await guest.expect("lapwingctl", "pci", "groups")
        let tied = list.split(separator: "\n").filter { $0.contains("bridge to conventional PCI") }
        try guest.require(tied.count >= 2, "Two adapters must be tied to the bridge.", seen: list)
    }

    private static let capture = Scenario(
        "capture", "a capture shows the same devices as the machine, wherever it is unpacked"
    ) { guest in
        try await guest.expect("lapwingctl", "device", "capture", "/run/capture.tar")
        try await guest.expect("mkdir", "-p", "/run/capture")
        try await guest.expect("tar", "-xf", "/run/capture.tar", "-C", "/run/capture")
        let live = try await guest.expect("lapwingctl", "device", "list", "--all")
        let captured = try await guest.expect("lapwingctl", "device", "list", "--all", "--root", "/run/capture")
        try guest.require(live == captured, "Both lists must be equal.", seen: live + "\n\n" + captured)
        try await guest.expect("rm", "-r", "/run/capture", "/run/capture.tar")
    }

    private static let policy = Scenario(
        "policy", "rules that give everything away leave dom0 its disk, keyboards, hubs and bridges"
    ) { guest in
        let rules = "printf 'allow pci to any\\nallow usb to any\\n' > /var/lib/lapwing/policy.d/10-check.rules"
        try await guest.expect("sh", "-c", "mkdir -p /var/lib/lapwing/policy.d && " + rules)
        try await guest.expect("lapwingctl", "policy", "check")
        let list = try await guest.expect("lapwingctl", "policy", "list", "--devices", "--all", "--json")
        let found = try JSONText.decode(JSONValue.self, from: Array(list.utf8), file: "policy list")["devices"]
        /// The decision about each device and what protects it, for those whose id has a part.
        func decisions(_ part: String) -> [(decision: String, protections: [String])] {
            (found?.elements ?? []).filter { $0["device"]?.text?.contains(part) == true }.map { device in
                let protections = device["protections"]?.elements ?? []
                return (device["decision"]?.text ?? "", protections.compactMap { $0["protection"]?.text })
            }
        }
        // By vendor and device, as QEMU has them: NVMe, keyboard and tablet, hub, e1000e behind the switch.
        for (part, protection) in [
            ("~1b36.0010", "bootDisk"), ("-u2-1.2~0627.0001", "unnamedInput"), ("-u2-2~0627.0001", "unnamedInput"),
            ("~0409.55aa", "hub"), ("~104c.8233", "bridge"),
        ] {
            let about = decisions(part)
            try guest.require(
                !about.isEmpty && about.allSatisfy { $0.decision == "deny" && $0.protections.contains(protection) },
                "\(part) must stay by the protection \(protection).", seen: list)
        }
        let card = decisions("~8086.10d3").map(\.decision)
        try guest.require(card.contains("allow"), "A network card that dom0 does not use may be given.", seen: list)
        let disk = try await guest.expect(
            "sh", "-c", "lapwingctl policy explain $(basename $(readlink -f /sys/class/nvme/nvme0/device))")
        try guest.require(
            disk.contains("decision: deny\nbecause: The system runs from it."), "The disk stays.", seen: disk)
        await guest.note("policy explain", disk.split(separator: "\n").dropFirst().joined(separator: " | "))
        try await guest.expect("rm", "/var/lib/lapwing/policy.d/10-check.rules")
    }
}
