// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// Reads the wireless cards of a machine from sysfs: the radios the kernel has, and PCI functions of that class that
/// have none.
public struct WLANReader: Sendable {
    /// Where the files are.
    public let tree: SystemTree

    /// A reader of a tree.
    public init(_ tree: SystemTree) {
        self.tree = tree
    }

    /// Drivers that hold a function for somebody else.
    static let placeholders: Set<String> = ["pciback", "xen-pciback", "vfio-pci", "pci-stub", "usbip-host"]

    /// The cards: those with a radio by its name, then the others by address.
    public func cards(functions: [PCIFunction], devices: [USBDevice] = []) -> [WLANCard] {
        let radios = "sys/class/ieee80211/"
        var cards = tree.names(radios).map { phy -> WLANCard in
            var card = WLANCard(device: nil, phy: phy, firmware: .running)
            card.driver = tree.linkName(radios + phy + "/device/driver")
            card.interfaces = tree.names(radios + phy + "/device/net")
            card.hardwareAddress = tree.line(radios + phy + "/macaddress").flatMap { WLANReader.hardwareAddress($0) }
            card.rfkill = rfkill(radios + phy)
            place(&card, radios + phy, functions, devices)
            return card
        }
        let known = Set(cards.compactMap(\.address))
        for function in functions where WLANReader.isWireless(function) && !known.contains(function.address) {
            let held = function.driver.map { !Self.placeholders.contains($0) } ?? false
            cards.append(
                WLANCard(
                    device: function.id, address: function.address, driver: function.driver,
                    name: function.names.device ?? function.names.vendor, firmware: held ? .missing : .notLoaded))
        }
        return cards
    }

    /// True when a driver holds the card for somebody else.
    public static func isHeld(_ card: WLANCard) -> Bool { card.driver.map { placeholders.contains($0) } ?? false }

    /// "Network controller, other", under which WLAN cards go, or the wireless class (PCI Code and ID Assignment).
    static func isWireless(_ function: PCIFunction) -> Bool {
        function.classCode.base == 0x02 && function.classCode.sub == 0x80
            || function.classCode.base == 0x0D && function.classCode.sub >= 0x20
    }

    private func place(
        _ card: inout WLANCard, _ radio: String, _ functions: [PCIFunction], _ devices: [USBDevice]
    ) {
        guard let parts = tree.devicePath(radio) else { return }
        // `…/1-1.4/1-1.4:1.0/ieee80211/phy0` for USB.
        if let usb = parts.last(where: { USBReader.place($0) != nil && !$0.hasPrefix("usb") }),
            let device = devices.first(where: { $0.port == usb })
        {
            card.device = device.id
            card.name = device.product
        } else if let address = PCIReader.way(parts: parts[...])?.functions.last,
            let function = functions.first(where: { $0.address == address })
        {
            card.device = function.id
            card.address = address
            card.name = function.names.device ?? function.names.vendor
        }
    }

    private func rfkill(_ radio: String) -> WLANCard.RadioSwitch? {
        for name in tree.names(radio) where name.hasPrefix("rfkill") {
            let base = radio + "/" + name + "/"
            guard let soft = tree.line(base + "soft"), let hard = tree.line(base + "hard") else { continue }
            return WLANCard.RadioSwitch(soft: soft == "1", hard: hard == "1")
        }
        return nil
    }

    /// Six bytes with colons between; nil for anything else.
    static func hardwareAddress(_ text: String) -> String? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 6, parts.allSatisfy({ $0.utf8.count == 2 && UInt8($0, radix: 16) != nil }) else {
            return nil
        }
        return text.lowercased()
    }
}
