// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DevicePolicy
import LapwingCore
import Synchronization

@testable import Passthrough

/// The process ended: nothing it does after that counts.
struct Killed: Error {}

/// What went wrong on purpose.
enum Mishap: Sendable, Hashable {
    /// The tool says that it failed, and nothing happened.
    case refuses
    /// The tool says that it failed, and it happened all the same.
    case lies
    /// The tool says that it worked, and nothing happened.
    case boasts
    /// The daemon ends before it happened.
    case killedBefore
    /// The daemon ends after it happened.
    case killedAfter
    /// The device is pulled at that moment.
    case pulled
    /// The domain ends at that moment.
    case guestDies
}

/// A machine in memory, with a mishap at one of the actions.
final class SimulatedMachine: PassthroughMachine {
    private struct Inside {
        var state: MachineState
        var performed: [DeviceAction] = []
        var mishap: (at: Int, what: Mishap)?
        var dead = false
    }

    private let inside: Mutex<Inside>

    init(_ state: MachineState, mishap: (at: Int, what: Mishap)? = nil) {
        inside = Mutex(Inside(state: state, mishap: mishap))
    }

    var now: MachineState { inside.withLock { $0.state } }
    var performed: [DeviceAction] { inside.withLock { $0.performed } }
    var dead: Bool { inside.withLock { $0.dead } }
    func revive() {
        inside.withLock {
            $0.dead = false; $0.mishap = nil
        }
    }

    func state() async throws -> MachineState {
        try inside.withLock {
            if $0.dead { throw Killed() }
            return $0.state
        }
    }

    func holds(_ action: DeviceAction) async throws -> Bool {
        try inside.withLock {
            if $0.dead { throw Killed() }
            return Self.holds(action, $0.state)
        }
    }

    func perform(_ action: DeviceAction) async throws {
        try inside.withLock { inside in
            if inside.dead { throw Killed() }
            let number = inside.performed.count
            inside.performed.append(action)
            guard let mishap = inside.mishap, mishap.at == number else {
                return try Self.apply(action, &inside.state)
            }
            switch mishap.what {
            case .refuses: throw LapwingError("xl.failed", "xl failed.")
            case .lies:
                try Self.apply(action, &inside.state)
                throw LapwingError("xl.failed", "xl failed.")
            case .boasts: return
            case .killedBefore:
                inside.dead = true
                throw Killed()
            case .killedAfter:
                try Self.apply(action, &inside.state)
                inside.dead = true
                throw Killed()
            case .pulled:
                Self.pull(action.device, &inside.state)
                throw LapwingError("xl.failed", "The device is gone.")
            case .guestDies:
                for index in inside.state.domains.indices { Self.end(index, &inside.state) }
                throw LapwingError("xl.failed", "The domain is gone.")
            }
        }
    }

    static func pull(_ device: DeviceID, _ state: inout MachineState) {
        state.inventory.usb.removeAll { $0.id == device }
        state.inventory.pci.removeAll { $0.id == device }
        state.released.removeAll { $0 == device }
        for index in state.domains.indices {
            state.domains[index].usb.removeAll { $0 == device }
            state.domains[index].pci.removeAll { $0 == device }
        }
    }

    /// As Xen does it: USB devices go back to dom0, PCI functions to the back end.
    static func end(_ index: Int, _ state: inout MachineState) {
        state.released += state.domains[index].pci
        state.domains[index].pci = []
        state.domains[index].usb = []
        state.domains[index].running = false
    }

    private static func holds(_ action: DeviceAction, _ state: MachineState) -> Bool {
        let there = state.inventory.devices.contains { $0.id == action.device }
        let owner = state.owner(of: action.device)
        switch action {
        case .release(let id): return state.released.contains(id) || owner != nil
        case .reclaim(let id): return !there || (!state.released.contains(id) && owner == nil)
        case .reset: return false
        case .attachPCI(_, let domain), .attachUSB(_, let domain): return owner?.name == domain
        case .detachPCI(_, let domain), .detachUSB(_, let domain): return owner?.name != domain
        case .powerOff: return !there
        case .remember(let assignment): return state.assignments.contains(assignment)
        case .forget(let assignment): return !state.assignments.contains { $0.device == assignment.device }
        }
    }

    private static func apply(_ action: DeviceAction, _ state: inout MachineState) throws {
        let device = action.device
        guard state.inventory.devices.contains(where: { $0.id == device }) || action.isRecord else {
            throw LapwingError("device.gone", "The device is gone.")
        }
        func domain(_ name: String) throws -> Int {
            guard let index = state.domains.firstIndex(where: { $0.name == name && $0.running }) else {
                throw LapwingError("xl.failed", "There is no such domain.")
            }
            return index
        }
        switch action {
        case .release: state.released.append(device)
        case .reclaim: state.released.removeAll { $0 == device }
        case .reset: break
        case .attachPCI(_, let name):
            let index = try domain(name)
            guard state.released.contains(device) else { throw LapwingError("xl.failed", "Not assignable.") }
            state.released.removeAll { $0 == device }
            state.domains[index].pci.append(device)
        case .detachPCI(_, let name):
            let index = try domain(name)
            state.domains[index].pci.removeAll { $0 == device }
            state.released.append(device)
        case .attachUSB(_, let name): state.domains[try domain(name)].usb.append(device)
        case .detachUSB(_, let name): state.domains[try domain(name)].usb.removeAll { $0 == device }
        case .powerOff: pull(device, &state)
        case .remember(let assignment):
            state.assignments.removeAll { $0.device == device }
            state.assignments.append(assignment)
        case .forget: state.assignments.removeAll { $0.device == device }
        }
    }
}

/// A journal in memory that outlives its daemon, as a file does.
final class MemoryJournal: TransactionJournal {
    private let entry = Mutex<JournalEntry?>(nil)
    private let machine: SimulatedMachine

    /// Writes nothing any more once the machine's daemon is dead.
    init(_ machine: SimulatedMachine) { self.machine = machine }

    func write(_ new: JournalEntry) throws {
        if machine.dead { throw Killed() }
        entry.withLock { $0 = new }
    }

    func read() throws -> JournalEntry? { entry.withLock { $0 } }

    func clear() throws {
        if machine.dead { throw Killed() }
        entry.withLock { $0 = nil }
    }
}
