// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import DeviceFacts
public import DeviceModel
import DevicePolicy
import LapwingCore
public import Passthrough
import SystemPackage
import USBChannel
public import XenControl

/// The machine as it is: devices out of sysfs, who holds them out of Xen, both read anew for each question.
public struct LiveMachine: PassthroughMachine {
    private let tree: SystemTree
    private let xen: any XenDevices
    private let store: AssignmentStore
    private let paths: DevicePaths
    private let domains: @Sendable () async throws -> [DomainReport]

    /// A machine.
    ///
    /// - Parameters:
    ///   - tree: Where the kernel's files are.
    ///   - domains: The domains, defined or only in Xen.
    public init(
        tree: SystemTree, paths: DevicePaths, xen: any XenDevices,
        domains: @escaping @Sendable () async throws -> [DomainReport]
    ) {
        self.tree = tree
        self.paths = paths
        self.xen = xen
        self.domains = domains
        store = AssignmentStore(path: paths.assignments)
    }

    // MARK: Looking

    /// What the machine has, without names.
    func inventory() -> Inventory { InventoryReader(tree).inventory() }

    /// What this system says of radios.
    func radios() -> RadioState { RadioState(tree, domain: tree.isLive ? RegulatoryDomain.country() : nil) }

    /// What decisions need to know of an inventory.
    func facts(_ inventory: Inventory) -> MachineFacts {
        facts(inventory, groups: IsolationGroups.of(inventory.pci))
    }

    private func facts(_ inventory: Inventory, groups: [IsolationGroup]) -> MachineFacts {
        let use = SystemUse(tree, inventory: inventory)
        return MachineFacts(
            inventory, groups: groups, bootDisks: use.disks, uplinks: use.uplinks,
            otherInputs: use.otherKeyboards)
    }

    /// The USB devices alone.
    func usbDevices() -> [USBDevice] { InventoryReader(tree).usb() }

    /// All that a plan depends on.
    public func state() async throws -> MachineState { try await state(holders: true) }

    /// The same; who uses the devices is told where `holders` asks for it, for that takes a look at every open file.
    func state(holders: Bool) async throws -> MachineState {
        let inventory = inventory()
        let groups = IsolationGroups.of(inventory.pci)
        let facts = facts(inventory, groups: groups)
        var found: [DomainState] = []
        for report in try await domains() {
            let kind = report.settings.flatMap { DomainState.Kind(rawValue: $0.type.rawValue) } ?? .hvm
            // Of a domain that nobody here defined it is not known how it was made: the worst is assumed.
            var domain = DomainState(
                name: report.name, kind: kind, running: report.id != nil && report.state != "stopped",
                memoryOnDemand: report.settings == nil)
            if let number = report.id {
                domain.pci = try xen.functions(of: number).map { id(of: $0, inventory) }
                domain.usb = try await usb(of: number, inventory.usb, asking: Self.lives(report)).map(\.id)
            }
            found.append(domain)
        }
        let held = Set(found.flatMap(\.pci))
        var protections: [DeviceFacts.DeviceID: [Protection]] = [:]
        for device in inventory.devices { protections[device.id] = facts.standing(device.id) }
        return MachineState(
            inventory: inventory, groups: groups, iommu: try await xen.hasIOMMU(),
            domains: found,
            released: inventory.pci.filter { Self.isReleased($0) && !held.contains($0.id) }.map(\.id),
            holders: holders ? DeviceHolders(tree).of(inventory) : [:],
            protections: protections, assignments: try store.read())
    }

    /// True for a domain whose device model can be asked: one that is on its way out may have none.
    static func lives(_ report: DomainReport) -> Bool { ["running", "paused", "starting"].contains(report.state) }

    /// The USB devices that a domain really has: those its device model has open and that are there. Without `asking`
    /// all that are written down for it.
    private func usb(of number: Int, _ devices: [USBDevice], asking: Bool = true) async throws -> [USBDevice] {
        let held = try xen.usb(of: number)
        let noted = devices.filter { device in held.contains { $0.hostPort == device.port } }
        guard asking, !noted.isEmpty else { return noted }
        let open = try await modelled(in: number, held)
        return noted.filter { device in
            held.contains { $0.hostPort == device.port && isThere($0, device, open) }
        }
    }

    /// What the domain's device model has open; it is asked only where it has something.
    private func modelled(in number: Int, _ held: [HeldUSB]) async throws -> Set<USBAddress> {
        held.allSatisfy(\.isCarried) ? [] : try await xen.modelled(in: number)
    }

