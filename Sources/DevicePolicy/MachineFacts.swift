// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// What has to be known of a machine to decide about one of its devices.
public struct MachineFacts: Sendable, Hashable {
    /// The devices by id.
    public let devices: [DeviceID: PolicyDevice]
    /// What is behind each PCI USB controller.
    let behind: [DeviceID: [DeviceID]]
    /// The other members of each function's isolation group, bridges left out.
    let group: [DeviceID: [DeviceID]]
    /// Other functions of a display adapter's slot, which follow it.
    let companions: [DeviceID: [DeviceID]]
    /// Adapters that drive a screen, as far as that can be told.
    let screens: Set<DeviceID>
    /// Functions that a driver holds for a domain: they are not dom0's already.
    let away: Set<DeviceID>
    let inventory: Inventory
    /// The controllers or sticks of the disks the system runs from; nil when that is not known.
    public let bootDisks: Set<DeviceID>?
    /// The cards through which dom0 reaches the network; nil when that is not known.
    public let uplinks: Set<DeviceID>?
    /// How many input devices dom0 has that are neither PCI nor USB, such as a PS/2 keyboard.
    public let otherInputs: Int

    /// Drivers that hold a function for somebody else.
    private static let holders: Set<String> = ["pciback", "xen-pciback", "vfio-pci", "pci-stub"]

    /// The facts of a machine.
    public init(
        _ inventory: Inventory, groups: [IsolationGroup] = [], bootDisks: Set<DeviceID>? = nil,
        uplinks: Set<DeviceID>? = nil, otherInputs: Int = 0
    ) {
        self.inventory = inventory
        self.bootDisks = bootDisks
        self.uplinks = uplinks
        self.otherInputs = otherInputs
        away = Set(inventory.pci.filter { MachineFacts.holders.contains($0.driver ?? "") }.map(\.id))
        var devices: [DeviceID: PolicyDevice] = [:]
        let functions = Dictionary(inventory.pci.map { ($0.address, $0) }) { first, _ in first }
        let places = Dictionary(inventory.usb.map { ($0.port, $0) }) { first, _ in first }
        for function in inventory.pci {
            var device = PolicyDevice(function)
            device.above = MachineFacts.bridges(above: function, functions)
            devices[function.id] = device
        }
        var behind: [DeviceID: [DeviceID]] = [:]
        for usb in inventory.usb {
            var device = PolicyDevice(usb)
            if let controller = usb.controller.flatMap({ functions[$0] }) {
                device.controller = controller.id
                device.above = MachineFacts.bridges(above: controller, functions)
                device.above.insert(String(controller.id.path))
                behind[controller.id, default: []].append(usb.id)
            }
            device.above.formUnion(MachineFacts.hubs(above: usb, places))
            devices[usb.id] = device
        }
        for card in inventory.wlan { if let id = card.device { devices[id]?.isWireless = true } }
        var companions: [DeviceID: [DeviceID]] = [:]
        var screens: Set<DeviceID> = []
        for adapter in inventory.graphics {
            guard let id = adapter.device else { continue }
            devices[id]?.isGraphics = true
            companions[id] = adapter.companions.compactMap { functions[$0]?.id }
            if adapter.connectors.contains(where: { $0.status == .connected }) { screens.insert(id) }
        }
        for function in inventory.pci where function.classCode.isDisplay { devices[function.id]?.isGraphics = true }
        var group: [DeviceID: [DeviceID]] = [:]
        for members in groups.map(\.members) where members.count > 1 {
            let ids = members.compactMap { functions[$0] }.filter { !$0.classCode.isBridge }.map(\.id)
            for id in ids { group[id] = ids.filter { $0 != id } }
        }
        self.devices = devices
        self.behind = behind
        self.group = group
        self.companions = companions
        self.screens = screens
    }

    /// The device a person means, in any of the ways `Inventory` understands.
    public func device(named name: String) throws -> PolicyDevice {
        let device = try inventory.device(named: name)
        return devices[device.id] ?? PolicyDevice(device)
    }

    /// The devices in the inventory's order, hubs and bridges only when asked for.
    public func listed(all: Bool = false) -> [PolicyDevice] {
        inventory.devices.compactMap { devices[$0.id] }.filter { all || !($0.isHub || $0.isBridge) }
    }

    private static func bridges(above function: PCIFunction, _ all: [PCIAddress: PCIFunction]) -> Set<String> {
        var found: Set<String> = []
        var next = function.parent.flatMap { all[$0] }
        while let bridge = next, found.insert(String(bridge.id.path)).inserted {
            next = bridge.parent.flatMap { all[$0] }
        }
        return found
    }

