// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig

/// The way to a profile: what would be set, in order, what holds already, and what the machine does not have. What is
/// shown, confirmed and carried out is this one value.
public struct PowerPlan: Sendable, Hashable, Codable {
    /// One part of a control to be set.
    public struct Change: Sendable, Hashable, Codable {
        /// The part.
        public var part: String
        /// Its value now.
        public var from: String
        /// Its value then.
        public var to: String
    }

    /// One step: parts of one control. Its undoing sets them back.
    public struct Step: Sendable, Hashable, Codable {
        /// The control.
        public var control: PowerControl
        /// The changes, never empty.
        public var changes: [Change]

        /// The step in words.
        public var text: String {
            let shown = changes.prefix(4).map { "\($0.part) \($0.from) -> \($0.to)" }.joined(separator: ", ")
            return "\(control.rawValue): \(shown)" + (changes.count > 4 ? " and \(changes.count - 4) more" : "")
        }
    }

    /// Something to be told of a control.
    public struct Note: Sendable, Hashable, Codable {
        /// The control.
        public var control: PowerControl
        /// The part; nil for all of it.
        public var part: String?
        /// What there is to be told.
        public var text: String

        init(_ control: PowerControl, _ text: String, part: String? = nil) {
            self.control = control
            self.part = part
            self.text = text
        }
    }

    /// The profile; nil for the state in which the machine had started.
    public var profile: PowerProfile?
    /// What is to be done, in order.
    public var steps: [Step]
    /// The controls that are as the profile wants them.
    public var held: [PowerControl]
    /// What the machine does not have, and why.
    public var unavailable: [Note]
    /// What could not be read, and why. It is left alone.
    public var unreadable: [Note]
    /// Screens that are darker than their user had them, once the plan is carried out.
    public var dimmed: [String: Dimming]
}

/// A screen that was made darker.
public struct Dimming: Sendable, Hashable, Codable {
    /// Its brightness before, in its own steps.
    public var before: Int
    /// What it was set to. When it shows something else, its user has changed it and it is left alone.
    public var set: Int

    /// A screen that was made darker.
    public init(before: Int, set: Int) {
        self.before = before
        self.set = set
    }
}

/// What is known of a machine when a plan is made.
public struct PowerReadings: Sendable, Hashable {
    /// What was read.
    public var controls: [PowerControl: ControlReading]
    /// What could not be read, and why.
    public var failures: [PowerControl: String]

    /// Readings.
    public init(_ controls: [PowerControl: ControlReading], failures: [PowerControl: String] = [:]) {
        self.controls = controls
        self.failures = failures
    }
}

/// Makes plans. Pure: readings in, plan out.
public struct PowerPlanner: Sendable {
    private let boot: BootState
    private let dimmed: [String: Dimming]

    /// A planner that knows what the machine was like when it had started, and which screens are darker than their
    /// users had them.
    public init(boot: BootState, dimmed: [String: Dimming] = [:]) {
        self.boot = boot
        self.dimmed = dimmed
    }

    /// The plan to a profile; to the state in which the machine had started when `profile` is nil (and `settings`
    /// empty).
    public func plan(
        _ profile: PowerProfile?, _ settings: PowerProfileSettings, _ readings: PowerReadings
    ) -> PowerPlan {
        var plan = PowerPlan(
            profile: profile, steps: [], held: [], unavailable: [], unreadable: [], dimmed: dimmed)
        var last: PowerPlan.Step?
        for control in PowerControl.allCases {
            if let failure = readings.failures[control] {
                plan.unreadable.append(.init(control, failure))
                continue
            }
            guard let reading = readings.controls[control] else { continue }
            if let reason = reading.unavailable {
                plan.unavailable.append(.init(control, reason))
                continue
            }
            var changes = self.changes(control, settings, reading, &plan)
            if control == .cpus {
                let going = changes.filter { $0.to == ProcessorTargets.offline }
                if !going.isEmpty { last = .init(control: control, changes: going) }
                changes.removeAll { $0.to == ProcessorTargets.offline }
            }
            if !changes.isEmpty {
                plan.steps.append(.init(control: control, changes: changes))
            } else if control != .cpus || last == nil, holds(control, reading, plan) {
                plan.held.append(control)
            }
        }
        if let last { plan.steps.append(last) }
        return plan
    }

    /// True when a part is as wanted: not each of them is one that the plan has to say something of.
    private func holds(_ control: PowerControl, _ reading: ControlReading, _ plan: PowerPlan) -> Bool {
        plan.unavailable.count { $0.control == control } < reading.parts.count
    }

    private func changes(
        _ control: PowerControl, _ settings: PowerProfileSettings, _ reading: ControlReading, _ plan: inout PowerPlan
    ) -> [PowerPlan.Change] {
        if control == .backlight { return backlight(settings.backlight, reading, &plan) }
        let targets =
            control == .cpus
            ? ProcessorTargets.targets(settings, now: reading, boot: boot.parts(control)) : [:]
        var changes: [PowerPlan.Change] = []
        for (name, part) in reading.parts.sorted(by: { Words.inOrder($0.key, $1.key) }) {
            let before = boot.parts(control)[name]?.value ?? part.value
            let target: String?
            if control == .cpus {
                target = targets[name]
            } else {
                target = PartTarget(settings: settings, name: name, part: part, boot: before).value(control)
            }
            guard let target else {
                if control != .cpus { plan.unavailable.append(.init(control, "its range is not known", part: name)) }
                continue
            }
            if !part.choices.isEmpty, !part.choices.contains(target) {
                plan.unavailable.append(.init(control, "\(target) is not offered", part: name))
            } else if !control.holds(target, part.value) {
                changes.append(.init(part: name, from: part.value, to: target))
            }
        }
        return changes
    }

    /// A profile's brightness is a ceiling. What a user dims further stays; what they brighten is theirs.
    private func backlight(_ percent: Int?, _ reading: ControlReading, _ plan: inout PowerPlan) -> [PowerPlan.Change] {
        var changes: [PowerPlan.Change] = []
        plan.dimmed = [:]
        for (name, part) in reading.parts.sorted(by: { Words.inOrder($0.key, $1.key) }) {
            guard let now = Int(part.value), let highest = part.highest, highest > 0 else { continue }
            let mine = dimmed[name].flatMap { $0.set == now ? $0 : nil }
            let users = mine?.before ?? now
            var target = users
            if let percent {
                let (product, overflow) = highest.multipliedReportingOverflow(by: percent)
                target = min(users, overflow ? users : max(1, product / 100))
            }
            if target < users { plan.dimmed[name] = Dimming(before: users, set: target) }
            if target != now { changes.append(.init(part: name, from: "\(now)", to: "\(target)")) }
        }
        return changes
    }
}
