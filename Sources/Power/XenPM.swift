// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore

/// Reads what `xenpm` prints (Xen 4.20, tools/misc/xenpm.c). It ends with 0 whatever happens, so the text alone counts.
enum XenPM {
    /// What `get-cpufreq-para` says of one CPU. Clocks are in kHz.
    struct Clock: Hashable {
        /// The CPU, by Xen's number.
        var cpu: Int
        /// The CPUs that share its clock.
        var together: [Int] = []
        /// The driver: `acpi-cpufreq`, `powernow`, `hwp`.
        var driver = ""
        /// The lowest and highest clock there is; of HWP the nominal and the highest one.
        var hardware: ClockBounds?
        /// The governors there are.
        var governors: [String] = []
        /// The governor; nil where the hardware chooses the clock.
        var governor: String?
        /// The bounds set.
        var bounds: ClockBounds?
        /// The clock now.
        var current: Int?
        /// The lowest and highest level of hardware that chooses its clock.
        var levels: ClockBounds?
        /// What such hardware was told.
        var told: HardwareLevels?
        /// True when turbo is on; a machine without turbo reads false as well.
        var turbo = false

        /// True where the hardware chooses the clock.
        var isHardware: Bool { driver == "hwp" || told != nil }
    }

    private static let clockTool = "xenpm get-cpufreq-para"

    /// The CPUs of `xenpm get-cpufreq-para`; none when Xen governs no clock.
    static func clocks(_ text: String) throws(LapwingError) -> [Clock] {
        var clocks: [Clock] = []
        var seen: Set<Int> = []
        var minimum: (low: Int, high: Int, hint: Int)?
        for line in try ToolText.lines(text, of: clockTool) {
            if line.name == "cpu id" {
                let cpu = try ToolText.cpu(line.value, of: clockTool)
                guard seen.insert(cpu).inserted else { throw ToolText.bad(clockTool, "CPU \(cpu) twice") }
                clocks.append(Clock(cpu: cpu))
                minimum = nil
                continue
            }
            guard let last = clocks.indices.last else { throw ToolText.bad(clockTool, line.name) }
            switch line.name {
            case "affected_cpus":
                clocks[last].together = line.value.split(separator: " ").prefix(ToolText.cpus).compactMap {
                    Digits.number($0)
                }
            case "cpuinfo frequency":
                if let low = line.number("min") ?? line.number("base"), let high = line.number("max") {
                    clocks[last].hardware = ClockBounds(low: low, high: high)
                }
            case "scaling_driver": clocks[last].driver = word(line.value)
            case "scaling_avail_gov":
                clocks[last].governors = line.value.split(separator: " ").prefix(16).map { word(String($0)) }
            case "current_governor": clocks[last].governor = word(line.value)
            case "scaling frequency":
                guard let low = line.number("min"), let high = line.number("max") else {
                    throw ToolText.bad(clockTool, line.value)
                }
                clocks[last].bounds = ClockBounds(low: low, high: high)
                clocks[last].current = line.number("cur")
            case "hardware limits": clocks[last].levels = line.number("lowest").map { ClockBounds(low: $0, high: $0) }
            case "configured limits":
                guard let low = line.number("min"), let high = line.number("max"),
                    let hint = line.number("energy perf")
                else { throw ToolText.bad(clockTool, line.value) }
                minimum = (low, high, hint)
            case "":
                if let highest = line.number("highest"), let low = clocks[last].levels?.low {
                    clocks[last].levels = ClockBounds(low: low, high: highest)
                }
                if let desired = line.number("desired"), let set = minimum {
                    clocks[last].told = HardwareLevels(
                        minimum: set.low, maximum: set.high, energyPerf: set.hint, desired: desired)
                }
            case "turbo mode": clocks[last].turbo = line.value == "enabled"
            default: break
            }
        }
        return clocks
    }

    /// Time spent in one idle state.
    struct Residency: Hashable {
        /// The state's number: C-state, or package or core C-state.
        var state: Int
        /// How often it was entered; nil of package and core states.
        var entries: Int?
        /// The time in it, in ms.
        var milliseconds: Int
    }

    /// What `get-cpuidle-states` says of one CPU.
    struct Idle: Hashable {
        /// The CPU, by Xen's number.
        var cpu: Int
        /// The time it was idle, in ms.
        var milliseconds = 0
        /// Its C-states.
        var states: [Residency] = []
        /// Those of its package.
        var package: [Residency] = []
        /// Those of its core.
        var core: [Residency] = []
    }

    /// What `get-cpuidle-states` says.
    struct IdleStates: Hashable {
        /// The deepest C-state allowed; nil when Xen does not say.
        var limit: CStateLimit?
        /// The CPUs; none when Xen knows no C-states.
        var cpus: [Idle]
    }

    private static let idleTool = "xenpm get-cpuidle-states"

