// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The initrd's own root: the files named in `Firmware/Initrd/files` out of the packages, the libraries those need, the
/// kernel modules, and the scripts and units that find, check and open the system. A pure function of trees.
struct InitrdTree {
    /// The packages' files, configured by dpkg or not.
    let source: FileTree
    /// `Firmware/Initrd`: `files`, `modules`, scripts, `units/`.
    let hooks: FileTree
    /// The kernel's release, the name of its module directory.
    let kernel: String
    /// Modules the recipe wants beyond those of the hooks.
    let modules: [String]
    /// Modules that must not be in.
    let hidden: [String]

    private let reader = ContentReader()
    private var tree = FileTree()
    private var pending: [String] = []

    private init(source: FileTree, hooks: FileTree, kernel: String, modules: [String], hidden: [String]) {
        self.source = source
        self.hooks = hooks
        self.kernel = kernel
        self.modules = modules
        self.hidden = hidden
    }

    /// Puts the tree together; every time in it is the epoch, so that it depends on contents alone.
    static func make(
        source: FileTree, hooks: FileTree, kernel: String, modules: [String], hidden: [String]
    ) throws -> FileTree {
        var work = InitrdTree(source: source, hooks: hooks, kernel: kernel, modules: modules, hidden: hidden)
        try work.takeFiles()
        try work.takeLibraries()
        try work.takeModules()
        try work.addOwnFiles()
        try work.checkUnits()
        work.tree.updateAttributes { entry in
            entry.mtime = 0
            entry.uid = 0
            entry.gid = 0
            entry.mode &= 0o1777
        }
        return work.tree
    }

    /// The release of the only kernel in a tree.
    static func kernelRelease(_ source: FileTree) throws -> String {
        let releases = source.children(of: "usr/lib/modules").filter { entry in
            entry.isDirectory && source[entry.path + "/modules.dep"] != nil
        }.map { String($0.name) }
        guard let release = releases.first, releases.count == 1 else {
            throw LapwingError(
                "initrd.kernels", exit: .badInput, "The root must hold the modules of exactly one kernel.",
                subject: "/usr/lib/modules", cause: releases.isEmpty ? "none found" : releases.joined(separator: ", "),
                hint: "Name one kernel package in the recipe, in dom0.kernel.")
        }
        return release
    }

    private func text(_ path: String, in tree: FileTree, required: Bool = true) throws -> String {
        guard let content = tree.content(path) else {
            if !required { return "" }
            throw LapwingError(
                "initrd.no-file", exit: .badInput, "A file the initrd is made from is missing.", subject: "/" + path)
        }
        return String(decoding: try reader.bytes(content), as: UTF8.self)
    }

    private func list(_ name: String) throws -> [String] {
        try text(name, in: hooks).split(separator: "\n" as Character).compactMap { line in
            let word = line.prefix { $0 != "#" }.split(separator: " " as Character).joined()
            return word.isEmpty ? nil : word
        }
    }

    // MARK: - Files of packages

    private mutating func takeFiles() throws {
        for link in ["bin", "lib", "lib32", "lib64", "sbin"] { if let entry = source[link] { try tree.insert(entry) } }
        var missing: [LapwingError] = []
        for word in try list("files") {
            let optional = word.hasPrefix("?")
            let pattern = optional ? String(word.dropFirst()) : word
            let found = matches(pattern)
            for path in found { try take(path) }
            if found.isEmpty, !optional {
                missing.append(
                    LapwingError(
                        "initrd.no-file", exit: .badInput, "A file the initrd needs is in none of the packages.",
                        subject: "/" + pattern, hint: "Add the package that has it to initrd.packages in the recipe."))
            }
        }
        if !missing.isEmpty { throw LapwingErrors(missing) }
    }

    private func matches(_ pattern: String) -> [String] {
        var paths = [""]
        for component in pattern.split(separator: "/" as Character).map(String.init) {
            paths = paths.flatMap { base -> [String] in
                let prefix = base.isEmpty ? "" : base + "/"
                if !component.contains("*") { return source[prefix + component] == nil ? [] : [prefix + component] }
                return source.children(of: base).filter { Glob.matches(component, String($0.name)) }.map(\.path)
            }
        }
        return paths
    }

    /// Takes an entry with what it leads to: below a directory, behind a link.
    private mutating func take(_ given: String) throws {
        let path = canonical(given)
        guard tree[path] == nil || source[path]?.isDirectory == true, var entry = source[path] else { return }
        switch entry.kind {
        case .directory:
            try tree.insert(entry)
            for child in source.children(of: path) { try take(child.path) }
        case .symlink(let target):
            try tree.insert(entry)
            let full = target.hasPrefix("/") ? String(target.dropFirst()) : entry.parent + "/" + target
            if let real = source.resolve(full) { try take(real) }
        case .hardlink(let target):
            guard let content = source[target]?.content else { return }
            entry.kind = .file(content)
            try tree.insert(entry)
            pending.append(path)
        case .file:
            try tree.insert(entry)
            pending.append(path)
        case .character, .block, .fifo: break
        }
    }

    /// The path with links in its directories followed, the last component not.
    private func canonical(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        return (source.resolve(String(path[..<slash])) ?? String(path[..<slash])) + path[slash...]
    }

