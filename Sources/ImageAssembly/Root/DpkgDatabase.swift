// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore

/// Packages laid over each other as dpkg would unpack them, and the database it would have written, with every package
/// in state `unpacked` (dpkg(1)). It is a pure function of the packages.
struct DpkgDatabase {
    /// A package with what its control file says.
    struct Package {
        var contents: DebContents
        var name: String
        var architecture: String
        var essential: Bool
        var fields: ControlFields
        /// The stem of its files in `info/`: with the architecture when several of it can be there.
        var stem: String
    }

    let packages: [Package]

    /// Sorts packages by name; one without a name or there twice is an error.
    init(_ contents: [DebContents]) throws {
        var seen: Set<String> = []
        packages = try contents.map { contents in
            let fields = ControlFields(String(decoding: contents.control["control"] ?? [], as: UTF8.self))
            guard let name = fields["Package"], let architecture = fields["Architecture"], !name.contains("/") else {
                throw LapwingError(
                    "deb.bad-control", exit: .badInput, "A package's control file has no name or architecture.",
                    subject: contents.name)
            }
            guard seen.insert(name + ":" + architecture).inserted else {
                throw LapwingError("root.package-twice", exit: .badInput, "A package is there twice.", subject: name)
            }
            let same = fields["Multi-Arch"]?.lowercased() == "same"
            return Package(
                contents: contents, name: name, architecture: architecture,
                essential: fields["Essential"]?.lowercased() == "yes", fields: fields,
                stem: same ? "\(name):\(architecture)" : name)
        }.sorted { ($0.name, $0.architecture) < ($1.name, $1.architecture) }
    }

    /// The names in the order to configure them: essential ones first, because nobody declares to need them.
    var configureOrder: [String] {
        (packages.filter(\.essential) + packages.filter { !$0.essential }).map { package in
            package.stem.contains(":") ? package.stem : package.name
        }
    }

    // MARK: - Files

    /// All files of all packages. `base-files` comes first, for its links make `/bin` and `/usr/bin` one directory.
    func files(_ policy: DocumentationPolicy) throws -> FileTree {
        var tree = FileTree()
        var owners: [String: Int] = [:]
        let order = packages.indices.sorted { a, b in
            (packages[a].name == "base-files" ? 0 : 1, a) < (packages[b].name == "base-files" ? 0 : 1, b)
        }
        for index in order {
            let package = packages[index]
            let kept = package.contents.files.filter { !policy.leavesOut($0.path, isDirectory: $0.isDirectory) }
            let report = try tree.overlayReporting(kept, keepDirectories: true, throughLinks: true)
            var restored: [(FileTree.Entry, Int)] = []
            for old in report.replaced {
                let path = old.path
                guard let other = owners[path] else { continue }
                if package.fields.names(in: "Replaces").contains(packages[other].name) { continue }
                if packages[other].fields.names(in: "Replaces").contains(package.name) {
                    restored.append((old, other))
                    continue
                }
                throw LapwingError(
                    "root.file-conflict", exit: .badInput, "Two packages bring the same file.", subject: "/" + path,
                    cause: "\(packages[other].name) and \(package.name)",
                    hint: "Leave one of them out of the recipe; diversions between packages are not supported.")
            }
            for path in report.written { owners[path] = index }
            for (old, owner) in restored {
                try tree.insert(old)
                owners[old.path] = owner
            }
        }
        return tree
    }

    // MARK: - Database

    /// `/var/lib/dpkg` for these packages.
    func database() throws -> FileTree {
        var tree = FileTree()
        let reader = ContentReader()
        let base = "var/lib/dpkg"
        for directory in ["info", "updates", "triggers", "alternatives", "parts"] {
            try tree.addDirectory("\(base)/\(directory)")
        }
        for (name, text) in [("available", ""), ("diversions", ""), ("statoverride", ""), ("info/format", "1\n")] {
            try tree.addFile("\(base)/\(name)", text)
        }
        try tree.addFile("\(base)/status", try packages.map { try status($0, reader) }.joined(separator: "\n"))
        for package in packages {
            let stem = "\(base)/info/\(package.stem)"
            for (member, bytes) in package.contents.control.sorted(by: { $0.key < $1.key }) where member != "control" {
                let script = ["preinst", "postinst", "prerm", "postrm", "config"].contains(member)
                try tree.addFile("\(stem).\(member)", bytes, mode: script ? 0o755 : 0o644)
            }
            try tree.addFile("\(stem).list", Self.list(package.contents.order))
        }
        for (path, text) in triggers() { try tree.addFile("\(base)/triggers/\(path)", text) }
        return tree
    }

