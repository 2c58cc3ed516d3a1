// SPDX-License-Identifier: Apache-2.0

public import DeviceFacts
public import DevicePolicy

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