    private mutating func takeLibraries() throws {
        let triplets = source.children(of: "usr/lib").filter { $0.isDirectory && $0.name.hasSuffix("-linux-gnu") }
        let directories = triplets.flatMap { [$0.path, $0.path + "/systemd"] } + ["usr/lib", "usr/lib64"]
        while let path = pending.popLast() {
            guard let content = tree[path]?.content, content.size < 256 << 20 else { continue }
            guard path.hasPrefix("usr/lib/modules/") == false, let elf = ElfFile(try reader.bytes(content)) else {
                continue
            }
            if let loader = elf.interpreter { try take(String(loader.drop { $0 == "/" })) }
            for name in elf.needed {
                guard let found = directories.map({ $0 + "/" + name }).first(where: { source[$0] != nil }) else {
                    throw LapwingError(
                        "initrd.no-library", exit: .badInput, "A library the initrd needs is in none of the packages.",
                        subject: name, cause: "/\(path) needs it",
                        hint: "Add the package that has it to initrd.packages in the recipe.")
                }
                try take(found)
            }
        }
    }

    // MARK: - Modules

    private mutating func takeModules() throws {
        let base = "usr/lib/modules/" + kernel
        let known = KernelModules(
            dep: try text(base + "/modules.dep", in: source), builtin: try text(base + "/modules.builtin", in: source),
            softdep: try text(base + "/modules.softdep", in: source, required: false))
        let files = try known.files(try list("modules") + modules, hidden: hidden)
        // The indices know modules that are not here as well; asking for one of those fails, as it should.
        let indices = source.children(of: base).filter { $0.name.hasPrefix("modules.") && $0.content != nil }
        for path in files.map({ base + "/" + $0 }) + indices.map(\.path) {
            guard let entry = source[path] else {
                throw LapwingError(
                    "initrd.no-file", exit: .badInput, "A kernel module is listed but not there.", subject: "/" + path)
            }
            try tree.insert(entry)
        }
    }

    // MARK: - Our own

    private mutating func addOwnFiles() throws {
        for directory in ["dev", "etc", "proc", "root", "run", "sys", "sysroot", "tmp", "var"] {
            if tree[directory] == nil { try tree.addDirectory(directory) }
        }
        let release = "ID=lapwing\nNAME=\"Lapwing initrd\"\nPRETTY_NAME=\"Lapwing initrd\"\n"
        try tree.addFile("etc/initrd-release", release)
        try tree.addFile("etc/os-release", release)
        try tree.addFile("etc/machine-id", "")
        try tree.addFile("etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n")
        let groups = [
            "root:0", "tty:5", "disk:6", "kmem:15", "input:104", "render:105", "video:44", "audio:29", "cdrom:24",
            "tape:26", "dialout:20", "lp:7", "sgx:106", "kvm:107", "tss:108", "clock:109",
        ]
        try tree.addFile(
            "etc/group",
            groups.map { entry in
                let parts = entry.split(separator: ":" as Character)
                return "\(parts[0]):x:\(parts[1]):\n"
            }.joined())
        try tree.addSymlink("init", to: "usr/lib/systemd/systemd")
        let units = "usr/lib/systemd/system"
        for entry in hooks.entries {
            guard let content = entry.content else { continue }
            if entry.path.hasPrefix("units/") {
                try tree.insert(.init("\(units)/\(entry.name)", .file(content), mode: 0o644))
                guard entry.name.hasPrefix("lapwing-") else { continue }
                try tree.addSymlink("\(units)/initrd-root-fs.target.requires/\(entry.name)", to: "../\(entry.name)")
            } else if !["files", "modules"].contains(entry.path) {
                try tree.insert(.init("usr/lib/lapwing/\(entry.name)", .file(content), mode: 0o755))
            }
        }
        tree.remove("\(units)/default.target")
        try tree.addSymlink("\(units)/default.target", to: "initrd.target")
    }
}

extension InitrdTree {
    /// Throws `initrd.no-program` for every program a unit starts that is not in the tree: it would show only when the
    /// machine starts. A program with `-` in front may fail and so may be missing (systemd.service(5)).
    private func checkUnits() throws {
        var missing: [LapwingError] = []
        for entry in tree.below("usr/lib/systemd/system") where entry.name.hasSuffix(".service") {
            guard let content = entry.content else { continue }
            let text = String(decoding: try reader.bytes(content), as: UTF8.self)
            for line in text.split(separator: "\n" as Character) where line.hasPrefix("ExecStart=") {
                guard let word = line.dropFirst(10).split(separator: " " as Character).first else { continue }
                let program = word.drop { "@:+!-".contains($0) }
                if word.prefix(while: { "@:+!-".contains($0) }).contains("-") { continue }
                let places =
                    program.hasPrefix("/")
                    ? [String(program.dropFirst())] : ["usr/bin/\(program)", "usr/sbin/\(program)"]
                if places.contains(where: { tree.resolve($0) != nil }) { continue }
                missing.append(
                    LapwingError(
                        "initrd.no-program", exit: .badInput,
                        "A unit of the initrd starts a program that is not in it.",
                        subject: String(program), cause: "\(entry.name) starts it",
                        hint: "Add the program to Firmware/Initrd/files."))
            }
        }
        if !missing.isEmpty { throw LapwingErrors(missing) }
    }
}

/// File name patterns with `*`.
enum Glob {
    /// True when the whole name fits; `*` stands for any run of characters.
    static func matches(_ pattern: String, _ name: String) -> Bool {
        let parts = pattern.split(separator: "*" as Character, omittingEmptySubsequences: false).map(String.init)
        guard let first = parts.first, let last = parts.last, parts.count > 1 else { return pattern == name }
        guard name.hasPrefix(first), name.utf8.count >= first.utf8.count + last.utf8.count else { return false }
        var rest = name.dropFirst(first.count)
        guard rest.hasSuffix(last) else { return false }
        rest = rest.dropLast(last.count)
        for part in parts.dropFirst().dropLast() where !part.isEmpty {
            guard let range = rest.firstRange(of: part) else { return false }
            rest = rest[range.upperBound...]
        }
        return true
    }
}