    /// What `xenpm get-cpuidle-states` printed.
    static func idle(_ text: String) throws(LapwingError) -> IdleStates {
        var result = IdleStates(limit: nil, cpus: [])
        var seen: Set<Int> = []
        for line in try ToolText.lines(text, of: idleTool) {
            switch line.name {
            case "Max possible C-state":
                guard line.value.hasPrefix("C"), let state = Digits.number(line.value.dropFirst()) else {
                    throw ToolText.bad(idleTool, line.value)
                }
                result.limit = CStateLimit(state: state)
                continue
            case "Max possible substate":
                guard let state = result.limit?.state, let substate = Digits.number(line.value) else {
                    throw ToolText.bad(idleTool, line.value)
                }
                result.limit = CStateLimit(state: state, substate: substate)
                continue
            case "cpu id":
                let cpu = try ToolText.cpu(line.value, of: idleTool)
                guard seen.insert(cpu).inserted else { throw ToolText.bad(idleTool, "CPU \(cpu) twice") }
                result.cpus.append(Idle(cpu: cpu))
                continue
            case "" where line.value == "All C-states allowed":
                result.limit = .unlimited
                continue
            default: break
            }
            guard let last = result.cpus.indices.last else { throw ToolText.bad(idleTool, line.name + line.value) }
            try take(line, &result.cpus[last])
        }
        return result
    }

    private static func take(_ line: ToolText.Line, _ idle: inout Idle) throws(LapwingError) {
        if line.name == "idle time(ms)" {
            // A clock of nanoseconds in 64 bits: more digits than any machine has lived.
            idle.milliseconds = Digits.number(line.value) ?? 0
        } else if line.name.isEmpty {
            guard let state = idle.states.indices.last, let time = line.number("residency ") else {
                throw ToolText.bad(idleTool, line.value)
            }
            idle.states[state].milliseconds = time
        } else if line.name.hasPrefix("pc") || line.name.hasPrefix("cc") {
            guard let state = Digits.number(line.name.dropFirst(2)), let time = bracket(line.value) else {
                throw ToolText.bad(idleTool, line.name)
            }
            let residency = Residency(state: state, milliseconds: time)
            if line.name.hasPrefix("pc") { idle.package.append(residency) } else { idle.core.append(residency) }
        } else if line.name.hasPrefix("C"), let state = Digits.number(line.name.dropFirst()) {
            guard let entries = line.number("transition"), idle.states.count < 64 else {
                throw ToolText.bad(idleTool, line.value)
            }
            idle.states.append(Residency(state: state, entries: entries, milliseconds: 0))
        }
    }

    /// Time spent at one clock.
    struct Speed: Hashable {
        /// The clock in MHz.
        var megahertz: Int
        /// How often it was changed to.
        var entries: Int
        /// The time at it, in ms.
        var milliseconds: Int
    }

    private static let speedTool = "xenpm get-cpufreq-states"

    /// The P-states by CPU, the fastest first; none where Xen does not choose the clock.
    static func speeds(_ text: String) throws(LapwingError) -> [Int: [Speed]] {
        var result: [Int: [Speed]] = [:]
        var cpu: Int?
        for line in try ToolText.lines(text, of: speedTool) {
            if line.name == "cpu id" {
                let number = try ToolText.cpu(line.value, of: speedTool)
                guard result.updateValue([], forKey: number) == nil else {
                    throw ToolText.bad(speedTool, "CPU \(number) twice")
                }
                cpu = number
                continue
            }
            let name = line.name.hasPrefix("*") ? line.name.dropFirst() : line.name[...]
            guard line.name.isEmpty || (name.hasPrefix("P") && name.contains("[")) else { continue }
            guard let cpu, var speeds = result[cpu] else { throw ToolText.bad(speedTool, line.name + line.value) }
            if line.name.isEmpty {
                guard let last = speeds.indices.last, let time = line.number("residency ") else {
                    throw ToolText.bad(speedTool, line.value)
                }
                speeds[last].milliseconds = time
            } else {
                guard let bracket = name.firstIndex(of: "["), let entries = line.number("transition"),
                    let clock = self.bracket(String(name[bracket...])), speeds.count < 256
                else { throw ToolText.bad(speedTool, line.name) }
                speeds.append(Speed(megahertz: clock, entries: entries, milliseconds: 0))
            }
            result[cpu] = speeds
        }
        return result
    }

    private static let averageTool = "xenpm get-cpufreq-average"

    /// The mean clocks by CPU, in kHz, since `xenpm get-cpufreq-average` was run before.
    static func averages(_ text: String) throws(LapwingError) -> [Int: Int] {
        var result: [Int: Int] = [:]
        var cpu: Int?
        for line in try ToolText.lines(text, of: averageTool) {
            if line.name == "cpu id" {
                cpu = try ToolText.cpu(line.value, of: averageTool)
            } else if line.name == "average cpu frequency" {
                guard let current = cpu, let clock = Digits.number(line.value), result[current] == nil else {
                    throw ToolText.bad(averageTool, line.value)
                }
                result[current] = clock
                cpu = nil
            }
        }
        return result
    }

    /// The number in the first brackets of a text.
    private static func bracket(_ text: String) -> Int? { ToolText.Line(name: "", value: "at " + text).number("at") }

    /// A word that goes into messages and command lines: letters, digits, `_`, `-`; anything else ends it.
    private static func word(_ text: String) -> String {
        String(text.prefix(32).prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") })
    }
}
