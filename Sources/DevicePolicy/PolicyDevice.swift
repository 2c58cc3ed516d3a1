// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// A class with subclass and protocol, of either bus.
struct ClassCode: Sendable, Hashable {
    var base: UInt8
    var sub: UInt8
    var third: UInt8
}

/// What rules and protections look at of one device, worked out once.
public struct PolicyDevice: Sendable, Hashable, Identifiable {
    /// The name that stays.
    public let id: DeviceID
    /// The place part of the id.
    let place: String
    /// The places of what is above it: hubs, bridges, its controller.
    var above: Set<String> = []
    let vendor: Hex16
    let product: Hex16
    let codes: [ClassCode]
    /// True when it may be anything, for its descriptors could not be read to the end.
    public let damaged: Bool
    let serial: String?
    /// Its names, folded for matching.
    let names: [[Unicode.Scalar]]
    /// A name for people; nil when there is none.
    public let name: String?
    var isGraphics = false
    var isWireless = false
    /// For a USB device: the controller it is behind.
    public internal(set) var controller: DeviceID?
    let isHub: Bool
    let isBridge: Bool
    /// True when it is an input device or may be one.
    public let isInput: Bool
    let isStorage: Bool
    let isNetwork: Bool
    let isDisplay: Bool

    /// A USB device. Damaged descriptors count as every class there is.
    public init(_ device: USBDevice) {
        id = device.id
        place = String(device.id.path)
        vendor = device.identity.vendor
        product = device.identity.product
        damaged = device.descriptorsDamaged
        serial = device.identity.serial
        // 0xef at the device itself says only that interfaces belong together (USB ECN, Interface Association).
        let own = [0x00, 0xEF].contains(device.classCode.base) ? [] : [device.classCode]
        var codes: [ClassCode] = []
        for code in own + device.interfaces.map(\.classCode) {
            let code = ClassCode(base: code.base, sub: code.sub, third: code.proto)
            if !codes.contains(code) { codes.append(code) }
        }
        self.codes = codes
        let words = [device.manufacturer, device.product].compactMap { $0 }.joined(separator: " ")
        let listed = [device.vendorName, device.productName].compactMap { $0 }.joined(separator: " ")
        let all = [words, device.product ?? "", listed, device.productName ?? ""].filter { !$0.isEmpty }
        names = PolicyDevice.folded(all)
        name = all.first
        isHub = device.isHub || device.isRootHub || device.downstreamPorts > 0
        isBridge = false
        isInput = device.descriptorsDamaged || codes.contains { $0.base == 0x03 }
        isStorage = device.descriptorsDamaged || codes.contains { $0.base == 0x08 }
        isNetwork = codes.contains { [0x02, 0x0A, 0xE0, 0xFF].contains($0.base) }
        isDisplay = false
    }

    /// A PCI function.
    public init(_ function: PCIFunction) {
        id = function.id
        place = String(function.id.path)
        vendor = function.identity.vendor
        product = function.identity.device
        damaged = false
        serial = nil
        let code = function.classCode
        codes = [ClassCode(base: code.base, sub: code.sub, third: code.interface)]
        let listed = [function.names.vendor, function.names.device].compactMap { $0 }.joined(separator: " ")
        let all = [listed, function.names.device ?? "", function.names.subsystem ?? ""].filter { !$0.isEmpty }
        names = PolicyDevice.folded(all)
        name = all.first
        isHub = false
        isBridge = code.base == 0x06 || function.bridge != nil
        isInput = code.base == 0x09
        isStorage = code.isStorage || (code.base == 0x08 && code.sub == 0x05)
        isNetwork = code.isNetwork
        isDisplay = code.isDisplay
    }

    /// A device of either bus.
    public init(_ device: Device) {
        switch device {
        case .pci(let function): self.init(function)
        case .usb(let device): self.init(device)
        }
    }

    private static func folded(_ names: [String]) -> [[Unicode.Scalar]] {
        var found: [[Unicode.Scalar]] = []
        for name in names {
            let folded = Glob.folded(name)
            if !found.contains(folded) { found.append(folded) }
        }
        return found
    }

    /// True when the rule is about devices of this kind.
    func isKind(_ kind: RuleKind) -> Bool {
        switch kind {
        case .device: true
        case .usb: id.bus == .usb
        case .pci: id.bus == .pci
        case .gpu: isGraphics
        case .wlan: isWireless
        }
    }

    /// True when the condition holds. `gives` tells whether its rule can bring the device into a domain.
    func fits(_ condition: RuleCondition, gives: Bool) -> Bool {
        switch condition {
        case .id(let ids): ids.contains(id)
        case .port(let places): places.contains(place)
        case .below(let places): places.contains { above.contains($0) }
        case .vendor(let vendors): vendors.contains(vendor)
        case .product(let products): products.contains(product)
        case .classes(let quantifier, let patterns): fits(quantifier, patterns, gives: gives)
        case .serial(let serials): serial.map { serials.contains($0) } ?? false
        case .name(let globs): globs.contains { glob in names.contains { glob.matches(folded: $0) } }
        }
    }

    private func fits(_ quantifier: ClassQuantifier, _ patterns: [ClassPattern], gives: Bool) -> Bool {
        if damaged { return !gives }
        switch quantifier {
        case .all: return !codes.isEmpty && codes.allSatisfy { code in patterns.contains { $0.matches(code) } }
        case .any: return codes.contains { code in patterns.contains { $0.matches(code) } }
        }
    }
}
