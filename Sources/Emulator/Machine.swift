// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// A machine for QEMU, as a value. `arguments(_:)` renders it; nothing here touches the host.
public struct Machine: Sendable, Hashable {
    /// The processor architecture of the emulated machine.
    public enum Architecture: String, Sendable, Hashable, Codable, CaseIterable {
        /// 64-bit x86 on QEMU's `q35`.
        case x86_64
        /// 64-bit ARM on QEMU's `virt`, device tree, with EL2.
        case arm64
    }

    /// The UEFI firmware, two flash files.
    public struct Firmware: Sendable, Hashable {
        /// The firmware's code, opened read-only (OVMF's `OVMF_CODE_4M.fd`).
        public var code: FilePath
        /// The machine's own copy of the variables; written to.
        public var variables: FilePath
        /// The format of the variables file; `qcow2` is needed for snapshots of the whole machine.
        public var variablesFormat: Disk.Format
        /// True when the code needs system management mode (OVMF's Secure Boot builds).
        public var secure: Bool

        /// Describes the firmware.
        public init(code: FilePath, variables: FilePath, variablesFormat: Disk.Format = .raw, secure: Bool = false) {
            self.code = code
            self.variables = variables
            self.variablesFormat = variablesFormat
            self.secure = secure
        }
    }

    /// What the guest sees on a screen, and whether the person sees it too.
    public enum Display: String, Sendable, Hashable, CaseIterable {
        /// A graphics adapter without a window.
        case none
        /// A window (QEMU's GTK user interface; the tools tree must have it).
        case gtk
        /// A VNC server on 127.0.0.1, display 0 (TCP port 5900).
        case vnc
    }

    /// Where the first serial port goes.
    public enum Serial: Sendable, Hashable {
        /// To a log file.
        case file(FilePath)
        /// To the terminal the program was started from. The characters go to the guest as typed, the interrupt key
        /// too; `Ctrl-A X` ends QEMU.
        case terminal
    }

    /// The machine's architecture.
    public var architecture: Architecture
    /// The UEFI firmware; nil to start `kernel` directly.
    public var firmware: Firmware?
    /// A kernel started without firmware: for tests of the emulator itself.
    public var kernel: DirectKernel?
    /// KVM or emulation.
    public var accelerator: Accelerator
    /// Virtual processors.
    public var processors: Int
    /// Memory in bytes; QEMU takes whole MiB.
    public var memory: ByteSize
    /// The disks, in boot order.
    public var disks: [Disk]
    /// The control socket of a running `swtpm`; nil for a machine without TPM.
    public var tpm: FilePath?
    /// Further devices, in order.
    public var devices: [Device]
    /// Block nodes that devices name as their `drive`, now or when they are plugged in.
    public var drives: [Drive] = []
    /// Networks that devices name as their `netdev`.
    public var networks: [Network] = []
    /// Files with further ACPI tables (compiled, header included).
    public var acpiTables: [FilePath]
    /// The first serial port.
    public var serial: Serial
    /// The socket behind the guest's port `lapwing.agent.0`; nil for a machine without it.
    public var agentSocket: FilePath?
    /// The socket of QEMU's own control protocol; nil for none.
    public var controlSocket: FilePath?
    /// The screen.
    public var display: Display
    /// True to halt QEMU instead of restarting when the guest asks for a reboot.
    public var stopOnReboot: Bool

    /// Describes a machine: two processors and 4 GiB unless told otherwise, no disks.
    public init(
        architecture: Architecture, firmware: Firmware?, kernel: DirectKernel? = nil, accelerator: Accelerator,
        processors: Int = 2, memory: ByteSize = ByteSize(bytes: 4 << 30), disks: [Disk] = [], tpm: FilePath? = nil,
        devices: [Device] = [], acpiTables: [FilePath] = [], serial: Serial, agentSocket: FilePath? = nil,
        controlSocket: FilePath? = nil, display: Display = .none, stopOnReboot: Bool = false
    ) {
        self.architecture = architecture
        self.firmware = firmware
        self.kernel = kernel
        self.accelerator = accelerator
        self.processors = processors
        self.memory = memory
        self.disks = disks
        self.tpm = tpm
        self.devices = devices
        self.acpiTables = acpiTables
        self.serial = serial
        self.agentSocket = agentSocket
        self.controlSocket = controlSocket
        self.display = display
        self.stopOnReboot = stopOnReboot
    }

    /// The name of the port the test agent speaks through, `/dev/virtio-ports/lapwing.agent.0` in the guest.
    public static let agentPortName = "lapwing.agent.0"
}

/// A kernel that QEMU loads itself.
public struct DirectKernel: Sendable, Hashable {
    /// The kernel image.
    public var image: FilePath
    /// The initial RAM disk.
    public var initrd: FilePath
    /// The command line.
    public var commandLine: String

