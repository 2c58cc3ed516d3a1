// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import LapwingCore
import SystemPackage

/// The live machine: `xenpm`, `xl`, `xenhypfs` and `xen-hptool` for what Xen governs, sysfs for dom0's devices.
public struct XenPowerMachine: PowerMachine {
    private let runner: any ProcessRunner
    private let sysfs: SysfsControls
    /// How long a tool may take. They only make hypercalls.
    static let limit = Duration.seconds(15)
    /// How long the switching of a CPU may take: Xen stops all others meanwhile.
    static let switchLimit = Duration.seconds(60)

    /// A machine.
    ///
    /// - Parameter paths: Where the kernel's files are.
    public init(runner: any ProcessRunner, paths: DevicePaths) {
        self.runner = runner
        sysfs = SysfsControls(paths)
    }

    /// Reads a control.
    public func read(_ control: PowerControl) async throws -> ControlReading {
        switch control {
        case .cpus: try await processors()
        case .scheduler: try await scheduler()
        case .governor, .clock, .hwp, .turbo: try await clocks(control)
        case .cstate: try await cstate()
        case .shares: try await shares()
        case .pci, .usb, .sata, .backlight: try sysfs.read(control)
        }
    }

    /// Sets parts of a control.
    public func write(_ control: PowerControl, _ values: [String: String], everywhere: Bool) async throws {
        if [.pci, .usb, .sata, .backlight].contains(control) { return try sysfs.write(control, values) }
        if everywhere, let value = values.values.first, [.governor, .clock, .hwp, .turbo].contains(control) {
            return try await set(control, cpu: nil, value)
        }
        for (name, value) in values.sorted(by: { Words.inOrder($0.key, $1.key) }) {
            switch control {
            case .cpus:
                let verb = value == ProcessorTargets.online ? "cpu-online" : "cpu-offline"
                _ = try await demand("xen-hptool", [verb, try Self.number(name)], limit: Self.switchLimit)
            case .scheduler: _ = try await demand("xl", ["set-parameters", "sched-lapwing=\(value)"])
            case .shares:
                guard let share = DomainShare.Values(value) else { throw Self.noValue(control, value) }
                _ = try await demand(
                    "xl", ["sched-credit2", "-d", name, "-w", "\(share.weight)", "-c", "\(share.cap)"])
            case .cstate: try await set(control, cpu: nil, value)
            default: try await set(control, cpu: try Self.number(name), value)
            }
        }
    }

    // MARK: Reading

    private func clocks(_ control: PowerControl) async throws -> ControlReading {
        guard let result = try await ask("xenpm", ["get-cpufreq-para"]) else {
            return .unavailable("xenpm is not installed")
        }
        try Self.check(result, "xenpm get-cpufreq-para")
        let clocks = try XenPM.clocks(result.text)
        if clocks.isEmpty {
            return .unavailable(
                result.errorText.contains("cpufreq is not enabled")
                    ? "Xen governs no clock on this machine (cpufreq is not enabled)"
                    : "nobody told Xen of P-states on this machine")
        }
        var parts: [String: ControlReading.Part] = [:]
        for clock in clocks {
            if let part = Self.part(control, clock) { parts["cpu\(clock.cpu)"] = part }
        }
        return .parts(
            parts,
            orNone: control == .hwp
                ? "Xen chooses the clock here, not the hardware" : "the hardware chooses the clock here (HWP)")
    }

    private static func part(_ control: PowerControl, _ clock: XenPM.Clock) -> ControlReading.Part? {
        switch control {
        case .governor: clock.governor.map { .init($0, choices: clock.governors) }
        case .clock:
            clock.bounds.map { .init($0.text, lowest: clock.hardware?.low, highest: clock.hardware?.high) }
        case .hwp: clock.told.map { .init($0.text, lowest: clock.levels?.low, highest: clock.levels?.high) }
        case .turbo: ControlReading.Part(clock.turbo ? "on" : "off")
        default: nil
        }
    }

    private func cstate() async throws -> ControlReading {
        guard let result = try await ask("xenpm", ["get-cpuidle-states"]) else {
            return .unavailable("xenpm is not installed")
        }
        try Self.check(result, "xenpm get-cpuidle-states")
        guard let limit = try XenPM.idle(result.text).limit else {
            return .unavailable("this Xen has no limit on C-states")
        }
        return ControlReading(["limit": .init(limit.rawValue)])
    }

    private func scheduler() async throws -> ControlReading {
        guard let pools = try await ask("xenhypfs", ["cat", "/sched-lapwing/pools"]) else {
            return .unavailable("xenhypfs is not installed")
        }
        let other = "this machine does not run the scheduler lapwing"
        if !pools.succeeded {
            guard pools.ending == .exited(3) else { throw Self.failure(pools, "xenhypfs cat /sched-lapwing/pools") }
            return .unavailable(other)
        }
        if pools.text.allSatisfy(\.isWhitespace) { return .unavailable(other) }
        let result = try await demand("xenhypfs", ["cat", "/params/sched-lapwing"])
        return ControlReading(["sched-lapwing": .init(try SchedulerParameters.parse(result.text))])
    }