    /// One stanza of the status file. Conffiles stand in it with the digest of what is on disk, so dpkg takes them as
    /// installed and touches none of them.
    func status(_ package: Package, _ reader: ContentReader) throws -> String {
        var lines = ["Package: \(package.name)", "Status: install ok unpacked"]
        for (name, value) in package.fields.fields
        where !["package", "status", "conffiles"].contains(name.lowercased()) {
            lines.append("\(name): \(value)")
        }
        let files = Self.conffiles(package.contents.control["conffiles"] ?? [])
        if !files.isEmpty { lines.append("Conffiles:") }
        for file in files {
            guard let content = package.contents.files.content(String(file.dropFirst())) else { continue }
            lines.append(" \(file) \(LegacyMD5.hex(try reader.bytes(content)))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The paths of a `conffiles` member; those with a flag (`remove-on-upgrade`) are no files of this version.
    static func conffiles(_ bytes: [UInt8]) -> [String] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init).filter {
            $0.hasPrefix("/") && !$0.contains(" ")
        }
    }

    static func list(_ order: [String]) -> String {
        (["/."] + order.filter { !$0.isEmpty }.map { "/" + $0 }).joined(separator: "\n") + "\n"
    }

    /// The trigger interests (deb-triggers(5)): `File` for paths, one file for each other name.
    func triggers() -> [(String, String)] {
        var files: [String] = []
        var named: [String: [String]] = [:]
        for package in packages {
            for line in String(decoding: package.contents.control["triggers"] ?? [], as: UTF8.self).split(
                separator: "\n")
            {
                let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
                guard words.count >= 2, words[0].hasPrefix("interest") else { continue }
                let who = package.stem + (words[0] == "interest-noawait" ? "/noawait" : "")
                if words[1].hasPrefix("/") {
                    files.append("\(words[1]) \(who)")
                } else if !words[1].contains("/") {
                    named[String(words[1]), default: []].append(who)
                }
            }
        }
        var result: [(String, String)] = []
        if !files.isEmpty { result.append(("File", files.joined(separator: "\n") + "\n")) }
        for (name, packages) in named.sorted(by: { $0.key < $1.key }) where name != "File" {
            result.append((name, packages.joined(separator: "\n") + "\n"))
        }
        return result
    }

    // MARK: - preinst

    /// The packages whose `preinst` does something on a first installation, `base-passwd` first because the others may
    /// need the users it makes.
    var preinstOrder: [Package] {
        packages.filter { package in
            guard let script = package.contents.control["preinst"] else { return false }
            return Self.hasEffect(preinst: String(decoding: script, as: UTF8.self))
        }.sorted { ($0.name == "base-passwd" ? 0 : 1, $0.name) < ($1.name == "base-passwd" ? 0 : 1, $1.name) }
    }

    /// False when a script has nothing but comments and calls of dpkg-maintscript-helper for conffiles, which do
    /// nothing without an old version. Everything not understood counts as an effect.
    static func hasEffect(preinst: String) -> Bool {
        preinst.split(separator: "\n").contains { line in
            let text = line.drop { $0 == " " || $0 == "\t" }
            if text.isEmpty || text.hasPrefix("#") { return false }
            if text == "set -e" || text == "exit 0" { return false }
            return !text.hasPrefix("dpkg-maintscript-helper rm_conffile ")
                && !text.hasPrefix("dpkg-maintscript-helper mv_conffile ")
        }
    }
}
