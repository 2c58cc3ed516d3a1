// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// What the running system itself needs: the disks it has mounted, the cards it reaches the network by, its own
/// keyboards. What a tree does not tell (a capture has no `/proc`) is nil, and is to be taken for the worst.
public struct SystemUse: Sendable, Hashable {
    /// The controllers and sticks of disks that carry a mounted file system or swap space.
    public var disks: Set<DeviceID>?
    /// The cards that default routes go by.
    public var uplinks: Set<DeviceID>?
    /// Keyboards that are neither PCI nor USB devices.
    public var otherKeyboards: Int

    /// Reads them from a tree.
    public init(_ tree: SystemTree, inventory: Inventory) {
        let finder = DeviceFinder(tree: tree, inventory: inventory)
        disks = SystemUse.disks(finder)
        uplinks = SystemUse.uplinks(finder)
        otherKeyboards = SystemUse.keyboards(tree)
    }

    /// Mounts (proc_pid_mountinfo(5): third field, and the source after the hyphen) and swap (proc_swaps(5)), each down
    /// to the disks below. Nil when one stands on a device that the number does not tell, as with btrfs.
    private static func disks(_ finder: DeviceFinder) -> Set<DeviceID>? {
        guard let mounts = finder.tree.bytes("proc/self/mountinfo", limit: 1 << 20) else { return nil }
        var found: Set<DeviceID> = []
        for line in String(decoding: mounts, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 2 else { continue }
            let hyphen = fields.firstIndex(of: "-") ?? fields.endIndex
            if fields[2].hasPrefix("0:") {
                if hyphen + 2 < fields.endIndex, fields[hyphen + 2].hasPrefix("/dev/") { return nil }
            } else {
                found.formUnion(finder.disk("sys/dev/block/" + fields[2]))
            }
        }
        let swaps = finder.tree.bytes("proc/swaps", limit: 1 << 16) ?? []
        for line in String(decoding: swaps, as: UTF8.self).split(separator: "\n").dropFirst() {
            let name = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).first?.split(separator: "/").last
            if let name { found.formUnion(finder.disk("sys/class/block/" + name)) }
        }
        return found
    }

    /// Default routes: destination and mask are zero (kernel, net/ipv4/fib_trie.c, fib_route_seq_show; for IPv6
    /// net/ipv6/route.c, rt6_info_route).
    private static func uplinks(_ finder: DeviceFinder) -> Set<DeviceID>? {
        guard let routes = finder.tree.bytes("proc/net/route", limit: 1 << 20) else { return nil }
        var names: Set<String> = []
        for line in String(decoding: routes, as: UTF8.self).split(separator: "\n").dropFirst() {
            let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            if fields.count > 7, fields[1] == "00000000", fields[7] == "00000000" { names.insert(String(fields[0])) }
        }
        let other = finder.tree.bytes("proc/net/ipv6_route", limit: 1 << 20) ?? []
        for line in String(decoding: other, as: UTF8.self).split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 9, fields[0].allSatisfy({ $0 == "0" }), fields[1] == "00", fields[9] != "lo" {
                names.insert(String(fields[9]))
            }
        }
        return names.reduce(into: []) { $0.formUnion(finder.card($1)) }
    }

    /// PS/2 and I2C keyboards (`BUS_I8042`, `BUS_I2C` of linux/input.h) that have the letters of the first row.
    private static func keyboards(_ tree: SystemTree) -> Int {
        tree.names("sys/class/input").filter { $0.hasPrefix("input") }.count { name in
            let base = "sys/class/input/" + name
            guard let bus = tree.hexadecimal(base + "/id/bustype"), bus == 0x11 || bus == 0x18,
                let last = tree.line(base + "/capabilities/key")?.split(separator: " ").last,
                let keys = UInt64(last, radix: 16)
            else { return false }
            // KEY_Q to KEY_P are 16 to 25 (linux/input-event-codes.h).
            return keys >> 16 & 0x3FF == 0x3FF
        }
    }
}

/// Finds the device that something of the kernel stands on.
private struct DeviceFinder {
    let tree: SystemTree
    let inventory: Inventory

    /// The devices below a block device: through device mapper and RAID to the disks, and there the controller or stick.
    func disk(_ link: String, depth: Int = 0) -> Set<DeviceID> {
        guard depth < 8, let parts = tree.devicePath(link) else { return [] }
        let slaves = tree.names(link + "/slaves")
        if !slaves.isEmpty {
            // The links in "slaves" do not go over "devices"; those of the class do.
            return slaves.reduce(into: []) { $0.formUnion(disk("sys/class/block/" + $1, depth: depth + 1)) }
        }
        // A loop device stands on a file, which is on a mounted file system itself.
        return devices(parts)
    }

    /// The devices below a network interface: through bridges, bonds and VLANs to the cards.
    func card(_ name: String, depth: Int = 0) -> Set<DeviceID> {
        let base = "sys/class/net/" + name
        guard depth < 8, let parts = tree.devicePath(base) else { return [] }
        let found = devices(parts)
        if !found.isEmpty { return found }
        let lower = tree.names(base).filter { $0.hasPrefix("lower_") }.map { String($0.dropFirst(6)) }
        let ports = tree.names(base + "/brif")
        return Set(lower + ports).reduce(into: []) { $0.formUnion(card($1, depth: depth + 1)) }
    }

    /// All devices on a path below `/sys/devices`: the one at its end, and what that hangs on.
    private func devices(_ parts: [String]) -> Set<DeviceID> {
        var found: Set<DeviceID> = []
        for part in parts {
            if let usb = inventory.usb.first(where: { $0.port == part }) { found.insert(usb.id) }
            if let address = PCIAddress(part), let function = inventory.pci.first(where: { $0.address == address }) {
                found.insert(function.id)
            }
        }
        return found
    }
}