    /// The places of the hubs a USB device is plugged into, by the kernel's port names of now.
    private static func hubs(above device: USBDevice, _ all: [String: USBDevice]) -> Set<String> {
        var found: Set<String> = []
        var name = device.port[...]
        while let dot = name.lastIndex(of: ".") {
            name = name[..<dot]
            if let hub = all[String(name)] { found.insert(String(hub.id.path)) }
        }
        if let dash = name.firstIndex(of: "-"), let root = all["usb" + name[..<dash]] {
            found.insert(String(root.id.path))
        }
        return found
    }

    /// All that leaves dom0 when the device does: itself, what is behind it, and what follows it.
    func goingAlong(_ id: DeviceID) -> [DeviceID] {
        var found = [id]
        var index = 0
        while index < found.count {
            let next = (behind[found[index]] ?? []) + (companions[found[index]] ?? []) + (group[found[index]] ?? [])
            for other in next where !found.contains(other) { found.append(other) }
            index += 1
        }
        return found
    }

    /// The protections that stand in the way of giving a device away whatever the rules say, known or assumed. That no
    /// rule names an input device is not among them.
    public func standing(_ id: DeviceID) -> [Protection] {
        guard let device = devices[id] else { return [] }
        var found: [Protection] = []
        for finding in protections(of: device, rule: nil, given: []) where finding.protection != .unnamedInput {
            if !found.contains(finding.protection) { found.append(finding.protection) }
        }
        return found
    }

    /// The protections that stand in the way of giving the device away, exceptions not looked at.
    ///
    /// - Parameters:
    ///   - rule: the rule that would give it.
    ///   - given: devices that are not with dom0 already.
    func protections(of device: PolicyDevice, rule: PolicyRule?, given: Set<DeviceID>) -> [ProtectionFinding] {
        var found: [ProtectionFinding] = []
        let along = goingAlong(device.id).compactMap { devices[$0] }
        // Where the device itself is now is no matter: the answer is the same before it is given and after.
        let given = given.union(away).subtracting(along.map(\.id))
        let leaving = given.union(along.map(\.id))
        for other in along {
            // The root hub of a controller goes with it.
            if other.isHub, other.id == device.id { found.append(ProtectionFinding(.hub, other.id)) }
            if other.isBridge, other.id == device.id { found.append(ProtectionFinding(.bridge, other.id)) }
            if let bootDisks {
                if bootDisks.contains(other.id) { found.append(ProtectionFinding(.bootDisk, other.id)) }
            } else if other.isStorage {
                found.append(ProtectionFinding(.bootDisk, other.id, assumed: true))
            }
            if let uplinks {
                if uplinks.contains(other.id) { found.append(ProtectionFinding(.uplink, other.id)) }
            } else if other.isNetwork {
                found.append(ProtectionFinding(.uplink, other.id, assumed: true))
            }
            if other.isInput, !isNamed(other, by: rule, giving: device) {
                found.append(ProtectionFinding(.unnamedInput, other.id))
            }
        }
        if let input = along.first(where: \.isInput), inputs(without: leaving) == 0, inputs(without: given) > 0 {
            found.append(ProtectionFinding(.lastInput, input.id))
        }
        if let display = along.first(where: { $0.isDisplay || $0.isGraphics }), !hasScreen(without: leaving) {
            found.append(ProtectionFinding(.onlyDisplay, display.id))
        }
        return found
    }

    /// An input device is named when the rule says both which device and that input is meant. For a whole controller it
    /// is enough to say which.
    private func isNamed(_ input: PolicyDevice, by rule: PolicyRule?, giving device: PolicyDevice) -> Bool {
        guard let rule, rule.decision.gives, rule.namesDevice else { return false }
        return input.id == device.id && device.id.bus == .usb ? rule.namesInput : true
    }

    /// How many input devices are left when these are gone. A device that only may be one is none.
    private func inputs(without gone: Set<DeviceID>) -> Int {
        otherInputs + devices.values.count { $0.isInput && !$0.damaged && !gone.contains($0.id) }
    }

    /// True when dom0 has a screen left. Where no connector says that a screen is there, an adapter counts as one.
    private func hasScreen(without gone: Set<DeviceID>) -> Bool {
        if !screens.isEmpty { return !screens.isSubset(of: gone) }
        return devices.values.contains { ($0.isDisplay || $0.isGraphics) && !gone.contains($0.id) }
    }
}
