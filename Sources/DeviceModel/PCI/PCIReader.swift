// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Reads the PCI functions of a machine from sysfs, which serves live and captured alike.
public struct PCIReader: Sendable {
    /// Where the files are.
    public let tree: SystemTree
    private static let devices = "sys/bus/pci/devices/"

    /// A reader of a tree.
    public init(_ tree: SystemTree) {
        self.tree = tree
    }

    /// What a reader of a whole machine knows of a function before it knows all.
    private struct Found {
        var address: PCIAddress
        var config: ConfigSpace
        var way: Way?
    }

    /// A function's place in the tree of devices.
    struct Way: Sendable, Hashable {
        var domain: UInt32
        var rootBus: UInt8
        /// The functions from the root bus down to the function itself.
        var functions: [PCIAddress]
        /// The function above the root bus: a controller that makes PCI buses of its own, such as VMD.
        var above: PCIAddress?
    }

    /// The functions by address. Without `details` there are no resources, resets, NUMA nodes and groups: those take a
    /// file each.
    public func functions(details: Bool = true) -> [PCIFunction] {
        let found = tree.names(Self.devices).compactMap { name -> Found? in
            guard let address = PCIAddress(name), let config = config(name, limit: details ? 4096 : 64) else {
                return nil
            }
            return Found(address: address, config: config, way: way(name))
        }
        var bridges: [UInt64: PCIAddress] = [:]
        for function in found {
            if let bridge = function.config.bridge, bridge.secondary != 0 {
                bridges[PCIReader.key(function.address.domain, bridge.secondary)] = function.address
            }
        }
        return found.map { function in
            describe(function, way: function.way ?? PCIReader.way(function.address, bridges), details: details)
        }.sorted { $0.address < $1.address }
    }

    /// The config space. A function that wakes from its sleep just then answers with ones: it is asked again, and at last
    /// there is what the kernel remembers of it, so that no function is missing from a list.
    private func config(_ name: String, limit: Int) -> ConfigSpace? {
        for _ in 0..<(tree.isLive ? 3 : 1) {
            if let bytes = tree.bytes(Self.devices + name + "/config", limit: limit), let config = ConfigSpace(bytes) {
                return config
            }
        }
        func number(_ file: String) -> UInt32? { tree.hexadecimal(Self.devices + name + "/" + file) }
        guard let vendor = number("vendor"), let device = number("device"), let kind = number("class") else {
            return nil
        }
        return ConfigSpace(
            remembered: UInt16(truncatingIfNeeded: vendor), UInt16(truncatingIfNeeded: device),
            revision: UInt8(truncatingIfNeeded: number("revision") ?? 0), classCode: kind)
    }

    private func describe(_ found: Found, way: Way, details: Bool) -> PCIFunction {
        let (config, address) = (found.config, found.address)
        let subsystem = config.subsystem ?? fileSubsystem(address)
        let identity = PCIIdentity(
            vendor: config.vendor, device: config.device, subsystemVendor: subsystem?.vendor,
            subsystemDevice: subsystem?.device)
        var function = PCIFunction(
            id: DeviceID(
                domain: way.domain, rootBus: way.rootBus, slots: way.functions.map(\.slot), identity: identity),
            address: address, parent: way.functions.dropLast().last, identity: identity, revision: config.revision,
            classCode: config.classCode, driver: tree.linkName(path(address, "driver")),
            multifunction: config.multifunction || address.slot.function > 0, bridge: config.bridge)
        guard details else { return function }
        function.requester = way.above
        function.capabilities = config.capabilities
        function.capabilitiesIncomplete = config.isIncomplete
        function.express = config.express
        function.accessControl = config.accessControl
        function.virtualFunctions = config.virtualFunctions
        function.physicalFunction = tree.linkName(path(address, "physfn")).flatMap { PCIAddress($0) }
        function.numaNode = tree.number(path(address, "numa_node")).flatMap { $0 < 0 ? nil : $0 }
        function.resources = resources(address)
        function.bootDisplay = tree.line(path(address, "boot_vga")) == "1"
        function.kernelGroup = tree.linkName(path(address, "iommu_group")).flatMap { Int($0) }
        function.resetMethods = resets(address, config)
        return function
    }