    private func processors() async throws -> ControlReading {
        guard let info = try await ask("xl", ["info", "-n"]) else { return .unavailable("xl is not installed") }
        try Self.check(info, "xl info -n")
        let processors = try Processors.info(info.text)
        guard ["", "x86_64"].contains(processors.machine) else {
            return .unavailable("Xen switches CPUs off and on on x86 only")
        }
        let tied = try Processors.tied(try await demand("xl", ["vcpu-list"]).text)
        var parts: [String: ControlReading.Part] = [:]
        for cpu in 0...processors.highest {
            let core = processors.cores[cpu]
            parts["cpu\(cpu)"] = ControlReading.Part(
                core == nil ? ProcessorTargets.offline : ProcessorTargets.online,
                core: processors.threads > 1 ? core : nil, kept: cpu == 0 || tied.contains(cpu))
        }
        return ControlReading(parts)
    }

    private func shares() async throws -> ControlReading {
        guard let result = try await ask("xl", ["sched-credit2"]) else { return .unavailable("xl is not installed") }
        try Self.check(result, "xl sched-credit2")
        var parts: [String: ControlReading.Part] = [:]
        // xl takes a name of digits for a number, and two domains of one name cannot be told apart.
        let named = Dictionary(grouping: try DomainShare.list(result.text), by: \.name)
        for (name, shares) in named where shares.count == 1 && Digits.number(name) == nil && !name.isEmpty {
            parts[name] = ControlReading.Part(shares[0].values.text)
        }
        return .parts(parts, orNone: "no domain is scheduled by weight")
    }

    // MARK: Writing

    private func set(_ control: PowerControl, cpu: String?, _ value: String) async throws {
        let place = cpu.map { [$0] } ?? []
        switch control {
        case .governor: try await xenpm(["set-scaling-governor"] + place + [value])
        case .clock:
            guard let bounds = ClockBounds(value) else { throw Self.noValue(control, value) }
            // Xen lowers the lower bound with the upper one, but refuses a lower one above the upper one.
            try await xenpm(["set-scaling-maxfreq"] + place + ["\(bounds.high)"])
            try await xenpm(["set-scaling-minfreq"] + place + ["\(bounds.low)"])
        case .hwp:
            guard let levels = HardwareLevels(value) else { throw Self.noValue(control, value) }
            try await xenpm(
                ["set-cpufreq-cppc"] + place + [
                    "minimum:\(levels.minimum)", "maximum:\(levels.maximum)", "energy-perf:\(levels.energyPerf)",
                    "desired:\(levels.desired)",
                ])
        case .turbo: try await xenpm([value == "on" ? "enable-turbo-mode" : "disable-turbo-mode"] + place)
        case .cstate:
            guard let limit = CStateLimit(rawValue: value) else { throw Self.noValue(control, value) }
            let numbers = limit.state.map { ["\($0)"] + (limit.substate.map { ["\($0)"] } ?? []) }
            try await xenpm(["set-max-cstate"] + (numbers ?? ["unlimited"]))
        default: throw Self.noValue(control, value)
        }
    }

    /// `xenpm` ends with 0 whether Xen obeyed or not; what it says on standard error is why not.
    private func xenpm(_ arguments: [String]) async throws {
        let result = try await demand("xenpm", arguments)
        let said = result.errorText.split(whereSeparator: \.isNewline).prefix(4).joined(separator: "; ")
        guard !said.isEmpty else { return }
        // EOPNOTSUPP, by its number on Linux.
        let refused = said.contains("(95 - ")
        throw LapwingError(
            refused ? "power.refused" : "power.failed", "Xen did not take it.",
            subject: "xenpm " + arguments.joined(separator: " "), cause: SafeText.printable(String(said.prefix(400))))
    }

    // MARK: Programs

    private func command(_ tool: String, _ arguments: [String], limit: Duration) -> Command {
        Command(tool, arguments, environment: ["LC_ALL": "C"], timeLimit: limit)
    }

    /// Runs a tool; nil when it is not there.
    private func ask(_ tool: String, _ arguments: [String]) async throws -> CommandResult? {
        do {
            return try await runner.run(command(tool, arguments, limit: Self.limit))
        } catch let error as LapwingError where error.code == "command.not-started" {
            return nil
        }
    }

    private func demand(
        _ tool: String, _ arguments: [String], limit: Duration = XenPowerMachine.limit
    ) async throws -> CommandResult {
        let result = try await runner.run(command(tool, arguments, limit: limit))
        try Self.check(result, ([tool] + arguments).joined(separator: " "))
        return result
    }

    private static func check(_ result: CommandResult, _ line: String) throws {
        if !result.succeeded { throw failure(result, line) }
    }

    private static func failure(_ result: CommandResult, _ line: String) -> LapwingError {
        let tail = (result.error.isEmpty ? result.text : result.errorText).split(whereSeparator: \.isNewline).suffix(3)
        return LapwingError(
            result.ending == .timedOut ? "power.timeout" : "power.failed",
            result.ending == .timedOut ? "A tool did not answer in time." : "A tool failed.", subject: line,
            cause: SafeText.printable(String(tail.joined(separator: "; ").prefix(400))))
    }

    private static func number(_ name: String) throws -> String {
        guard let number = ProcessorTargets.number(name) else { throw noValue(.cpus, name) }
        return String(number)
    }

    private static func noValue(_ control: PowerControl, _ value: String) -> LapwingError {
        LapwingError(
            "power.bad-value", exit: .badInput, "This is no value of \(control.rawValue).",
            subject: SafeText.printable(String(value.prefix(100))))
    }
}