    /// Describes a kernel.
    public init(image: FilePath, initrd: FilePath, commandLine: String) {
        self.image = image
        self.initrd = initrd
        self.commandLine = commandLine
    }
}

/// A disk, a stick or an optical drive of the emulated machine.
public struct Disk: Sendable, Hashable {
    /// The format of the file behind the disk.
    public enum Format: String, Sendable, Hashable {
        /// A plain image.
        case raw
        /// QEMU's copy-on-write format; used for overlays.
        case qcow2
    }

    /// What the guest sees.
    public enum Attachment: String, Sendable, Hashable, CaseIterable {
        /// A paravirtual disk, `/dev/vda`.
        case virtioBlock
        /// An NVMe namespace, `/dev/nvme0n1`. It forbids snapshots of the whole machine.
        case nvme
        /// A SATA disk, `/dev/sda`.
        case ahci
        /// A USB stick on an xHCI controller.
        case usbStorage
        /// An optical drive, `/dev/sr0`.
        case optical
    }

    /// The disk's name in QEMU: letters, digits and `-`.
    public var id: String
    /// The file behind it.
    public var file: FilePath
    /// The file's format.
    public var format: Format
    /// What the guest sees.
    public var attachment: Attachment
    /// True when the guest may not write.
    public var readOnly: Bool
    /// True to keep the guest's writes in a temporary file that goes with QEMU, so that `file` stays as it is.
    public var temporary: Bool
    /// The serial number the guest sees.
    public var serial: String?
    /// The file system the writes must survive on: false trades safety of a throw-away copy for speed.
    public var durable: Bool

    /// Describes a disk. An optical drive is always read-only.
    public init(
        id: String, file: FilePath, format: Format = .raw, attachment: Attachment, readOnly: Bool = false,
        temporary: Bool = false, serial: String? = nil, durable: Bool = false
    ) {
        self.id = id
        self.file = file
        self.format = format
        self.attachment = attachment
        self.readOnly = readOnly || attachment == .optical
        self.temporary = temporary
        self.serial = serial
        self.durable = durable
    }
}

/// A file that a device of the machine may have as its disk, and keeps when it is pulled out. Whoever starts the machine
/// makes it, empty.
public struct Drive: Sendable, Hashable {
    /// The name devices know it by.
    public var id: String
    /// The file.
    public var file: FilePath
    /// Its size, a whole number of sectors.
    public var size: ByteSize

    /// Describes a drive.
    public init(id: String, file: FilePath, size: ByteSize) {
        self.id = id
        self.file = file
        self.size = size
    }

    /// The drive as `-blockdev` takes it.
    var argument: String {
        Machine.options([
            ("driver", "raw"), ("node-name", id), ("discard", "unmap"), ("file.driver", "file"),
            ("file.filename", file.string),
        ])
    }
}

/// A network inside QEMU (its `user` back end), closed: a guest on it has an address by DHCP or 10.0.2.15 and reaches
/// nobody but the echo.
public struct Network: Sendable, Hashable {
    /// A TCP address in 10.0.2.0/24 that sends back what it gets.
    public struct Echo: Sendable, Hashable {
        /// The address.
        public var address: String
        /// The TCP port.
        public var port: Int

        /// Describes an echo.
        public init(address: String, port: Int) {
            self.address = address
            self.port = port
        }
    }

    /// The name devices know it by.
    public var id: String
    /// Who answers; nil for nobody.
    public var echo: Echo?

    /// Describes a network.
    public init(id: String, echo: Echo? = nil) {
        self.id = id
        self.echo = echo
    }

    /// The network as `-netdev` takes it: `restrict` keeps its guests from the host and from the world, each connection
    /// to the echo is given to a `cat` of its own.
    var argument: String {
        var options = [("", "user"), ("id", id), ("restrict", "on")]
        if let echo { options.append(("guestfwd", "tcp:\(echo.address):\(echo.port)-cmd:cat")) }
        return Machine.options(options)
    }
}

/// A device as QEMU's `-device` and `device_add` name it.
public struct Device: Sendable, Hashable {
    /// QEMU's name of the driver, for example `e1000e`.
    public var driver: String
    /// Its properties, in order.
    public var properties: [Property]

    /// One property of a device.
    public struct Property: Sendable, Hashable {
        /// QEMU's name of the property.
        public var name: String
        /// Its value, unescaped.
        public var value: String

        /// Creates a property.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Describes a device.
    public init(_ driver: String, _ properties: KeyValuePairs<String, String> = [:]) {
        self.driver = driver
        self.properties = properties.map { Property($0.key, $0.value) }
    }

    /// The value of a property.
    public subscript(name: String) -> String? {
        properties.first { $0.name == name }?.value
    }
}
