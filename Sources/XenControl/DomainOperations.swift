// SPDX-License-Identifier: Apache-2.0

import CLinux
import DeviceConfig
import DomainDefinitions
import LapwingCore
import SystemPackage

/// What people ask for. Each operation begins with Xen's truth, and says what came of it.
extension DomainManager {
    /// Starts a domain; true when it was not running before.
    public func start(_ name: String, user: UInt32?) async throws -> Bool {
        _ = try defined(name)
        return try await alone(name) {
            let identity = try files.identity(name)
            let present = try await xen.domains()
            if let domain = present.first(where: { $0.uuid == identity?.uuid }) {
                if domain.ending == nil {
                    guard files.records().domains[name]?.phase == .starting else { return false }
                    try await make(name, why: "taken up again", user: user)
                    return true
                }
                try await clear(name)
            }
            // A person who starts a domain begins its count of restarts anew.
            try record(name, .starting, nil, restarts: [])
            try await make(name, why: nil, user: user)
            return true
        }
    }

    /// How a stop went.
    public struct Stop: Codable, Sendable, Hashable {
        /// `stopped`, `destroyed`, `crashed`, or `not-running` when there was nothing to do.
        public var outcome: String
        /// Seconds it took.
        public var seconds: Double
    }

    /// Stops a domain: asks the guest and waits `seconds` at most, or destroys it when `force`.
    public func stop(_ name: String, force: Bool, seconds: Int, user: UInt32?) async throws -> Stop {
        _ = try defined(name)
        return try await alone(name) { try await end(name, force: force, seconds: seconds, user: user) }
    }

    /// Stops a domain that runs, as `stop` does, and starts it.
    public func restart(_ name: String, force: Bool, seconds: Int, user: UInt32?) async throws -> Stop {
        _ = try defined(name)
        return try await alone(name) {
            let stop = try await end(name, force: force, seconds: seconds, user: user)
            try record(name, .starting, nil, restarts: [])
            try await make(name, why: nil, user: user)
            return stop
        }
    }

    private func end(_ name: String, force: Bool, seconds: Int, user: UInt32?) async throws -> Stop {
        let begin = clock.now()
        let identity = try files.identity(name)
        guard let domain = try await xen.domains().first(where: { $0.uuid == identity?.uuid }) else {
            if files.records().domains[name]?.phase != .stopped { note(name, .stopped) }
            return Stop(outcome: "not-running", seconds: 0)
        }
        try record(name, .stopping)
        tell("stopping", name, force ? "by force" : nil, user: user)
        var outcome = "stopped"
        if domain.ending == nil, force {
            outcome = "destroyed"
        } else if domain.ending == nil {
            let ending = try await askToEnd(name, domain, seconds: seconds)
            if ending == .crash { outcome = "crashed" }
        }
        try await clear(name)
        note(name, .stopped, outcome == "stopped" ? nil : outcome)
        tell("stopped", name, outcome, user: user)
        await companion?.domainsChanged()
        return Stop(outcome: outcome, seconds: clock.now() - begin)
    }

    /// After so many seconds a guest that has not ended is asked once more.
    private static let askAgain = 10.0

    /// Asks the guest and waits. When it does not end in time it goes on running, and that is an error.
    private func askToEnd(_ name: String, _ domain: XenDomain, seconds: Int) async throws -> XenDomain.Ending {
        func refused(_ code: String, _ message: String) -> LapwingError {
            note(name, .running, "it did not obey a stop")
            tell("not-stopped", name, message, bad: true)
            return LapwingError(
                code, exit: .busy, message, subject: name,
                hint: "Stop it from inside, or lapwingctl domain stop --force \(name), which is like pulling the plug.")
        }
        guard !domain.paused else { throw refused("domain.paused", "The guest is paused and cannot hear anything.") }
        guard try await xen.requestPowerOff(domain.id) else {
            throw refused("domain.deaf", "The guest has no way to be asked.")
        }
        let end = clock.now() + Double(seconds)
        var next = clock.now() + Self.askAgain
        while true {
            // A guest that is still starting has not heard it.
            if clock.now() >= next {
                _ = try await xen.requestPowerOff(domain.id)
                next = clock.now() + Self.askAgain
            }
            let now = try await xen.domains().first { $0.uuid == domain.uuid }
            guard let now, !now.dying else { return .poweroff }
            if let ending = now.ending { return ending }
            guard clock.now() < end else {
                throw refused("domain.no-answer", "The guest was asked and did not switch off in \(seconds) s.")
            }
            try await Task.sleep(for: .milliseconds(500))
        }
    }

