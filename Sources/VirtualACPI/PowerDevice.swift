// SPDX-License-Identifier: Apache-2.0

public import PowerFacts

/// One access of a guest to ports, as Xen hands it over (xen/include/public/hvm/ioreq.h). Everything in it is the guest's
/// own doing.
public struct PortAccess: Sendable, Hashable {
    /// The first port.
    public var port: UInt64
    /// How many bytes.
    public var size: UInt32
    /// True when the guest writes.
    public var isWrite: Bool
    /// What it writes.
    public var value: UInt64
    /// How often, for an instruction with a repeat prefix.
    public var count: UInt32
    /// True when `value` is an address in the guest's memory that is to be read or written.
    public var isPointer: Bool

    /// An access.
    public init(
        port: UInt64, size: UInt32, isWrite: Bool, value: UInt64 = 0, count: UInt32 = 1, isPointer: Bool = false
    ) {
        self.port = port
        self.size = size
        self.isWrite = isWrite
        self.value = value
        self.count = count
        self.isPointer = isPointer
    }
}

/// The device as the guest sees it, without Xen: the window to the registers, the event byte, and what the guest was told.
/// Any access at all may come; each is answered, and none makes anything grow.
///
/// An access can be served twice when this process is ended between serving and answering. Every one may be: reading
/// changes nothing, and writing the same again neither.
public struct PowerDevice: Sendable, Hashable {
    /// The ports of the window: a dword with the index, a dword with the register it names, eight that are nothing.
    public static let window: ClosedRange<UInt64> = 0xA000...0xA00F
    /// The status register of the event byte.
    public static let statusPort: UInt64 = 0xAFE1
    /// Its enable register.
    public static let enablePort: UInt64 = 0xAFE3
    /// All ranges of ports that are served.
    public static let ranges = [window, statusPort...statusPort, enablePort...enablePort]

    /// What the registers show.
    public private(set) var power: VirtualPower
    /// What the guest was last told.
    public private(set) var told: VirtualPower
    /// What it has not taken over yet.
    public private(set) var events: PowerEvents
    /// The event byte.
    public private(set) var byte: EventByte
    /// The trip points the guest set, by slot; 0 for none.
    public private(set) var trips: [UInt32]
    /// The register the window shows. It is not kept: a new process starts with one that is none, which the guest's tables
    /// notice.
    public private(set) var index = PowerRegisters.unknown

    /// The device of a domain that was just made: what is now is what it will find.
    public init(_ power: VirtualPower) {
        self.init(DeviceState(told: power), power)
    }

    /// The device as another process left it. What changed in the meantime is told.
    public init(_ state: DeviceState, _ power: VirtualPower) {
        self.power = state.told
        told = state.told
        events = state.events
        byte = EventByte(status: state.status, enable: state.enable)
        trips = (state.trips + Array(repeating: 0, count: VirtualPower.slots)).prefix(VirtualPower.slots).map { $0 }
        if !events.isEmpty { byte.raise() }
        update(power)
    }

    /// What has to outlive the process.
    public var state: DeviceState {
        DeviceState(told: told, events: events, status: byte.status, enable: byte.enable, trips: trips)
    }

    /// What an access can change of `state`; quicker to compare.
    struct Kept: Hashable {
        var events: PowerEvents
        var byte: EventByte
        var trips: [UInt32]

        /// The head of the state's text.
        var head: [UInt8] {
            DeviceState.head(events: events, status: byte.status, enable: byte.enable, trips: trips)
        }
    }
    var kept: Kept { Kept(events: events, byte: byte, trips: trips) }

    /// Whether the interrupt line is to be up.
    public var line: Bool { byte.line }

    /// The machine's power is another: the registers show it from now on, and the guest is told what it should know.
    public mutating func update(_ power: VirtualPower) {
        self.power = power
        events.formUnion(TellingRules.events(&told, power, trips: trips))
        if !events.isEmpty { byte.raise() }
    }

    /// Serves an access; what a read gets is returned, and what a write gets does not matter. What names memory is refused:
    /// nothing of ours is worth a look into a guest's memory.
    public mutating func serve(_ access: PortAccess) -> UInt64 {
        guard !access.isPointer, access.count <= 1, [1, 2, 4, 8].contains(access.size) else { return .max }
        if access.isWrite {
            write(access)
            return .max
        }
        var value: UInt64 = 0
        for place in 0..<UInt64(access.size) { value |= UInt64(byte(at: access.port &+ place)) << (8 * place) }
        return value
    }

    /// One byte of what is at a port: a read may have any width and begin anywhere.
    private func byte(at port: UInt64) -> UInt8 {
        switch port {
        case Self.statusPort: return byte.status
        case Self.enablePort: return byte.enable
        case Self.window:
            let place = port - Self.window.lowerBound
            guard place < 8 else { return 0xFF }
            let dword = place < 4 ? index : PowerRegisters.read(index, power, events: events, trips: trips)
            return UInt8(truncatingIfNeeded: dword >> UInt32(8 * (place % 4)))
        default: return 0xFF
        }
    }

    /// The window takes whole dwords only, the event byte its own bytes wherever they come in a write.
    private mutating func write(_ access: PortAccess) {
        if access.size == 4, access.port == Self.window.lowerBound {
            index = UInt32(truncatingIfNeeded: access.value)
        } else if access.size == 4, access.port == Self.window.lowerBound + 4 {
            writeRegister(UInt32(truncatingIfNeeded: access.value))
        } else {
            for place in 0..<UInt64(access.size) {
                let value = UInt8(truncatingIfNeeded: access.value >> (8 * place))
                switch access.port &+ place {
                case Self.statusPort: byte.clear(value, held: !events.isEmpty)
                case Self.enablePort: byte.enable = value
                default: break
                }
            }
        }
    }

    private mutating func writeRegister(_ value: UInt32) {
        if index == PowerRegisters.Machine.events.rawValue {
            events.subtract(PowerEvents(rawValue: value))
            return
        }
        guard let (slot, register) = PowerRegisters.slot(index), register == PowerRegisters.Battery.trip.rawValue
        else { return }
        trips[slot] = value
        // The guest sets it after a look: what it crosses is counted from here.
        if !TellingRules.isAnother(told.batteries[slot], power.batteries[slot]),
            let now = power.batteries[slot]?.remaining
        {
            told.batteries[slot]?.remaining = now
        }
    }
}
