// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import GuestAgent

/// A tree of files below a directory of its own, which goes with it.
private final class Tree {
    let path: String

    init() throws {
        var template = Array("/tmp/lapwing-sight-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    deinit { remove(path) }

    private func remove(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in Files.names(path) { remove("\(path)/\(name)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    private func makeParents(_ name: String) {
        var made = path
        for part in name.split(separator: "/").dropLast() {
            made += "/" + part
            mkdir(made, 0o700)
        }
    }

    func file(_ name: String, _ text: String) throws {
        makeParents(name)
        let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        try #require(write(file, text, text.utf8.count) == text.utf8.count)
        close(file)
    }

    func link(_ name: String, to target: String) throws {
        makeParents(name)
        try #require(symlink("\(path)/\(target)", "\(path)/\(name)") == 0)
    }

    func directory(_ name: String) { makeParents(name + "/x") }
}

@Suite struct SightTests {
    private let controller = "devices/pci0000:00/0000:00:05.0"

    /// A stick on a controller, as sysfs shows it.
    private func stick() throws -> Tree {
        let tree = try Tree()
        for (name, text) in [("vendor", "0x1b36\n"), ("device", "0x000d\n"), ("class", "0x0c0330\n")] {
            try tree.file("\(controller)/\(name)", text)
        }
        tree.directory("drivers/xhci_hcd")
        try tree.link("\(controller)/driver", to: "drivers/xhci_hcd")
        try tree.link("bus/pci/devices/0000:00:05.0", to: controller)
        let port = "\(controller)/usb2/2-1"
        for (name, text) in [("idVendor", "46f4\n"), ("idProduct", "0001\n"), ("serial", "a b\u{e9}  \n")] {
            try tree.file("\(port)/\(name)", text)
        }
        tree.directory("drivers/usb-storage")
        try tree.link("\(port)/2-1:1.0/driver", to: "drivers/usb-storage")
        try tree.link("bus/usb/devices/2-1", to: port)
        try tree.link("bus/usb/devices/usb2", to: "\(controller)/usb2")
        try tree.link("bus/usb/devices/2-1:1.0", to: "\(port)/2-1:1.0")
        let disk = "\(port)/2-1:1.0/host0/target0:0:0/0:0:0:0/block/sda"
        try tree.file("\(disk)/size", "163840\n")
        try tree.link("block/sda", to: disk)
        try tree.file("devices/virtual/block/loop0/size", "0\n")
        try tree.link("block/loop0", to: "devices/virtual/block/loop0")
        return tree
    }

    @Test func `a stick is seen as a USB device and as a disk, with its place and a printable serial`() throws {
        let tree = try stick()
        let sight = Sight(root: tree.path)
        #expect(sight.pci == ["0000:00:05.0 1b36:000d 0c0330 xhci_hcd"])
        #expect(sight.usb == ["2-1 46f4:0001 a_b?? 0000:00:05.0 usb-storage"])
        #expect(sight.disks == ["sda 163840 a_b?? 0000:00:05.0 2-1"])
    }

    @Test func `a card and its connectors are one line, and what is missing is a dash`() throws {
        let tree = try Tree()
        let card = "devices/pci0000:00/0000:00:06.0/drm/card1"
        try tree.file("\(card)/card1-Virtual-2/status", "connected\n")
        tree.directory("drivers/bochs-drm")
        try tree.link("devices/pci0000:00/0000:00:06.0/driver", to: "drivers/bochs-drm")
        try tree.link("\(card)/device", to: "devices/pci0000:00/0000:00:06.0")
        try tree.link("class/drm/card1", to: card)
        try tree.link("class/drm/card1-Virtual-2", to: "\(card)/card1-Virtual-2")
        tree.directory("class/drm/renderD128")
        try tree.file("devices/pci0000:00/0000:00:07.0/net/eth0/address", "52:54:00:12:34:56\n")
        try tree.link("class/net/eth0", to: "devices/pci0000:00/0000:00:07.0/net/eth0")
        let sight = Sight(root: tree.path)
        #expect(sight.displays == ["card1 bochs-drm 0000:00:06.0 Virtual-2:connected"])
        #expect(sight.networks == ["eth0 - 0000:00:07.0 - 52:54:00:12:34:56"])
        #expect(Sight(root: tree.path + "/nothing").pci.isEmpty)
    }

    @Test func `only what asks is answered, with its number and an end`() throws {
        let tree = try stick()
        let sight = Sight(root: tree.path)
        #expect(
            Answers.lines("ask 7 disks", sight: sight) == ["answer 7 sda 163840 a_b?? 0000:00:05.0 2-1", "done 7 ok"])
        for silent in ["reboot", "ask", "ask 7", "ask x disks", "", "witness boot=1"] {
            #expect(Answers.lines(silent, sight: sight).isEmpty)
        }
        for wrong in ["colour", "fill ../x 1 1", "fill sda 0 1", "fill sda 257 1", "read sda", "talk eth0 a b 1 0 1"] {
            #expect(Answers.lines("ask 9 \(wrong)", sight: sight) == ["done 9 failed: not understood"])
        }
        #expect(Answers.lines("ask 9 read nosuchdisk 1").first?.hasPrefix("done 9 failed: open: 2") == true)
    }

    /// A battery, mains that are off and two input devices of which one has a lid's switch.
    private func power() throws -> Tree {
        let tree = try Tree()
        let battery = "devices/LNXSYSTM:00/PNP0C0A:00/power_supply/BAT0"
        for (name, text) in [
            ("type", "Battery\n"), ("status", "Not charging\n"), ("present", "1\n"), ("capacity", "80\n"),
            ("energy_now", "38400000\n"), ("model_name", "X \u{1b}[0m\n"), ("serial_number", "\n"),
        ] {
            try tree.file("\(battery)/\(name)", text)
        }
        try tree.link("class/power_supply/BAT0", to: battery)
        try tree.file("class/power_supply/AC/type", "Mains\n")
        try tree.file("class/power_supply/AC/online", "0\n")
        try tree.file("class/input/event0/device/capabilities/sw", "0\n")
        try tree.file("class/input/event1/device/capabilities/sw", "ffffffffffffffff 21\n")
        tree.directory("class/input/input1")
        try tree.file(
            "proc/interrupts",
            """
                        CPU0       CPU1
               8:          0          7   IO-APIC   8-edge      rtc0
               9:         12         30   IO-APIC   9-fasteoi   acpi
             NMI:          0          0   Non-maskable interrupts

            """)
        try tree.file("firmware/acpi/interrupts/sci", "      42\n")
        try tree.file("firmware/acpi/interrupts/gpe0D", "       5  EN     enabled      unmasked\n")
        try tree.file("firmware/acpi/interrupts/gpe0E", "       0         invalid      unmasked\n")
        try tree.file("firmware/acpi/interrupts/error", "       3\n")
        return tree
    }

    @Test func `a battery and mains are a line each, with a dash for all that is not known`() throws {
        let tree = try power()
        let lines = Sight(root: tree.path).supplies
        #expect(lines.count == 2)
        #expect(lines[0].hasPrefix("AC type=Mains online=0 status=- ") && lines[0].hasSuffix(" serial_number=-"))
        #expect(lines[1].hasPrefix("BAT0 type=Battery online=- status=Not_charging present=1 capacity=80 "))
        #expect(lines[1].contains(" energy_now=38400000 energy_full=- ") && lines[1].contains(" model_name=X_?[0m "))
        #expect(lines.allSatisfy { $0.split(separator: " ").count == 1 + Sight.supplyFields.count })
    }

    @Test func `only an input device with a lid's switch is asked for it, and one without a node is a dash`() throws {
        let tree = try power()
        #expect(Sight(root: tree.path, devices: tree.path).lids == ["event1 -"])
        try tree.file("event1", "no device")
        #expect(Sight(root: tree.path, devices: tree.path).lids == ["event1 -"])
    }

    @Test func `interrupts of ACPI are counted over all processors`() throws {
        let tree = try power()
        let lines = Sight(root: tree.path, processes: tree.path + "/proc").interrupts
        #expect(lines == ["irq9 42", "gpe0D 5", "sci 42"])
        #expect(Sight(root: tree.path + "/nothing", processes: "/nothing").interrupts.isEmpty)
    }

    @Test func `what is waited for is a line with all the words, and ends`() throws {
        let tree = try power()
        let sight = Sight(root: tree.path)
        let found = Answers.lines("ask 3 await 60 power type=Mains online=0", sight: sight)
        #expect(found.count == 2 && found[0].hasPrefix("answer 3 AC ") && found[1] == "done 3 ok")
        #expect(Answers.lines("ask 3 await 1 power AC online=1", sight: sight) == ["done 3 failed: not in 1 s"])
        // Part of a word is none.
        #expect(Answers.lines("ask 3 await 1 power BAT0 capacity=8", sight: sight) == ["done 3 failed: not in 1 s"])
    }

    @Test(arguments: [
        "await", "await 0 power x", "await 601 power x", "await 5 disks x", "await 5 power", "hammer 1", "hammer 0 1",
        "hammer 601 1", "hammer -1 1", "hammer 1 -1", "hammer 1 1 1",
    ])
    func `waiting and working without a bound is not understood`(question: String) {
        #expect(Answers.lines("ask 9 \(question)") == ["done 9 failed: not understood"])
    }

    @Test func `a program of dom0 gets the answer without a number`() {
        #expect(Witness.answer(["modules"]) == [])
        #expect(Witness.answer(["colour"]) == nil)
        #expect(Witness.answer([]) == nil)
    }

    @Test func `names of PCI functions and USB ports are told from others`() {
        for name in ["0000:00:05.0", "10de:ff:1f.7"] { #expect(Sight.isFunction(name)) }
        for name in ["pci0000:00", "0:0:0:0", "target0:0:0", "2-1:1.0"] { #expect(!Sight.isFunction(name)) }
        for name in ["2-1", "1-3.4.1"] { #expect(Sight.isPort(name)) }
        for name in ["usb2", "2-1:1.0", "a-1", "card0-Virtual-1", "2-"] { #expect(!Sight.isPort(name)) }
    }
}
