// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DeviceModel
import DevicePolicy
import LapwingCore
import Passthrough
public import XenControl

/// What follows from what came or went.
extension DeviceManager {
    /// Brings the machine to where rules, assignments and people want it. Devices are given and cleared away here; taken
    /// from a running domain only by a person.
    func settle(_ reports: [DomainReport]) async throws {
        for domain in reports {
            guard let number = domain.id, LiveMachine.lives(domain) else { continue }
            let swept = try await machine.sweep(number)
            if swept.places.isEmpty { continue }
            // What a person said ended with the pull, also when something is in that port again, or will be before the
            // next look at what is there.
            let ports = Set(swept.places.map(\.hostPort))
            let staying = Set(swept.devices.filter { !ports.contains($0.port) }.map(\.id))
            for id in arbiter.present where id.bus == .usb && !staying.contains(id) { unplugged(id) }
            for place in swept.places {
                tell("pulled", nil, domain.name, "the device at \(place.hostPort) is gone")
            }
        }
        machine.freeStrays(
            Set(try reports.compactMap(\.id).flatMap { try xen.usb(of: $0) }.map(\.hostPort)))
        let state = try await machine.state(holders: false)
        follow(state, reports)
        let engine = try engine(state.inventory)
        let placement = arbiter.placement(engine)
        try await giveBack(state, placement)
        for (id, place) in placement.places.sorted(by: { $0.key < $1.key }) {
            guard case .domain(let domain) = place, state.owner(of: id) == nil else { continue }
            await give(id, domain, state)
        }
        tellRadios(reports)
    }

    /// Tells the arbiter what is there and what runs. A domain that is being made is not among them: `join` sees to it.
    private func follow(_ state: MachineState, _ reports: [DomainReport]) {
        let present = Set(state.inventory.devices.map(\.id) + state.domains.flatMap { $0.pci + $0.usb })
        for id in arbiter.present.subtracting(present) { unplugged(id) }
        for id in present.subtracting(arbiter.present) { arbiter.apply(.plugged(id)) }
        let running = Set(reports.filter { $0.id != nil && ["running", "paused"].contains($0.state) }.map(\.name))
        for name in arbiter.running.subtracting(running) { ended(name) }
        for name in running.subtracting(arbiter.running) { arbiter.apply(.started(name)) }
        for assignment in state.assignments where arbiter.assignments[assignment.device] != assignment {
            arbiter.apply(.assigned(assignment))
        }
        for id in arbiter.assignments.keys where !state.assignments.contains(where: { $0.device == id }) {
            arbiter.apply(.unassigned(id))
        }
        // Someone attached it before this daemon came: that goes on.
        for domain in state.domains {
            for id in domain.pci + domain.usb
            where arbiter.attachments[id] == nil && arbiter.assignments[id] == nil && !arbiter.released.contains(id) {
                arbiter.apply(.attached(id, domain: domain.name, once: true))
            }
        }
    }

    private func unplugged(_ id: DeviceID) {
        arbiter.apply(.unplugged(id))
        refused = refused.filter { $0.device != id }
    }

    private func ended(_ name: String) {
        arbiter.apply(.stopped(name))
        refused = refused.filter { $0.domain != name }
    }

    /// What nobody is to have any more goes back to dom0's drivers.
    private func giveBack(_ state: MachineState, _ placement: Placement) async throws {
        for id in state.released where placement.places[id] == .dom0 {
            let key = Attempt(device: id, domain: "")
            guard !refused.contains(key) else { continue }
            do {
                _ = try await carryOut(PassthroughRequest(.detach, id))
            } catch {
                refused.insert(key)
            }
        }
        let held = Set(state.domains.flatMap(\.usb))
        for id in lastHeld.subtracting(held) {
            if let device = state.usbDevice(id) { try machine.probe(device) }
        }
        lastHeld = held
    }

