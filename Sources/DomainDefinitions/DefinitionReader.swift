// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
public import LapwingCore

/// Reads `domains:` as recipes write it, and reports every mistake with its place.
public struct DefinitionReader {
    private let file: String
    private var errors: [LapwingError] = []
    /// Where each key of the domain that is being read stands, for what is found later.
    private var places: [String: SourceLocation] = [:]

    private init(file: String) { self.file = file }

    /// The domains of a file, in its order. Throws `LapwingErrors` with every mistake; `file` names it in them.
    public static func read(_ bytes: [UInt8], file: String) throws(LapwingErrors) -> [DomainDefinition] {
        var reader = DefinitionReader(file: file)
        let root: PlainNode
        do {
            root = try PlainYAML.read(bytes, file: file)
        } catch {
            throw LapwingErrors([error])
        }
        let domains = reader.document(root)
        if !reader.errors.isEmpty {
            throw LapwingErrors(reader.errors.sorted { ($0.location, $0.message) < ($1.location, $1.message) })
        }
        return domains
    }

    private mutating func add(_ code: String, _ place: SourceLocation, _ message: String, _ hint: String? = nil) {
        errors.append(LapwingError("domain." + code, exit: .badInput, message, location: place, hint: hint))
    }

    private mutating func map(_ node: PlainNode, _ what: String) -> [PlainNode.Entry]? {
        if case .map(let entries) = node.content { return entries }
        add("wrong-type", node.location, "\(what) must be a map, not \(node.noun).")
        return nil
    }

    private mutating func document(_ root: PlainNode) -> [DomainDefinition] {
        guard let entries = map(root, "The file") else { return [] }
        var found: [DomainDefinition] = []
        var seen = false
        for entry in entries {
            switch entry.key {
            case "lapwing":
                if number(entry.value, "lapwing") != 1 {
                    add("version", entry.value.location, "The version of the format is 1.", "Write lapwing: 1.")
                }
            case "domains":
                seen = true
                for domain in map(entry.value, "domains") ?? [] {
                    if let settings = domainSettings(domain) {
                        found.append(
                            DomainDefinition(name: domain.key, settings: settings, origin: .local, file: file))
                    }
                }
            default: unknown(entry, ["lapwing", "domains"])
            }
        }
        if !seen {
            add("none", root.location, "The file has no key domains.", "Begin with domains: and a name below it.")
        } else if found.isEmpty, errors.isEmpty {
            add("none", root.location, "The file defines no domain.", "Write a name and its keys below domains.")
        }
        return found
    }

    private mutating func unknown(_ entry: PlainNode.Entry, _ known: [String]) {
        add(
            "unknown-key", entry.location, "There is no key \(entry.key) here.",
            Suggestion.sentence(entry.key, among: known) ?? "Known are: \(known.joined(separator: ", ")).")
    }

    private static let keys = [
        "description", "type", "memory", "vcpus", "cpus", "disks", "kernel", "ramdisk", "cmdline", "boot",
        "display", "autostart", "startOrder", "onCrash", "battery",
    ]

    private mutating func domainSettings(_ domain: PlainNode.Entry) -> DomainSettings? {
        places = ["": domain.location]
        let before = errors.count
        guard let entries = map(domain.value, "A domain") else { return nil }
        var type: DomainSettings.Kind?
        var memory: ByteSize?
        var result = DomainSettings(type: .hvm, memory: DefinitionCheck.memory.lowerBound, vcpus: 1)
        for entry in entries {
            let value = entry.value
            places[entry.key] = value.location
            switch entry.key {
            case "description": result.description = text(value, "description")
            case "type":
                type = choice(value, "type")
                if let type { result.type = type }
            case "memory":
                memory = size(value, "memory")
                if let memory { result.memory = memory }
            case "vcpus": result.vcpus = number(value, "vcpus") ?? 1
            case "cpus": result.cpus = list(value, "cpus").compactMap { number($0, "A CPU") }
            case "disks": result.disks = disks(value)
            case "kernel": result.kernel = text(value, "kernel")
            case "ramdisk": result.ramdisk = text(value, "ramdisk")
            case "cmdline": result.cmdline = text(value, "cmdline")
            case "boot": result.boot = list(value, "boot").compactMap { choice($0, "boot") }
            case "display": result.display = choice(value, "display") ?? .none
            case "autostart": result.autostart = flag(value, "autostart") ?? false
            case "startOrder": result.startOrder = number(value, "startOrder") ?? DomainSettings.usualOrder
            case "onCrash": result.onCrash = choice(value, "onCrash") ?? .restart
            case "battery": result.battery = choice(value, "battery") ?? .none
            default: unknown(entry, Self.keys)
            }
        }
        let keys = entries.map(\.key)
        if !keys.contains("type") {
            add("missing-key", domain.location, "The domain has no type.", "Write type: hvm, pvh or pv.")
        }
        if !keys.contains("memory") {
            add("missing-key", domain.location, "The domain has no memory.", "Write for example memory: 2 GiB.")
        }
        // What depends on the type says nothing true while the type is unknown.
        guard type != nil || errors.count == before else { return nil }
        for mistake in DefinitionCheck.mistakes(domain.key, result) where !(mistake.key == "memory" && memory == nil) {
            add("bad-value", place(of: mistake.key, else: domain.location), mistake.message, mistake.hint)
        }
        return errors.count == before ? result : nil
    }

