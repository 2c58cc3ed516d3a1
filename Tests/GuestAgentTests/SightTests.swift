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

    @Test func `names of PCI functions and USB ports are told from others`() {
        for name in ["0000:00:05.0", "10de:ff:1f.7"] { #expect(Sight.isFunction(name)) }
        for name in ["pci0000:00", "0:0:0:0", "target0:0:0", "2-1:1.0"] { #expect(!Sight.isFunction(name)) }
        for name in ["2-1", "1-3.4.1"] { #expect(Sight.isPort(name)) }
        for name in ["usb2", "2-1:1.0", "a-1", "card0-Virtual-1", "2-"] { #expect(!Sight.isPort(name)) }
    }
}
