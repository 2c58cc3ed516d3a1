// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// A guest domain, as the recipe and the files in `/var/lib/lapwing/domains.d` define it.
public struct DomainSettings: Codable, Sendable, Hashable {
    /// How a domain is virtualised.
    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// With a device model.
        case hvm
        /// With hardware virtualisation and no device model.
        case pvh
        /// Paravirtualised.
        case pv
    }

    /// How a domain sees the battery.
    public enum Battery: String, Codable, Sendable, CaseIterable {
        /// Not at all.
        case none
        /// A battery of our own, filled from the real one.
        case virtual
        /// The real one.
        case passthrough
    }

    /// What an HVM domain starts from.
    public enum BootDevice: String, Codable, Sendable, CaseIterable {
        /// Its disks.
        case disk
        /// Its optical drives.
        case cdrom
    }

    /// Where an HVM domain's screen is shown.
    public enum Display: String, Codable, Sendable, CaseIterable {
        /// Nowhere.
        case none
        /// By VNC on a socket below `/run/lapwing/domains`.
        case vnc
    }

    /// What is done when a domain crashes.
    public enum OnCrash: String, Codable, Sendable, CaseIterable {
        /// It is started again, within the limit on restarts.
        case restart
        /// It is cleared away.
        case stop
        /// It is kept as it is, for a look at what happened.
        case keep
    }

    /// A disk. One of `size`, `file`, `device` and `cdrom` says what is behind it.
    public struct Disk: Codable, Sendable, Hashable {
        /// Its name within the domain.
        public var name: String
        /// The size of an image of ours in bytes, made on the state partition when it is not there.
        public var size: ByteSize?
        /// An image that is there already.
        public var file: String?
        /// A block device.
        public var device: String?
        /// An image in an optical drive.
        public var cdrom: String?
        /// True when the guest may not write to it.
        public var readOnly: Bool

        /// Describes a disk.
        public init(
            name: String, size: ByteSize? = nil, file: String? = nil, device: String? = nil, cdrom: String? = nil,
            readOnly: Bool = false
        ) {
            self.name = name
            self.size = size
            self.file = file
            self.device = device
            self.cdrom = cdrom
            self.readOnly = readOnly
        }
    }

    /// What it is for, in a line.
    public var description: String?
    /// How it is virtualised.
    public var type: Kind
    /// Its memory in bytes.
    public var memory: ByteSize
    /// Its virtual CPUs.
    public var vcpus: Int
    /// The physical CPUs it may run on, by Xen's numbers; all when empty.
    public var cpus: [Int]
    /// Its disks.
    public var disks: [Disk]
    /// The kernel it is started with, a path in dom0.
    public var kernel: String?
    /// The initial RAM disk beside it.
    public var ramdisk: String?
    /// The kernel's command line.
    public var cmdline: String?
    /// What an HVM domain without a kernel starts from, in order.
    public var boot: [BootDevice]
    /// Where its screen is shown.
    public var display: Display
    /// True when it starts with the machine.
    public var autostart: Bool
    /// When, among those that start with the machine: lower numbers first.
    public var startOrder: Int
    /// What is done when it crashes.
    public var onCrash: OnCrash
    /// How it sees the battery.
    public var battery: Battery

    /// Where a domain stands among the others unless told otherwise.
    public static let usualOrder = 100

    /// Describes a domain.
    public init(
        description: String? = nil, type: Kind, memory: ByteSize, vcpus: Int, cpus: [Int] = [],
        disks: [Disk] = [], kernel: String? = nil, ramdisk: String? = nil, cmdline: String? = nil,
        boot: [BootDevice] = [], display: Display = .none, autostart: Bool = false, startOrder: Int = usualOrder,
        onCrash: OnCrash = .restart, battery: Battery = .none
    ) {
        self.description = description
        self.type = type
        self.memory = memory
        self.vcpus = vcpus
        self.cpus = cpus
        self.disks = disks
        self.kernel = kernel
        self.ramdisk = ramdisk
        self.cmdline = cmdline
        self.boot = boot
        self.display = display
        self.autostart = autostart
        self.startOrder = startOrder
        self.onCrash = onCrash
        self.battery = battery
    }

    /// Reads a definition; keys that came later than the first images have their defaults.
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        description = try keys.decodeIfPresent(String.self, forKey: .description)
        type = try keys.decode(Kind.self, forKey: .type)
        memory = try keys.decode(ByteSize.self, forKey: .memory)
        vcpus = try keys.decode(Int.self, forKey: .vcpus)
        cpus = try keys.decodeIfPresent([Int].self, forKey: .cpus) ?? []
        disks = try keys.decode([Disk].self, forKey: .disks)
        kernel = try keys.decodeIfPresent(String.self, forKey: .kernel)
        ramdisk = try keys.decodeIfPresent(String.self, forKey: .ramdisk)
        cmdline = try keys.decodeIfPresent(String.self, forKey: .cmdline)
        boot = try keys.decodeIfPresent([BootDevice].self, forKey: .boot) ?? []
        display = try keys.decodeIfPresent(Display.self, forKey: .display) ?? .none
        autostart = try keys.decode(Bool.self, forKey: .autostart)
        startOrder = try keys.decodeIfPresent(Int.self, forKey: .startOrder) ?? Self.usualOrder
        onCrash = try keys.decodeIfPresent(OnCrash.self, forKey: .onCrash) ?? .restart
        battery = try keys.decode(Battery.self, forKey: .battery)
    }
}
