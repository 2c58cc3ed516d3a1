// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DevicePolicy
import LapwingCore

/// What can be known before anything is touched. Each check adds its errors, so that a person hears all at once.
struct PreFlight {
    let state: MachineState
    let request: PassthroughRequest
    private(set) var errors: [LapwingError] = []

    init(_ state: MachineState, _ request: PassthroughRequest) {
        self.state = state
        self.request = request
    }

    mutating func refuse(
        _ code: String, exit: ExitStatus = .unavailable, _ message: String, _ subject: String? = nil,
        cause: String? = nil, hint: String? = nil
    ) {
        errors.append(
            LapwingError(
                "passthrough." + code, exit: exit, message, subject: subject ?? request.device.rawValue, cause: cause,
                hint: hint))
    }

    /// Throws all that was found.
    func finish() throws {
        if errors.count == 1, let only = errors.first { throw only }
        if !errors.isEmpty { throw LapwingErrors(errors) }
    }

    /// The domain the request is for.
    mutating func domain() -> DomainState? {
        guard let name = request.domain else {
            refuse("no-domain", exit: .usage, "The request names no domain.")
            return nil
        }
        guard let domain = state.domain(name) else {
            refuse(
                "unknown-domain", "There is no such domain.", name, hint: "\"lapwingctl domain list\" shows them.")
            return nil
        }
        return domain
    }

    /// Protections, holders, other owners: the same for both buses.
    mutating func free(_ device: DeviceID, for domain: DomainState) {
        if let owner = state.owner(of: device), owner.name != domain.name {
            refuse(
                "elsewhere", exit: .busy, "Another domain has the device.", device.rawValue, cause: owner.name,
                hint: "lapwingctl device detach \(device)")
        }
        if let assigned = state.assignments.first(where: { $0.device == device && $0.domain != domain.name }) {
            refuse(
                "assigned-elsewhere", exit: .busy, "The device is assigned to another domain.", device.rawValue,
                cause: assigned.domain, hint: "lapwingctl device unassign \(device)")
        }
        let held = state.holders[device] ?? []
        if !held.isEmpty, state.owner(of: device) == nil {
            refuse(
                "in-use", exit: .busy, "dom0 uses the device.", device.rawValue,
                cause: held.map(\.text).joined(separator: ", "), hint: "End that first.")
        }
        protect(device, state.protections[device] ?? [])
    }

    /// Refuses what is protected and not lifted.
    mutating func protect(_ device: DeviceID, _ protections: [Protection]) {
        let kept = state.assignments.first { $0.device == device && $0.domain == request.domain }?.exceptions ?? []
        for protection in Set(protections).sorted(by: { $0.rawValue < $1.rawValue }) {
            let overridden = request.overriding.contains(protection) || kept.contains(protection)
            if protection.canBeLifted && overridden { continue }
            refuse(
                "protected", exit: .notPermitted, "The device stays with dom0.", device.rawValue,
                cause: protection.sentence,
                hint: protection.canBeLifted
                    ? "--override-protection \(protection.rawValue) overrides that, on the record." : protection.hint)
        }
    }

    /// A USB device and the domain that is to get it.
    mutating func usb(_ device: USBDevice, _ domain: DomainState) {
        if device.isRootHub || device.isHub { protect(device.id, [.hub]) }
        free(device.id, for: domain)
    }

    /// A PCI function with all that goes along, and the domain that is to get it.
    mutating func pci(_ unit: [PCIFunction], _ domain: DomainState) {
        if !state.iommu {
            refuse(
                "no-iommu", "This machine keeps no device in its place.", domain.name,
                cause: "no IOMMU is in use", hint: "Switch VT-d or AMD-Vi on in the firmware.")
        }
        if domain.kind == .pvh {
            refuse("kind", "A domain of type pvh cannot take PCI devices in this Xen.", domain.name)
        }
        if domain.memoryOnDemand {
            refuse(
                "memory-on-demand", "Not all of the domain's memory is there.", domain.name,
                cause: "a device would write into memory that is missing",
                hint: "Give the domain the same memory and maxmem.")
        }
        for function in unit {
            if function.classCode.isBridge { protect(function.id, [.bridge]) }
            if Self.resets(function, among: unit, state).isEmpty { protect(function.id, [.noReset]) }
            if function.capabilitiesIncomplete {
                refuse("unread", "Not all of the device's capabilities could be read.", function.id.rawValue)
            }
            free(function.id, for: domain)
        }
    }

    /// The ways to reset a function that leave alone what does not go along: those of the function itself, and the reset
    /// of its bus when nothing else is on it. Linux, Documentation/ABI/testing/sysfs-bus-pci, `reset_method`.
    static func resets(_ function: PCIFunction, among unit: [PCIFunction], _ state: MachineState) -> [PCIResetMethod] {
        let going = Set(unit.map(\.address))
        let alone =
            function.parent != nil
            && state.inventory.pci.allSatisfy { other in
                other.parent != function.parent || going.contains(other.address)
            }
        return function.resetMethods.filter { method in
            switch method {
            case .deviceSpecific, .acpi, .functionLevel, .advancedFeatures, .powerManagement: true
            case .bus, .cxlBus: alone
            }
        }
    }
}
