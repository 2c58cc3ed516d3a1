// SPDX-License-Identifier: Apache-2.0

/// What guests are told of the machine's power: mains, lid, buttons and up to two batteries, in the units and with the
/// unknown values of ACPI (ACPI 6.5, chapter 10). `lapwingd` writes it as a small text file
/// (`/run/lapwing/power/state`) by rename; each domain's `lapwing-acpi` reads it whenever the file is replaced. Neither
/// needs the other to be alive.
public struct VirtualPower: Sendable, Hashable {
    /// How many batteries a guest can have.
    public static let slots = 2

    /// Where a lid stands.
    public enum Lid: String, Sendable, Hashable, CaseIterable {
        /// The machine has none; guests read "open".
        case absent
        /// It is open.
        case open
        /// It is closed.
        case closed
    }

    /// One battery.
    public struct Battery: Sendable, Hashable {
        /// What capacities and rates are counted in (ACPI 6.5, 10.2.2.2, Power Unit).
        public enum Unit: String, Sendable, Hashable, CaseIterable {
            /// mWh and mW.
            case milliwatts = "mW"
            /// mAh and mA.
            case milliamperes = "mA"
        }

        /// What the battery does.
        public enum Activity: String, Sendable, Hashable, CaseIterable {
            /// Nothing, or nobody knows.
            case idle
            /// It is charged.
            case charging
            /// It is discharged.
            case discharging
        }

        /// What capacities and rates are counted in.
        public var unit: Unit
        /// The capacity as new, in the unit's hours; nil when unknown.
        public var designCapacity: UInt32?
        /// The capacity when last charged fully; nil when unknown.
        public var fullCapacity: UInt32?
        /// The nominal voltage in mV; nil when unknown.
        public var designVoltage: UInt32?
        /// Below it the system warns; nil when unknown.
        public var warningCapacity: UInt32?
        /// Below it the system has to end; nil when unknown.
        public var lowCapacity: UInt32?
        /// How often it was charged and discharged; nil when unknown.
        public var cycles: UInt32?
        /// What it does.
        public var activity: Activity
        /// True when it is as good as empty.
        public var critical: Bool
        /// How fast it is charged or discharged, in the unit; nil when unknown.
        public var rate: UInt32?
        /// What is left, in the unit's hours; nil when unknown.
        public var remaining: UInt32?
        /// The voltage now, in mV; nil when unknown.
        public var voltage: UInt32?
        /// The maker's name of the model. Printable ASCII, `textLimit` bytes at most, as are the three below.
        public var model: String
        /// The serial number, often empty.
        public var serial: String
        /// The chemistry, such as `LION`.
        public var type: String
        /// The maker.
        public var maker: String

        /// The longest of the four texts, in bytes.
        public static let textLimit = 32
        /// The largest number that is not "unknown".
        public static let numberLimit: UInt32 = 0xFFFF_FFFE

        /// A battery of which nothing is known but that it is there.
        public init(unit: Unit = .milliwatts, activity: Activity = .idle) {
            self.unit = unit
            self.activity = activity
            critical = false
            (model, serial, type, maker) = ("", "", "", "")
        }
    }

    /// True on mains, and on a machine that does not tell.
    public var online: Bool
    /// Where the lid stands.
    public var lid: Lid
    /// How often the power button was meant for guests since the machine started. Only a growth says anything.
    public var powerPresses: UInt32
    /// The same of the sleep button.
    public var sleepPresses: UInt32
    /// The batteries by slot; nil where none is. Always `slots` of them.
    public var batteries: [Battery?]

    /// A machine on mains without battery, lid or buttons.
    public init(online: Bool = true, lid: Lid = .absent, batteries: [Battery?] = []) {
        self.online = online
        self.lid = lid
        powerPresses = 0
        sleepPresses = 0
        self.batteries = Array((batteries + Array(repeating: nil, count: Self.slots)).prefix(Self.slots))
    }
}

// MARK: As text

extension VirtualPower {
    /// The longest text that is read, in bytes.
    public static let limit = 4096
    private static let headLine = "lapwing-power 1"

