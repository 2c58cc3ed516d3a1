// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What must hold between the values of a recipe. A check is left out when an error was already reported for a value
/// it looks at.
struct CrossChecks {
    let recipe: Recipe
    private let bad: [String]
    private let origins: [String: SourceLocation]
    private let root: SourceLocation
    private let diagnostics: Diagnostics

    init(_ recipe: Recipe, _ finisher: Finisher, root: SourceLocation, _ diagnostics: Diagnostics) {
        self.recipe = recipe
        bad = finisher.bad
        var origins: [String: SourceLocation] = [:]
        for entry in finisher.provenance { if let place = entry.location { origins[entry.path] = place } }
        self.origins = origins
        self.root = root
        self.diagnostics = diagnostics
    }

    /// Runs every check.
    func run() {
        access()
        sizes()
        budgets()
        files()
        services()
        hypervisor()
        commandLines()
        modules()
        architecture()
        archive()
        domains()
        power()
    }

    /// True when all these values are good.
    private func good(_ paths: String...) -> Bool {
        paths.allSatisfy { path in
            !bad.contains {
                $0 == path || $0.hasPrefix(path + ".") || $0.hasPrefix(path + "[") || path.hasPrefix($0 + ".")
            }
        }
    }

    /// The place of a value, of the first one below it that a file gives, or of the recipe.
    private func place(_ path: String) -> SourceLocation {
        origins[path] ?? origins.filter { $0.key.hasPrefix(path + ".") || $0.key.hasPrefix(path + "[") }.values.min()
            ?? root
    }

    private func fail(_ code: String, _ path: String, _ message: String, _ hint: String? = nil) {
        diagnostics.add(code, place(path), message, hint: hint)
    }

    private func access() {
        let access = recipe.security.access
        guard good("security.access", "dom0.packages") else { return }
        if access.passwordHash == nil && access.sshKeys.isEmpty && !access.ask {
            fail(
                "no-access", "security.access", "Nobody could log in: security.access gives no way in.",
                "Set ask: true, a passwordHash or sshKeys; there is no default password.")
        }
        if access.passwordHash != nil && access.ask {
            fail(
                "conflict", "security.access.ask", "The recipe gives a passwordHash and asks for a passphrase as well.",
                "Keep one of the two.")
        }
        if !access.sshKeys.isEmpty && !recipe.dom0.packages.contains("openssh-server") {
            fail(
                "conflict", "security.access.sshKeys", "SSH keys are given, but no SSH server is installed.",
                "Add openssh-server to dom0.packages.")
        }
    }

    private func sizes() {
        let disk = recipe.outputs.disk
        for (path, size) in [
            ("outputs.disk.espSize", disk.espSize), ("outputs.disk.rootSlotSize", disk.rootSlotSize),
            ("outputs.disk.stateSize", disk.stateSize), ("dom0.memory", recipe.dom0.memory),
        ] where good(path) && size.bytes % (1 << 20) != 0 {
            fail(
                "size", path, "\(path) is not a multiple of 1 MiB.",
                "Did you mean \(quoted(SizeText.exact((size.bytes >> 20) << 20)))?")
        }
        if good("outputs"), !disk.enabled, !recipe.outputs.iso.enabled {
            fail("conflict", "outputs.disk.enabled", "No output is enabled, so there is nothing to build.")
        }
    }

    private func budgets() {
        let disk = recipe.outputs.disk
        let budget = recipe.budget
        if let root = budget.root, good("budget.root", "outputs.disk.rootSlotSize"), root > disk.rootSlotSize {
            fail(
                "size", "budget.root",
                "The root may be \(SizeText.exact(root.bytes)), but a slot has \(SizeText.exact(disk.rootSlotSize.bytes)).",
                "Raise outputs.disk.rootSlotSize or lower budget.root.")
        }
        if let initrd = budget.initrd, good("budget.initrd", "outputs.disk.espSize"),
            initrd.bytes * 2 > disk.espSize.bytes
        {
            fail(
                "size", "budget.initrd",
                "The boot partition (\(SizeText.exact(disk.espSize.bytes))) cannot hold two initial RAM disks of "
                    + "\(SizeText.exact(initrd.bytes)).", "Raise outputs.disk.espSize or lower budget.initrd.")
        }
        // 2 MiB: the two partition tables, each within its alignment.
        let total = disk.espSize.bytes + 2 * disk.rootSlotSize.bytes + disk.stateSize.bytes + (2 << 20)
        if let limit = budget.disk, disk.enabled, good("budget.disk", "outputs.disk"), total > limit.bytes {
            fail(
                "size", "budget.disk",
                "The disk image may be \(SizeText.exact(limit.bytes)), but its partitions need \(SizeText.exact(total)).",
                "Raise budget.disk or lower the sizes in outputs.disk.")
        }
    }

