// SPDX-License-Identifier: Apache-2.0

/// The byte of general-purpose event registers that is ours: byte 1 of block 0, with one event in it (ACPI 6.5, 4.8.5.1).
/// The event is level triggered: its status bit cannot be cleared while something is still to be told, so that nothing
/// that happens while the guest is about to clear it gets lost.
public struct EventByte: Sendable, Hashable {
    /// The bit of the one event, number 0x0D of the block.
    public static let event: UInt8 = 1 << 5

    /// What happened. A guest clears bits by writing ones.
    public private(set) var status: UInt8 = 0
    /// What may raise the line.
    public var enable: UInt8 = 0

    /// A byte of a machine that was just switched on.
    public init() {}

    /// A byte as it was kept; bits of events that are not ours are dropped.
    public init(status: UInt8, enable: UInt8) {
        self.status = status & Self.event
        self.enable = enable
    }

    /// Whether the interrupt line is to be up: this and nothing else decides it.
    public var line: Bool { status & enable != 0 }

    /// Something is to be told.
    public mutating func raise() { status |= Self.event }

    /// The guest writes to the status register; `held` is true while something is still to be told.
    public mutating func clear(_ bits: UInt8, held: Bool) {
        status &= ~bits
        if held { raise() }
    }
}
