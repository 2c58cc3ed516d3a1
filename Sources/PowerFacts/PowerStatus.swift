// SPDX-License-Identifier: Apache-2.0

/// What people and programs are told of the machine's power; it travels as JSON over the control socket. What is not
/// known has no member.
public struct PowerStatus: Codable, Sendable, Hashable {
    /// One battery.
    public struct Battery: Codable, Sendable, Hashable {
        /// The kernel's name, such as `BAT0`.
        public var name: String
        /// The slot under which guests see it, from 0; nil when they do not.
        public var slot: Int?
        /// False for an empty bay.
        public var present: Bool
        /// What it does.
        public var state: BatteryReading.State
        /// The charge in percent.
        public var percent: Int?
        /// How fast it is charged or discharged, in mW.
        public var milliwatts: Int?
        /// Seconds until it is empty, or full when it is charged, at the present rate.
        public var seconds: Int?
        /// The full capacity in percent of that as new.
        public var health: Int?
        /// How often it was charged and discharged.
        public var cycles: Int?
        /// The unit of the three capacities: `mWh` or `mAh`; nil when it tells a percentage only.
        public var unit: String?
        /// What is left.
        public var remaining: Int?
        /// The capacity when last charged fully.
        public var full: Int?
        /// The capacity as new.
        public var design: Int?
        /// The voltage now, in mV.
        public var millivolts: Int?
        /// True when it says that it is as good as empty.
        public var critical: Bool
        /// The maker's name of the model.
        public var model: String?
        /// The maker.
        public var maker: String?
        /// The chemistry.
        public var technology: String?
        /// The serial number.
        public var serial: String?

        /// Works out what a reading says.
        public init(_ reading: BatteryReading, slot: Int?) {
            let values = reading.values
            name = reading.name
            self.slot = slot
            present = reading.present
            state = reading.state
            percent = reading.percent
            milliwatts = Self.milliwatts(values)
            cycles = values.cycles.map { Int($0) }
            if !reading.percentOnly {
                seconds = Self.seconds(values)
                health = Self.health(values)
                remaining = values.remaining.map { Int($0) }
                full = values.fullCapacity.map { Int($0) }
                design = values.designCapacity.map { Int($0) }
                if remaining != nil || full != nil || design != nil { unit = values.unit.rawValue + "h" }
            }
            millivolts = values.voltage.map { Int($0) }
            critical = values.critical
            func known(_ text: String) -> String? { text.isEmpty ? nil : text }
            model = known(values.model)
            maker = known(values.maker)
            technology = known(values.type)
            serial = known(values.serial)
        }

        private static func milliwatts(_ values: VirtualPower.Battery) -> Int? {
            guard let rate = values.rate else { return nil }
            switch values.unit {
            case .milliwatts: return Int(rate)
            case .milliamperes: return values.voltage.map { Int(UInt64(rate) * UInt64($0) / 1000) }
            }
        }

        /// From the capacities and the rate in the battery's own unit. A battery that is neither charged nor discharged
        /// has no such time, nor has one whose rate is nothing.
        private static func seconds(_ values: VirtualPower.Battery) -> Int? {
            guard let rate = values.rate, rate > 0, let remaining = values.remaining else { return nil }
            switch values.activity {
            case .idle: return nil
            case .discharging: return Int(UInt64(remaining) * 3600 / UInt64(rate))
            case .charging:
                guard let full = values.fullCapacity, full >= remaining else { return nil }
                return Int(UInt64(full - remaining) * 3600 / UInt64(rate))
            }
        }

        /// More than twice the capacity as new is a mistake in one of the two.
        private static func health(_ values: VirtualPower.Battery) -> Int? {
            guard let full = values.fullCapacity, let design = values.designCapacity, design > 0 else { return nil }
            let percent = (UInt64(full) * 100 + UInt64(design) / 2) / UInt64(design)
            return percent <= 200 ? Int(percent) : nil
        }
    }

    /// True on mains, and on a machine that does not tell and has no battery that is discharged.
    public var mains: Bool
    /// Where the lid stands: `absent`, `open` or `closed`.
    public var lid: String
    /// The charge of all batteries together; nil without a battery, or when one does not tell.
    public var percent: Int?
    /// What all batteries that are discharged give together, in mW; nil when none is, or one does not tell.
    public var drawMilliwatts: Int?
    /// What feeds the machine from outside.
    public var supplies: [MainsReading]
    /// The batteries, empty bays among them.
    public var batteries: [Battery]

    /// Works out what a reading says. `slots` are those guests see the batteries in.
    public init(_ reading: PowerReading, slots: BatterySlots = BatterySlots()) {
        mains = reading.onMains
        lid = reading.lid.rawValue
        supplies = reading.supplies
        batteries = reading.batteries.map { battery in
            Battery(battery, slot: battery.present ? slots.names.firstIndex(of: battery.name) : nil)
        }
        let draining = batteries.filter { $0.present && $0.state == .discharging }
        let draws = draining.compactMap(\.milliwatts)
        if !draws.isEmpty, draws.count == draining.count { drawMilliwatts = draws.reduce(0, +) }
        percent = Self.percent(batteries.filter(\.present))
    }

    /// Where the power comes from and how much there is, on one line: "on battery, 63 %, lid open".
    public var sentence: String {
        let there = batteries.filter(\.present)
        var parts = [mains ? "on mains" : "on battery"]
        parts.append(there.isEmpty ? "no battery" : percent.map { "\($0) %" } ?? "charge unknown")
        if lid != VirtualPower.Lid.absent.rawValue { parts.append("lid " + lid) }
        return parts.joined(separator: ", ")
    }

    /// As told by a single battery; of several by capacity where all tell one in the same unit, else the mean.
    private static func percent(_ there: [Battery]) -> Int? {
        let percents = there.compactMap(\.percent)
        guard !there.isEmpty, percents.count == there.count else { return nil }
        if percents.count == 1 { return percents[0] }
        let fulls = there.compactMap(\.full)
        let rests = there.compactMap(\.remaining)
        if Set(there.map(\.unit)).count == 1, fulls.count == there.count, rests.count == there.count {
            let full = fulls.reduce(0, +)
            return full > 0 ? min(100, (rests.reduce(0, +) * 100 + full / 2) / full) : nil
        }
        return percents.reduce(0, +) / percents.count
    }
}
