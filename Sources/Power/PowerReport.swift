// SPDX-License-Identifier: Apache-2.0

/// The last so many of something; adding to a full one drops the oldest.
public struct Ring<Element: Sendable>: Sendable {
    private var items: [Element] = []
    private var start = 0
    /// The most elements, at least 1.
    public let capacity: Int

    /// An empty ring.
    public init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    /// Adds an element.
    public mutating func append(_ element: Element) {
        if items.count < capacity {
            items.append(element)
        } else {
            items[start] = element
            start = (start + 1) % capacity
        }
    }

    /// The elements, the oldest first.
    public var elements: [Element] { Array(items[start...] + items[..<start]) }

    /// The newest element.
    public var last: Element? { items.isEmpty ? nil : items[(start + items.count - 1) % items.count] }
}

/// A moment of the history.
public struct PowerMoment: Sendable, Hashable, Codable {
    /// When, in seconds since 1970, UTC.
    public var time: Double
    /// True on mains.
    public var onMains: Bool
    /// The charge in percent; nil when unknown.
    public var percent: Int?
    /// The lid: `absent`, `open`, `closed`.
    public var lid: String
    /// The temperature of the hottest place in degrees Celsius; nil when unknown.
    public var temperature: Int?
    /// The profile in force afterwards; nil for none of them.
    public var profile: String?
    /// The reason of the decision.
    public var reason: String
    /// What went wrong with setting it; nil when nothing did or nothing was set.
    public var failure: String?
}

/// What a profile made of a control.
public struct ControlReport: Sendable, Hashable, Codable {
    /// How a control stands.
    public enum Standing: String, Sendable, Hashable, Codable {
        /// It was set and reads as set.
        case set
        /// It was so already.
        case held
        /// The machine, or a part of it, does not have it.
        case unavailable
        /// It could not be read and was left alone.
        case unreadable
        /// It could not be set; the profile was undone.
        case failed
    }

    /// The control.
    public var control: PowerControl
    /// How it stands.
    public var standing: Standing
    /// The part; nil for all.
    public var part: String?
    /// The reason, or what was set.
    public var text: String?
}

/// How the profiles stand.
public struct PowerReport: Sendable, Hashable, Codable {
    /// `auto`, `boot` or the profile set by hand; `manual` while nothing is set.
    public var choice: String
    /// The profile decided on; nil for the state in which the machine had started, or before the first decision.
    public var wanted: String?
    /// The profile in force; nil when none was set as a whole yet.
    public var inForce: String?
    /// Why; empty before the first decision.
    public var reason: String
    /// The number of the rule that decided, from 1.
    public var rule: Int?
    /// In how many seconds to look again though nothing changes; nil for never.
    public var lookAgainIn: Double?
    /// Each control, in order.
    public var controls: [ControlReport]
    /// Why the profile decided on is not in force; nil when it is.
    public var failure: String?
    /// Other services that set the same things.
    public var rivals: [String]
    /// Xen's `timer_slop` in nanoseconds when the image sets it. A boot option, never changed.
    public var timerSlop: Int?
    /// What else a person should know.
    public var problems: [String]
}

extension PowerOutcome {
    /// The outcome control by control.
    var controls: [ControlReport] {
        var reports: [ControlReport] = []
        for control in PowerControl.allCases {
            for step in done where step.control == control {
                reports.append(.init(control: control, standing: .set, part: nil, text: step.text))
            }
            if let failed, failed.control == control {
                reports.append(.init(control: control, standing: .failed, part: nil, text: cause))
            }
            if held.contains(control) {
                reports.append(.init(control: control, standing: .held, part: nil, text: nil))
            }
            for note in unavailable where note.control == control {
                reports.append(.init(control: control, standing: .unavailable, part: note.part, text: note.text))
            }
            for note in unreadable where note.control == control {
                reports.append(.init(control: control, standing: .unreadable, part: note.part, text: note.text))
            }
        }
        return reports
    }
}
