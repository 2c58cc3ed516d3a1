// SPDX-License-Identifier: Apache-2.0

public import PowerFacts

/// What has to outlive the process that serves a domain: the event byte, what is still to be told and what was told. The
/// file of it, `/run/lapwing/acpi/DOMAIN-NUMBER`, is written before an access that changed it is answered.
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

    /// The file's text: the head, an empty line, and the text of `VirtualPower`.
    public var text: String {
        String(decoding: Self.head(events: events, status: status, enable: enable, trips: trips), as: UTF8.self)
            + "\n" + told.text
    }

    /// What an access can change: `name=value` lines with hexadecimal values. It always has the same length, so that it
    /// can be written over the one before.
    static func head(events: PowerEvents, status: UInt8, enable: UInt8, trips: [UInt32]) -> [UInt8] {
        var bytes = template
        var place = headLine.utf8.count
        // Plain loops: device programs are not optimized (decision 0501), and this is in the way of a guest.
        func put(_ name: Int, _ value: UInt32, digits: Int) {
            var value = value
            place += name + digits
            var at = place
            while at > place - digits {
                at -= 1
                let nibble = UInt8(truncatingIfNeeded: value & 0xF)
                bytes[at] = nibble < 10 ? 48 + nibble : 87 + nibble
                value >>= 4
            }
        }
        put(8, events.rawValue, digits: 8)
        put(8, UInt32(status), digits: 2)
        put(8, UInt32(enable), digits: 2)
        for trip in trips { put(6, trip, digits: 8) }
        return bytes
    }
    private static let template = Array(
        (headLine + "\nevents=00000000\nstatus=00\nenable=00"
            + String(repeating: "\ntrip=00000000", count: VirtualPower.slots) + "\n").utf8)

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
            guard digits.utf8.count == T.bitWidth / 4,
                digits.utf8.allSatisfy({ (48...57).contains($0) || (97...102).contains($0) })
            else { return nil }
            return T(digits, radix: 16)
        }
        guard line() == Self.headLine[...], let events = number("events", UInt32.self),
            PowerEvents.all.isSuperset(of: PowerEvents(rawValue: events)), let status = number("status", UInt8.self),
            let enable = number("enable", UInt8.self)
        else { return nil }
        var trips: [UInt32] = []
        for _ in 0..<VirtualPower.slots {
            guard let trip = number("trip", UInt32.self) else { return nil }
            trips.append(trip)
        }
        guard line() == "", let told = VirtualPower(text: String(rest)) else { return nil }
        self.init(
            told: told, events: PowerEvents(rawValue: events), status: status, enable: enable, trips: trips)
    }
}
