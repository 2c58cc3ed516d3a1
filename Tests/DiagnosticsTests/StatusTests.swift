// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

@testable import Diagnostics

struct StatusTests {
    @Test func `the last root hash and slot of the command line count`() {
        let (a, b) = (String(repeating: "a", count: 64), String(repeating: "b", count: 64))
        let facts = BootFacts(commandLine: "ro roothash=\(a) lapwing.slot=b lapwing.roothash=\(b)\n")
        #expect(facts.rootHash?.hex == b)
        #expect(facts.slot == "B")
        #expect(BootFacts(commandLine: "roothash=short lapwing.slot=c").rootHash == nil)
        #expect(BootFacts(commandLine: "roothash=short lapwing.slot=c").slot == nil)
    }

    @Test func `a captured machine is described from its files alone`() async throws {
        let root = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("lapwing-status-\(UInt64.random(in: 0 ... .max))")
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let files = [
            "sys/hypervisor/type": "xen\n", "sys/hypervisor/version/major": "4\n",
            "sys/hypervisor/version/minor": "20\n", "sys/hypervisor/version/extra": ".2-pre\n",
            "proc/uptime": "75.31 100.0\n", "proc/cmdline": "roothash=\(String(repeating: "c", count: 64))\n",
            "proc/self/mountinfo": "29 1 253:2 / /var rw - ext4 /dev/mapper/state rw\n",
            "sys/dev/block/253:2/slaves/dm-1/dev": "253:1\n", "sys/dev/block/253:1/dm/uuid": "CRYPT-LUKS2-x\n",
            "sys/class/power_supply/BAT0/type": "Battery\n", "sys/class/power_supply/BAT0/capacity": "81\n",
            "sys/class/power_supply/AC/type": "Mains\n", "sys/class/power_supply/mouse/type": "Battery\n",
            "sys/class/power_supply/mouse/scope": "Device\n",
        ]
        for (path, text) in files {
            let file = root.pushing(FilePath(path))
            try Files.makeDirectory(file.removingLastComponent())
            try Files.write(text, to: file)
        }
        let status = await StatusReader(paths: DevicePaths(root: root), runner: nil).read()
        #expect(status.hypervisor?.version == "4.20.2-pre")
        #expect(status.uptime == 75)
        #expect(status.stateIsEncrypted == true)
        #expect(status.batteries == [.init(name: "BAT0", percent: 81)])
        #expect(status.failedUnits == nil)
        #expect(!status.isHealthy)
    }

    @Test func `a machine without anything is described without a guess`() async {
        let status = await StatusReader(paths: DevicePaths(root: "/nonexistent"), runner: nil).read()
        #expect(status.hypervisor == nil && status.uptime == nil && status.stateIsEncrypted == nil)
        #expect(status.batteries.isEmpty)
    }

    @Test func `the lines of xl info are taken apart`() {
        let info = StatusReader.parseInfo("nr_cpus                : 2\nxen_caps : a:b c\nnonsense\n")
        #expect(info == ["nr_cpus": "2", "xen_caps": "a:b c"])
    }
}
