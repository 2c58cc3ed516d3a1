// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DevicePolicy
import LapwingCore

/// Makes a plan of a request, or says all that is against it. Pure: it touches nothing.
public struct Planner: Sendable {
    /// What the machine is like.
    public var state: MachineState

    /// A planner for a state.
    public init(_ state: MachineState) { self.state = state }

    /// The plan. Throws a `LapwingError`, or `LapwingErrors` when there are several reasons: `passthrough.protected`
    /// (77), `passthrough.in-use`, `passthrough.elsewhere`, `passthrough.assigned-elsewhere` (75), and others (69).
    public func plan(_ request: PassthroughRequest) throws -> PassthroughPlan {
        let steps: [PassthroughPlan.Step]
        switch request.verb {
        case .attach, .assign: steps = try give(request)
        case .detach, .unassign: steps = try take(request)
        case .eject: steps = try eject(request)
        }
        return PassthroughPlan(request: request, steps: steps)
    }

    private func give(_ request: PassthroughRequest) throws -> [PassthroughPlan.Step] {
        var check = PreFlight(state, request)
        guard let domain = check.domain() else {
            try check.finish()
            return []
        }
        var steps: [PassthroughPlan.Step] = []
        let assigns = request.verb == .assign
        if let device = state.usbDevice(request.device) {
            check.usb(device, domain)
            if domain.running, !domain.holds(device.id) {
                let why = domain.kind == .hvm ? nil : "in the domain, \"lapwing-usb take\" takes it"
                steps.append(.init(.attachUSB(device.id, domain: domain.name), why: why))
            }
        } else if let function = state.function(request.device) {
            let unit = state.unit(of: function)
            check.pci(unit, domain)
            steps = give(unit, of: function, to: domain, now: domain.running || assigns)
        } else {
            check.refuse(
                "gone", "The device is not there.", hint: "\"lapwingctl device list\" shows what there is.")
        }
        if request.verb == .attach, !domain.running {
            check.refuse(
                "not-running", "The domain does not run.", domain.name,
                hint: "\"lapwingctl device assign\" gives it the device when it starts.")
        }
        try check.finish()
        if assigns {
            let assignment = Assignment(
                device: request.device, domain: domain.name, required: request.required,
                exceptions: request.overriding)
            let before = state.assignments.first { $0.device == request.device && $0.domain == domain.name }
            if before != assignment {
                steps.append(
                    .init(.remember(assignment), undo: .some(before.map { .remember($0) } ?? .forget(assignment))))
            }
        }
        return steps
    }

    private func give(
        _ unit: [PCIFunction], of function: PCIFunction, to domain: DomainState, now: Bool
    ) -> [PassthroughPlan.Step] {
        guard now else { return [] }
        func why(_ other: PCIFunction) -> String? {
            other.address == function.address ? nil : "it goes together with \(function.address)"
        }
        // All are released and reset before the first is attached: a bus reset would reach one that is in use already.
        let missing = unit.filter { !domain.holds($0.id) }
        var steps: [PassthroughPlan.Step] = []
        for one in missing where !state.released.contains(one.id) {
            steps.append(.init(.release(one.id), why: why(one)))
        }
        // One that lies ready for a domain that does not run was reset when it was released.
        let touched = domain.running ? missing : missing.filter { !state.released.contains($0.id) }
        for one in touched where !PreFlight.resets(one, among: unit, state).isEmpty {
            steps.append(.init(.reset(one.id), why: why(one)))
        }
        if domain.running {
            steps += missing.map { .init(.attachPCI($0.id, domain: domain.name), why: why($0)) }
        }
        return steps
    }

    private func take(_ request: PassthroughRequest) throws -> [PassthroughPlan.Step] {
        let device = request.device
        let assignment = state.assignments.first { $0.device == device }
        let owner = state.owner(of: device)
        if let wanted = request.domain, let has = owner?.name ?? assignment?.domain, has != wanted {
            throw LapwingError(
                "passthrough.elsewhere", exit: .busy, "Another domain has the device.", subject: device.rawValue,
                cause: has)
        }
        var steps: [PassthroughPlan.Step] = []
        if request.verb == .unassign, let assignment { steps.append(.init(.forget(assignment))) }
        if let function = state.function(device) {
            let unit = state.unit(of: function)
            let why = unit.count > 1 ? "the functions of one unit go together" : nil
            let held = unit.filter { owner?.holds($0.id) ?? false }
            if let owner { steps += held.map { .init(.detachPCI($0.id, domain: owner.name), why: why) } }
            let free = held.map(\.id) + unit.map(\.id).filter(state.released.contains)
            // What a guest did to it must not meet dom0's driver.
            steps += unit.filter { held.contains($0) && !PreFlight.resets($0, among: unit, state).isEmpty }.map {
                .init(.reset($0.id), why: "a guest had it")
            }
            steps += unit.filter { free.contains($0.id) }.map { .init(.reclaim($0.id), why: why) }
        } else if let owner, owner.usb.contains(device) {
            steps.append(.init(.detachUSB(device, domain: owner.name)))
        } else if state.usbDevice(device) == nil, steps.isEmpty {
            throw LapwingError(
                "passthrough.gone", exit: .unavailable, "The device is not there.", subject: device.rawValue)
        }
        // The record goes last: what is undone when it fails is seen, what is only written is not.
        if case .forget = steps.first?.action { steps.append(steps.removeFirst()) }
        return steps
    }

    private func eject(_ request: PassthroughRequest) throws -> [PassthroughPlan.Step] {
        guard let device = state.usbDevice(request.device) else {
            throw LapwingError(
                "passthrough.gone", exit: .unavailable, "There is no such USB device.",
                subject: request.device.rawValue)
        }
        var check = PreFlight(state, request)
        if device.isHub { check.protect(device.id, [.hub]) }
        check.protect(device.id, state.protections[device.id] ?? [])
        let held = state.holders[device.id] ?? []
        let owner = state.owner(of: device.id)
        if owner == nil, !held.isEmpty {
            check.refuse(
                "in-use", exit: .busy, "dom0 uses the device.", cause: held.map(\.text).joined(separator: ", "),
                hint: "End that first.")
        }
        try check.finish()
        var steps: [PassthroughPlan.Step] = []
        if let owner { steps.append(.init(.detachUSB(device.id, domain: owner.name))) }
        steps.append(.init(.powerOff(device.id)))
        return steps
    }
}