    /// True when what is written down of a device is so.
    private func isThere(_ held: HeldUSB, _ device: USBDevice, _ open: Set<USBAddress>) -> Bool {
        held.isCarried ? isCarried(device) : open.contains(device.address)
    }

    /// True when the kernel's part of USB/IP has the device and no driver of dom0.
    func isCarried(_ device: USBDevice) -> Bool { stub(device)?.isBound ?? false }

    private func stub(_ device: USBDevice) -> DeviceStub? {
        try? DeviceStub(device.port, sysfs: paths.at("/sys").string)
    }

    static func isReleased(_ function: PCIFunction) -> Bool {
        function.driver == "pciback" || function.driver == "xen-pciback"
    }

    /// The id of a function; one that is not in dom0's view any more gets a name that no device has.
    private func id(of address: PCIAddress, _ inventory: Inventory) -> DeviceFacts.DeviceID {
        if let function = inventory.pci.first(where: { $0.address == address }) { return function.id }
        return DeviceFacts.DeviceID(
            domain: UInt32(address.domain), rootBus: address.bus, slots: [address.slot],
            identity: PCIIdentity(vendor: Hex16(0), device: Hex16(0)))
    }

    /// True when the machine shows that the action has taken effect.
    public func holds(_ action: DeviceAction) async throws -> Bool {
        switch action {
        case .reset: return false
        case .remember(let assignment): return try store.read().contains(assignment)
        case .forget(let assignment): return try !store.read().contains { $0.device == assignment.device }
        case .release(let id): return function(id).map(Self.isReleased) ?? false
        case .reclaim(let id): return function(id).map { !Self.isReleased($0) } ?? true
        case .attachPCI(let id, let domain):
            guard let address = function(id)?.address, let number = try await number(domain) else { return false }
            return try xen.functions(of: number).contains(address)
        case .detachPCI(let id, let domain):
            guard let address = function(id)?.address, let number = try await number(domain) else { return true }
            return try !xen.functions(of: number).contains(address)
        case .attachUSB(let id, let domain):
            guard let number = try await number(domain) else { return false }
            return try await usb(of: number, usbDevices()).contains { $0.id == id }
        case .detachUSB(let id, let domain):
            guard let number = try await number(domain) else { return true }
            let port = usbDevices().first { $0.id == id }?.port
            return try !xen.usb(of: number).contains { $0.hostPort == port }
        case .powerOff(let id): return !usbDevices().contains { $0.id == id }
        }
    }

    private func function(_ id: DeviceFacts.DeviceID) -> PCIFunction? {
        PCIReader(tree).functions(details: false).first { $0.id == id }
    }

    private func number(_ domain: String) async throws -> Int? {
        try await domains().first { $0.name == domain }?.id
    }

    // MARK: Changing

    /// Does an action. The device's address of now is found by its id just before.
    public func perform(_ action: DeviceAction) async throws {
        switch action {
        case .remember(let assignment): try store.add(assignment)
        case .forget(let assignment): try store.remove(assignment)
        case .release(let id): try await xen.release(try present(id).address)
        case .reclaim(let id): try await reclaim(try present(id))
        case .reset(let id):
            try write("1", "sys/bus/pci/devices/\(try present(id).address)/reset", "reset")
        case .attachPCI(let id, let domain):
            try await xen.attach(try present(id).address, to: try await running(domain))
        case .detachPCI(let id, let domain):
            try await xen.detach(try present(id).address, from: try await running(domain))
        case .attachUSB(let id, let domain):
            let device = try usbDevice(id)
            let number = try await running(domain)
            // What stands at this port from a device that was pulled is not this device, and would be in its way.
            _ = try await sweep(number)
            guard try await isEmulated(domain) else {
                return try await xen.offer(device.port, to: number, slot: try freeSlot(number, domain))
            }
            try await xen.attach(device.address, to: number)
        case .detachUSB(let id, let domain):
            let device = try usbDevice(id)
            let number = try await running(domain)
            for held in try xen.usb(of: number) where held.hostPort == device.port {
                try await xen.detach(held, from: number)
            }
        case .powerOff(let id): try write("1", "sys/bus/usb/devices/\(try usbDevice(id).port)/remove", "switch off")
        }
    }

