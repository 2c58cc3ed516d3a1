// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import FoundationEssentials
import LapwingCore
import Synchronization
import SystemPackage

@testable import Power

/// A machine in memory that can be made to fail.
final class SimulatedMachine: PowerMachine {
    struct State {
        var controls: [PowerControl: ControlReading]
        /// Each write, as `control part=value ...`.
        var writes: [String] = []
        /// Controls that do not take values, silently.
        var deaf: Set<PowerControl> = []
        /// Controls whose hardware refuses.
        var refusing: Set<PowerControl> = []
        /// Controls whose writing fails, from so many writes on.
        var failing: [PowerControl: Int] = [:]
        /// Controls that make something else of what they are told first.
        var bending: [PowerControl: String] = [:]
        /// Controls that cannot be read.
        var unreadable: Set<PowerControl> = []
        /// The writes so far, by control.
        var counts: [PowerControl: Int] = [:]
    }
    let state: Mutex<State>

    init(_ controls: [PowerControl: ControlReading] = SimulatedMachine.laptop) {
        state = Mutex(State(controls: controls))
    }

    func set(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
    var writes: [String] { state.withLock { $0.writes } }
    func values(_ control: PowerControl) -> [String: String] {
        state.withLock { $0.controls[control]?.parts.mapValues(\.value) ?? [:] }
    }
    var everything: [PowerControl: ControlReading] { state.withLock { $0.controls } }

    func read(_ control: PowerControl) async throws -> ControlReading {
        try state.withLock { state in
            if state.unreadable.contains(control) { throw LapwingError("power.bad-answer", "No answer.") }
            guard var reading = state.controls[control] else { return .unavailable("not in this machine") }
            // A CPU that is switched off has no clock.
            if [.governor, .clock, .turbo].contains(control) {
                let off = (state.controls[.cpus]?.parts ?? [:]).filter { $0.value.value == "offline" }
                for name in off.keys { reading.parts[name] = nil }
            }
            return reading
        }
    }

    func write(_ control: PowerControl, _ values: [String: String], everywhere: Bool) async throws {
        try state.withLock { state in
            let text = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            state.writes.append(
                everywhere ? "\(control.rawValue) all=\(values.first?.value ?? "")" : "\(control.rawValue) \(text)")
            state.counts[control, default: 0] += 1
            if state.refusing.contains(control) {
                if let bent = state.bending[control] {
                    for part in values.keys { state.controls[control]?.parts[part]?.value = bent }
                }
                throw LapwingError("power.refused", "The hardware does not.")
            }
            if let from = state.failing[control], state.counts[control, default: 0] >= from {
                throw LapwingError("power.failed", "It broke.")
            }
            if state.deaf.contains(control) { return }
            for (part, told) in values {
                let value = state.counts[control] == 1 ? state.bending[control] ?? told : told
                if control == .scheduler, value.hasPrefix("mode="), !value.contains(",") {
                    state.controls[control]?.parts[part]?.value = value + ",slice=\(value.count)000"
                } else {
                    state.controls[control]?.parts[part]?.value = value
                }
            }
        }
    }

    /// Two cores of two threads, a clock, a scheduler, devices, two domains.
    static let laptop: [PowerControl: ControlReading] = {
        var cpus: [String: ControlReading.Part] = [:]
        var clocks: [String: ControlReading.Part] = [:]
        var governors: [String: ControlReading.Part] = [:]
        var turbo: [String: ControlReading.Part] = [:]
        for number in 0..<4 {
            let name = "cpu\(number)"
            cpus[name] = ControlReading.Part("online", core: "0:\(number / 2)", kept: number == 0)
            clocks[name] = ControlReading.Part("800000-2800000", lowest: 800_000, highest: 2_800_000)
            governors[name] = ControlReading.Part("ondemand", choices: ["performance", "powersave", "ondemand"])
            turbo[name] = ControlReading.Part("on")
        }
        return [
            .cpus: ControlReading(cpus), .clock: ControlReading(clocks), .governor: ControlReading(governors),
            .turbo: ControlReading(turbo), .hwp: .unavailable("Xen chooses the clock here"),
            .scheduler: ControlReading(["sched-lapwing": .init("mode=balanced,slice=8000")]),
            .cstate: ControlReading(["limit": .init("unlimited")]),
            .shares: ControlReading([
                "Domain-0": .init("weight=256 cap=0"), "work": .init("weight=512 cap=0"),
            ]),
            .pci: ControlReading(["0000:00:1f.3": .init("on"), "0000:00:02.0": .init("auto")]),
            .usb: ControlReading(["1-4": .init("on")]),
            .sata: ControlReading(["host0": .init("max_performance")]),
            .backlight: ControlReading(["intel_backlight": .init("800", lowest: 0, highest: 1000)]),
        ]
    }()
}

/// A directory that ends with the test.
final class PrivateRoot: Sendable {
    let root = FilePath(FileManager.default.temporaryDirectory.path)
        .appending("lapwing-power-\(UInt64.random(in: 0 ... .max))")
    var paths: DevicePaths { DevicePaths(root: root) }
    init() throws { try Files.makeDirectory(root) }
    deinit { try? FileManager.default.removeItem(atPath: root.string) }
}

struct FixedClock: WallClock {
    func now() -> Double { 1_700_000_000 }
}
