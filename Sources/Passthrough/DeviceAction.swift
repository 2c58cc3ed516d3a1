// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts

/// One thing that can be done to a device, whose taking effect can be seen. Each holds or does not hold; doing one that
/// holds already changes nothing.
public enum DeviceAction: Sendable, Hashable, Codable {
    /// dom0's driver lets the PCI function go, and Xen's back end takes it (`xl pci-assignable-add`).
    case release(DeviceID)
    /// dom0 takes the PCI function back, with the driver it had before (`xl pci-assignable-remove -r`).
    case reclaim(DeviceID)
    /// The PCI function is reset, and the reset said that it worked.
    case reset(DeviceID)
    /// The domain gets the PCI function (`xl pci-attach`).
    case attachPCI(DeviceID, domain: String)
    /// The domain gives the PCI function back (`xl pci-detach`).
    case detachPCI(DeviceID, domain: String)
    /// The domain gets the USB device (`xl usbdev-attach`).
    case attachUSB(DeviceID, domain: String)
    /// The domain gives the USB device back to dom0 (`xl usbdev-detach`).
    case detachUSB(DeviceID, domain: String)
    /// dom0 stops using the USB device, so that it can be pulled.
    case powerOff(DeviceID)
    /// The device belongs to the domain from now on, over restarts.
    case remember(Assignment)
    /// The device belongs to nobody any more.
    case forget(Assignment)

    /// The device it is done to.
    public var device: DeviceID {
        switch self {
        case .release(let id), .reclaim(let id), .reset(let id), .attachPCI(let id, _), .detachPCI(let id, _),
            .attachUSB(let id, _), .detachUSB(let id, _), .powerOff(let id):
            id
        case .remember(let assignment), .forget(let assignment): assignment.device
        }
    }

    /// What makes it as it was before; nil where nothing needs to be or can be.
    public var undo: DeviceAction? {
        switch self {
        case .release(let id): .reclaim(id)
        case .reclaim(let id): .release(id)
        case .reset, .powerOff: nil
        case .attachPCI(let id, let domain): .detachPCI(id, domain: domain)
        case .detachPCI(let id, let domain): .attachPCI(id, domain: domain)
        case .attachUSB(let id, let domain): .detachUSB(id, domain: domain)
        case .detachUSB(let id, let domain): .attachUSB(id, domain: domain)
        case .remember(let assignment): .forget(assignment)
        case .forget(let assignment): .remember(assignment)
        }
    }

    /// What it does, for a person: one clause without a subject.
    public var text: String {
        switch self {
        case .release(let id): "take \(id) from dom0's driver"
        case .reclaim(let id): "give \(id) back to dom0's driver"
        case .reset(let id): "reset \(id)"
        case .attachPCI(let id, let domain), .attachUSB(let id, let domain): "attach \(id) to \(domain)"
        case .detachPCI(let id, let domain), .detachUSB(let id, let domain): "detach \(id) from \(domain)"
        case .powerOff(let id): "switch \(id) off"
        case .remember(let assignment): "assign \(assignment.device) to \(assignment.domain) for good"
        case .forget(let assignment): "end the assignment of \(assignment.device) to \(assignment.domain)"
        }
    }
}

/// A device that belongs to a domain over restarts.
public struct Assignment: Sendable, Hashable, Codable, Comparable {
    /// The device.
    public var device: DeviceID
    /// The domain's name.
    public var domain: String
    /// True when the domain must not start without it; otherwise it starts, and the device joins when it comes.
    public var required: Bool
    /// Protections that a person overrode when assigning it; they stay overridden for this assignment only.
    public var exceptions: [Protection]

    /// An assignment.
    public init(device: DeviceID, domain: String, required: Bool = false, exceptions: [Protection] = []) {
        self.device = device
        self.domain = domain
        self.required = required
        self.exceptions = exceptions.sorted()
    }

    /// Orders by device, then domain.
    public static func < (a: Assignment, b: Assignment) -> Bool { (a.device, a.domain) < (b.device, b.domain) }
}

/// Why a device stays with dom0, whatever a rule says.
public enum Protection: String, Sendable, Hashable, Codable, CaseIterable, Comparable {
    /// dom0's own root or state is on it, or behind it.
    case bootDisk
    /// It is the only display.
    case onlyDisplay
    /// It is the last keyboard, or behind it is.
    case lastInput
    /// It is a hub or a bridge: what is behind it would vanish.
    case hub
    /// dom0's connection to its network goes over it.
    case uplink
    /// There is no way to reset it that leaves its neighbours alone.
    case noReset

    /// True where a person may override it, by name and on the record.
    public var canBeOverridden: Bool {
        switch self {
        case .onlyDisplay, .lastInput, .uplink, .noReset: true
        case .bootDisk, .hub: false
        }
    }

    /// The reason, for a person.
    public var text: String {
        switch self {
        case .bootDisk: "the system's own disk is on it"
        case .onlyDisplay: "it is the only display"
        case .lastInput: "it is the last keyboard"
        case .hub: "it is a hub or bridge"
        case .uplink: "dom0's network goes over it"
        case .noReset: "it cannot be reset without touching its neighbours"
        }
    }

    /// Orders by name.
    public static func < (a: Protection, b: Protection) -> Bool { a.rawValue < b.rawValue }
}