    private func files() {
        let paths = recipe.dom0.files.map(\.path)
        for (index, file) in recipe.dom0.files.enumerated() where good("dom0.files[\(index)]") {
            let here = "dom0.files[\(index)].path"
            let sourced = origins["dom0.files[\(index)].source"] != nil
            if sourced && origins["dom0.files[\(index)].content"] != nil {
                fail("conflict", here, "The file \(quoted(file.path)) has content and source.", "Keep one of the two.")
            } else if !sourced && file.content == nil {
                fail(
                    "missing-key", here, "The file \(quoted(file.path)) has neither content nor source.",
                    "Add content: or source:.")
            }
            if ["/proc", "/sys", "/dev", "/run", "/tmp", "/boot"].contains(where: {
                file.path == $0 || file.path.hasPrefix($0 + "/")
            }) {
                fail(
                    "bad-path", here, "\(quoted(file.path)) would not be in the running system.",
                    "Use a path below /etc or /usr.")
            }
            if Self.owned.contains(file.path) || file.path.hasPrefix("/etc/ssh/ssh_host_") {
                fail(
                    "bad-path", here, "\(quoted(file.path)) is written by the build or the device itself.",
                    "Users, keys and the machine's identity are never part of a recipe file.")
            }
            if let parent = paths.first(where: { !$0.isEmpty && file.path.hasPrefix($0 + "/") }) {
                fail("conflict", here, "\(quoted(file.path)) lies below \(quoted(parent)), which is a file.")
            }
        }
    }

    private static let owned: Set<String> = [
        "/etc/shadow", "/etc/gshadow", "/etc/passwd", "/etc/group", "/etc/machine-id", "/etc/hostname",
        "/var/lib/systemd/random-seed",
    ]

    private func services() {
        let services = recipe.dom0.services
        for (index, unit) in services.enable.enumerated() {
            for (name, list) in [("disabled", services.disable), ("masked", services.mask)] where list.contains(unit) {
                fail(
                    "conflict", "dom0.services.enable[\(index)]",
                    "The unit \(quoted(unit)) is both enabled and \(name).",
                    "Keep one of the two.")
            }
        }
    }

    private func hypervisor() {
        let hypervisor = recipe.hypervisor
        if !hypervisor.knownSources.isEmpty, !hypervisor.olderSource, hypervisor.source == .build {
            fail(
                "conflict", "hypervisor.knownSources", "hypervisor.knownSources has no meaning without olderSource.",
                "Write olderSource: true, or remove it.")
        }
        guard hypervisor.source == .debian, good("hypervisor.source") else { return }
        if hypervisor.scheduler == .lapwing, good("hypervisor.scheduler") {
            fail(
                "conflict", "hypervisor.scheduler", "Debian's hypervisor does not have the scheduler \"lapwing\".",
                "Write source: build, or scheduler: credit2.")
        }
        for (path, isSet) in [
            ("hypervisor.debug", hypervisor.debug), ("hypervisor.olderSource", hypervisor.olderSource),
            ("hypervisor.knownSources", !hypervisor.knownSources.isEmpty),
        ] where isSet && good(path) {
            fail("conflict", path, "\(path) has no meaning for Debian's binary.", "Write source: build, or remove it.")
        }
    }

    private func commandLines() {
        let managed = [
            "dom0_mem": "dom0.memory", "dom0_max_vcpus": "dom0.vcpus", "sched": "hypervisor.scheduler",
            "timer_slop": "power.timerSlop", "ucode": "hypervisor.ucode",
        ]
        for (index, option) in recipe.hypervisor.options.enumerated() {
            let name = String(option.prefix { $0 != "=" })
            if let key = managed[name] {
                fail(
                    "conflict", "hypervisor.options[\(index)]", "The option \(quoted(name)) is set by \(key).",
                    "Remove it here and set \(key).")
            }
        }
        for (index, option) in recipe.dom0.kernelOptions.enumerated() {
            let name = String(option.prefix { $0 != "=" })
            if ["root", "roothash", "rootfstype", "init", "rdinit", "initrd"].contains(name)
                || name.hasPrefix("systemd.verity")
            {
                fail(
                    "conflict", "dom0.kernelOptions[\(index)]", "The option \(quoted(name)) is set by the build.",
                    "Remove it: the build writes how the verified root is found.")
            }
        }
    }

