// SPDX-License-Identifier: Apache-2.0

import CLibUSB
public import DeviceFacts
import LapwingCore

/// The USB devices as libusb sees them on the live machine.
public final class LiveUSB {
    /// What libusb says of a device, for comparison with sysfs.
    public struct Record: Sendable, Hashable, Codable {
        /// Bus and device number.
        public var address: USBAddress
        /// The ports from the root hub down.
        public var ports: [UInt8]
        /// Vendor and product.
        public var identity: USBIdentity
        /// The device's own class.
        public var classCode: USBClass
        /// The release.
        public var release: Hex16
        /// How fast it is connected.
        public var speed: USBSpeed
        /// Class of every setting of every interface of every configuration, in order; nil when a configuration could
        /// not be read.
        public var interfaces: [USBClass]?
    }

    private let context: OpaquePointer

    /// Begins to use libusb; `usb.no-library` (exit 69) when there is no USB on this machine.
    public init() throws {
        var context: OpaquePointer?
        try LiveUSB.check("start libusb", libusb_init(&context))
        guard let context else {
            throw LapwingError("usb.no-library", exit: .unavailable, "libusb gave no context.")
        }
        self.context = context
    }

    deinit { libusb_exit(context) }

    private static func check(_ action: String, _ code: Int32) throws {
        guard code < 0 else { return }
        throw LapwingError(
            "usb.no-library", exit: code == LIBUSB_ERROR_ACCESS.rawValue ? .notPermitted : .unavailable,
            "libusb could not \(action).", cause: String(cString: libusb_strerror(code)))
    }

    /// The devices, by address.
    public func devices() throws -> [Record] {
        var list: UnsafeMutablePointer<OpaquePointer?>?
        let count = libusb_get_device_list(context, &list)
        try LiveUSB.check("list the devices", Int32(clamping: count))
        defer { libusb_free_device_list(list, 1) }
        guard let list else { return [] }
        return (0..<count).compactMap { list[$0] }.compactMap(LiveUSB.record).sorted { $0.address < $1.address }
    }

    private static func record(_ device: OpaquePointer) -> Record? {
        var descriptor = libusb_device_descriptor()
        guard libusb_get_device_descriptor(device, &descriptor) == 0 else { return nil }
        var ports = [UInt8](repeating: 0, count: 8)
        let depth = libusb_get_port_numbers(device, &ports, 8)
        return Record(
            address: USBAddress(
                bus: Int(libusb_get_bus_number(device)), device: Int(libusb_get_device_address(device))),
            ports: Array(ports.prefix(max(0, Int(depth)))),
            identity: USBIdentity(vendor: Hex16(descriptor.idVendor), product: Hex16(descriptor.idProduct)),
            classCode: USBClass(
                base: descriptor.bDeviceClass, sub: descriptor.bDeviceSubClass, proto: descriptor.bDeviceProtocol),
            release: Hex16(descriptor.bcdDevice), speed: speed(libusb_get_device_speed(device)),
            interfaces: interfaces(device, Int(descriptor.bNumConfigurations)))
    }

    private static func interfaces(_ device: OpaquePointer, _ configurations: Int) -> [USBClass]? {
        var found: [USBClass] = []
        for index in 0..<configurations {
            var pointer: UnsafeMutablePointer<libusb_config_descriptor>?
            guard libusb_get_config_descriptor(device, UInt8(index), &pointer) == 0, let pointer else { return nil }
            defer { libusb_free_config_descriptor(pointer) }
            for number in 0..<Int(pointer.pointee.bNumInterfaces) {
                let interface = pointer.pointee.interface[number]
                for setting in 0..<Int(interface.num_altsetting) {
                    let one = interface.altsetting[setting]
                    found.append(
                        USBClass(base: one.bInterfaceClass, sub: one.bInterfaceSubClass, proto: one.bInterfaceProtocol))
                }
            }
        }
        return found
    }

    private static func speed(_ code: Int32) -> USBSpeed {
        switch code {
        case 1: .low
        case 2: .full
        case 3: .high
        case 4: .superSpeed
        case 5: .superSpeedPlus
        case 6: .superSpeedPlusBy2
        default: .unknown
        }
    }

    /// The words of a device, asked from the device itself rather than from what the kernel read when it was plugged
    /// in. The device must be open to this user; a device that does not answer has none.
    public func words(of address: USBAddress) throws -> (manufacturer: String?, product: String?, serial: String?) {
        var list: UnsafeMutablePointer<OpaquePointer?>?
        let count = libusb_get_device_list(context, &list)
        try LiveUSB.check("list the devices", Int32(clamping: count))
        defer { libusb_free_device_list(list, 1) }
        guard let list,
            let device = (0..<count).compactMap({ list[$0] }).first(where: {
                Int(libusb_get_bus_number($0)) == address.bus && Int(libusb_get_device_address($0)) == address.device
            })
        else {
            throw LapwingError(
                "device.unknown", exit: .unavailable, "There is no such device.", subject: address.description)
        }
        var descriptor = libusb_device_descriptor()
        try LiveUSB.check("read the descriptor", libusb_get_device_descriptor(device, &descriptor))
        var handle: OpaquePointer?
        try LiveUSB.check("open the device", libusb_open(device, &handle))
        defer { libusb_close(handle) }
        func word(_ index: UInt8) -> String? {
            guard index != 0 else { return nil }
            var buffer = [UInt8](repeating: 0, count: 256)
            let length = libusb_get_string_descriptor_ascii(handle, index, &buffer, 256)
            return length > 0 ? DeviceText.clean(bytes: buffer.prefix(Int(length))) : nil
        }
        return (word(descriptor.iManufacturer), word(descriptor.iProduct), word(descriptor.iSerialNumber))
    }
}
