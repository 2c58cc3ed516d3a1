// SPDX-License-Identifier: Apache-2.0

/// A wireless network card.
public struct WLANCard: Sendable, Hashable, Codable {
    /// A switch that can silence the radio (Documentation/ABI/stable/sysfs-class-rfkill).
    public struct RadioSwitch: Sendable, Hashable, Codable {
        /// True when a program silenced it.
        public var soft: Bool
        /// True when a switch or key silenced it.
        public var hard: Bool

        /// A switch.
        public init(soft: Bool, hard: Bool) {
            self.soft = soft
            self.hard = hard
        }

        /// True when the radio may not send.
        public var blocked: Bool { soft || hard }
    }

    /// Whether the card has what it needs to work.
    public enum Firmware: String, Sendable, Codable, Hashable {
        /// A driver holds it and it has a radio.
        case running
        /// A driver holds it, but there is no radio: as a rule its firmware file is missing.
        case missing
        /// No driver holds it, or one that hides it from this system.
        case notLoaded
    }

    /// The device it is; nil when it is neither PCI nor USB.
    public var device: DeviceID?
    /// Its PCI address, when it is a PCI card.
    public var address: PCIAddress?
    /// The kernel's name of the radio, such as `phy0`.
    public var phy: String?
    /// Its network interfaces.
    public var interfaces: [String]
    /// The driver that holds it.
    public var driver: String?
    /// A name for people.
    public var name: String?
    /// Whether its firmware runs.
    public var firmware: Firmware
    /// The radio's switch; nil when it has none.
    public var rfkill: RadioSwitch?
    /// The hardware address, `aa:bb:cc:dd:ee:ff`; nil when the capture leaves it out.
    public var hardwareAddress: String?

    /// A card.
    public init(
        device: DeviceID?, address: PCIAddress? = nil, phy: String? = nil, interfaces: [String] = [],
        driver: String? = nil, name: String? = nil, firmware: Firmware = .notLoaded, rfkill: RadioSwitch? = nil,
        hardwareAddress: String? = nil
    ) {
        self.device = device
        self.address = address
        self.phy = phy
        self.interfaces = interfaces
        self.driver = driver
        self.name = name
        self.firmware = firmware
        self.rfkill = rfkill
        self.hardwareAddress = hardwareAddress
    }
}
