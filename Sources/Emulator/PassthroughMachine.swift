// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The machine of the passthrough scenarios: an IOMMU, and devices to give away. What has no function-level reset stands
/// alone behind a root port of its own, so that a reset of that bus is one of the device alone.
enum PassthroughMachine {
    /// The controller that stays with dom0; its ports 1 and 2 hold keyboard and tablet, its port 3 a hub.
    static let controller = "xhci0"
    /// QEMU's server of the second network card: it sends back what it gets. The guest's side of QEMU's network is
    /// 10.0.2.0/24; nothing else is reached from there.
    static let echo = (address: "10.0.2.100", port: 7007)

    /// The disk behind the second NVMe controller, the stick in the second USB controller, and sticks for later. Sizes
    /// differ so that a guest can tell them apart.
    static let drives: [(id: String, mebibytes: UInt64)] = [
        ("pt-disk", 96), ("pt-deep-stick", 80), ("pt-stick", 64), ("pt-other-stick", 72),
    ]

    /// Adds the devices.
    @Sendable static func change(_ machine: inout Machine) {
        machine.memory = ByteSize(bytes: 4 << 30)
        if case .file(let console) = machine.serial {
            machine.drives = drives.map { drive in
                Drive(
                    id: drive.id, file: console.removingLastComponent().appending(drive.id + ".img"),
                    size: ByteSize(bytes: drive.mebibytes << 20))
            }
        }
        machine.networks = [
            Network(id: "pt-net", echo: Network.Echo(address: echo.address, port: echo.port))
        ]
        machine.devices = [Device("intel-iommu", ["intremap": "on"])] + machine.devices + devices
    }

    private static let devices =
        [
            Device("qemu-xhci", ["id": controller, "addr": "10.0", "p2": "8", "p3": "8"]),
            Device("usb-kbd", ["bus": "\(controller).0", "port": "1"]),
            Device("usb-tablet", ["bus": "\(controller).0", "port": "2"]),
            Device("usb-hub", ["bus": "\(controller).0", "port": "3"]),
        ]
        + behindPort("pt-usb", slot: 31, Device("qemu-xhci", ["id": "pt-usb"]))
        + [
            Device(
                "usb-storage",
                ["id": "pt-deep-stick", "bus": "pt-usb.0", "drive": "pt-deep-stick", "serial": "pt-deep-stick"])
        ]
        + behindPort("pt-nic", slot: 32, Device("e1000e", ["id": "pt-nic", "netdev": "pt-net"]))
        + behindPort("pt-nvme", slot: 33, Device("nvme", ["id": "pt-nvme", "serial": "pt-nvme", "drive": "pt-disk"]))
        + behindPort("pt-gpu", slot: 34, Device("bochs-display", ["id": "pt-gpu"]))
        // Conventional, on the root bus, without power management: nothing can reset it alone.
        + [Device("edu", ["id": "pt-edu", "addr": "11.0"])]

    private static func behindPort(_ name: String, slot: Int, _ device: Device) -> [Device] {
        var device = device
        device.properties.append(Device.Property("bus", "\(name)-port"))
        return [Device("pcie-root-port", ["id": "\(name)-port", "chassis": "\(slot)", "slot": "\(slot)"]), device]
    }
}
