// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Reads the graphics adapters of a machine from sysfs: those a driver with mode setting holds, and those of PCI that
/// none holds.
public struct GraphicsReader: Sendable {
    /// Where the files are.
    public let tree: SystemTree
    private static let cards = "sys/class/drm/"

    /// A reader of a tree.
    public init(_ tree: SystemTree) {
        self.tree = tree
    }

    /// The adapters: PCI ones by address, then the others by card. `functions` are all PCI functions, `devices` all USB
    /// devices of the same tree.
    public func adapters(functions: [PCIFunction], devices: [USBDevice] = []) -> [GraphicsAdapter] {
        let names = tree.names(Self.cards)
        var adapters: [GraphicsAdapter] = []
        let console = consoleCard()
        for card in names where GraphicsReader.number(card, after: "card") != nil {
            adapters.append(adapter(card, names, functions, devices, console: console))
        }
        let held = Set(adapters.compactMap(\.address))
        for function in functions where function.classCode.isDisplay && !held.contains(function.address) {
            adapters.append(describe(GraphicsAdapter(device: function.id), function, functions))
        }
        return adapters.sorted { order($0) < order($1) }
    }

    private func order(_ adapter: GraphicsAdapter) -> String {
        (adapter.address.map { "0" + $0.description } ?? "1") + (adapter.card ?? "")
    }

    private func adapter(
        _ card: String, _ names: [String], _ functions: [PCIFunction], _ devices: [USBDevice], console: String?
    ) -> GraphicsAdapter {
        let base = Self.cards + card
        var adapter = GraphicsAdapter(device: nil, card: card, console: console == card)
        adapter.driver = tree.linkName(base + "/device/driver")
        adapter.renderNode = tree.names(base + "/device/drm").first {
            GraphicsReader.number($0, after: "renderD") != nil
        }
        adapter.connectors = names.filter { $0.hasPrefix(card + "-") }.map { connector($0, card: card) }
        if let parts = tree.devicePath(base) {
            if let way = PCIReader.way(parts: parts[...]), let address = way.functions.last,
                let function = functions.first(where: { $0.address == address })
            {
                // A USB adapter hangs behind a PCI controller too, but is not it.
                let usb = parts.last { USBReader.place($0) != nil }
                guard let usb, let device = devices.first(where: { $0.port == usb }) else {
                    return describe(adapter, function, functions)
                }
                adapter.device = device.id
                adapter.name = device.product
            } else if let usb = parts.last(where: { USBReader.place($0) != nil }),
                let device = devices.first(where: { $0.port == usb })
            {
                adapter.device = device.id
                adapter.name = device.product
            }
        }
        return adapter
    }

    private func describe(
        _ adapter: GraphicsAdapter, _ function: PCIFunction, _ functions: [PCIFunction]
    ) -> GraphicsAdapter {
        var adapter = adapter
        adapter.device = function.id
        adapter.address = function.address
        adapter.driver = adapter.driver ?? function.driver
        adapter.bootDisplay = function.bootDisplay
        adapter.name = function.names.device ?? function.names.vendor
        adapter.companions = functions.filter {
            $0.address != function.address && $0.address.domain == function.address.domain
                && $0.address.bus == function.address.bus
                && $0.address.slot.device == function.address.slot.device && $0.parent != nil
        }.map(\.address)
        return adapter
    }

    private func connector(_ name: String, card: String) -> DisplayConnector {
        let base = Self.cards + name + "/"
        var connector = DisplayConnector(name: String(name.dropFirst(card.count + 1)))
        connector.status = tree.line(base + "status").flatMap { DisplayConnector.Status(rawValue: $0) } ?? .unknown
        connector.enabled = tree.line(base + "enabled") == "enabled"
        connector.display = tree.bytes(base + "edid", limit: EDID.limit).flatMap { EDID.parse($0) }
        let text = tree.bytes(base + "modes", limit: 1 << 14).map { String(decoding: $0, as: UTF8.self) } ?? ""
        for line in text.split(separator: "\n").prefix(256) {
            if let mode = GraphicsReader.mode(line), connector.modes.last != mode { connector.modes.append(mode) }
        }
        return connector
    }

    /// `1920x1080`, or `1920x1080i`.
    static func mode(_ line: Substring) -> DisplayMode? {
        let parts = line.split(separator: "x")
        guard parts.count == 2, let width = Int(parts[0]), let height = Int(parts[1].prefix { $0.isNumber }),
            (1...65535).contains(width), (1...65535).contains(height)
        else { return nil }
        return DisplayMode(width: width, height: height)
    }

    /// The card whose frame buffer the text console is bound to: the console of mode setting drivers is frame buffer 0.
    private func consoleCard() -> String? {
        guard
            tree.exists("sys/class/vtconsole/vtcon1/bind") ? tree.line("sys/class/vtconsole/vtcon1/bind") == "1" : true
        else { return nil }
        guard let parts = tree.devicePath("sys/class/graphics/fb0"), let at = parts.lastIndex(of: "graphics"), at > 0
        else { return nil }
        let device = "sys/devices/" + parts[..<at].joined(separator: "/")
        return tree.names(device + "/drm").first { GraphicsReader.number($0, after: "card") != nil }
    }

    static func number(_ name: String, after prefix: String) -> Int? {
        name.hasPrefix(prefix) ? Int(name.dropFirst(prefix.count)) : nil
    }
}
