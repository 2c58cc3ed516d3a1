// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A small paravirtualised guest that makes a fixed load: dom0's own kernel, and an initrd that holds nothing but the
/// test agent, which makes load where it is the first process.
struct LoadGuest: Sendable, Hashable {
    /// The domain's name.
    var name: String
    /// The kinds of load, as the agent names them (`GuestAgent.Load`), joined with commas.
    var load: String
    /// Virtual processors at the start.
    var processors = 1
    /// The most it may get later.
    var mostProcessors: Int?
    /// True when it uses processors that it is given while it runs.
    var bringsOnline = false

    /// Where the guests' files stand in dom0.
    static let directory = "/run/lapwing-test/guests"

    /// The domain's configuration (xl.cfg(5)). A guest of 192 MiB has room for a kernel with an initrd of 10 MiB. The
    /// kernel hands `SWIFT_ROOT` to the first process: without it Swift's run time looks for itself in `/proc`, which
    /// nobody has mounted yet, and gives up.
    func configuration(kernel: String) -> String {
        """
        name = "\(name)"
        type = "pv"
        kernel = "\(kernel)"
        ramdisk = "\(Self.directory)/load.cpio"
        extra = "console=hvc0 quiet panic=1 SWIFT_ROOT=/ lapwing.load=\(load)\(bringsOnline ? " lapwing.online" : "")"
        memory = 192
        vcpus = \(processors)
        maxvcpus = \(mostProcessors ?? processors)
        on_crash = "preserve"

        """
    }

    /// Head and tail of a cpio archive (kernel, Documentation/driver-api/early-userspace/buffer-format.rst, "newc")
    /// around one file `init` of so many bytes; `links` are further names of it, with the directory before the slash.
    static func archive(size: Int, links: [String] = []) -> (head: [UInt8], tail: [UInt8]) {
        func entry(_ name: String, mode: UInt32, size: Int) -> [UInt8] {
            func field(_ value: Int) -> String {
                let digits = String(value, radix: 16)
                return String(repeating: "0", count: 8 - digits.utf8.count) + digits
            }
            let length = name.utf8.count + 1
            let fields = [1, Int(mode), 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0].map(field).joined()
            return padded(Array("070701\(fields)\(name)".utf8) + [0])
        }
        func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4) }
        let gap = [UInt8](repeating: 0, count: (4 - size % 4) % 4)
        var rest: [UInt8] = []
        for directory in Set(links.compactMap { $0.split(separator: "/").dropLast().first }).sorted() {
            rest += entry(String(directory), mode: 0o040755, size: 0)
        }
        for link in links { rest += entry(link, mode: 0o120777, size: 5) + padded(Array("/init".utf8)) }
        return (entry("init", mode: 0o100755, size: size), gap + rest + entry("TRAILER!!!", mode: 0, size: 0))
    }
}

extension Guest {
    /// Puts kernel and initrd of load guests in place, and a configuration for each.
    func prepare(_ guests: [LoadGuest]) async throws {
        let directory = LoadGuest.directory
        try await expect("mkdir", "-p", directory + "/root")
        let agent = "/run/lapwing-test/lapwing-agent"
        let size = try unwrap(Int(try await expect("stat", "--format=%s", agent)), "stat must tell the agent's size.")
        let archive = LoadGuest.archive(size: size)
        try await machine.agent.write(archive.head, to: directory + "/head")
        try await machine.agent.write(archive.tail, to: directory + "/tail")
        // The EFI system partition covers the root's own /boot.
        try await expect(
            "sh", "-ec",
            "cd \(directory); cat head \(agent) tail >load.cpio; mount --bind / root; cp root/boot/vmlinuz* .")
        let kernel = try await expect("sh", "-c", "ls \(directory)/vmlinuz*")
        for guest in guests {
            try await machine.agent.write(
                Array(guest.configuration(kernel: kernel).utf8), to: "\(directory)/\(guest.name).cfg")
        }
    }

    /// Starts a prepared guest.
    func create(_ guest: LoadGuest) async throws {
        try await expect("xl", "create", "\(LoadGuest.directory)/\(guest.name).cfg", timeout: .seconds(300))
    }

    /// Lets the work of a guest come so many times as seldom.
    func setPace(_ guest: LoadGuest, _ factor: Int) async throws {
        try await expect("sh", "-ec", "echo pace \(factor) >\(terminal(guest))")
    }

    /// The terminal of a guest's console, in the shell's words.
    private func terminal(_ guest: LoadGuest) -> String {
        "$(xenstore-read /local/domain/$(xl domid \(guest.name))/console/tty)"
    }

    /// Waits until a guest has said how far it is.
    func waitForLoad(_ guest: LoadGuest) async throws {
        try await wait(for: "work of the guest \(guest.name)", within: .seconds(300)) {
            let said = try await exec(["sh", "-c", "timeout 3 cat \(terminal(guest))"])
            return said.text.contains("load ")
        }
    }
}
