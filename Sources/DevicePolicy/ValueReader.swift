// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import LapwingCore

/// Reads the values of one condition.
struct ValueReader {
    let kind: RuleKind
    private(set) var problems: [RuleReader.Problem] = []

    init(kind: RuleKind) { self.kind = kind }

    private mutating func report(_ code: String, _ column: Int, _ message: String, _ hint: String? = nil) {
        problems.append(.init(code: code, column: column, message: message, hint: hint))
    }

    /// The condition; nil after reporting what is wrong with it.
    mutating func condition(_ key: RuleKey, _ tokens: [RuleToken], decision: RuleDecision) -> RuleCondition? {
        if tokens.isEmpty { return nil }
        switch key {
        case .id: return RuleCondition.id(each(tokens) { $0.id($1) })
        case .port: return .port(each(tokens) { $0.place($1, "port") })
        case .below: return .below(each(tokens) { $0.place($1, "below") })
        case .vendor: return .vendor(each(tokens) { $0.number($1, "0781") })
        case .product: return .product(each(tokens) { $0.number($1, "5581") })
        case .class: return classes(tokens, decision)
        case .serial: return .serial(each(tokens) { $0.text($1, "serial number") })
        case .name: return .name(each(tokens) { $0.text($1, "name").map { Glob($0) } })
        }
    }

    /// Each value by itself; the same value twice is a mistake.
    private mutating func each<T: Hashable>(
        _ tokens: [RuleToken], _ read: (inout ValueReader, RuleToken) -> T?
    ) -> [T] {
        var values: [T] = []
        for token in tokens {
            guard let value = read(&self, token) else { continue }
            if values.contains(value) {
                report("twice", token.column, "The value \(token.shown) stands twice.", "Remove one of them.")
            } else {
                values.append(value)
            }
        }
        return values
    }

    /// Numbers of now that look like a name but are another device's after the next boot.
    private mutating func isOfNow(_ token: RuleToken) -> Bool {
        let text = token.text
        let port = text.split(separator: "-", omittingEmptySubsequences: false)
        let isPort =
            port.count == 2
            && port.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (46...57).contains($0) && $0 != 47 } }
        guard isPort || PCIAddress(text) != nil else { return false }
        report(
            "place", token.column,
            isPort
                ? "\(token.shown) begins with a bus number, which may be another one after the next boot."
                : "\(token.shown) is an address of now, which may be another device's after the next boot.",
            "\"lapwingctl device show \(text)\" tells its stable id; the part before ~ is its place.")
        return true
    }

    private mutating func id(_ token: RuleToken) -> DeviceID? {
        if let id = DeviceID(token.text) { return checked(id, token) }
        if isOfNow(token) { return nil }
        let isPlace = DeviceID(token.text + "~0") != nil
        report(
            "id", token.column, "\(token.shown) is no device id.",
            isPlace
                ? "This is a place; write port=\(token.text), or add ~ and what is there."
                : "Write it as \"lapwingctl device list\" shows it: \(RuleKey.id.example).")
        return nil
    }

    private mutating func place(_ token: RuleToken, _ key: String) -> String? {
        if let id = DeviceID(token.text) {
            report(
                "place", token.column, "\(token.shown) is a whole id, not only a place.",
                "Write \(key)=\(id.path), or id= and the whole.")
            return nil
        }
        if isOfNow(token) { return nil }
        guard let id = DeviceID(token.text + "~0") else {
            report(
                "place", token.column, "\(token.shown) is no place of a device.",
                "Write the part before ~ of an id: \(RuleKey.port.example).")
            return nil
        }
        return checked(id, token, behind: key == "below").map { String($0.path) }
    }

    /// The id when its bus fits the rule. What is behind a place of a USB rule may be behind a PCI controller.
    private mutating func checked(_ id: DeviceID, _ token: RuleToken, behind: Bool = false) -> DeviceID? {
        let fits: Bool =
            switch kind {
            case .usb: id.bus == .usb || behind
            case .pci: id.bus == .pci
            case .device, .gpu, .wlan: true
            }
        if fits { return id }
        report(
            "bus", token.column, "\(token.shown) is not on the bus \(kind.rawValue).",
            "Write \(id.bus.rawValue) in place of \(kind.rawValue), or another id.")
        return nil
    }

    private mutating func number(_ token: RuleToken, _ example: String) -> Hex16? {
        if token.text.utf8.count == 4, let number = Hex16(token.text) { return number }
        let padded = Hex16(token.text).map { "Did you mean \($0)?" }
        report(
            "number", token.column, "\(token.shown) is not four hexadecimal digits.",
            padded ?? "Write it as lsusb and lspci -nn do, without 0x: \(example).")
        return nil
    }

    private mutating func text(_ token: RuleToken, _ what: String) -> String? {
        if !token.text.isEmpty { return token.text }
        report("empty", token.column, "An empty \(what) fits no device.", "Remove the condition.")
        return nil
    }

    private mutating func classes(_ tokens: [RuleToken], _ decision: RuleDecision) -> RuleCondition {
        var quantifier: ClassQuantifier = decision.gives ? .all : .any
        var patterns: [ClassPattern] = []
        let known = ClassNames.names(kind).map(\.name)
        for (position, token) in tokens.enumerated() {
            var text = token.text
            var column = token.column
            if position == 0, let colon = text.firstIndex(of: ":") {
                let word = String(text[..<colon])
                if let named = ClassQuantifier(rawValue: word) {
                    quantifier = named
                    text = String(text[text.index(after: colon)...])
                    column += word.unicodeScalars.count + 1
                } else if word.utf8.count != 2 || !word.utf8.allSatisfy(Hex.isDigit) {
                    report(
                        "class", column, "\(SafeText.quoted(word)) says neither all nor any.",
                        "Before the colon stands all or any: class=any:input.")
                    continue
                }
            } else if position > 0, text.hasPrefix("all:") || text.hasPrefix("any:") {
                report(
                    "class", column, "\(SafeText.quoted(String(text.prefix(4)))) stands only before the first class.",
                    "It is about all classes of the list: class=any:input,hub.")
                continue
            }
            guard let pattern = ClassNames.pattern(text, kind) else {
                let numbers = kind == .pci ? "02, 0200 or 020000" : "08, 08:06 or 08:06:50"
                report(
                    "class", column, "\(SafeText.quoted(text)) is no class of \(kind == .pci ? "PCI" : "USB") devices.",
                    (Suggestion.sentence(text, among: known).map { $0 + " " } ?? "")
                        + "Write a name, such as \(kind == .pci ? "network" : "storage"), or a number: \(numbers).")
                continue
            }
            if patterns.contains(pattern) {
                report("twice", column, "The class \(SafeText.quoted(text)) stands twice.", "Remove one of them.")
            }
            patterns.append(pattern)
        }
        return .classes(quantifier, patterns)
    }
}
