// SPDX-License-Identifier: Apache-2.0

import Glibc
import XenChannel

/// A USB device of this machine as the kernel's driver `usbip-host` offers it: whoever is at the other end of a stream
/// socket works the device with USB/IP's messages (kernel, Documentation/usb/usbip_protocol.rst). The names are of Linux
/// 6.12, drivers/usb/usbip.
public struct DeviceStub: Sendable {
    private static let driver = "bus/usb/drivers/usbip-host"
    /// The device's name in sysfs, such as `1-1.4`.
    public let port: String
    private let sysfs: Sysfs
    private var place: String { "bus/usb/devices/\(port)" }

    /// The device in a port. Throws when that is no name of a port.
    public init(_ port: String, sysfs: String = "/sys") throws {
        guard Self.isPort(port) else { throw ChannelError("\(port) is no USB port") }
        self.port = port
        self.sysfs = Sysfs(root: sysfs)
    }

    /// `1-1` or `1-1.4`: a bus, and at most six ports on the way.
    public static func isPort(_ name: String) -> Bool {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, isNumber(parts[0]) else { return false }
        let ports = parts[1].split(separator: ".", omittingEmptySubsequences: false)
        return ports.count <= 6 && ports.allSatisfy(isNumber)
    }

    private static func isNumber(_ word: Substring) -> Bool {
        (1...3).contains(word.utf8.count) && word.utf8.allSatisfy { (48...57).contains($0) }
    }

    /// True while the device is there.
    public var isThere: Bool { sysfs.exists(place) }
    /// True while the stub has the device, and no other driver.
    public var isBound: Bool { sysfs.link(place + "/driver") == "usbip-host" }

    /// What the other end has to know: the address, as USB/IP numbers it, and the speed (`enum usb_device_speed`).
    public func facts() throws -> (address: UInt32, speed: UInt32) {
        guard let bus = sysfs.line(place + "/busnum").flatMap({ UInt32($0) }), bus < 1 << 16,
            let device = sysfs.line(place + "/devnum").flatMap({ UInt32($0) }), device < 1 << 16
        else { throw ChannelError("the device at \(port) is gone") }
        let speeds: [String: UInt32] = ["1.5": 1, "12": 2, "480": 3, "5000": 5, "10000": 6, "20000": 6]
        guard let speed = sysfs.line(place + "/speed").flatMap({ speeds[$0] }) else {
            throw ChannelError("the device at \(port) has a speed that USB/IP does not carry")
        }
        return (bus << 16 | device, speed)
    }

    /// Takes the device from its driver. A hub has none that could be taken.
    public func bind() throws {
        guard isThere else { throw ChannelError("the device at \(port) is gone") }
        guard sysfs.line(place + "/bDeviceClass") != "09" else { throw ChannelError("\(port) is a hub") }
        guard sysfs.exists(Self.driver) else { throw ChannelError("the kernel's module usbip-host is not loaded") }
        if isBound { return }
        try sysfs.write("add \(port)", Self.driver + "/match_busid")
        do {
            if sysfs.link(place + "/driver") != nil { try sysfs.write(port, place + "/driver/unbind") }
            try sysfs.write(port, Self.driver + "/bind")
        } catch {
            release()
            throw error
        }
    }

    /// Gives the device back to the driver it had. What cannot be done is left: there may be no device any more, and then
    /// the kernel keeps the port's name and gives the stub the next device in that port, which has to be released too.
    public func release() {
        if isBound { try? sysfs.write(port, Self.driver + "/unbind") }
        // With no device in the port the kernel would follow a pointer to the one that was there.
        guard isThere else { return }
        try? sysfs.write(port, Self.driver + "/rebind")
        if sysfs.link(place + "/driver") == nil { try? sysfs.write(port, "bus/usb/drivers_probe") }
    }

    /// Lets the other side of a socket work the device until the socket ends. After the end of another socket the kernel
    /// resets the device first, which is waited for.
    public func serve(_ socket: Int32) throws {
        for _ in 0..<100 where sysfs.line(place + "/usbip_status") != "1" && isBound { usleep(100_000) }
        try sysfs.write("\(socket)", place + "/usbip_sockfd")
    }
}
