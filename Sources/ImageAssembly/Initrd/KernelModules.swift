// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What depmod knows of a kernel's modules, from its text files: which there are, what each needs, what is built in.
struct KernelModules: Sendable {
    /// Needed modules by module, both as paths below the kernel's module directory.
    private let dependencies: [String: [String]]
    private let byName: [String: String]
    private let builtin: Set<String>
    private let soft: [String: [String]]

    /// Reads `modules.dep`, `modules.builtin` and `modules.softdep`.
    init(dep: String, builtin: String, softdep: String = "") {
        var dependencies: [String: [String]] = [:]
        var byName: [String: String] = [:]
        for line in dep.split(separator: "\n" as Character) {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let path = String(line[..<colon])
            dependencies[path] = line[line.index(after: colon)...].split(separator: " " as Character).map(String.init)
            byName[Self.name(path)] = path
        }
        var soft: [String: [String]] = [:]
        for line in softdep.split(separator: "\n" as Character) {
            let words = line.split(separator: " " as Character).map(String.init)
            guard words.count > 2, words[0] == "softdep" else { continue }
            soft[Self.name(words[1]), default: []] += words.dropFirst(2).filter { !$0.hasSuffix(":") }.map(Self.name)
        }
        self.dependencies = dependencies
        self.byName = byName
        self.builtin = Set(builtin.split(separator: "\n" as Character).map { Self.name(String($0)) })
        self.soft = soft
    }

    /// A module's name as the kernel has it: `kernel/fs/nls/nls_ascii.ko.xz` and `nls-ascii` are both `nls_ascii`.
    static func name(_ path: String) -> String {
        let file = path.split(separator: "/" as Character).last.map(String.init) ?? path
        let stem = file.split(separator: "." as Character).first.map(String.init) ?? file
        return String(stem.map { $0 == "-" ? "_" : $0 })
    }

    /// The files of the named modules and all they need, sorted. A name with `?` in front may be missing, as may a soft
    /// dependency; a module built into the kernel is there already.
    ///
    /// - Throws: every name that is no module, and every hidden module that another one needs, at once.
    func files(_ wanted: [String], hidden: [String] = []) throws -> [String] {
        var errors: [LapwingError] = []
        var taken: Set<String> = []
        var queue: [(path: String, by: String)] = []
        for word in wanted {
            let optional = word.hasPrefix("?")
            let name = Self.name(optional ? String(word.dropFirst()) : word)
            if let path = byName[name] {
                queue.append((path, name))
            } else if !builtin.contains(name), !optional {
                errors.append(
                    LapwingError(
                        "initrd.no-module", exit: .badInput, "The kernel has no module of this name.", subject: word,
                        hint: "Look at initrd.modules in the recipe; names may change from one kernel to the next."))
            }
        }
        let hiddenNames = Set(hidden.map(Self.name))
        while let (path, by) = queue.popLast() {
            guard taken.insert(path).inserted else { continue }
            let name = Self.name(path)
            if hiddenNames.contains(name) {
                errors.append(
                    LapwingError(
                        "initrd.hidden-module", exit: .badInput,
                        "A module that is to stay out of the initrd is needed in it.", subject: name,
                        cause: "\(by) brings it in", hint: "Change initrd.modules or initrd.hiddenModules."))
            }
            for needed in dependencies[path] ?? [] { queue.append((needed, by)) }
            for extra in soft[name] ?? [] { if let extra = byName[extra] { queue.append((extra, by)) } }
        }
        if !errors.isEmpty { throw LapwingErrors(errors.sorted { ($0.subject ?? "") < ($1.subject ?? "") }) }
        return taken.sorted()
    }
}