    /// Gives a device that has its place with a domain; what does not work is said once.
    private func give(_ id: DeviceID, _ domain: String, _ state: MachineState) async {
        let attempt = Attempt(device: id, domain: domain)
        guard !refused.contains(attempt), state.domain(domain)?.running == true else { return }
        do {
            _ = try await carryOut(request(id, domain, state))
        } catch {
            refused.insert(attempt)
        }
    }

    private func request(_ id: DeviceID, _ domain: String, _ state: MachineState) -> PassthroughRequest {
        let assignment = state.assignments.first { $0.device == id && $0.domain == domain }
        return PassthroughRequest(.attach, id, domain: domain, overriding: assignment?.exceptions ?? [])
    }
}

extension DeviceManager: DomainCompanion {
    /// True when Xen has an IOMMU in use.
    public func canGiveFunctions() async -> Bool { (try? await xen.hasIOMMU()) ?? false }

    /// Throws `device.required-missing` (75) when something is not there that the domain must not start without.
    public func mayStart(_ domain: String) async throws {
        try await turns.run {
            let state = try await machine.state(holders: false)
            var planned = arbiter
            for id in state.inventory.devices.map(\.id) { planned.apply(.plugged(id)) }
            for assignment in state.assignments { planned.apply(.assigned(assignment)) }
            planned.apply(.started(domain))
            let missing = planned.placement(try engine(state.inventory)).blocked[domain] ?? []
            guard let first = missing.first else { return }
            let names = missing.map { item in
                switch item {
                case .assignment(let assignment): assignment.device.rawValue
                case .rule(let rule): "a device for the rule at \(rule.location)"
                }
            }
            let word: String? =
                if case .assignment(let assignment) = first {
                    "lapwingctl device unassign \(assignment.device) lets it start without."
                } else {
                    nil
                }
            throw LapwingError(
                "device.required-missing", exit: .busy, "A device is missing that the domain must not start without.",
                subject: domain, cause: names.joined(separator: ", "), hint: word)
        }
    }

    /// Gives a domain, which was made and is paused, all that has its place with it. What it requires must work; what
    /// else does not is told.
    public func join(_ domain: String) async throws {
        try await turns.run {
            let state = try await machine.state(holders: false)
            arbiter.apply(.stopped(domain))
            refused = refused.filter { $0.domain != domain }
            for id in state.inventory.devices.map(\.id) { arbiter.apply(.plugged(id)) }
            for assignment in state.assignments { arbiter.apply(.assigned(assignment)) }
            arbiter.apply(.started(domain))
            let placement = arbiter.placement(try engine(state.inventory))
            for id in placement.devices(of: domain) where state.owner(of: id) == nil {
                let required = state.assignments.contains { $0.device == id && $0.domain == domain && $0.required }
                do {
                    _ = try await carryOut(request(id, domain, state))
                } catch {
                    if required { throw error }
                    refused.insert(Attempt(device: id, domain: domain))
                }
            }
            try await tellRadios(domain)
        }
    }

    func tellRadios(_ domain: String?) async throws {
        if let domain { tellRadios(try await domains().filter { $0.name == domain }) }
    }

    /// Tells the domains that have devices of this machine what it says of radios: one of them may be a wireless card.
    private func tellRadios(_ reports: [DomainReport]) {
        for domain in reports {
            guard let number = domain.id, LiveMachine.lives(domain) else { continue }
            do {
                guard try !xen.functions(of: number).isEmpty || !xen.usb(of: number).isEmpty else { continue }
                let state = machine.radios()
                let radio = state.allowed ? "on" : "off"
                var news = try xen.tell(number, "wlan/radio", radio)
                if let country = state.country { news = try xen.tell(number, "wlan/country", country) || news }
                if news { tell("radio", nil, domain.name, "\(radio), country \(state.country ?? "not known")") }
            } catch {
                tell("failed", nil, domain.name, Self.words(error), bad: true)
            }
        }
    }

    /// A domain came or went.
    public func domainsChanged() async { await look() }
}
