// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import FoundationEssentials
public import LapwingCore
import SystemPackage

/// A disk as sysfs shows it. Nothing is opened, mounted or checked to learn this.
public struct Disk: Codable, Sendable, Hashable {
    /// The kernel's name, such as `nvme0n1`.
    public var name: String
    /// The device file.
    public var path: String
    /// What the maker calls it; made printable, for it is the device's own word.
    public var model: String?
    /// The serial number, made printable.
    public var serial: String?
    /// The capacity in bytes.
    public var size: ByteSize
    /// True when the medium can be taken out, or the disk hangs on USB.
    public var removable: Bool
    /// True when it cannot be written.
    public var readOnly: Bool
    /// Why nothing can be installed on it; nil when something can.
    public var refusal: String?
}

/// Lists the disks of the machine from `/sys/block`.
public struct DiskProbe: Sendable {
    /// The smallest disk an installation is offered on: 8 GB as makers count, two root slots and some state.
    public static let smallest = ByteSize(bytes: 8_000_000_000)

    /// Where the files are.
    public var paths: DevicePaths

    /// A probe of the files under a root.
    public init(paths: DevicePaths) {
        self.paths = paths
    }

    /// The disks by name. Loop, RAM, optical, floppy and device-mapper devices, and Xen's and the network's block
    /// devices, are left out: they are no disks of the machine.
    public func disks() throws -> [Disk] {
        let names = try Files.explain("list", paths.at("/sys/block")) { () -> [String] in
            guard Files.isDirectory(paths.at("/sys/block")) else { throw Errno.noSuchFileOrDirectory }
            return try FileManager.default.contentsOfDirectory(atPath: paths.at("/sys/block").string)
        }
        let boot = bootDisks()
        return names.filter(Self.isDisk).sorted().compactMap { disk($0, boot: boot) }
    }

    static func isDisk(_ name: String) -> Bool {
        let others = ["loop", "ram", "sr", "fd", "dm-", "zram", "nbd", "rbd", "md", "xvd", "mtdblock"]
        return !others.contains { name.hasPrefix($0) } && !name.contains("boot") && !name.contains("rpmb")
    }

    private func disk(_ name: String, boot: Set<String>) -> Disk? {
        let directory = "/sys/block/\(name)"
        guard let sectors = line(directory + "/size").flatMap({ UInt64($0) }) else { return nil }
        // The unit of size is 512 bytes whatever the sectors of the disk are (Documentation/ABI/stable/sysfs-block).
        let (bytes, overflow) = sectors.multipliedReportingOverflow(by: 512)
        if overflow || bytes == 0 { return nil }
        let usb = resolved(directory).contains("/usb")
        var disk = Disk(
            name: name, path: "/dev/" + name.replacing("!", with: "/"), model: text(directory + "/device/model"),
            serial: text(directory + "/device/serial") ?? text(directory + "/serial"), size: ByteSize(bytes: bytes),
            removable: usb || line(directory + "/removable") == "1", readOnly: line(directory + "/ro") == "1")
        if boot.contains(name) {
            disk.refusal = "the system that runs was started from it"
        } else if isInUse(directory) {
            disk.refusal = "it is in use"
        } else if disk.readOnly {
            disk.refusal = "it cannot be written"
        } else if disk.size < Self.smallest {
            disk.refusal = "it is smaller than 8 GB"
        }
        return disk
    }

    /// The disks that hold what is mounted as `/`, `/usr`, `/var`, `/boot`, `/efi` or the live medium, down through
    /// device-mapper and loop devices.
    private func bootDisks() -> Set<String> {
        guard let mounts = try? Files.text(paths.at("/proc/self/mountinfo"), limit: 1 << 20) else { return [] }
        let points: Set<Substring> = ["/", "/usr", "/var", "/boot", "/boot/efi", "/efi", "/run/lapwing/medium"]
        var todo: [String] = []
        for mount in mounts.split(separator: "\n") {
            let fields = mount.split(separator: " ")
            if fields.count > 5, points.contains(fields[4]) { todo.append(String(fields[2])) }
        }
        var seen: Set<String> = []
        var disks: Set<String> = []
        while let number = todo.popLast(), seen.count < 256 {
            guard seen.insert(number).inserted else { continue }
            let directory = "/sys/dev/block/\(number)"
            let real = resolved(directory)
            let below = names(directory + "/slaves")
            for name in below {
                if let next = line(directory + "/slaves/\(name)/dev") { todo.append(next) }
            }
            let parts = real.split(separator: "/").map { String($0) }
            // …/block/sda for a disk, …/block/sda/sda2 for a partition.
            if let index = parts.lastIndex(of: "block"), index + 1 < parts.count { disks.insert(parts[index + 1]) }
        }
        return disks
    }

    /// True when device-mapper or RAID holds the disk or one of its partitions.
    private func isInUse(_ directory: String) -> Bool {
        if !names(directory + "/holders").isEmpty { return true }
        return names(directory).contains { part in
            Files.exists(paths.at(directory + "/\(part)/partition"))
                && !names(directory + "/\(part)/holders").isEmpty
        }
    }

    private func resolved(_ path: String) -> String {
        let url = URL(filePath: paths.at(path).string).resolvingSymlinksInPath()
        return url.path
    }

    private func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: paths.at(path).string)) ?? []).sorted()
    }

    private func line(_ path: String) -> String? {
        guard let bytes = try? Files.read(paths.at(path), limit: 1 << 12) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self).prefix { $0 != "\n" }
        return text.isEmpty ? nil : String(text)
    }

    private func text(_ path: String) -> String? {
        guard var text = line(path) else { return nil }
        while text.last?.isWhitespace == true { text.removeLast() }
        while text.first?.isWhitespace == true { text.removeFirst() }
        return text.isEmpty ? nil : SafeText.printable(String(text.prefix(128)))
    }
}
