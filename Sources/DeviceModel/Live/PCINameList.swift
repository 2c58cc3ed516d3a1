// SPDX-License-Identifier: Apache-2.0

import CLibPCI
public import DeviceFacts
import Synchronization

/// Names out of the system's list of PCI ids, by libpci, which loads it at the first question.
public final class PCINameList: Sendable {
    /// libpci's handle. It is not thread-safe, so one question is asked at a time.
    private struct Handle: ~Copyable, @unchecked Sendable {
        let access: UnsafeMutablePointer<pci_access>?
        deinit { if let access { pci_cleanup(access) } }
    }
    private let handle: Mutex<Handle>

    /// Prepares the list; where there is none, everything is nameless.
    public init() {
        handle = Mutex(Handle(access: lapwing_pci_names()))
    }

    /// The names of an identity; without `all` only what a line of a listing has: no subsystem.
    public func names(_ identity: PCIIdentity, classCode: PCIClass, all: Bool = true) -> PCINames {
        handle.withLock { handle in
            guard let access = handle.access else { return PCINames() }
            let (vendor, device) = (Int32(identity.vendor.rawValue), Int32(identity.device.rawValue))
            var names = PCINames(
                classCode: PCINameList.text {
                    lapwing_pci_class(access, $0, $1, Int32(classCode.base) << 8 | Int32(classCode.sub))
                },
                vendor: PCINameList.text { lapwing_pci_vendor(access, $0, $1, vendor) },
                device: PCINameList.text { lapwing_pci_device(access, $0, $1, vendor, device) })
            if all, let subvendor = identity.subsystemVendor, let subdevice = identity.subsystemDevice {
                names.subsystem = PCINameList.text {
                    lapwing_pci_subsystem(
                        access, $0, $1, vendor, device, Int32(subvendor.rawValue), Int32(subdevice.rawValue))
                }
            }
            return names
        }
    }

    private static func text(
        _ ask: (UnsafeMutablePointer<CChar>?, Int32) -> UnsafePointer<CChar>?
    ) -> String? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            guard let name = ask(buffer.baseAddress, 512) else { return nil }
            return DeviceText.clean(String(cString: name))
        }
    }
}