    private func modules() {
        for (index, module) in recipe.initrd.modules.enumerated()
        where recipe.initrd.hiddenModules.contains(module) {
            fail(
                "conflict", "initrd.modules[\(index)]",
                "The module \(quoted(module)) is both in initrd.modules and hidden.",
                "Keep one of the two.")
        }
    }

    private func architecture() {
        guard good("target.architecture") else { return }
        let other = Architecture.allCases.filter { $0 != recipe.target.architecture }
        for (path, package) in [("hypervisor.package", recipe.hypervisor.package), ("dom0.kernel", recipe.dom0.kernel)]
        {
            for wrong in other where good(path) && package.hasSuffix("-" + wrong.debian) {
                fail(
                    "conflict", path, "\(quoted(package)) is not for \(recipe.target.architecture.rawValue).",
                    "Did you mean \(quoted(package.dropLast(wrong.debian.count) + recipe.target.architecture.debian))?")
            }
        }
    }

    private func archive() {
        for (index, template) in recipe.archive.oldVersions.enumerated() {
            let known = ["path", "archive", "name", "version", "sha256", "date"]
            for match in template.matches(of: #/\{([^{}]*)\}/#) where !known.contains(String(match.1)) {
                fail(
                    "bad-value", "archive.oldVersions[\(index)]",
                    "\(quoted(String(match.0))) is no part of an archive URL.",
                    Suggestion.sentence(String(match.1), among: known)
                        ?? "Possible: {path}, {archive}, {name}, {version}, {sha256}, {date}.")
            }
        }
        if good("archive"), Set(["oldstable", "stable", "testing", "unstable"]).contains(recipe.archive.release) {
            fail(
                "bad-value", "archive.release",
                "\(quoted(recipe.archive.release)) means another release every other year.",
                "Write the code name: trixie.")
        }
    }

    private func domains() {
        for (name, domain) in recipe.domains.sorted(by: { $0.key < $1.key }) where good("domains.\(name)") {
            if name == "dom0" {
                fail("bad-value", "domains.dom0", "The control domain is no guest.", "Its keys stand under dom0.")
            }
            if recipe.target.architecture == .arm64, domain.type != .pvh {
                fail(
                    "conflict", "domains.\(name).type", "On arm64 a domain cannot be \(domain.type.rawValue).",
                    "Write type: pvh.")
            }
            if domain.type != .hvm, domain.kernel == nil {
                fail(
                    "conflict", "domains.\(name)", "A domain of type \(domain.type.rawValue) needs a kernel.",
                    "Name it by kernel: /path.")
            }
            if domain.kernel == nil, domain.ramdisk != nil || domain.cmdline != nil {
                fail("conflict", "domains.\(name)", "A ramdisk or command line without a kernel is never read.", nil)
            }
            if domain.type != .hvm, !domain.boot.isEmpty || domain.display != .none {
                fail("conflict", "domains.\(name)", "Only an HVM domain has a boot order and a screen.", nil)
            }
            if domain.battery == .passthrough {
                fail(
                    "conflict", "domains.\(name).battery",
                    "The battery cannot be passed through: nobody has described the ports of a platform's battery.",
                    "battery: virtual works on every machine.")
            }
            for disk in domain.disks {
                let sources = [disk.size != nil, disk.file != nil, disk.device != nil, disk.cdrom != nil]
                if sources.count(where: { $0 }) != 1 {
                    fail(
                        "conflict", "domains.\(name).disks",
                        "The disk \(disk.name) has not exactly one of size, file, device and cdrom.",
                        "size: 20 GiB makes an image on the state partition.")
                }
                if domain.type != .hvm, disk.cdrom != nil {
                    fail("conflict", "domains.\(name).disks", "Only an HVM domain has an optical drive.", nil)
                }
            }
        }
    }

    private func power() {
        let profiles = recipe.power.profiles
        for (name, profile) in [
            ("performance", profiles.performance), ("balanced", profiles.balanced), ("powersave", profiles.powersave),
            ("critical", profiles.critical),
        ] {
            let path = "power.profiles.\(name)"
            guard good(path) else { continue }
            if let low = profile.minClock, let high = profile.maxClock, low > high {
                fail("conflict", path + ".minClock", "The lowest clock is above the highest.", nil)
            }
            for domain in profile.domains.keys.sorted() where domain != "dom0" && recipe.domains[domain] == nil {
                fail(
                    "conflict", path + ".domains.\(domain)", "There is no domain \(quoted(domain)).",
                    Suggestion.sentence(domain, among: recipe.domains.keys.sorted()))
            }
        }
        if recipe.power.rules.count > 64 {
            fail("conflict", "power.rules", "There are more than 64 rules.", nil)
        }
    }
}
