// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import FoundationEssentials
import LapwingCore
import SystemPackage
import TargetInstall
import Testing

struct DiskProbeTests {
    /// A machine with an NVMe disk that was booted from through verity, a second disk, a tiny stick, and an optical
    /// drive.
    private func machine() throws -> FilePath {
        let root = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("lapwing-probe-\(UInt64.random(in: 0 ... .max))")
        let devices = "sys/devices/pci0000:00"
        let files = [
            "\(devices)/nvme/block/nvme0n1/size": "1000215216\n", "\(devices)/nvme/block/nvme0n1/ro": "0\n",
            "\(devices)/nvme/block/nvme0n1/device/model": "Fast \u{1b}[31mdisk   \n",
            "\(devices)/nvme/block/nvme0n1/device/serial": "S1   \n",
            "\(devices)/nvme/block/nvme0n1/nvme0n1p2/dev": "259:2\n",
            "\(devices)/ata/block/sda/size": "500118192\n", "\(devices)/ata/block/sda/ro": "0\n",
            "\(devices)/usb1/block/sdb/size": "2048\n", "\(devices)/usb1/block/sdb/ro": "0\n",
            "\(devices)/sr/block/sr0/size": "1000\n",
            "sys/devices/virtual/block/dm-0/slaves/nvme0n1p2/dev": "259:2\n",
            "proc/self/mountinfo": "20 1 252:0 / / ro - erofs /dev/mapper/root ro\n",
        ]
        for (path, text) in files {
            let file = root.pushing(FilePath(path))
            try Files.makeDirectory(file.removingLastComponent())
            try Files.write(text, to: file)
        }
        let links = [
            "sys/block/nvme0n1": "../devices/pci0000:00/nvme/block/nvme0n1",
            "sys/block/sda": "../devices/pci0000:00/ata/block/sda",
            "sys/block/sdb": "../devices/pci0000:00/usb1/block/sdb",
            "sys/block/sr0": "../devices/pci0000:00/sr/block/sr0", "sys/block/dm-0": "../devices/virtual/block/dm-0",
            "sys/dev/block/252:0": "../../devices/virtual/block/dm-0",
            "sys/dev/block/259:2": "../../devices/pci0000:00/nvme/block/nvme0n1/nvme0n1p2",
        ]
        for (link, target) in links {
            let path = root.pushing(FilePath(link))
            try Files.makeDirectory(path.removingLastComponent())
            try FileManager.default.createSymbolicLink(atPath: path.string, withDestinationPath: target)
        }
        return root
    }

    @Test func `the disk the system was started from is refused through all layers, the other one is offered`() throws {
        let root = try machine()
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        let disks = try DiskProbe(paths: DevicePaths(root: root)).disks()
        #expect(disks.map(\.name) == ["nvme0n1", "sda", "sdb"])
        #expect(disks[0].refusal?.contains("started from") == true)
        #expect(disks[0].model == "Fast \\u{1b}[31mdisk")
        #expect(disks[0].serial == "S1")
        #expect(disks[0].size.bytes == 1_000_215_216 * 512)
        #expect(disks[1].refusal == nil)
        #expect(disks[2].removable)
        #expect(disks[2].refusal?.contains("smaller") == true)
    }

    @Test func `a machine whose disks cannot be listed is an error`() {
        #expect(throws: LapwingError.self) { try DiskProbe(paths: DevicePaths(root: "/nonexistent")).disks() }
    }
}
