// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import USBChannel
import XenChannel

// Carries USB devices into domains that have no device model. A program for dom0 and for guests of any make: it needs
// nothing of the system it runs on, and takes no options worth a library.

let usage = """
    Usage: lapwing-usb take
           lapwing-usb offer PORT:DOMAIN:SLOT
           lapwing-usb release PORT[:DOMAIN:SLOT]

    take     In a guest: plugs the USB devices dom0 gives to it into the kernel's
             virtual controller (module vhci-hcd), until it is ended.
    offer    In dom0, run by lapwingd: offers the device in a port, such as 1-1.4,
             to a domain by its number, until it is ended.
    release  In dom0: gives a device back to the driver it had.

    See lapwing-usb(8).

    """

func put(_ text: String, _ file: Int32) {
    let bytes = Array(text.utf8)
    _ = write(file, bytes, bytes.count)
}

/// Tells systemd, when it wants to be told (sd_notify(3)).
func tell(_ text: String) {
    guard let path = getenv("NOTIFY_SOCKET") else { return }
    let bytes = Array(text.utf8)
    _ = lapwing_socket_notify(String(cString: path), bytes, bytes.count)
}

func fail(_ error: any Error) -> Never {
    put("lapwing-usb: \(error)\n", 2)
    // The daemon shows a person why it did not work.
    tell("STATUS=\(error)")
    exit(1)
}

func misuse(_ text: String) -> Never {
    put("lapwing-usb: \(text)\n\n" + usage, 2)
    exit(64)
}

func run(_ arguments: [String]) throws {
    switch (arguments.first, arguments.count) {
    case ("take", 1):
        let stop = lapwing_stop_descriptor()
        var taker = Taker(store: try StorePort(), hub: VirtualHub(), stop: stop) { put($0 + "\n", 1) }
        tell("READY=1")
        try taker.run()
    case ("offer", 2):
        guard let lease = Lease(arguments[1]) else { misuse("\"\(arguments[1])\" is no PORT:DOMAIN:SLOT.") }
        let offer = try Offer(lease, store: try StorePort(), stop: lapwing_stop_descriptor()) {
            tell("READY=1\nSTATUS=offers the device in port \(lease.port)")
        }
        put("\(try offer.run())\n", 1)
    case ("release", 2): try DeviceStub(Lease(arguments[1])?.port ?? arguments[1]).release()
    case ("--help", _), ("-h", _): put(usage, 1)
    case (nil, _): misuse("What is to be done?")
    default: misuse("\"\(arguments.joined(separator: " "))\" is not understood.")
    }
}

signal(SIGPIPE, SIG_IGN)
do {
    try run(Array(CommandLine.arguments.dropFirst()))
} catch {
    fail(error)
}
