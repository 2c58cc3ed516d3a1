// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import DeviceFacts
import FoundationEssentials
import LapwingCore
import Synchronization
import SystemPackage
@testable import XenControl

@testable import DeviceManagement
@testable import DeviceModel

/// A machine in a directory: an xHCI controller with two sticks of one kind.
final class FakeMachine: Sendable {
    let root: FilePath
    static let controller = "sys/devices/pci0000:00/0000:00:14.0"

    init() throws {
        root = FilePath(FileManager.default.temporaryDirectory.path).appending(
            "lapwing-manager-\(UInt64.random(in: 0 ... .max))")
        for directory in ["run/lapwing", "var/lib/lapwing/policy.d", "usr/lib/lapwing/policy.d"] {
            try Files.makeDirectory(root.pushing(FilePath(directory)))
        }
        var space = [UInt8](repeating: 0, count: 256)
        (space[0], space[1], space[2], space[3]) = (0x86, 0x80, 0xED, 0xA0)
        (space[9], space[10], space[11]) = (0x30, 3, 0x0C)
        try put(Self.controller + "/config", space)
        try link("sys/bus/pci/devices/0000:00:14.0", "../../../devices/pci0000:00/0000:00:14.0")
        let hub: [UInt8] = [18, 1, 0, 2, 9, 0, 0, 64, 0x6B, 0x1D, 2, 0, 0, 1, 0, 0, 0, 0]
        try usb("usb1", hub, number: 1)
        try plug("1-1", number: 5)
        try plug("1-2", number: 6)
        try put("proc/self/mountinfo", Array("22 1 0:20 / / rw - tmpfs tmpfs rw\n".utf8))
        try put("proc/net/route", Array("Iface\tDestination\n".utf8))
    }

    deinit { try? Files.removeTree(root) }

    func put(_ path: String, _ bytes: [UInt8]) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try Files.write(bytes, to: place)
    }

    private func link(_ path: String, _ target: String) throws {
        let place = root.pushing(FilePath(path))
        try Files.makeDirectory(place.removingLastComponent())
        try FileManager.default.createSymbolicLink(atPath: place.string, withDestinationPath: target)
    }

    private func usb(_ name: String, _ bytes: [UInt8], number: Int) throws {
        let place = Self.controller + "/usb1" + (name == "usb1" ? "" : "/" + name)
        try put(place + "/descriptors", bytes)
        try put(place + "/devnum", Array("\(number)\n".utf8))
        try link("sys/bus/usb/devices/" + name, "../../../" + place.dropFirst("sys/".count))
    }

    /// Plugs a stick in.
    func plug(_ port: String, number: Int) throws {
        let stick: [UInt8] =
            [18, 1, 0, 2, 0, 0, 0, 64, 0x81, 0x07, 0x81, 0x55, 0, 1, 1, 2, 3, 1] + [9, 2, 18, 0, 1, 1, 0, 0x80, 100]
            + [9, 4, 0, 0, 0, 8, 6, 0x50, 0]
        try usb(port, stick, number: number)
    }

    /// Gives a device to the kernel's part of USB/IP.
    func bind(_ port: String) throws {
        try link("sys/bus/usb/devices/\(port)/driver", "../../../../../bus/usb/drivers/usbip-host")
        for name in ["unbind", "rebind"] { try put("sys/bus/usb/drivers/usbip-host/" + name, []) }
    }

    /// What was written to a file.
    func text(_ path: String) -> String {
        String(decoding: (try? Files.read(root.pushing(FilePath(path)))) ?? [], as: UTF8.self)
    }

    /// Pulls it out.
    func pull(_ port: String) throws {
        try Files.remove(root.appending("sys/bus/usb/devices/\(port)"))
        try Files.removeTree(root.pushing(FilePath(Self.controller + "/usb1/\(port)")))
    }

    /// Adds a network card that Xen's back end has, as one that was hidden when the machine started.
    func hiddenCard() throws {
        let place = "sys/devices/pci0000:00/0000:00:19.0"
        var space = [UInt8](repeating: 0, count: 256)
        (space[0], space[1], space[2], space[3]) = (0x86, 0x80, 0xD3, 0x10)
        space[11] = 2
        try put(place + "/config", space)
        try put(place + "/driver_override", Array("pciback\n".utf8))
        for name in ["unbind", "remove_slot"] { try put("sys/bus/pci/drivers/pciback/" + name, []) }
        try link(place + "/driver", "../../../bus/pci/drivers/pciback")
        try link("sys/bus/pci/devices/0000:00:19.0", "../../../devices/pci0000:00/0000:00:19.0")
    }

    /// Writes the local rules.
    func rules(_ text: String) throws { try put("var/lib/lapwing/policy.d/50-local.rules", Array(text.utf8)) }
}

