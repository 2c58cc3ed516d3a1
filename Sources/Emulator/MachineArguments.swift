// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

extension Machine {
    /// The program of the architecture, a name for `PATH`.
    public var program: String {
        switch architecture {
        case .x86_64: "qemu-system-x86_64"
        case .arm64: "qemu-system-aarch64"
        }
    }

    /// QEMU's arguments (QEMU 10.0, `qemu-system-x86_64(1)`); the same machine gives the same list.
    public func arguments() -> [String] {
        ["-name", "lapwing", "-nodefaults", "-no-user-config"] + boardArguments + firmwareArguments + channelArguments
            + diskArguments + tpmArguments + displayArguments
            + drives.flatMap { ["-blockdev", $0.argument] }
            + networks.flatMap { ["-netdev", $0.argument] }
            + devices.flatMap { ["-device", $0.argument] }
            + acpiTables.flatMap { ["-acpitable", Self.options([("file", $0.string)])] }
            + (stopOnReboot ? ["-no-reboot"] : [])
    }

    /// The files QEMU only reads, for the wrapper that gives it a file system; the firmware's code is not among them,
    /// because it stands in the tools tree itself.
    public var reads: [FilePath] {
        var paths = acpiTables
        if let kernel { paths += [kernel.image, kernel.initrd] }
        return paths + disks.filter { $0.readOnly || $0.temporary }.map(\.file)
    }

    /// The files and directories QEMU writes to, for the wrapper; sockets by the directory they stand in.
    public var writes: [FilePath] {
        var paths: [FilePath] = []
        if let firmware { paths.append(firmware.variables) }
        if case .file(let log) = serial { paths.append(log.removingLastComponent()) }
        for socket in [tpm, agentSocket, controlSocket] {
            if let socket { paths.append(socket.removingLastComponent()) }
        }
        paths += disks.filter { !$0.readOnly && !$0.temporary }.map(\.file)
        paths += drives.map(\.file)
        if accelerator == .kvm { paths.append("/dev/kvm") }
        var seen: Set<FilePath> = []
        return paths.filter { seen.insert($0).inserted }
    }

    /// Joins options as QEMU's parser takes them: commas of a value are doubled.
    static func options(_ pairs: [(String, String)]) -> String {
        pairs.map { name, value in
            let escaped = value.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
            return name.isEmpty ? escaped : "\(name)=\(escaped)"
        }.joined(separator: ",")
    }

    private var boardArguments: [String] {
        let board: String
        switch architecture {
        case .x86_64:
            board = firmware?.secure == true ? "q35,smm=on" : "q35"
        case .arm64:
            board = "virt,virtualization=on,gic-version=3,acpi=off"
        }
        let mebibytes = max(1, memory.bytes >> 20)
        return [
            "-machine", board, "-accel", accelerator.argument, "-cpu", accelerator.processor(architecture),
            "-smp", String(processors), "-m", "\(mebibytes)M", "-rtc", "base=utc",
        ]
    }

    private var firmwareArguments: [String] {
        var list: [String] = []
        if let firmware {
            if firmware.secure {
                list += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
            }
            list += [
                "-drive",
                Self.options([
                    ("if", "pflash"), ("unit", "0"), ("format", "raw"), ("readonly", "on"),
                    ("file", firmware.code.string),
                ]),
                "-drive",
                Self.options([
                    ("if", "pflash"), ("unit", "1"), ("format", firmware.variablesFormat.rawValue),
                    ("file", firmware.variables.string),
                ]),
            ]
        }
        if let kernel {
            // QEMU splits -initrd at commas into several modules, so a comma of the name is doubled as well.
            list += [
                "-kernel", kernel.image.string, "-initrd", Self.options([("", kernel.initrd.string)]),
                "-append", kernel.commandLine,
            ]
        }
        return list
    }

