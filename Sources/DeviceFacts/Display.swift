// SPDX-License-Identifier: Apache-2.0

/// What a screen says of itself (VESA E-EDID 1.4). Screens are devices like others: the words are made safe.
public struct DisplayIdentity: Sendable, Hashable, Codable {
    /// The maker's three letters.
    public var manufacturer: String
    /// The product code.
    public var product: Hex16
    /// The name; nil when the screen has none.
    public var name: String?
    /// The serial number; nil when it has none or the capture leaves it out.
    public var serial: String?
    /// The year it was made in, or of its model; nil when not said.
    public var year: Int?
    /// The picture's width in millimetres; nil when not said.
    public var widthMillimetres: Int?
    /// The picture's height in millimetres; nil when not said.
    public var heightMillimetres: Int?
    /// The mode the screen likes best.
    public var preferred: DisplayMode?
    /// True when a checksum is wrong or an extension is missing.
    public var damaged: Bool

    /// A description.
    public init(
        manufacturer: String, product: Hex16, name: String? = nil, serial: String? = nil, year: Int? = nil,
        widthMillimetres: Int? = nil, heightMillimetres: Int? = nil, preferred: DisplayMode? = nil,
        damaged: Bool = false
    ) {
        self.manufacturer = manufacturer
        self.product = product
        self.name = name
        self.serial = serial
        self.year = year
        self.widthMillimetres = widthMillimetres
        self.heightMillimetres = heightMillimetres
        self.preferred = preferred
        self.damaged = damaged
    }
}

/// A resolution, with its picture rate where that is known.
public struct DisplayMode: Sendable, Hashable, Codable, CustomStringConvertible {
    /// Pixels across.
    public var width: Int
    /// Lines.
    public var height: Int
    /// Thousandths of a picture per second; nil when the source does not say.
    public var millihertz: Int?

    /// A mode.
    public init(width: Int, height: Int, millihertz: Int? = nil) {
        self.width = width
        self.height = height
        self.millihertz = millihertz
    }

    /// `1920x1080`.
    public var description: String { "\(width)x\(height)" }
}

/// A socket for a screen, or the cable to a built-in one.
public struct DisplayConnector: Sendable, Hashable, Codable {
    /// Whether a screen is there.
    public enum Status: String, Sendable, Codable, Hashable {
        /// A screen is there.
        case connected
        /// None is.
        case disconnected
        /// It cannot be told.
        case unknown
    }

    /// The kernel's name without the card, such as `eDP-1`.
    public var name: String
    /// Whether a screen is there.
    public var status: Status
    /// True when a picture is sent to it.
    public var enabled: Bool
    /// The screen; nil when there is none or it says nothing.
    public var display: DisplayIdentity?
    /// The modes, the best first.
    public var modes: [DisplayMode]

    /// A connector.
    public init(
        name: String, status: Status = .unknown, enabled: Bool = false, display: DisplayIdentity? = nil,
        modes: [DisplayMode] = []
    ) {
        self.name = name
        self.status = status
        self.enabled = enabled
        self.display = display
        self.modes = modes
    }

    /// True for a screen that is part of the machine.
    public var isInternal: Bool { ["eDP-", "LVDS-", "DSI-"].contains { name.hasPrefix($0) } }
}

/// A graphics adapter.
public struct GraphicsAdapter: Sendable, Hashable, Codable {
    /// The device it is; nil when it is neither PCI nor USB.
    public var device: DeviceID?
    /// Its PCI address; nil when it has none.
    public var address: PCIAddress?
    /// The kernel's card, such as `card0`; nil when no driver with mode setting holds it.
    public var card: String?
    /// The node for computing without a screen, such as `renderD128`.
    public var renderNode: String?
    /// The driver that holds it.
    public var driver: String?
    /// A name for people.
    public var name: String?
    /// True when the firmware drew its screen on it.
    public var bootDisplay: Bool
    /// True when the text console is on it.
    public var console: Bool
    /// Its connectors, by name.
    public var connectors: [DisplayConnector]
    /// Other functions of the same slot that belong to it, such as HDMI audio.
    public var companions: [PCIAddress]

    /// An adapter.
    public init(
        device: DeviceID?, address: PCIAddress? = nil, card: String? = nil, renderNode: String? = nil,
        driver: String? = nil, name: String? = nil, bootDisplay: Bool = false, console: Bool = false,
        connectors: [DisplayConnector] = [], companions: [PCIAddress] = []
    ) {
        self.device = device
        self.address = address
        self.card = card
        self.renderNode = renderNode
        self.driver = driver
        self.name = name
        self.bootDisplay = bootDisplay
        self.console = console
        self.connectors = connectors
        self.companions = companions
    }
}
