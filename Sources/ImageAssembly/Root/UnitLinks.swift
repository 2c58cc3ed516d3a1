// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Enables, disables and masks systemd units of a tree by the links systemctl(1) would make.
public enum UnitLinks {
    private static let places = ["etc/systemd/system", "usr/lib/systemd/system"]

    /// Enables a unit, and those its `Also=` names. A unit that is not there or says nothing of where to be enabled is an
    /// error.
    public static func enable(_ unit: String, in tree: inout FileTree, epoch: Int64) throws {
        var done: Set<String> = []
        try enable(unit, &tree, epoch, &done)
    }

    private static func enable(_ unit: String, _ tree: inout FileTree, _ epoch: Int64, _ done: inout Set<String>) throws
    {
        guard done.insert(unit).inserted else { return }
        guard let (path, file) = find(unit, tree), let content = tree.content(path) else {
            throw LapwingError(
                "root.no-unit", exit: .badInput, "There is no such systemd unit in the image.", subject: unit)
        }
        let text = String(decoding: try ContentReader().bytes(content), as: UTF8.self)
        let install = section("Install", text)
        var made = false
        for (key, suffix) in [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")] {
            for target in install[key] ?? [] {
                try tree.insert(
                    .init(
                        "etc/systemd/system/\(target).\(suffix)/\(unit)", .symlink("/" + path), mode: 0o777,
                        mtime: epoch))
                made = true
            }
        }
        for alias in install["Alias"] ?? [] where alias != file {
            try tree.insert(.init("etc/systemd/system/\(alias)", .symlink("/" + path), mode: 0o777, mtime: epoch))
            made = true
        }
        for other in install["Also"] ?? [] {
            try enable(other, &tree, epoch, &done)
            made = true
        }
        if !made, done.count == 1 {
            throw LapwingError(
                "root.static-unit", exit: .badInput,
                "The systemd unit has no [Install] section, so it cannot be enabled.",
                subject: unit)
        }
    }

    /// Takes away every link that enables a unit.
    public static func disable(_ unit: String, in tree: inout FileTree) {
        tree.removeAll { entry in
            guard entry.path.hasPrefix("etc/systemd/system/"), case .symlink(let target) = entry.kind else {
                return false
            }
            return entry.name == unit || target.hasSuffix("/" + unit)
        }
    }

    /// Makes a unit impossible to start.
    public static func mask(_ unit: String, in tree: inout FileTree, epoch: Int64) throws {
        disable(unit, in: &tree)
        try tree.addSymlink("etc/systemd/system/\(unit)", to: "/dev/null", mtime: epoch)
    }

    private static func find(_ unit: String, _ tree: FileTree) -> (path: String, file: String)? {
        var names = [unit]
        if let at = unit.firstIndex(of: "@"), let dot = unit.lastIndex(of: "."), at < dot {
            names.append(unit[...at] + String(unit[dot...]))
        }
        for name in names {
            for place in places where tree.content("\(place)/\(name)") != nil { return ("\(place)/\(name)", name) }
        }
        return nil
    }

    static func section(_ name: String, _ text: String) -> [String: [String]] {
        var result: [String: [String]] = [:]
        var current = ""
        for raw in text.split(separator: "\n") {
            let line = raw.drop { $0 == " " || $0 == "\t" }
            if line.hasPrefix("[") {
                current = String(line.dropFirst().prefix { $0 != "]" })
            } else if current == name, let equals = line.firstIndex(of: "="), !line.hasPrefix("#"), !line.hasPrefix(";")
            {
                let key = line[..<equals].split(separator: " ").first.map(String.init) ?? ""
                result[key, default: []] += line[line.index(after: equals)...].split(separator: " ").map(String.init)
            }
        }
        return result
    }
}
