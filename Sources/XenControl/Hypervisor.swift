// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// Everything that changes or asks Xen, behind one protocol: the live one runs programs, that of tests keeps a record.
/// All of it has time limits, and none of it is believed: callers ask `domains` afterwards.
public protocol Hypervisor: Sendable {
    /// All domains Xen has now, dom0 among them.
    func domains() async throws -> [XenDomain]
    /// Makes a domain from `/run/lapwing/domains/NAME.cfg`, paused. If one is being made already, waits for that.
    func create(_ name: String) async throws
    /// Lets a paused domain run.
    func unpause(_ id: Int) async throws
    /// Asks the guest to switch itself off. Returns once the request was handed over, not when it was obeyed; false
    /// when the guest cannot hear it.
    func requestPowerOff(_ id: Int) async throws -> Bool
    /// Takes a domain apart, whatever it does.
    func destroy(_ id: Int) async throws
    /// Stops the unit a domain was made in, which destroys the domain and its device model.
    func clearUnit(_ name: String) async
    /// Starts what serves the virtual battery of a domain, and returns once it serves.
    func startBattery(_ id: Int) async throws
    /// Stops it. The domain has to be gone, or never to have been served: whoever asks an unserved port waits.
    func stopBattery(_ id: Int) async
}

/// Traps on each use: the start for tests that must not reach Xen.
public struct TrappingHypervisor: Hypervisor {
    /// A hypervisor nobody may talk to.
    public init() {}
    private func trap(_ what: String) -> Never { preconditionFailure("a test asked Xen without a double: \(what)") }
    /// Traps.
    public func domains() async throws -> [XenDomain] { trap("domains") }
    /// Traps.
    public func create(_ name: String) async throws { trap("create \(name)") }
    /// Traps.
    public func unpause(_ id: Int) async throws { trap("unpause \(id)") }
    /// Traps.
    public func requestPowerOff(_ id: Int) async throws -> Bool { trap("shutdown \(id)") }
    /// Traps.
    public func destroy(_ id: Int) async throws { trap("destroy \(id)") }
    /// Traps.
    public func clearUnit(_ name: String) async { trap("clear \(name)") }
    /// Traps.
    public func startBattery(_ id: Int) async throws { trap("battery \(id)") }
    /// Traps.
    public func stopBattery(_ id: Int) async { trap("no battery \(id)") }
}

/// Xen through `xl` and systemd.
public struct XLHypervisor: Hypervisor {
    private let runner: any ProcessRunner
    private let run: FilePath
    /// How long a listing may take under load.
    static let listLimit = Duration.seconds(30)
    /// How long `xl unpause`, `shutdown` and the like may take.
    static let shortLimit = Duration.seconds(60)
    /// A little longer than the unit's own limit on `xl create`, so that systemd speaks first.
    static let createLimit = Duration.seconds(200)

    /// The live Xen; `run` is the directory with the configurations.
    public init(runner: any ProcessRunner, run: FilePath) {
        self.runner = runner
        self.run = run
    }

    /// The unit a domain is made in.
    public static func unit(_ name: String) -> String { "lapwing-domain@\(name).service" }

    private func xl(_ arguments: [String], _ limit: Duration, _ message: String) async throws -> CommandResult {
        let command = Command("xl", arguments, environment: ["LC_ALL": "C"], timeLimit: limit)
        let result = try await runner.run(command)
        guard result.succeeded else { throw Self.failure(command, result, message) }
        return result
    }

    static func failure(_ command: Command, _ result: CommandResult, _ message: String) -> LapwingError {
        var error = CommandFailure.error(command, result, message)
        error.code = result.ending == .timedOut ? "xen.timeout" : "xen.failed"
        if result.errorText.contains("privileged command interface") || result.errorText.contains("open libxc handle") {
            error.exit = .unavailable
            error.hint = "Xen does not run, or its devices are not there yet."
        }
        return error
    }

    /// All domains, from `xl list -v`.
    public func domains() async throws -> [XenDomain] {
        let result = try await xl(["list", "-v"], Self.listLimit, "The domains could not be listed.")
        return try XenListing.parse(result.text)
    }

    /// Starts the unit, which runs `xl create -p -e` outside of the daemon's confinement.
    public func create(_ name: String) async throws {
        let log = run.appending(name + ".log")
        let command = Command("systemctl", ["start", Self.unit(name)], timeLimit: Self.createLimit)
        let result = try await runner.run(command)
        guard result.succeeded else {
            var failed = result
            // What xl said is the cause, not systemd's advice to read the journal.
            let said = (try? Files.read(log, limit: 1 << 16)) ?? []
            if !said.isEmpty { failed.error = said }
            throw Self.failure(command, failed, "Xen could not make the domain.")
        }
    }

    /// `xl unpause`.
    public func unpause(_ id: Int) async throws {
        _ = try await xl(["unpause", String(id)], Self.shortLimit, "The domain could not be let run.")
    }

    /// `xl shutdown`, with ACPI's power button for an HVM guest that has no Xen drivers.
    public func requestPowerOff(_ id: Int) async throws -> Bool {
        let command = Command(
            "xl", ["shutdown", "-F", String(id)], environment: ["LC_ALL": "C"], timeLimit: Self.shortLimit)
        return try await runner.run(command).succeeded
    }

    /// `xl destroy`.
    public func destroy(_ id: Int) async throws {
        _ = try await xl(["destroy", String(id)], Self.shortLimit, "The domain could not be destroyed.")
    }

    /// Stops the unit, which destroys the domain and leaves nothing it started, and forgets its failure.
    public func clearUnit(_ name: String) async {
        await clear(unit: Self.unit(name))
    }

    private func clear(unit: String) async {
        _ = try? await runner.run(Command("systemctl", ["stop", unit], timeLimit: Self.createLimit))
        _ = try? await runner.run(Command("systemctl", ["reset-failed", unit], timeLimit: Self.shortLimit))
    }

    /// The unit that serves a domain's virtual battery.
    static func batteryUnit(_ id: Int) -> String { "lapwing-acpi@\(id).service" }

    /// Starts the unit, which tells when it serves.
    public func startBattery(_ id: Int) async throws {
        let unit = Self.batteryUnit(id)
        let command = Command("systemctl", ["start", unit], timeLimit: Self.shortLimit)
        let result = try await runner.run(command)
        if result.succeeded { return }
        let show = Command("systemctl", ["show", "--property=StatusText", "--value", unit], timeLimit: Self.shortLimit)
        let said = try? await runner.run(show).text.split(whereSeparator: \.isNewline).first
        throw LapwingError(
            "xen.battery", exit: .unavailable, "The domain's battery is not served.", subject: unit,
            cause: SafeText.printable(String(said ?? "systemd did not start it")),
            hint: "\"journalctl --unit=\(unit)\" says more.")
    }

    /// Stops the unit and forgets its failure.
    public func stopBattery(_ id: Int) async { await clear(unit: Self.batteryUnit(id)) }
}
