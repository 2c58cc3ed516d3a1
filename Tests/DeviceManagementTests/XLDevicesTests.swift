// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import Testing

@testable import DeviceManagement

@Suite struct XLDevicesTests {
    @Test func `the device model's list is read by the ids that Xen's tools give`() {
        let text = """
              Device 0.1, Port 1, Speed 480 Mb/s, Product QEMU USB Tablet
              Device 1.1, Port 1, Speed 5000 Mb/s, Product USB DISK, ID: xenusb-2-7
              Device 1.0, Port 2, Speed 12 Mb/s, Product xenusb-9-9 liar, ID: other

            """
        #expect(XLDevices.modelled(text) == [USBAddress(bus: 2, device: 7)])
        #expect(XLDevices.modelled("").isEmpty)
    }

    @Test func `an IOMMU is in use when Xen says that HVM guests may have devices`() {
        #expect(XLDevices.hasIOMMU("release : 6.12\nvirt_caps              : pv hvm hvm_directio pv_directio hap\n"))
        #expect(!XLDevices.hasIOMMU("virt_caps              : pv hvm hap\n"))
        #expect(!XLDevices.hasIOMMU("xen_caps : hvm_directio\n"))
    }
}
