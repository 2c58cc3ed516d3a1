// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DeviceModel
import FoundationEssentials
import LapwingCore
import DevicePolicy
import Passthrough
import Synchronization
import Testing
import struct SystemPackage.FilePath

@testable import DeviceHiding

/// A made-up `/sys` with a kernel behind it that does what Linux does with `driver_override`, `unbind` and `drivers_probe`.
private final class Machine: KernelFiles {
    let root: FilePath
    /// The driver that would take each function.
    let drivers: [String: String]
    /// Functions the back end does not take.
    let refused: Mutex<Set<String>> = Mutex([])
    let written = Mutex<[String]>([])

    /// Functions by address: bridges above it, class, the driver that would take it, whether that has it already.
    init(_ functions: [(address: String, above: String, code: [UInt8], driver: String, bound: Bool)]) throws {
        root = FilePath(FileManager.default.temporaryDirectory.path).appending(
            "lapwing-hide-\(UInt64.random(in: 0 ... .max))")
        drivers = Dictionary(uniqueKeysWithValues: functions.map { ($0.address, $0.driver) })
        try Files.makeDirectory(root)
        try put("proc/self/mountinfo", "")
        for function in functions {
            var space = [UInt8](repeating: 0, count: 4096)
            (space[0], space[1], space[2], space[3]) = (0x86, 0x80, 0x34, 0x12)
            (space[11], space[10], space[9]) = (function.code[0], function.code[1], function.code[2])
            let place = "devices/pci0000:00/" + function.above + function.address
            // Functions of one slot say so, and a bridge where it leads.
            if function.address.hasSuffix(".1") || drivers[function.address.dropLast() + "1"] != nil {
                space[14] = 0x80
            }
            if function.code[0] == 6 {
                space[14] |= 1
                (space[0x19], space[0x1A]) = (1, 1)
            }
            try put("sys/\(place)/config", space)
            try put("sys/\(place)/driver_override", "(null)\n")
            try link("sys/bus/pci/devices/" + function.address, "../../../" + place)
            if function.bound { try bind(function.address, function.driver) }
        }
        try put("sys/bus/pci/drivers/pciback/slots", "")
    }

    deinit { try? Files.removeTree(root) }

    func put(_ path: String, _ text: String) throws { try put(path, Array(text.utf8)) }
    func put(_ path: String, _ bytes: [UInt8]) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try Files.write(bytes, to: place)
    }
    func link(_ path: String, _ target: String) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try FileManager.default.createSymbolicLink(atPath: place.string, withDestinationPath: target)
    }
    func tree() throws -> SystemTree { try SystemTree(root: root) }
    func driver(_ address: String) throws -> String? { try tree().linkName("sys/bus/pci/devices/\(address)/driver") }
    func override(_ address: String) throws -> String? {
        try tree().line("sys/bus/pci/devices/\(address)/driver_override")
    }

    private func bind(_ address: String, _ driver: String) throws {
        try Files.makeDirectory(root.pushing(FilePath("sys/bus/pci/drivers/" + driver)))
        try link("sys/bus/pci/devices/\(address)/driver", "/sys/bus/pci/drivers/" + driver)
    }

    func write(_ text: String, to path: String) throws {
        written.withLock { $0.append("\(path.dropFirst("sys/bus/pci/".count)) \(text == "\n" ? "-" : text)") }
        if path.hasSuffix("/driver_override") {
            try put(path, text == "\n" ? "(null)\n" : text + "\n")
        } else if path.hasSuffix("/unbind") {
            try Files.remove(root.pushing(FilePath("sys/bus/pci/devices/\(text)/driver")))
        } else if path == "sys/bus/pci/drivers_probe" {
            let override = try override(text)
            guard override == "pciback" else { return try bind(text, drivers[text] ?? "none") }
            if !refused.withLock({ $0.contains(text) }) { try bind(text, "pciback") }
        } else {
            throw LapwingError("test.no-file", "There is no such file.", subject: path)
        }
    }

    /// A port with a card of two functions, a second card without driver, and the disk's controller.
    static func laptop(bound: Bool = false) throws -> Machine {
        try Machine([
            ("0000:00:1c.0", "", [6, 4, 0], "pcieport", true),
            ("0000:01:00.0", "0000:00:1c.0/", [3, 0, 0], "nouveau", bound),
            ("0000:01:00.1", "0000:00:1c.0/", [4, 3, 0], "snd_hda_intel", false),
            ("0000:00:02.0", "", [3, 0, 0], "i915", false),
            ("0000:00:03.0", "", [2, 128, 0], "iwlwifi", false),
            ("0000:00:04.0", "", [1, 8, 2], "nvme", true),
        ])
    }

    func id(_ address: String) throws -> DeviceFacts.DeviceID {
        try #require(PCIReader(try tree()).functions(details: false).first { $0.address == PCIAddress(address) }).id
    }
    func plan(_ addresses: String...) throws -> HidingPlan {
        HidingPlan(try tree(), assignments: try addresses.map { Assignment(device: try id($0), domain: "net") })
    }
    func carryOut(_ plan: HidingPlan) throws -> [DeviceHider.Result] {
        DeviceHider(try tree(), files: self).carryOut(plan)
    }
}