    // MARK: Making

    /// Makes a domain and lets it run; its phase is `starting` already. Takes up what an earlier daemon left: a unit
    /// that still works, a domain that is paused. Whatever goes wrong, nothing is left behind.
    func make(_ name: String, why: String?, user: UInt32?) async throws {
        let definition = try defined(name)
        do {
            let identity = try prepare(definition)
            var present = try await xen.domains()
            var fresh = false
            if let other = present.first(where: { $0.name == name && $0.uuid != identity.uuid }) {
                throw LapwingError(
                    "domain.name-taken", exit: .busy, "Xen has a domain of this name that is another one.",
                    subject: name, cause: "number \(other.id), UUID \(other.uuid)",
                    hint: "xl destroy \(other.id) ends it, if nobody needs it.")
            }
            if !present.contains(where: { $0.uuid == identity.uuid }) {
                tell("starting", name, why, user: user)
                fresh = true
                try await companion?.mayStart(name)
                try await writeConfiguration(definition, identity)
                try await xen.create(name)
                present = try await xen.domains()
                if !present.contains(where: { $0.uuid == identity.uuid }) {
                    // The unit counted as active from an earlier life of the domain.
                    await xen.clearUnit(name)
                    try await xen.create(name)
                    present = try await xen.domains()
                }
            }
            guard let domain = present.first(where: { $0.uuid == identity.uuid }) else {
                throw died(name, "it was gone as soon as it was made")
            }
            if domain.paused {
                await serveBattery(definition, domain.id, fresh: fresh)
                try await companion?.join(name)
                try await xen.unpause(domain.id)
            }
            let after = try await xen.domains().first { $0.uuid == identity.uuid }
            guard let after, after.ending != .crash else { throw died(name, "it crashed as soon as it ran") }
        } catch {
            try? await clear(name)
            note(name, .stopped, "it could not be started")
            tell("failed", name, "\(error)".split(separator: "\n").first.map(String.init), user: user, bad: true)
            throw error
        }
        note(name, .running, why)
        tell("started", name, why, user: user)
    }

    private func died(_ name: String, _ why: String) -> LapwingError {
        LapwingError(
            "domain.died", "The domain did not come to life.", subject: name, cause: why,
            hint: "xl dmesg and /var/log/xen may say more.")
    }

    /// Clears a domain's unit and destroys what Xen has of it. Nothing there is fine.
    func clear(_ name: String) async throws {
        // The unit's own end destroys the domain, outside of the daemon's confinement: that is where loop devices are
        // let go. What was made without the unit is destroyed from here.
        await xen.clearUnit(name)
        let identity = try files.identity(name)
        if let domain = try await xen.domains().first(where: { $0.uuid == identity?.uuid }), !domain.dying {
            try await xen.destroy(domain.id)
        }
        try? Files.remove(paths.domainRun.appending(name + ".vnc"))
    }

    /// The identity, the images and what the definition names: all there before Xen is asked.
    private func prepare(_ definition: DomainDefinition) throws -> DomainIdentity {
        let settings = definition.settings
        var needed = [settings.kernel, settings.ramdisk].compactMap { $0 }
        for disk in settings.disks { needed += [disk.file, disk.device, disk.cdrom].compactMap { $0 } }
        for path in needed where !Files.exists(paths.at(path)) {
            throw LapwingError(
                "domain.file-missing", exit: .unavailable, "A file the domain needs is not there.", subject: path,
                hint: "It is named in \(definition.file).")
        }
        return try makeImages(definition)
    }

    /// Makes the images that were never made, sparse; one that was made and is gone is an error.
    func makeImages(_ definition: DomainDefinition) throws -> DomainIdentity {
        let name = definition.name
        let old = try files.identity(name)
        var identity = old ?? .fresh()
        let configuration = try configuration(definition, identity)
        for disk in definition.settings.disks {
            guard let size = disk.size else { continue }
            let path = configuration.image(disk)
            if Files.exists(path) {
                if !identity.disks.contains(disk.name) { identity.disks.append(disk.name) }
                continue
            }
            guard !identity.disks.contains(disk.name) else {
                throw LapwingError(
                    "domain.disk-missing", exit: .unavailable, "The image of a disk is gone.", subject: path.string,
                    cause: "it was made before, and an empty one would not be the same",
                    hint: "Put it back, or remove the disk from the definition.")
            }
            try Files.makeDirectory(path.removingLastComponent(), permissions: [.ownerReadWriteExecute])
            let temporary = FilePath(path.string + ".new")
            try Files.explain("make", path) {
                let descriptor = try FileDescriptor.open(
                    temporary, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: .ownerReadWrite)
                try descriptor.closeAfter { try descriptor.resize(to: Int64(clamping: size.bytes)) }
            }
            try Files.rename(temporary, to: path)
            identity.disks.append(disk.name)
        }
        if identity != old { try files.write(identity, name) }
        return identity
    }

