// SPDX-License-Identifier: Apache-2.0

/// The machine, as the executor needs it. The live one asks sysfs and Xen; tests have one in memory.
public protocol PassthroughMachine: Sendable {
    /// All that a plan depends on, as it is now.
    func state() async throws -> MachineState
    /// True when the machine shows that the action has taken effect. Never by what a tool said, never by our own files
    /// (but for `remember` and `forget`, which are about those).
    ///
    /// An action that gives something back holds when the device is gone. `reset` never holds.
    func holds(_ action: DeviceAction) async throws -> Bool
    /// Does it. Ends within a limit of its own, whatever the tools do; throws when it knows that it failed. It looks
    /// first whether the device's address of now still belongs to the device.
    func perform(_ action: DeviceAction) async throws
}

extension DeviceAction {
    /// True for what leaves nothing behind that could be looked at: it counts as done when it did not fail.
    var isMomentary: Bool {
        if case .reset = self { return true }
        return false
    }

    /// True for what is done to our own record and not to a device.
    var isRecord: Bool {
        switch self {
        case .remember, .forget: true
        default: false
        }
    }
}
