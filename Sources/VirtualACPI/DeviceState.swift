// SPDX-License-Identifier: Apache-2.0

public import PowerFacts

/// What has to outlive the process that serves a domain: the event byte, what is still to be told and what was told. The
/// file of it, `/run/lapwing/acpi/DOMAIN-NUMBER`, is replaced before an access that changed it is answered.
public struct DeviceState: Sendable, Hashable {
    /// What the guest was last told.
    public var told: VirtualPower
    /// What it has not taken over yet.
    public var events: PowerEvents
    /// The status register.
    public var status: UInt8
    /// The enable register.
    public var enable: UInt8
    /// The trip points, by slot.
    public var trips: [UInt32]

    /// A state; of a domain that was just made by default.
    public init(
        told: VirtualPower, events: PowerEvents = [], status: UInt8 = 0, enable: UInt8 = 0,
        trips: [UInt32] = Array(repeating: 0, count: VirtualPower.slots)
    ) {
        self.told = told
        self.events = events
        self.status = status
        self.enable = enable
        self.trips = trips
    }

    /// The longest text that is read, in bytes.
    public static let limit = VirtualPower.limit + 512
    private static let headLine = "lapwing-acpi 1"

    /// The file's text: a head, `name=value` lines, an empty line, and the text of `VirtualPower`.
    public var text: String {
        var lines = [Self.headLine, "events=\(events.rawValue)", "status=\(status)", "enable=\(enable)"]
        for (slot, trip) in trips.enumerated() { lines.append("trip\(slot)=\(trip)") }
        return lines.joined(separator: "\n") + "\n\n" + told.text
    }

    /// Reads a file's text; nil for what is none. Only what this program wrote is understood: every line, in its order.
    public init?(text: String) {
        guard text.utf8.count <= Self.limit else { return nil }
        var rest = text[...]
        func line() -> Substring? {
            guard let end = rest.firstIndex(of: "\n") else { return nil }
            defer { rest = rest[rest.index(after: end)...] }
            return rest[..<end]
        }
        func number<T: FixedWidthInteger>(_ name: String, _ type: T.Type) -> T? {
            guard let line = line(), line.hasPrefix(name + "=") else { return nil }
            let digits = line.dropFirst(name.utf8.count + 1)
            return digits.utf8.allSatisfy { (48...57).contains($0) } ? T(digits) : nil
        }
        guard line() == Self.headLine[...], let events = number("events", UInt32.self),
            PowerEvents.all.isSuperset(of: PowerEvents(rawValue: events)), let status = number("status", UInt8.self),
            let enable = number("enable", UInt8.self)
        else { return nil }
        var trips: [UInt32] = []
        for slot in 0..<VirtualPower.slots {
            guard let trip = number("trip\(slot)", UInt32.self) else { return nil }
            trips.append(trip)
        }
        guard line() == "", let told = VirtualPower(text: String(rest)) else { return nil }
        self.init(
            told: told, events: PowerEvents(rawValue: events), status: status, enable: enable, trips: trips)
    }
}
