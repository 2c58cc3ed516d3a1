// SPDX-License-Identifier: Apache-2.0

import CLibPCI
public import DeviceFacts
import LapwingCore

/// The PCI functions as libpci sees them on the live machine.
public enum LivePCI {
    /// What libpci says of a function, for comparison with sysfs.
    public struct Record: Sendable, Hashable, Codable {
        /// The address.
        public var address: PCIAddress
        /// The vendor.
        public var vendor: Hex16
        /// The device.
        public var device: Hex16
        /// Base class and subclass; libpci tells no programming interface here.
        public var classCode: PCIClass
        /// The capabilities, sorted by list and offset.
        public var capabilities: [PCICapability]
    }

    /// The functions by address; `pci.no-library` (exit 69) when libpci finds no way to the machine's functions.
    public static func functions() throws -> [Record] {
        final class Found {
            var records: [Record] = []
        }
        let found = Found()
        let result = lapwing_pci_scan(Unmanaged.passUnretained(found).toOpaque()) { state, device in
            guard let state, let device = device?.pointee else { return }
            Unmanaged<Found>.fromOpaque(state).takeUnretainedValue().records.append(LivePCI.record(device))
        }
        guard result == 0 else {
            throw LapwingError("pci.no-library", exit: .unavailable, "libpci cannot reach the PCI functions.")
        }
        return found.records.sorted { $0.address < $1.address }
    }

    private static func record(_ device: pci_dev) -> Record {
        var capabilities: [PCICapability] = []
        var at = device.first_cap
        while let entry = at?.pointee {
            capabilities.append(
                PCICapability(
                    id: entry.id, extended: entry.type == PCI_CAP_EXTENDED,
                    offset: UInt16(truncatingIfNeeded: entry.addr)
                ))
            at = entry.next
        }
        capabilities.sort { ($0.extended ? 1 : 0, $0.offset) < ($1.extended ? 1 : 0, $1.offset) }
        let domain = UInt32(truncatingIfNeeded: device.domain)
        return Record(
            address: PCIAddress(
                domain: domain, bus: device.bus, slot: PCISlot(devfn: device.dev << 3 | device.`func` & 7)),
            vendor: Hex16(device.vendor_id), device: Hex16(device.device_id),
            classCode: PCIClass(base: UInt8(device.device_class >> 8), sub: UInt8(device.device_class & 0xFF)),
            capabilities: capabilities)
    }
}
