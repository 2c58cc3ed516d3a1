// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Something a profile sets. The order is the order of a plan, except for `cpus`: those that come do so first, those
/// that go do so last.
public enum PowerControl: String, Sendable, Hashable, Codable, CaseIterable {
    /// Which CPUs run: parts `cpuN`, values `online` and `offline`.
    case cpus
    /// The power-aware scheduler: one part, `sched-lapwing`, its value `mode=...,slice=...` (docs/scheduler.md).
    case scheduler
    /// Xen's cpufreq governor: parts `cpuN`.
    case governor
    /// The bounds of the clock where Xen chooses it: parts `cpuN`, values `LOW-HIGH` in kHz.
    case clock
    /// The bounds and the hint where the hardware chooses the clock: parts `cpuN`, values
    /// `minimum=N maximum=N energy-perf=N desired=N` in the levels of the hardware.
    case hwp
    /// Turbo: parts `cpuN`, values `on` and `off`.
    case turbo
    /// The deepest C-state: one part, `limit`, values as `CStateLimit` writes them.
    case cstate
    /// Shares of CPU time: parts are names of domains, values `weight=N cap=N`.
    case shares
    /// Whether PCI functions sleep: parts are addresses, values `auto` and `on`.
    case pci
    /// Whether USB devices sleep: parts are the kernel's names, values `auto` and `on`.
    case usb
    /// The link power management of SATA: parts are the kernel's names of the ports.
    case sata
    /// The brightness of built-in screens: parts are the kernel's names, values in the screen's own steps.
    case backlight

    /// True when a part that has the value `actual` is as good as one that has `wanted`.
    func holds(_ wanted: String, _ actual: String) -> Bool {
        if wanted == actual { return true }
        guard self == .scheduler else { return false }
        // A mode is wanted by its name, and answers with all that follows from it.
        let have = Set(actual.split(separator: ","))
        return wanted.split(separator: ",").allSatisfy(have.contains)
    }
}

/// What a control was found to be.
public struct ControlReading: Sendable, Hashable, Codable {
    /// One part of a control: a CPU, a device, a domain.
    public struct Part: Sendable, Hashable, Codable {
        /// Its value.
        public var value: String
        /// The lowest number it takes, where it takes numbers.
        public var lowest: Int?
        /// The highest number it takes.
        public var highest: Int?
        /// The words it takes; empty when nothing says.
        public var choices: [String] = []
        /// Of a CPU that runs: its package and core.
        public var core: String?
        /// Of a CPU: true when it must not be switched off.
        public var kept = false

        /// A part.
        public init(
            _ value: String, lowest: Int? = nil, highest: Int? = nil, choices: [String] = [], core: String? = nil,
            kept: Bool = false
        ) {
            self.value = value
            self.lowest = lowest
            self.highest = highest
            self.choices = choices
            self.core = core
            self.kept = kept
        }
    }

    /// The parts by name; none when the machine does not have the control.
    public var parts: [String: Part]
    /// Why the machine does not have it; nil when it does.
    public var unavailable: String?

    /// A control the machine has.
    public init(_ parts: [String: Part]) {
        self.parts = parts
    }

    /// A control the machine does not have, and why.
    public static func unavailable(_ reason: String) -> ControlReading {
        var reading = ControlReading([:])
        reading.unavailable = reason
        return reading
    }

    /// A control of a kind of device of which there may be none.
    static func parts(_ parts: [String: Part], orNone reason: String) -> ControlReading {
        parts.isEmpty ? .unavailable(reason) : ControlReading(parts)
    }
}

/// The parts of a machine that profiles are made of. The live one runs programs and writes sysfs; that of tests keeps
/// everything in memory. What a write says is not believed: the control is read again.
public protocol PowerMachine: Sendable {
    /// Reads a control. What the machine does not have is a result; an answer that cannot be had or understood is an
    /// error.
    func read(_ control: PowerControl) async throws -> ControlReading
    /// Sets parts of a control.
    ///
    /// - Parameter everywhere: True when these are all parts there are, and they are given the same value.
    /// - Throws: `power.refused` when the hardware does not do it; anything else when it went wrong.
    func write(_ control: PowerControl, _ values: [String: String], everywhere: Bool) async throws
}

/// Traps on each use: the start for tests that must not reach the machine.
public struct TrappingPowerMachine: PowerMachine {
    /// A machine nobody may touch.
    public init() {}
    /// Traps.
    public func read(_ control: PowerControl) async throws -> ControlReading {
        preconditionFailure("a test read \(control) without a machine of its own")
    }
    /// Traps.
    public func write(_ control: PowerControl, _ values: [String: String], everywhere: Bool) async throws {
        preconditionFailure("a test wrote \(control) without a machine of its own")
    }
}

/// Words for what went wrong, short enough for a list.
enum Words {
    static func of(_ error: any Error) -> String {
        guard let known = error as? LapwingError else { return SafeText.printable("\(error)") }
        let text = known.cause.map { "\(known.message) \($0)" } ?? known.message
        return SafeText.printable(String(text.prefix(500)))
    }

    /// Parts in the order people expect: `cpu2` before `cpu10`.
    static func inOrder(_ a: String, _ b: String) -> Bool {
        func key(_ text: String) -> (Substring, Int) {
            let digits = text.utf8.reversed().prefix { (48...57).contains($0) }.count
            guard (1...9).contains(digits) else { return (Substring(text), -1) }
            return (text.dropLast(digits), Int(text.suffix(digits)) ?? -1)
        }
        let (left, right) = (key(a), key(b))
        return (left.0, left.1, a) < (right.0, right.1, b)
    }
}
