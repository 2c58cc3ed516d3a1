// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import LapwingCore
import SystemPackage
import Testing

@testable import DeviceModel

/// Whole trees and answers of the kernel with arbitrary changes. The parsers of single files have theirs in `ParserTests`.
@Suite struct FuzzTests {
    /// Every file of a tree whose content a device or its firmware has a say in.
    private static let files: [String] = {
        let card = "sys/devices/pci0000:00/0000:00:1c.0/0000:02:00.0/"
        let controller = "sys/devices/pci0000:00/0000:00:14.0/"
        let stick = controller + "usb1/1-4/"
        return [
            "sys/devices/pci0000:00/0000:00:1c.0/config", card + "config", card + "reset_method", card + "resource",
            card + "numa_node", card + "ieee80211/phy0/macaddress", card + "ieee80211/phy0/rfkill0/soft",
            "sys/devices/pci0000:00/0000:00:02.0/drm/card0/card0-eDP-1/edid",
            "sys/devices/pci0000:00/0000:00:02.0/drm/card0/card0-eDP-1/modes", controller + "config",
            controller + "usb1/descriptors", stick + "descriptors", stick + "manufacturer", stick + "product",
            stick + "serial", stick + "speed", stick + "devnum", stick + "bConfigurationValue",
        ]
    }()

    @Test(arguments: 0..<4)
    func `a tree whose files say anything is an inventory with safe words and whole groups`(seed: Int) throws {
        var dice = Dice(state: UInt64(seed) &* 104_729)
        let fake = try FakeTree.laptop()
        let tree = try fake.tree()
        let originals = Dictionary(uniqueKeysWithValues: Self.files.map { ($0, tree.bytes($0, limit: 1 << 16) ?? []) })
        #expect(originals.values.allSatisfy { !$0.isEmpty })
        var devices = 0
        for _ in 0..<10 {
            for file in Self.files.shuffled(using: &dice).prefix(Int.random(in: 1...4, using: &dice)) {
                try fake.put(file, dice.mutate(originals[file] ?? []))
            }
            let inventory = InventoryReader(tree).inventory()
            devices += inventory.devices.count
            for device in inventory.devices { #expect(DeviceID(device.id.rawValue) == device.id) }
            let members = IsolationGroups.of(inventory.pci).flatMap(\.members)
            #expect(members.sorted() == inventory.pci.map(\.address))
            let words =
                inventory.usb.flatMap { [$0.manufacturer, $0.product, $0.identity.serial] }
                + inventory.graphics.flatMap { $0.connectors.flatMap { [$0.display?.name, $0.display?.serial] } }
                + inventory.wlan.map(\.hardwareAddress)
            let safe = words.compactMap { $0 }.joined().unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 }
            #expect(safe, "\(words)")
            _ = SystemUse(tree, inventory: inventory)
            for file in Self.files { try fake.put(file, originals[file] ?? []) }
        }
        #expect(devices > 10 * 3, "\(devices) devices")
    }

    @Test(arguments: 0..<4)
    func `mutated answers of generic netlink are read inside their bounds or not at all`(seed: Int) {
        var dice = Dice(state: UInt64(seed) &* 15_485_863)
        let good = GenericNetlink.request(
            family: 30, command: 31, sequence: 2,
            attributes: [(33, [0x44, 0x45, 0]), (34, Array(repeating: 1, count: 40))])
        var (read, refused) = (0, 0)
        for _ in 0..<2000 {
            let bytes = dice.mutate(good + good)
            guard let found = GenericNetlink.answer(bytes, family: 30, sequence: 2) else {
                refused += 1
                continue
            }
            read += 1
            #expect(found.values.allSatisfy { $0.count < bytes.count })
        }
        #expect(read > 100 && refused > 100, "\(read) read, \(refused) refused")
    }
}