    /// The file's text: a head, then `name=value` lines; what is unknown has no line.
    public var text: String {
        var lines = [
            Self.headLine, "online=\(online ? 1 : 0)", "lid=\(lid.rawValue)", "power-presses=\(powerPresses)",
            "sleep-presses=\(sleepPresses)",
        ]
        for (slot, battery) in batteries.enumerated() {
            guard let battery else { continue }
            func add(_ name: String, _ value: String) { lines.append("battery\(slot).\(name)=\(value)") }
            add("unit", battery.unit.rawValue)
            add("activity", battery.activity.rawValue)
            add("critical", battery.critical ? "1" : "0")
            for (name, path) in Self.numbers { if let value = battery[keyPath: path] { add(name, "\(value)") } }
            for (name, path) in Self.texts where !battery[keyPath: path].isEmpty {
                add(name, Self.plain(battery[keyPath: path]))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Reads a file's text; nil for what is none, whole or not at all. Unknown names are passed over, so that a newer
    /// daemon may say more.
    public init?(text: String) {
        guard text.utf8.count <= Self.limit, text.hasSuffix("\n") else { return nil }
        let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first.map(String.init) == Self.headLine else { return nil }
        self.init()
        for line in lines.dropFirst() {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, take(parts[0], parts[1]) else { return nil }
        }
    }

    /// False for a value that cannot be.
    private mutating func take(_ name: String, _ value: String) -> Bool {
        switch name {
        case "online":
            guard let flag = Self.flag(value) else { return false }
            online = flag
        case "lid":
            guard let lid = Lid(rawValue: value) else { return false }
            self.lid = lid
        case "power-presses":
            guard let count = Self.number(value) else { return false }
            powerPresses = count
        case "sleep-presses":
            guard let count = Self.number(value) else { return false }
            sleepPresses = count
        default:
            for slot in batteries.indices where name.hasPrefix("battery\(slot).") {
                var battery = batteries[slot] ?? Battery()
                guard battery.take(name.dropFirst("battery0.".utf8.count), value) else { return false }
                batteries[slot] = battery
            }
        }
        return true
    }

    fileprivate static let numbers: [(String, any WritableKeyPath<Battery, UInt32?> & Sendable)] = [
        ("design-capacity", \.designCapacity), ("full-capacity", \.fullCapacity), ("design-voltage", \.designVoltage),
        ("warning-capacity", \.warningCapacity), ("low-capacity", \.lowCapacity), ("cycles", \.cycles),
        ("rate", \.rate), ("remaining", \.remaining), ("voltage", \.voltage),
    ]
    fileprivate static let texts: [(String, any WritableKeyPath<Battery, String> & Sendable)] = [
        ("model", \.model), ("serial", \.serial), ("type", \.type), ("maker", \.maker),
    ]

    /// A battery's own words are what its maker, or an attacker, wrote: printable ASCII is kept, and not too much of it.
    public static func plain(_ text: String) -> String {
        let bytes = text.utf8.map { (32...126).contains($0) ? $0 : UInt8(ascii: "?") }
        return String(decoding: bytes.prefix(Battery.textLimit), as: UTF8.self)
    }

    fileprivate static func flag(_ text: String) -> Bool? {
        switch text {
        case "0": false
        case "1": true
        default: nil
        }
    }

    /// Decimal digits without a sign.
    fileprivate static func number(_ text: String) -> UInt32? {
        text.utf8.allSatisfy { (48...57).contains($0) } ? UInt32(text) : nil
    }
}

extension VirtualPower.Battery {
    fileprivate mutating func take(_ name: Substring, _ value: String) -> Bool {
        switch name {
        case "unit":
            guard let unit = Unit(rawValue: value) else { return false }
            self.unit = unit
        case "activity":
            guard let activity = Activity(rawValue: value) else { return false }
            self.activity = activity
        case "critical":
            guard let flag = VirtualPower.flag(value) else { return false }
            critical = flag
        default:
            if let path = VirtualPower.numbers.first(where: { $0.0 == name })?.1 {
                guard let number = VirtualPower.number(value), number <= Self.numberLimit else { return false }
                self[keyPath: path] = number
            } else if let path = VirtualPower.texts.first(where: { $0.0 == name })?.1 {
                guard VirtualPower.plain(value) == value else { return false }
                self[keyPath: path] = value
            }
        }
        return true
    }
}
