// SPDX-License-Identifier: Apache-2.0

import XenChannel

/// The kernel's virtual USB controller (module `vhci-hcd`), into whose ports devices are plugged that are worked through a
/// socket. The format of its files is that of Linux 4.10 and later (drivers/usb/usbip/vhci_sysfs.c).
public struct VirtualHub: Sendable {
    private static let place = "devices/platform/vhci_hcd.0"
    private let sysfs: Sysfs

    /// The first controller.
    public init(sysfs: String = "/sys") { self.sysfs = Sysfs(root: sysfs) }

    /// True when the module is loaded.
    public var isThere: Bool { sysfs.exists(Self.place + "/attach") }

    /// A port for a device of a speed that nothing is in; nil when all are taken. The first half of the ports takes what is
    /// not SuperSpeed, the other half only that.
    static func freePort(_ status: String, speed: UInt32) -> UInt32? {
        let kind = speed >= 5 ? "ss" : "hs"
        for line in status.split(separator: "\n") {
            let words = line.split(separator: " ")
            // hub port status speed device socket busid; 4 is VDEV_ST_NULL.
            guard words.count >= 3, words[0] == kind, UInt32(words[2]) == 4 else { continue }
            return UInt32(words[1])
        }
        return nil
    }

    /// Plugs the device at the other end of a socket in; it stays until the socket ends. The port's number.
    public func attach(_ socket: Int32, address: UInt32, speed: UInt32) throws -> UInt32 {
        guard let status = sysfs.text(Self.place + "/status") else {
            throw ChannelError("the kernel's module vhci-hcd is not loaded")
        }
        guard let port = Self.freePort(status, speed: speed) else {
            throw ChannelError("all ports of the virtual controller are taken")
        }
        try sysfs.write("\(port) \(socket) \(address) \(speed)", Self.place + "/attach")
        return port
    }
}