    private var channelArguments: [String] {
        var list: [String] = []
        switch serial {
        case .file(let path):
            list += ["-chardev", Self.options([("", "file"), ("id", "serial0"), ("path", path.string)])]
        case .terminal:
            // mux=on gives QEMU's escape key (Ctrl-A) without a monitor on the same terminal.
            list += ["-chardev", "stdio,id=serial0,mux=on,signal=off"]
        }
        list += ["-serial", "chardev:serial0"]
        list += ["-device", "virtio-rng-pci,id=rng0"]
        if let agentSocket {
            list += [
                "-device", "virtio-serial-pci,id=vserial0",
                "-chardev", Self.socket("agent0", agentSocket),
                "-device",
                Self.options([
                    ("", "virtserialport"), ("bus", "vserial0.0"), ("chardev", "agent0"),
                    ("name", Self.agentPortName),
                ]),
            ]
        }
        if let controlSocket {
            list += ["-chardev", Self.socket("qmp0", controlSocket), "-mon", "chardev=qmp0,mode=control"]
        }
        return list
    }

    private static func socket(_ id: String, _ path: FilePath) -> String {
        options([("", "socket"), ("id", id), ("path", path.string), ("server", "on"), ("wait", "off")])
    }

    private var diskArguments: [String] {
        var list: [String] = []
        if disks.contains(where: { $0.attachment == .usbStorage }) {
            list += ["-device", "qemu-xhci,id=xhci0"]
        }
        if architecture == .arm64, disks.contains(where: { $0.attachment == .ahci }) {
            list += ["-device", "ahci,id=ide"]
        }
        if architecture == .arm64, disks.contains(where: { $0.attachment == .optical }) {
            list += ["-device", "virtio-scsi-pci,id=scsi0"]
        }
        var port = 0
        for (index, disk) in disks.enumerated() {
            list += ["-drive", Self.options(disk.driveOptions), "-device"]
            var options: [(String, String)]
            switch disk.attachment {
            case .virtioBlock: options = [("", "virtio-blk-pci")]
            case .nvme: options = [("", "nvme")]
            case .ahci:
                options = [("", "ide-hd"), ("bus", "ide.\(port)")]
                port += 1
            case .usbStorage: options = [("", "usb-storage"), ("bus", "xhci0.0"), ("removable", "on")]
            case .optical:
                if architecture == .x86_64 {
                    options = [("", "ide-cd"), ("bus", "ide.\(port)")]
                    port += 1
                } else {
                    options = [("", "scsi-cd"), ("bus", "scsi0.0")]
                }
            }
            options += [("id", disk.id), ("drive", "\(disk.id)-file"), ("bootindex", String(index + 1))]
            if let serial = disk.serial ?? (disk.attachment == .nvme ? disk.id : nil) {
                options.append(("serial", serial))
            }
            list.append(Self.options(options))
        }
        return list
    }

    private var tpmArguments: [String] {
        guard let tpm else { return [] }
        return [
            "-chardev", "socket,id=tpm0," + Self.options([("path", tpm.string)]),
            "-tpmdev", "emulator,id=tpm0,chardev=tpm0",
            "-device", architecture == .x86_64 ? "tpm-crb,tpmdev=tpm0" : "tpm-tis-device,tpmdev=tpm0",
        ]
    }

    private var displayArguments: [String] {
        let adapter = architecture == .x86_64 ? "VGA" : "ramfb"
        switch display {
        case .none: return ["-device", adapter, "-display", "none"]
        case .gtk: return ["-device", adapter, "-display", "gtk", "-device", "qemu-xhci,id=input0"] + Self.inputs
        case .vnc:
            return ["-device", adapter, "-display", "vnc=127.0.0.1:0", "-device", "qemu-xhci,id=input0"] + Self.inputs
        }
    }

    private static let inputs = ["-device", "usb-kbd,bus=input0.0", "-device", "usb-tablet,bus=input0.0"]
}

extension Disk {
    fileprivate var driveOptions: [(String, String)] {
        var options = [
            ("if", "none"), ("id", "\(id)-file"), ("format", format.rawValue), ("file", file.string),
            ("cache", durable ? "writeback" : "unsafe"),
        ]
        if readOnly { options.append(("readonly", "on")) }
        if temporary { options.append(("snapshot", "on")) }
        if !readOnly { options += [("discard", "unmap"), ("detect-zeroes", "unmap")] }
        return options
    }
}

extension Device {
    /// The device as `-device` takes it.
    public var argument: String {
        Machine.options([("", driver)] + properties.map { ($0.name, $0.value) })
    }
}
