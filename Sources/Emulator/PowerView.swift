// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// What a kernel says of its power supplies, out of a witness's answer to `power` (docs/agent-protocol.md), and whether
/// that is what the emulated machine has.
struct PowerView: Sendable, Hashable {
    /// One power supply.
    struct Supply: Sendable, Hashable {
        /// The kernel's name of it.
        var name: String
        /// Its fields; one the kernel does not know is a dash.
        var fields: [String: String]

        /// A field, a dash where the answer has none.
        subscript(field: String) -> String { fields[field] ?? "-" }
    }

    /// Whose kernel it is.
    enum Eye: Sendable, Hashable {
        /// The machine's own (dom0), which shows what its firmware says.
        case machine
        /// A guest's, which must not be told what cannot be.
        case guest
    }

    /// The supplies, in the order of the answer.
    var supplies: [Supply]

    /// Reads the lines of an answer; words that are no field are passed over.
    init(_ lines: [String]) {
        supplies = lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let name = words.first else { return nil }
            var fields: [String: String] = [:]
            for word in words.dropFirst() {
                let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                if parts.count == 2 { fields[String(parts[0])] = String(parts[1]) }
            }
            return Supply(name: String(name), fields: fields)
        }
    }

    /// The batteries among them.
    var batteries: [Supply] { supplies.filter { $0["type"] == "Battery" } }
    /// The mains among them.
    var mains: [Supply] { supplies.filter { $0["type"] == "Mains" } }

    /// The name of the battery in a slot, the same in dom0 and in a guest.
    static func name(slot: Int) -> String { "BAT\(slot)" }

    /// What is not as the machine has it, in words; empty when all is.
    func differences(from latch: PowerLatch, _ eye: Eye) -> [String] {
        var found: [String] = []
        if mains.isEmpty { found.append("there are no mains") }
        for supply in mains where supply["online"] != (latch.online ? "1" : "0") {
            found.append("\(supply.name) says online=\(supply["online"])")
        }
        for slot in latch.batteries.indices {
            let name = Self.name(slot: slot)
            let supply = batteries.first { $0.name == name }
            guard let expected = latch.expected(slot: slot, eye) else {
                if supply != nil { found.append("\(name) is there") }
                continue
            }
            guard let supply else {
                found.append("\(name) is missing")
                continue
            }
            found += expected.filter { supply[$0.field] != $0.value }.map {
                "\(name) says \($0.field)=\(supply[$0.field]), not \($0.value)"
            }
        }
        let names = latch.batteries.indices.map(Self.name(slot:))
        found += batteries.filter { !names.contains($0.name) }.map { "\($0.name) should not be there" }
        return found
    }
}

extension PowerLatch {
    /// What a kernel has to say of the battery in a slot, in sysfs's words and its units (µWh, µW, µAh, µA, µV); nil when
    /// there is none. Of a battery that lies a guest must not believe what cannot be.
    func expected(slot: Int, _ eye: PowerView.Eye) -> [(field: String, value: String)]? {
        guard let state = batteries[slot] else { return nil }
        let battery = EmulatedBattery.all[slot]
        let isCharging = online && state.charging
        let status =
            !online ? "Discharging" : isCharging ? "Charging" : state.percent == 100 ? "Full" : "Not_charging"
        let rate = !online ? battery.dischargeRate : isCharging ? battery.chargeRate : 0
        let (capacities, rates) = battery.countsCurrent ? ("charge", "current_now") : ("energy", "power_now")
        let isLying = lies && slot == 0
        func told(_ truth: Int, lie: Int?) -> String {
            if !isLying { return String(truth) }
            return eye == .machine ? lie.map(String.init) ?? "-" : "-"
        }
        return [
            ("present", "1"), ("status", status),
            ("capacity", told(state.percent, lie: EmulatedBattery.liePercent)),
            ("\(capacities)_now", told(battery.full / 100 * state.percent * 1000, lie: battery.lie * 1000)),
            ("\(capacities)_full", String(battery.full * 1000)),
            ("\(capacities)_full_design", String(battery.design * 1000)),
            (rates, told(rate * 1000, lie: nil)),
            ("voltage_now", told((battery.emptyVoltage + 10 * state.percent) * 1000, lie: 0)),
            ("cycle_count", String(battery.cycles)), ("technology", "Li-ion"),
            ("manufacturer", EmulatedBattery.maker), ("model_name", battery.model), ("serial_number", battery.serial),
        ]
    }
}

/// What `lapwingctl` says of the machine's power, out of its JSON.
struct PowerWords: Sendable {
    private let document: JSONValue

    /// Reads the output of `lapwingctl battery --json` or `lapwingctl power status --json`.
    init(_ document: JSONValue) { self.document = document }

    /// What does not agree with dom0's kernel, in words; empty when all does.
    func differences(from view: PowerView) -> [String] {
        guard let batteries = Self.find("batteries", in: document)?.elements else { return ["it names no batteries"] }
        var found: [String] = []
        for supply in view.batteries {
            guard let told = batteries.first(where: { $0["name"]?.text == supply.name }) else {
                found.append("it does not name \(supply.name)")
                continue
            }
            let capacities = supply["energy_now"] != "-" ? "energy" : "charge"
            let numbers: [(String, String, Int64)] = [
                ("percent", "capacity", 1), ("remaining", "\(capacities)_now", 1000),
                ("full", "\(capacities)_full", 1000), ("design", "\(capacities)_full_design", 1000),
                ("millivolts", "voltage_now", 1000), ("cycles", "cycle_count", 1),
            ]
            for (member, field, unit) in numbers {
                let value = Int64(supply[field]).map { JSONValue.integer($0 / unit) }
                if told[member] != value {
                    found.append(
                        "\(supply.name): \(member) is \(Self.word(told[member])), not \(Self.word(value))")
                }
            }
            let state = supply["status"].lowercased().split(separator: "_").joined(separator: "-")
            if told["state"]?.text != state {
                found.append("\(supply.name): state is \(told["state"]?.text ?? "none"), not \(state)")
            }
            if told["model"]?.text != supply["model_name"] {
                found.append("\(supply.name): model is \(told["model"]?.text ?? "none"), not \(supply["model_name"])")
            }
        }
        if let mains = Self.find("mains", in: document) {
            let online = view.mains.contains { $0["online"] == "1" }
            if mains != .bool(online) { found.append("mains is \(Self.word(mains)), not \(online)") }
        }
        return found
    }

    private static func word(_ value: JSONValue?) -> String {
        value.flatMap { try? JSONText.string($0, pretty: false) } ?? "none"
    }

    /// The member of that name nearest to the top.
    static func find(_ name: String, in value: JSONValue) -> JSONValue? {
        var level = [value]
        while !level.isEmpty {
            if let found = level.lazy.compactMap({ $0[name] }).first { return found }
            level = level.flatMap { value -> [JSONValue] in
                switch value {
                case .object(let members): members.sorted { $0.key < $1.key }.map(\.value)
                case .array(let elements): elements
                default: []
                }
            }
        }
        return nil
    }
}