    func configuration(_ definition: DomainDefinition, _ identity: DomainIdentity) throws -> XLConfiguration {
        XLConfiguration(
            name: definition.name, uuid: identity.uuid, settings: definition.settings, disks: paths.domainDisks,
            run: paths.domainRun)
    }

    private func writeConfiguration(_ definition: DomainDefinition, _ identity: DomainIdentity) async throws {
        var configuration = try configuration(definition, identity)
        configuration.takesFunctions = await companion?.canGiveFunctions() ?? false
        configuration.hasPowerTables = Files.exists(paths.at(XLConfiguration.powerTables))
        try Files.makeDirectory(paths.domainRun)
        try Files.write(
            Array(try configuration.text().utf8),
            to: paths.domainRun.appending(definition.name + ".cfg"), permissions: [.ownerReadWrite])
    }

    // MARK: Definitions

    /// Takes a definition's text over, makes its images, and returns the names. Nothing is changed when anything in it
    /// is wrong, or one of the domains is there already and `replace` was not asked for.
    public func define(
        _ text: String, file: String, replace: Bool, images: Bool, user: UInt32?
    ) async throws -> [String] {
        let found = try DefinitionReader.read(Array(text.utf8), file: file)
        let known = store.load().definitions
        for definition in found where known[definition.name]?.origin == .local && !replace {
            throw LapwingError(
                "domain.exists", exit: .badInput, "There is a domain of this name already.", subject: definition.name,
                hint: "--replace takes the new definition; the running domain keeps the old one until it restarts.")
        }
        for definition in found {
            try await alone(definition.name) {
                try store.write(definition.name, definition.settings)
                if images { _ = try makeImages(definition) }
                tell("defined", definition.name, user: user)
            }
        }
        return found.map(\.name)
    }

    /// Sets whether a domain starts with the machine, and when among the others. The image's definition is copied to
    /// the device for that.
    public func setAutostart(_ name: String, _ on: Bool, order: Int?, user: UInt32?) async throws {
        try await alone(name) {
            let definition = try defined(name)
            var settings = definition.settings
            settings.autostart = on
            if let order { settings.startOrder = order }
            if settings == definition.settings { return }
            let own = paths.domainFiles.appending(name + ".yaml").string
            guard definition.origin == .image || definition.file == own else {
                throw LapwingError(
                    "domain.shared-file", exit: .badInput, "The definition does not stand in a file of its own.",
                    subject: definition.file, hint: "Change it there with an editor.")
            }
            try store.write(name, settings)
            tell("defined", name, "autostart \(on ? "on" : "off")", user: user)
        }
    }

    /// Removes a stopped domain's definition and identity; its images only when `disks`. Returns the images that stay.
    public func remove(_ name: String, disks: Bool, user: UInt32?) async throws -> [String] {
        let definition = try defined(name)
        return try await alone(name) {
            guard definition.origin == .local else {
                throw LapwingError(
                    "domain.of-image", exit: .badInput, "The image defines this domain; it cannot be removed.",
                    subject: name, hint: "lapwingctl domain autostart \(name) off keeps it from starting.")
            }
            let identity = try files.identity(name)
            if try await xen.domains().contains(where: { $0.uuid == identity?.uuid }) {
                throw LapwingError(
                    "domain.running", exit: .busy, "The domain is there; only a stopped one can be removed.",
                    subject: name, hint: "lapwingctl domain stop \(name)")
            }
            try store.remove(definition)
            let directory = paths.domainDisks.appending(name)
            var left: [String] = []
            if disks {
                try Files.removeTree(directory)
            } else if Files.isDirectory(directory) {
                left = try Files.names(in: directory).map { directory.appending($0).string }
            }
            try files.removeIdentity(name)
            try forget(name)
            tell("removed", name, disks ? "with its disks" : nil, user: user)
            return left
        }
    }
}