    /// True for a domain with a device model that has USB ports. Of one that nobody here defined it is assumed.
    private func isEmulated(_ domain: String) async throws -> Bool {
        try await domains().first { $0.name == domain }?.settings.map { $0.type == .hvm } ?? true
    }

    private func freeSlot(_ number: Int, _ domain: String) throws -> Int {
        let taken = Set(try xen.usb(of: number).map(\.place))
        if let slot = (0..<Slot.most).first(where: { !taken.contains(.carried(slot: $0)) }) { return slot }
        throw LapwingError(
            "passthrough.no-slot", exit: .busy, "The domain has as many USB devices as it can have.", subject: domain,
            cause: "\(Slot.most)")
    }

    /// Gives a function back to the driver it had; one that was hidden when the machine started had none, and the kernel
    /// is told to look for one.
    private func reclaim(_ function: PCIFunction) async throws {
        let base = "sys/bus/pci/devices/\(function.address)"
        do {
            try await xen.reclaim(function.address)
        } catch {
            // Xen's tools begin with its quarantine, and stop where the function is not in it: one that was hidden when
            // the machine started and not given since, and each one on a machine without an IOMMU.
            guard tree.linkName(base + "/driver") == "pciback" else { throw error }
            try write("\(function.address)", "sys/bus/pci/drivers/pciback/unbind", "free")
            try write("\(function.address)", "sys/bus/pci/drivers/pciback/remove_slot", "free")
        }
        if tree.line(base + "/driver_override") == "pciback" { try write("\n", base + "/driver_override", "free") }
        if tree.linkName(base + "/driver") == nil {
            try write("\(function.address)", "sys/bus/pci/drivers_probe", "find a driver for")
        }
    }

    /// What was left of USB devices that were pulled.
    struct Swept {
        /// Where they were.
        var places: [HeldUSB] = []
        /// The USB devices that were there when that was seen.
        var devices: [USBDevice] = []
    }

    /// Clears away what is left in a domain of USB devices that were pulled.
    func sweep(_ number: Int) async throws -> Swept {
        let held = try xen.usb(of: number)
        guard !held.isEmpty else { return Swept() }
        let open = try await modelled(in: number, held)
        let devices = usbDevices()
        for address in open.sorted() where !devices.contains(where: { $0.address == address }) {
            try await xen.drop(address, from: number)
        }
        let gone = held.filter { place in
            !devices.contains { $0.port == place.hostPort && isThere(place, $0, open) }
        }
        for place in gone { try await xen.forget(place, in: number) }
        return Swept(places: gone, devices: devices)
    }

    /// Gives dom0's drivers back what the kernel's part of USB/IP has and nobody uses. When a device is pulled, the kernel
    /// keeps its port's name, and gives that part the next one that is plugged in there.
    func freeStrays(_ held: Set<String>) {
        for device in usbDevices() where !held.contains(device.port) && isCarried(device) { stub(device)?.release() }
    }

    /// Lets dom0's drivers look at the interfaces of a USB device that have none: a device model that ended without
    /// giving it back leaves them so.
    func probe(_ device: USBDevice) throws {
        for name in tree.names("sys/bus/usb/devices") where name.hasPrefix(device.port + ":") {
            if tree.linkName("sys/bus/usb/devices/\(name)/driver") == nil {
                try write(name, "sys/bus/usb/drivers_probe", "find a driver for")
            }
        }
    }

    private func present(_ id: DeviceFacts.DeviceID) throws -> PCIFunction {
        if let found = function(id) { return found }
        throw gone(id)
    }

    private func usbDevice(_ id: DeviceFacts.DeviceID) throws -> USBDevice {
        if let found = usbDevices().first(where: { $0.id == id }) { return found }
        throw gone(id)
    }

    private func gone(_ id: DeviceFacts.DeviceID) -> LapwingError {
        LapwingError("passthrough.gone", exit: .unavailable, "The device is not there.", subject: id.rawValue)
    }

    private func running(_ domain: String) async throws -> Int {
        if let number = try await number(domain) { return number }
        throw LapwingError("passthrough.not-running", exit: .unavailable, "The domain does not run.", subject: domain)
    }

    private func write(_ text: String, _ path: String, _ verb: String) throws {
        let place = paths.at("/" + path)
        try Files.explain(verb, place) {
            let file = try FileDescriptor.open(place, .writeOnly, options: [.closeOnExec])
            _ = try file.closeAfter { try file.writeAll(text.utf8) }
        }
    }
}
