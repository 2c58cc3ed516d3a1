// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import VirtualACPI

// Serves the battery, mains, lid and buttons of one domain with a device model. It takes no options worth a library.

let usage = """
    Usage: lapwing-acpi DOMAIN

    Run by lapwingd in dom0, once for each domain with "battery: virtual": answers
    the domain's own ACPI tables, by its number, until the domain is gone.

    See lapwing-acpi(8).

    """

/// Something needed is not there: the domain, or Xen. The unit does not start again after it.
let unavailable: Int32 = 69

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

func misuse(_ text: String) -> Never {
    put("lapwing-acpi: \(text)\n\n" + usage, 2)
    exit(64)
}

func serve(_ domain: UInt16) throws(ACPIError) {
    let stop = lapwing_stop_descriptor()
    if stop < 0 { throw ACPIError("acpi.wait", "signals cannot be waited for") }
    let power = try PowerFile()
    var service = try Service(
        server: try XenPortServer(domain: domain), power: power, file: StateFile(domain: domain), stop: stop
    ) { put("lapwing-acpi: \($0)\n", 2) }
    let ending = try service.run { tell("READY=1\nSTATUS=serves domain \(domain)") }
    if ending == .gone { throw ACPIError("acpi.gone", "The domain is gone.") }
}

signal(SIGPIPE, SIG_IGN)
let arguments = Array(CommandLine.arguments.dropFirst())
switch (arguments.first, arguments.count) {
case ("--help", _), ("-h", _): put(usage, 1)
case (let text?, 1):
    // Numbers from 0x7FF0 on mean no domain (xen/include/public/xen.h, DOMID_FIRST_RESERVED).
    guard text.utf8.allSatisfy({ (48...57).contains($0) }), let domain = UInt16(text), (1..<0x7FF0).contains(domain)
    else { misuse("\"\(text)\" is no domain's number.") }
    do {
        try serve(domain)
    } catch {
        put("lapwing-acpi: \(error)\n", 2)
        tell("STATUS=\(error)")
        exit(error.code == "acpi.gone" ? unavailable : 1)
    }
case (nil, _): misuse("Which domain?")
default: misuse("\"\(arguments.joined(separator: " "))\" is not understood.")
}