/// A Xen with domains and device models in memory, which does what `xl` does, or what a test wants to go wrong.
final class RecordingDevices: XenDevices {
    struct State {
        var domains: [String: Int] = [:]
        var usb: [Int: [HeldUSB]] = [:]
        var open: [Int: Set<USBAddress>] = [:]
        var calls: [String] = []
        /// The next change fails after it was said to be done.
        var boasts = false
        /// Nothing is in Xen's quarantine, so that its tools let nothing go.
        var noQuarantine = false
        /// Domains that have no device model.
        var bare: Set<String> = []
        /// What is done to a device in a port when it is offered to one of those.
        var bind: @Sendable (String) throws -> Void = { _ in }
        /// What happens in the machine while a pulled device is cleared away.
        var meanwhile: @Sendable () throws -> Void = {}
        /// What domains were told.
        var told: [String: String] = [:]
    }
    let state = Mutex(State())
    private let ports: Mutex<[USBAddress: String]>

    init(_ ports: [USBAddress: String]) { self.ports = Mutex(ports) }

    func know(_ address: USBAddress, _ port: String) { ports.withLock { $0[address] = port } }
    var calls: [String] { state.withLock { $0.calls } }

    func reports() -> [DomainReport] {
        state.withLock { state in
            state.domains.map { name, number in
                DomainReport(
                    name: name, state: number > 0 ? "running" : "stopped", id: number > 0 ? number : nil,
                    settings: DomainSettings(
                        type: state.bare.contains(name) ? .pvh : .hvm, memory: ByteSize(bytes: 512 << 20), vcpus: 1),
                    restarts: 0,
                    images: [:])
            }
        }
    }

    func functions(of domain: Int) throws -> [PCIAddress] { [] }
    func usb(of domain: Int) throws -> [HeldUSB] { state.withLock { $0.usb[domain] ?? [] } }
    func modelled(in domain: Int) async throws -> Set<USBAddress> { state.withLock { $0.open[domain] ?? [] } }
    func hasIOMMU() async throws -> Bool { true }
    func release(_ function: PCIAddress) async throws { state.withLock { $0.calls.append("release \(function)") } }
    func reclaim(_ function: PCIAddress) async throws {
        try state.withLock { state in
            state.calls.append("reclaim \(function)")
            if state.noQuarantine { throw LapwingError("xen.failed", "failed to de-quarantine") }
        }
    }
    func attach(_ function: PCIAddress, to domain: Int) async throws {
        state.withLock { $0.calls.append("attach \(function) \(domain)") }
    }
    func detach(_ function: PCIAddress, from domain: Int) async throws {
        state.withLock { $0.calls.append("detach \(function) \(domain)") }
    }
    func attach(_ device: USBAddress, to domain: Int) async throws {
        let port = ports.withLock { $0[device] ?? "?" }
        state.withLock { state in
            state.calls.append("attach \(device) \(domain)")
            if state.boasts {
                state.boasts = false
                return
            }
            let next = (state.usb[domain] ?? []).count + 1
            state.usb[domain, default: []].append(HeldUSB(place: .emulated(controller: 0, port: next), hostPort: port))
            state.open[domain, default: []].insert(device)
        }
    }
    func offer(_ port: String, to domain: Int, slot: Int) async throws {
        let bind = state.withLock { state in
            state.calls.append("offer \(port) \(domain) \(slot)")
            state.usb[domain, default: []].append(HeldUSB(place: .carried(slot: slot), hostPort: port))
            return state.bind
        }
        try bind(port)
    }
    func detach(_ device: HeldUSB, from domain: Int) async throws {
        let known = ports.withLock { $0 }
        state.withLock { state in
            state.calls.append("detach \(device.hostPort) \(domain)")
            state.usb[domain]?.removeAll { $0 == device }
            state.open[domain] = state.open[domain]?.filter { known[$0] != device.hostPort }
        }
    }
    func forget(_ device: HeldUSB, in domain: Int) async throws {
        let meanwhile = state.withLock { state in
            state.calls.append("forget \(device.hostPort) \(domain)")
            state.usb[domain]?.removeAll { $0 == device }
            return state.meanwhile
        }
        try meanwhile()
    }
    func tell(_ domain: Int, _ name: String, _ value: String) throws -> Bool {
        state.withLock { $0.told.updateValue(value, forKey: "\(domain) \(name)") != value }
    }
    func drop(_ device: USBAddress, from domain: Int) async throws {
        state.withLock { state in
            state.calls.append("drop \(device) \(domain)")
            state.open[domain]?.remove(device)
        }
    }
}

/// All of it together.
struct Bench {
    let machine: FakeMachine
    let xen: RecordingDevices
    let manager: DeviceManager
    let events = Events()

    /// What was told.
    final class Events: Sendable {
        let list = Mutex<[DeviceEvent]>([])
        var names: [String] { list.withLock { $0.map(\.name) } }
    }

    struct Noon: WallClock { func now() -> Double { 43_200 } }

    init(rules: String = "", domains: [String: Int] = ["work": 1]) throws {
        machine = try FakeMachine()
        try machine.rules(rules)
        xen = RecordingDevices([USBAddress(bus: 1, device: 5): "1-1", USBAddress(bus: 1, device: 6): "1-2"])
        xen.state.withLock { $0.domains = domains }
        let (xen, events) = (xen, events)
        manager = DeviceManager(
            paths: DevicePaths(root: machine.root), tree: try SystemTree(root: machine.root), xen: xen, clock: Noon(),
            domains: { xen.reports() }
        ) { event in events.list.withLock { $0.append(event) } }
    }
}
