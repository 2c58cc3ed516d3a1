// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Steps that fail for real: `xl` that does not do what it is told, a device pulled at the worst moment, a daemon killed
/// in the middle. Afterwards all is where it was, and works.
enum RollbackScenarios {
    static let all = [failing, pulled, killed]

    private static let domain = PassthroughScenarios.domain

    /// Where Debian's wrapper finds the `xl` of the running Xen.
    private static let xl = "/usr/lib/xen-*/bin/xl"

    /// Puts a program in `xl`'s place for the length of a body. `real` is a copy of the true one; a bind mount of it would
    /// get the other mount on top, for the two share their propagation. The daemon's view of the file system follows
    /// dom0's.
    private static func withXL(_ guest: Guest, _ script: String, _ body: () async throws -> Void) async throws {
        let text = "#!/bin/sh\nreal=/run/lapwing-test/real/xl\n\(script)\nexec $real \"$@\"\n"
        try await guest.machine.agent.write(Array(text.utf8), to: "/run/lapwing-test/xl")
        try await guest.expect(
            "sh", "-ec",
            """
            cd /run/lapwing-test; chmod 755 xl; rm -f waiting go
            mkdir -p real; [ -e real/xl ] || cp \(xl) real/xl
            mount --bind xl \(xl)
            """)
        do {
            try await body()
        } catch {
            try await restoreXL(guest)
            throw error
        }
        try await restoreXL(guest)
    }

    private static func restoreXL(_ guest: Guest) async throws {
        try await guest.expect("sh", "-c", "touch /run/lapwing-test/go; umount -l \(xl)")
    }

    /// Makes `xl VERB` wait for the file `go`, once it has said so by the file `waiting`.
    private static func waiting(at verb: String) -> String {
        """
        if [ "$1" = \(verb) ]; then
          touch /run/lapwing-test/waiting
          for i in $(seq 300); do [ -e /run/lapwing-test/go ] && break; sleep 0.2; done
        fi
        """
    }

    private static func waits(_ guest: Guest) async throws {
        try await guest.wait(for: "xl's turn", within: .seconds(120)) {
            try await guest.exec(["test", "-e", "/run/lapwing-test/waiting"]).succeeded
        }
    }

    private static func nic(_ guest: Guest) async throws -> String {
        try await guest.function(("vendor", "0x8086"), ("device", "0x10d3"))
    }

    private static func isWithDom0(_ guest: Guest, _ function: String) async throws {
        try await guest.wait(for: "dom0's driver on \(function)", within: .seconds(90)) {
            try await guest.driver(of: function) == "e1000e"
        }
        try await guest.expect("sh", "-c", "ls /sys/bus/pci/devices/\(function)/net")
        let slots = try await guest.exec(["grep", function, "/sys/bus/pci/drivers/pciback/slots"])
        try guest.require(slots.text.isEmpty, "Nothing may be kept of it.", seen: slots.text)
        let owners = try await guest.expect("lapwingctl", "device", "owners", "--quiet")
        try guest.require(owners.isEmpty, "No domain may have or be promised a device.", seen: owners)
        let pci = try await guest.ask(domain, "pci")
        try guest.require(
            !pci.contains { $0.contains("8086:10d3") }, "The guest must not have it.", seen: pci.joined(separator: "\n")
        )
    }

    private static let failing = Scenario(
        "rollback",
        "when xl cannot attach a card, dom0's driver has it again, the assignment is not kept, and that is said",
        limit: .seconds(600)
    ) { guest in
        let function = try await nic(guest)
        try await withXL(guest, "if [ \"$1\" = pci-attach ]; then echo made to fail >&2; exit 1; fi") {
            let outcome = try await guest.tryDevice("assign", function)
            try guest.require(outcome.ending == .exited(1), "It must fail.", seen: outcome.errorText + outcome.text)
            for words in ["made to fail", "restored: "] {
                try guest.require(
                    outcome.errorText.contains(words), "It must say \"\(words)\".", seen: outcome.errorText)
            }
            await guest.note("said", outcome.errorText.trimmed.split(separator: "\n").joined(separator: " | "))
        }
        try await isWithDom0(guest, function)
    }

    private static let pulled = Scenario(
        "rollback-pulled",
        "a stick pulled while xl attaches it is in no domain, and can be given when it is there again",
        limit: .seconds(900)
    ) { guest in
        let stick = Device(
            "usb-storage",
            [
                "id": "pt-stick", "bus": "\(PassthroughMachine.controller).0", "port": "4", "drive": "pt-stick",
                "serial": "pt-stick",
            ])
        try await guest.plug(stick)
        let port = try await guest.port(serial: "pt-stick")
        try await withXL(guest, waiting(at: "usbdev-attach")) {
            async let outcome = guest.tryDevice("attach", port)
            try await waits(guest)
            try await guest.unplug("pt-stick")
            try await guest.expect("touch", "/run/lapwing-test/go")
            let ended = try await outcome
            try guest.require(!ended.succeeded, "It must fail.", seen: ended.text)
            await guest.note("said", ended.errorText.trimmed.split(separator: "\n").joined(separator: " | "))
        }
        let owners = try await guest.expect("lapwingctl", "device", "owners", "--quiet")
        try guest.require(owners.isEmpty, "No domain may seem to have it.", seen: owners)
        try await guest.plug(stick)
        let back = try await guest.port(serial: "pt-stick")
        try await guest.device("attach", back)
        _ = try await guest.wait(domain, sees: [" pt-stick "], in: "disks")
        try await guest.device("detach", back)
        try await guest.waitGone("pt-stick", in: "usb")
        try await guest.unplug("pt-stick")
    }

    private static let killed = Scenario(
        "rollback-killed", "a daemon killed while xl attaches a card brings it to one place when it comes back",
        limit: .seconds(900)
    ) { guest in
        let function = try await nic(guest)
        try await withXL(guest, waiting(at: "pci-attach")) {
            async let outcome = guest.tryDevice("attach", function)
            try await waits(guest)
            try await guest.expect("systemctl", "kill", "--signal=KILL", "lapwingd.service")
            try await guest.expect("touch", "/run/lapwing-test/go")
            let ended = try await outcome
            try guest.require(!ended.succeeded, "The client must hear that the daemon is gone.", seen: ended.text)
            try await guest.wait(for: "the daemon's return", within: .seconds(120)) {
                try await guest.exec(["lapwingctl", "device", "owners"]).succeeded
            }
        }
        let journal = try await guest.expect("journalctl", "--no-pager", "-o", "cat", "LAPWING_EVENT=device.undone")
        await guest.note("said", journal.split(separator: "\n").last.map(String.init) ?? "")
        try guest.require(journal.contains("the daemon ended"), "What was undone must be said.", seen: journal)
        try await isWithDom0(guest, function)
    }
}