    /// The place of a key, or of the nearest one above it.
    private func place(of key: String, else location: SourceLocation) -> SourceLocation {
        if let place = places[key] { return place }
        guard let end = key.lastIndex(where: { $0 == "." || $0 == "[" }) else { return location }
        return place(of: String(key[..<end]), else: location)
    }

    private mutating func disks(_ node: PlainNode) -> [DomainSettings.Disk] {
        var disks: [DomainSettings.Disk] = []
        for (index, item) in list(node, "disks").enumerated() {
            places["disks[\(index)]"] = item.location
            var disk = DomainSettings.Disk(name: "")
            guard let entries = map(item, "A disk") else { continue }
            for entry in entries {
                places["disks[\(index)].\(entry.key)"] = entry.value.location
                switch entry.key {
                case "name": disk.name = text(entry.value, "name") ?? ""
                case "size": disk.size = size(entry.value, "size")
                case "file": disk.file = text(entry.value, "file")
                case "device": disk.device = text(entry.value, "device")
                case "cdrom": disk.cdrom = text(entry.value, "cdrom")
                case "readOnly": disk.readOnly = flag(entry.value, "readOnly") ?? false
                default: unknown(entry, ["name", "size", "file", "device", "cdrom", "readOnly"])
                }
            }
            disks.append(disk)
        }
        return disks
    }

    private mutating func list(_ node: PlainNode, _ key: String) -> [PlainNode] {
        if case .list(let items) = node.content { return items }
        add("wrong-type", node.location, "\(key) must be a list, not \(node.noun).", "Write [a, b] or a line each.")
        return []
    }

    private mutating func scalar(_ node: PlainNode, _ key: String, _ what: String) -> (text: String, plain: Bool)? {
        if case .scalar(let text, let plain) = node.content, !(plain && text.isEmpty) { return (text, plain) }
        add("wrong-type", node.location, "\(key) must be \(what), not \(node.noun).")
        return nil
    }

    private mutating func text(_ node: PlainNode, _ key: String) -> String? {
        guard let (text, plain) = scalar(node, key, "a text") else { return nil }
        // The core schema of YAML 1.2 reads these as something else than text.
        if plain, ["null", "~", "true", "false"].contains(text.lowercased()) || Int(text) != nil {
            add("wrong-type", node.location, "\(key) must be a text, not \(text).", "Put it into quotes.")
            return nil
        }
        return text
    }

    private mutating func number(_ node: PlainNode, _ key: String) -> Int? {
        guard let (text, plain) = scalar(node, key, "a whole number") else { return nil }
        if plain, let number = Int(text) { return number }
        add("wrong-type", node.location, "\(key) must be a whole number, not \(SafeText.printable(text)).")
        return nil
    }

    private mutating func flag(_ node: PlainNode, _ key: String) -> Bool? {
        guard let (text, plain) = scalar(node, key, "true or false") else { return nil }
        if plain, ["true", "True", "TRUE"].contains(text) { return true }
        if plain, ["false", "False", "FALSE"].contains(text) { return false }
        add("wrong-type", node.location, "\(key) must be true or false, not \(SafeText.printable(text)).")
        return nil
    }

    private mutating func size(_ node: PlainNode, _ key: String) -> ByteSize? {
        guard let (text, _) = scalar(node, key, "a size") else { return nil }
        if let size = ByteSize(text) { return size }
        add(
            "wrong-type", node.location, "\(key) must be a size, not \(SafeText.printable(text)).",
            "Write a whole number and a unit: 2 GiB.")
        return nil
    }

    private mutating func choice<T: RawRepresentable & CaseIterable>(_ node: PlainNode, _ key: String) -> T?
    where T.RawValue == String {
        let words = T.allCases.map(\.rawValue)
        guard let (text, _) = scalar(node, key, "one of \(words.joined(separator: ", "))") else { return nil }
        if let value = T(rawValue: text) { return value }
        add(
            "bad-value", node.location,
            "\(key) must be one of \(words.joined(separator: ", ")), not \(SafeText.printable(text)).",
            Suggestion.sentence(text, among: words))
        return nil
    }
}

private func < (a: (SourceLocation?, String), b: (SourceLocation?, String)) -> Bool {
    guard let left = a.0, let right = b.0 else { return a.0 == nil && b.0 != nil }
    return left == right ? a.1 < b.1 : left < right
}
