// SPDX-License-Identifier: Apache-2.0

import DeviceConfig

/// What one part of a control has to become.
struct PartTarget {
    let settings: PowerProfileSettings
    let name: String
    let part: ControlReading.Part
    /// Its value when the machine had started.
    let boot: String

    /// The value; nil to leave the part alone.
    func value(_ control: PowerControl) -> String? {
        switch control {
        case .scheduler: settings.scheduler.map { "mode=\($0.rawValue)" } ?? boot
        case .governor: settings.governor?.rawValue ?? boot
        case .clock: clock()
        case .hwp: hwp()
        case .turbo: settings.turbo.map { $0 ? "on" : "off" } ?? boot
        case .cstate: settings.maxCState?.rawValue ?? boot
        case .shares: share()
        case .pci: settings.pciRuntimePM.map { $0 ? "auto" : "on" } ?? boot
        case .usb: settings.usbRuntimePM.map { $0 ? "auto" : "on" } ?? boot
        case .sata: settings.sata?.rawValue ?? boot
        case .cpus, .backlight: nil
        }
    }

    /// A part of the highest level, within what there is.
    private func level(_ percent: Int) -> Int? {
        guard let lowest = part.lowest, let highest = part.highest, lowest <= highest, highest > 0 else {
            return nil
        }
        let (product, overflow) = highest.multipliedReportingOverflow(by: percent)
        return overflow ? nil : max(lowest, product / 100)
    }

    private func clock() -> String? {
        guard settings.minClock != nil || settings.maxClock != nil else { return boot }
        guard let before = ClockBounds(boot), let high = settings.maxClock.map(level) ?? before.high,
            let low = settings.minClock.map(level) ?? before.low
        else { return nil }
        return ClockBounds(low: min(low, high), high: high).text
    }

    private func hwp() -> String? {
        guard settings.minClock != nil || settings.maxClock != nil || settings.energyPerf != nil else { return boot }
        guard var levels = HardwareLevels(boot), let high = settings.maxClock.map(level) ?? levels.maximum,
            let low = settings.minClock.map(level) ?? levels.minimum
        else { return nil }
        levels.maximum = high
        levels.minimum = min(low, high)
        levels.energyPerf = settings.energyPerf ?? levels.energyPerf
        return levels.text
    }

    private func share() -> String? {
        let key = name == DomainShare.dom0 ? "dom0" : name
        guard let wanted = settings.domains[key] else { return boot }
        guard var share = DomainShare.Values(boot) else { return nil }
        share.weight = wanted.weight ?? share.weight
        share.cap = wanted.cap ?? share.cap
        return share.text
    }
}

/// Bounds of a clock in kHz.
struct ClockBounds: Hashable {
    var low: Int
    var high: Int

    init(low: Int, high: Int) {
        self.low = low
        self.high = high
    }

    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let low = Digits.number(parts[0]), let high = Digits.number(parts[1]) else {
            return nil
        }
        self.init(low: low, high: high)
    }

    var text: String { "\(low)-\(high)" }
}

/// What hardware that chooses its clock itself was told, in its own levels (0 to 255).
struct HardwareLevels: Hashable {
    var minimum: Int
    var maximum: Int
    var energyPerf: Int
    var desired: Int

    init(minimum: Int, maximum: Int, energyPerf: Int, desired: Int) {
        self.minimum = minimum
        self.maximum = maximum
        self.energyPerf = energyPerf
        self.desired = desired
    }

    init?(_ text: String) {
        guard let pairs = Pairs(text), let minimum = pairs["minimum"], let maximum = pairs["maximum"],
            let energyPerf = pairs["energy-perf"], let desired = pairs["desired"]
        else { return nil }
        self.init(minimum: minimum, maximum: maximum, energyPerf: energyPerf, desired: desired)
    }

    var text: String { "minimum=\(minimum) maximum=\(maximum) energy-perf=\(energyPerf) desired=\(desired)" }
}

/// `name=number` pairs between blanks.
struct Pairs {
    private var numbers: [Substring: Int] = [:]

    init?(_ text: String) {
        for word in text.split(separator: " ") {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let number = Digits.number(parts[1]) else { return nil }
            numbers[parts[0]] = number
        }
    }

    subscript(name: Substring) -> Int? { numbers[name] }
}

/// Which CPUs run.
enum ProcessorTargets {
    static let online = "online"
    static let offline = "offline"
    /// So many are never switched off, whatever a profile says.
    static let least = 2

    /// The number of a part `cpuN`.
    static func number(_ name: String) -> Int? {
        name.hasPrefix("cpu") ? Digits.number(name.dropFirst(3)) : nil
    }

    /// Each CPU that ran when the machine had started, and what it is to be. Others are nobody's business.
    static func targets(
        _ settings: PowerProfileSettings, now: ControlReading, boot: [String: ControlReading.Part]
    ) -> [String: String] {
        let known = boot.filter { $0.value.value == online }.keys.compactMap { name in
            number(name).map { (number: $0, name: name) }
        }.sorted { $0.number < $1.number }
        func stays(_ name: String) -> Bool { now.parts[name]?.kept ?? false }
        var rest: [String] = []
        var parked: Set<String> = []
        var cores: Set<String> = []
        for cpu in known {
            let second = boot[cpu.name]?.core.map { !cores.insert($0).inserted } ?? false
            if settings.smt == false, second, !stays(cpu.name) {
                parked.insert(cpu.name)
            } else {
                rest.append(cpu.name)
            }
        }
        var left = rest.count
        for name in rest.reversed().prefix(settings.parkedCPUs ?? 0) where left > least && !stays(name) {
            parked.insert(name)
            left -= 1
        }
        return Dictionary(known.map { ($0.name, parked.contains($0.name) ? offline : online) }) { first, _ in first }
    }
}
