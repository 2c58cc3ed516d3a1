// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The machine of the power scenarios: the latch, and an interrupt that says that it was changed. The table that makes
/// batteries of it is the group's (`ScenarioGroup.tables`).
enum PowerMachine {
    /// What the machine starts with.
    static let start = PowerLatch(PowerLatch.Battery(percent: 80, charging: true))

    /// Adds the latch.
    @Sendable static func change(_ machine: inout Machine) {
        machine.memory = ByteSize(bytes: 4 << 30)
        machine.devices.append(Device("pc-testdev"))
    }
}

extension Guest {
    /// Sets the machine's power and tells the machine. The interrupt is an edge.
    func setPower(_ latch: PowerLatch) async throws {
        try await machine.control.writePort(PowerLatch.port, latch.value)
        try await machine.control.writePort(PowerLatch.interruptPort, byte: 1)
        try await machine.control.writePort(PowerLatch.interruptPort, byte: 0)
    }

    /// Sets the machine's power before it is looked at.
    func presetPower(_ latch: PowerLatch) async throws {
        try await machine.control.writePort(PowerLatch.port, latch.value)
    }
}