@Suite struct DeviceHidingTests {
    @Test func `a card without driver goes to the back end and to nobody else`() throws {
        let machine = try Machine.laptop()
        let results = try machine.carryOut(try machine.plan("00:03.0"))
        #expect(results.map(\.hidden) == [true] && results[0].taken == [:] && results[0].failure == nil)
        #expect(try machine.driver("0000:00:03.0") == "pciback")
        #expect(
            machine.written.withLock { $0 } == [
                "devices/0000:00:03.0/driver_override pciback", "drivers_probe 0000:00:03.0",
                "devices/0000:00:03.0/driver_override -",
            ])
        #expect(try machine.driver("0000:00:04.0") == "nvme" && machine.driver("0000:00:02.0") == nil)
        // A second time there is nothing to do.
        let again = try machine.plan("00:03.0")
        #expect(again.items.map(\.outcome) == [.hidden] && !again.changes)
        #expect(try machine.carryOut(again).map(\.hidden) == [true])
    }

    @Test func `the other function of a slot goes along, and a driver from the initrd lets go`() throws {
        let machine = try Machine.laptop(bound: true)
        let results = try machine.carryOut(try machine.plan("01:00.0"))
        #expect(results.map(\.hidden) == [true] && results[0].taken == ["0000:01:00.0": "nouveau"])
        #expect(results[0].item.functions.map(\.address.description) == ["0000:01:00.0", "0000:01:00.1"])
        for address in ["0000:01:00.0", "0000:01:00.1"] {
            #expect(try machine.driver(address) == "pciback" && machine.override(address) == "(null)")
        }
    }

    @Test func `when one function cannot be had dom0 gets all of them back`() throws {
        let machine = try Machine.laptop(bound: true)
        machine.refused.withLock { $0 = ["0000:01:00.1"] }
        let results = try machine.carryOut(try machine.plan("01:00.0", "00:03.0"))
        #expect(results.map(\.hidden) == [true, false] || results.map(\.hidden) == [false, true])
        let failed = try #require(results.first { !$0.hidden })
        #expect(failed.failure == "The driver pciback does not take it." && failed.taken == [:])
        #expect(try machine.driver("0000:01:00.0") == "nouveau" && machine.driver("0000:01:00.1") == "snd_hda_intel")
        #expect(try machine.override("0000:01:00.0") == "(null)" && machine.override("0000:01:00.1") == "(null)")
        #expect(try machine.driver("0000:00:03.0") == "pciback")
    }

    @Test func `the controller of the system's disk stays, whatever the list says`() throws {
        let machine = try Machine.laptop()
        let disk = "../../devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1"
        try machine.put("proc/self/mountinfo", "21 1 259:1 / / ro - erofs /dev/nvme0n1p2 ro\n")
        try machine.link("sys/dev/block/259:1", disk)
        try machine.put("sys/devices/pci0000:00/0000:00:04.0/nvme/nvme0/nvme0n1/dev", "259:1\n")
        let plan = try machine.plan("00:04.0")
        #expect(plan.items.map(\.outcome) == [.kept])
        #expect(plan.items[0].reason == "it has a disk that the system runs from")
        #expect(try machine.carryOut(plan).map(\.hidden) == [false])
        #expect(machine.written.withLock { $0 } == [])
        #expect(try machine.driver("0000:00:04.0") == "nvme")
    }

    @Test func `nothing is hidden when it is not known where the system runs from`() throws {
        let machine = try Machine.laptop()
        try machine.put("proc/self/mountinfo", "21 1 0:31 / / rw - btrfs /dev/nvme0n1p2 rw\n")
        let plan = try machine.plan("00:03.0")
        #expect(plan.items.map(\.outcome) == [.kept])
        #expect(plan.items[0].reason == "it is not known which disks the system runs from")
    }

    @Test func `a bridge stays, and the last display unless a person said otherwise`() throws {
        let machine = try Machine.laptop()
        #expect(try machine.plan("00:1c.0").items.map(\.reason) == ["it is a bridge"])
        // One of two may go; which of them is the first by its id.
        let both = try machine.plan("00:02.0", "01:00.0")
        #expect(both.items.map(\.outcome) == [.hide, .kept] && both.items[1].reason == "it is the only display")
        let device = try machine.id("00:02.0")
        let other = try machine.id("01:00.0")
        let allowed = HidingPlan(
            try machine.tree(),
            assignments: [
                Assignment(device: device, domain: "a", exceptions: [.onlyDisplay]),
                Assignment(device: other, domain: "a", exceptions: [.onlyDisplay]),
            ])
        #expect(allowed.items.map(\.outcome) == [.hide, .hide])
    }

    @Test func `what is gone, what is another device, and what is on USB is left alone`() throws {
        let machine = try Machine.laptop()
        func assignment(_ text: String) throws -> Assignment {
            Assignment(device: try #require(DeviceID(text)), domain: "net")
        }
        let plan = HidingPlan(
            try machine.tree(),
            assignments: [
                try assignment("pci-0000.00-09.0~8086.1234"), try assignment("pci-0000.00-03.0~10ec.8168"),
                try assignment("usb-0000.00-14.0-u2-4~0781.5581"),
            ])
        #expect(plan.items.map(\.outcome) == [.moved, .missing] && !plan.changes)
        #expect(plan.items[0].reason == "\(try machine.id("00:03.0")) is in its place")
        #expect(try machine.carryOut(plan).map(\.hidden) == [false, false] && machine.written.withLock { $0 } == [])
    }
}