    /// The subsystem as the kernel read it, for bridges whose capability lists are out of reach. Both zero is none.
    private func fileSubsystem(_ address: PCIAddress) -> (vendor: Hex16, device: Hex16)? {
        guard let vendor = tree.hexadecimal(path(address, "subsystem_vendor")).flatMap({ UInt16(exactly: $0) }),
            let device = tree.hexadecimal(path(address, "subsystem_device")).flatMap({ UInt16(exactly: $0) }),
            vendor != 0 || device != 0
        else { return nil }
        return (Hex16(vendor), Hex16(device))
    }

    private func path(_ address: PCIAddress, _ file: String) -> String { "\(Self.devices)\(address)/\(file)" }

    // MARK: Places

    private static func key(_ domain: UInt32, _ bus: UInt8) -> UInt64 { UInt64(domain) << 8 | UInt64(bus) }

    private func way(_ name: String) -> Way? {
        tree.devicePath(Self.devices + name).flatMap { PCIReader.way(parts: $0[...]) }
    }

    /// Reads `pci0000:00/0000:00:1c.4/0000:02:00.0`: a root bus, and the functions below it. What follows the last
    /// function, such as a USB device, does not matter; of several root buses the last counts. Nil when there is no
    /// function at all.
    static func way(parts: ArraySlice<String>) -> Way? {
        var way: Way?
        var last: PCIAddress?
        for part in parts {
            if part.hasPrefix("pci"), let root = PCIReader.root(part) {
                way = Way(domain: root.domain, rootBus: root.bus, functions: [], above: last)
            } else if way != nil, let address = PCIAddress(part), part.utf8.count > 7 {
                way?.functions.append(address)
                last = address
            } else if way != nil {
                break
            }
        }
        return way?.functions.isEmpty == false ? way : nil
    }

    /// `pci0000:00`
    private static func root(_ part: String) -> (domain: UInt32, bus: UInt8)? {
        let halves = part.dropFirst(3).split(separator: ":")
        guard halves.count == 2, let domain = UInt32(halves[0], radix: 16), let bus = UInt8(halves[1], radix: 16) else {
            return nil
        }
        return (domain, bus)
    }

    /// The same out of the bridges' bus numbers, for a tree without links.
    private static func way(_ address: PCIAddress, _ bridges: [UInt64: PCIAddress]) -> Way {
        var functions = [address]
        while let first = functions.first, let bridge = bridges[key(first.domain, first.bus)],
            !functions.contains(bridge)
        {
            functions.insert(bridge, at: 0)
        }
        return Way(domain: address.domain, rootBus: functions[0].bus, functions: functions)
    }

    // MARK: Single files

    /// The lines of `resource`: first and last address and the kernel's flags (include/linux/ioport.h).
    private func resources(_ address: PCIAddress) -> [PCIResource] {
        guard let bytes = tree.bytes(path(address, "resource")) else { return [] }
        return PCIReader.resources(String(decoding: bytes, as: UTF8.self))
    }

    static func resources(_ text: String) -> [PCIResource] {
        text.split(separator: "\n").prefix(7).enumerated().compactMap { index, line in
            let numbers = line.split(separator: " ").compactMap { UInt64($0.dropFirst(2), radix: 16) }
            guard numbers.count == 3, numbers[2] != 0, numbers[1] >= numbers[0],
                numbers[1] - numbers[0] < UInt64.max
            else { return nil }
            let flags = numbers[2]
            let kind: PCIResource.Kind
            if index == 6 {
                kind = .rom
            } else if flags & 0x100 != 0 {
                kind = .io
            } else if flags & 0x200 != 0 {
                kind = flags & 0x0010_0000 != 0 ? .memory64 : .memory32
            } else {
                return nil
            }
            return PCIResource(
                index: index, kind: kind, address: numbers[0], size: numbers[1] - numbers[0] + 1,
                prefetchable: flags & 0x2000 != 0)
        }
    }

    /// The kernel's list where it has one (since Linux 5.15), else what config space offers. A bus reset is none of the
    /// function's own: without the kernel's word it is left out.
    private func resets(_ address: PCIAddress, _ config: ConfigSpace) -> [PCIResetMethod] {
        if let line = tree.line(path(address, "reset_method")) {
            return line.split(separator: " ").compactMap { PCIResetMethod(rawValue: String($0)) }
        }
        if tree.exists(path(address, "reset_method")) { return [] }
        var found: [PCIResetMethod] = []
        if config.express?.functionLevelReset == true { found.append(.functionLevel) }
        if config.advancedFeaturesReset { found.append(.advancedFeatures) }
        if config.powerManagementReset { found.append(.powerManagement) }
        return found
    }
}
