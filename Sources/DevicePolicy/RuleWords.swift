// SPDX-License-Identifier: Apache-2.0

/// The words that stand before an equals sign. Parser, reference and suggestions all read this table.
public enum RuleKey: String, Sendable, Hashable, CaseIterable {
    /// The stable id.
    case id
    /// The place part of the stable id.
    case port
    /// The place of something above.
    case below
    /// The vendor.
    case vendor
    /// The product.
    case product
    /// The classes of the interfaces.
    case `class`
    /// The serial number.
    case serial
    /// The name.
    case name

    /// The kinds of rules it may stand in.
    public var kinds: [RuleKind] {
        switch self {
        case .id, .port, .below, .vendor, .product, .name: RuleKind.allCases
        case .class: [.usb, .pci]
        case .serial: [.usb, .gpu, .wlan]
        }
    }

    /// A value, for hints and the reference.
    public var example: String {
        switch self {
        case .id: "id=usb-0000.00-14.0-u2-1.4~0781.5581"
        case .port: "port=usb-0000.00-14.0-u2-1.4"
        case .below: "below=usb-0000.00-14.0-u2-1"
        case .vendor: "vendor=0781"
        case .product: "product=5581"
        case .class: "class=storage"
        case .serial: "serial=\"4C530001\""
        case .name: "name=\"SanDisk*\""
        }
    }

    /// What it means, in one line.
    public var meaning: String {
        switch self {
        case .id:
            "The device's stable id, its place and what it is. `lapwingctl device list` shows it."
        case .port:
            "The place part of the id: whatever is plugged in there. A USB 3 socket is two places, `-u2-` and `-u3-`."
        case .below:
            "A place: everything behind that hub, bridge or controller."
        case .vendor: "The vendor, four hexadecimal digits."
        case .product:
            "The USB product or PCI device, four hexadecimal digits; only together with `vendor`."
        case .class:
            "Classes by name or number. `all:` before them: each interface has one of them; `any:`: at least one has. "
                + "Without either, `deny` means `any:` and all other decisions mean `all:`."
        case .serial:
            "The serial number, by the device's own word. One that has none does not match."
        case .name:
            "The name, by the device's own word or from the lists of ids; `*` is any text, `?` one character, the "
                + "case of letters is no matter. A device can call itself anything: never the only condition of a ban."
        }
    }
}

/// The names of classes.
enum ClassNames {
    /// USB classes (USB-IF, Defined Class Codes).
    static let usb: [(name: String, pattern: ClassPattern)] = [
        ("application", ClassPattern(0xFE)), ("audio", ClassPattern(0x01)), ("av", ClassPattern(0x10)),
        ("billboard", ClassPattern(0x11)), ("bluetooth", ClassPattern(0xE0, 0x01, 0x01)),
        ("communication", ClassPattern(0x02)), ("data", ClassPattern(0x0A)), ("diagnostic", ClassPattern(0xDC)),
        ("health", ClassPattern(0x0F)), ("hub", ClassPattern(0x09)), ("image", ClassPattern(0x06)),
        ("input", ClassPattern(0x03)), ("keyboard", ClassPattern(0x03, 0x01, 0x01)),
        ("miscellaneous", ClassPattern(0xEF)), ("mouse", ClassPattern(0x03, 0x01, 0x02)),
        ("physical", ClassPattern(0x05)), ("printer", ClassPattern(0x07)), ("security", ClassPattern(0x0D)),
        ("smart-card", ClassPattern(0x0B)), ("storage", ClassPattern(0x08)), ("type-c", ClassPattern(0x12)),
        ("vendor", ClassPattern(0xFF)), ("video", ClassPattern(0x0E)), ("wireless", ClassPattern(0xE0)),
    ]
    /// PCI classes (PCI Code and ID Assignment, rev 1.14, 1).
    static let pci: [(name: String, pattern: ClassPattern)] = [
        ("audio", ClassPattern(0x04, 0x03)), ("bridge", ClassPattern(0x06)), ("communication", ClassPattern(0x07)),
        ("display", ClassPattern(0x03)), ("encryption", ClassPattern(0x10)), ("ethernet", ClassPattern(0x02, 0x00)),
        ("input", ClassPattern(0x09)), ("memory", ClassPattern(0x05)), ("multimedia", ClassPattern(0x04)),
        ("network", ClassPattern(0x02)), ("nvme", ClassPattern(0x01, 0x08)), ("processing", ClassPattern(0x12)),
        ("sata", ClassPattern(0x01, 0x06)), ("sd-host", ClassPattern(0x08, 0x05)), ("serial-bus", ClassPattern(0x0C)),
        ("storage", ClassPattern(0x01)), ("system", ClassPattern(0x08)), ("usb-controller", ClassPattern(0x0C, 0x03)),
        ("wireless", ClassPattern(0x0D)),
    ]

    /// The names for a kind of rule.
    static func names(_ kind: RuleKind) -> [(name: String, pattern: ClassPattern)] { kind == .pci ? pci : usb }

    /// Reads a name or number; nil for neither. USB numbers have colons between (`08:06:50`), PCI ones have none
    /// (`0c0330`); the end may be left out.
    static func pattern(_ text: String, _ kind: RuleKind) -> ClassPattern? {
        if let named = names(kind).first(where: { $0.name == text }) { return named.pattern }
        var pairs: [Substring]
        if kind == .pci {
            guard [2, 4, 6].contains(text.utf8.count), text.utf8.allSatisfy({ $0 < 128 }) else { return nil }
            pairs = []
            var rest = text[...]
            while !rest.isEmpty {
                pairs.append(rest.prefix(2))
                rest = rest.dropFirst(2)
            }
        } else {
            pairs = text.split(separator: ":", omittingEmptySubsequences: false)
        }
        let numbers = pairs.compactMap { pair in
            pair.utf8.count == 2 && pair.utf8.allSatisfy(Hex.isDigit) ? UInt8(pair, radix: 16) : nil
        }
        guard numbers.count == pairs.count, (1...3).contains(numbers.count) else { return nil }
        return ClassPattern(
            numbers[0], numbers.count > 1 ? numbers[1] : nil, numbers.count > 2 ? numbers[2] : nil)
    }
}

/// Hexadecimal digits.
enum Hex {
    static func isDigit(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (97...102).contains(byte) || (65...70).contains(byte)
    }
}
