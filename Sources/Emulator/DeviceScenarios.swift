// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What `lapwingctl` says of the devices of a machine that has some: a switch, bridges, a USB controller with a hub, a
/// stick and a keyboard, a second display adapter.
enum DeviceScenarios {
    static let group = ScenarioGroup(
        "devices.inventory", "the raw image on a machine with a switch, bridges, USB devices and two displays",
        kind: .disk, attachment: .nvme,
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
        scenarios: [BootScenarios.units, libraries, usb, groups, capture], onlyByName: true)

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
}
