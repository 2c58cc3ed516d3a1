// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import LapwingCore

/// A domain with its name and where its definition stands.
public struct DomainDefinition: Sendable, Hashable, Codable {
    /// Where a definition came from.
    public enum Origin: String, Sendable, Hashable, Codable {
        /// The image.
        case image
        /// A file on the device.
        case local
    }

    /// The domain's name.
    public var name: String
    /// What it is.
    public var settings: DomainSettings
    /// Where the definition came from.
    public var origin: Origin
    /// The file it stands in.
    public var file: String

    /// Puts a definition together.
    public init(name: String, settings: DomainSettings, origin: Origin, file: String) {
        self.name = name
        self.settings = settings
        self.origin = origin
        self.file = file
    }

    /// The longest name, in characters: the recipe's own limit.
    public static let nameLimit = 32

    /// True for what may name a domain or a disk: small letters, digits and hyphens, a letter first.
    public static func isName(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        return (1...nameLimit).contains(bytes.count) && (97...122).contains(bytes[0])
            && bytes.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "-") }
    }

    /// True for a path that is safe in xl's configuration and in QEMU's options: absolute, without `.` and `..`,
    /// printable ASCII without quotes, backslashes and commas (both programs split at commas).
    public static func isPath(_ path: String) -> Bool {
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count < 1024 else { return false }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        return parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
            && path.utf8.allSatisfy { isPlain($0) && $0 != UInt8(ascii: ",") }
    }

    /// True for a kernel command line xl's configuration can hold: printable ASCII without quotes and backslashes.
    public static func isCommandLine(_ text: String) -> Bool {
        text.utf8.count < 2048 && text.utf8.allSatisfy(isPlain)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (32..<127).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "'")
            && byte != UInt8(ascii: "\\")
    }
}

/// What is wrong with a definition whose values are each fine, found in one pass. Serves YAML, flags, and what a client
/// sends alike.
public enum DefinitionCheck {
    /// One mistake: the key it concerns, as `disks[0].file`, with a sentence and advice.
    public struct Mistake: Sendable, Hashable {
        /// The key, from the domain's own map.
        public var key: String
        /// What is wrong.
        public var message: String
        /// What can be done.
        public var hint: String?
    }

    /// The bounds of a domain's memory; the recipe has the same.
    public static let memory = ByteSize(bytes: 16 << 20)...ByteSize(bytes: 16 << 40)
    /// The bounds of a disk made by us; the recipe has the same.
    public static let disk = ByteSize(bytes: 1 << 20)...ByteSize(bytes: 64 << 40)
    /// The bounds of a domain's processors.
    public static let vcpus = 1...512
    /// The bounds of a physical CPU's number: Xen's own build for x86 ends at 4095 (xen/arch/Kconfig).
    public static let cpus = 0...4095
    /// The bounds of the place among those that start with the machine.
    public static let order = 0...999
    /// The most disks: as many as four IDE and SATA ports of QEMU and letters have room for.
    public static let disks = 12

    /// All mistakes, in the order of the keys.
    public static func mistakes(_ name: String, _ settings: DomainSettings) -> [Mistake] {
        var found: [Mistake] = []
        func add(_ key: String, _ message: String, _ hint: String? = nil) {
            found.append(Mistake(key: key, message: message, hint: hint))
        }
        if name == "dom0" || name == "domain-0" { add("", "The control domain is no guest.", "Take another name.") }
        if !DomainDefinition.isName(name) {
            add("", "This is no name for a domain.", "Use small letters, digits and -, a letter first, 32 at most.")
        }
        if !memory.contains(settings.memory) { add("memory", "The memory must be 16 MiB to 16 TiB.") }
        if !vcpus.contains(settings.vcpus) { add("vcpus", "There must be 1 to 512 virtual CPUs.") }
        if !settings.cpus.allSatisfy(cpus.contains) { add("cpus", "The number of a physical CPU must be 0 to 4095.") }
        if Set(settings.cpus).count != settings.cpus.count { add("cpus", "A CPU stands twice in the list.") }
        if !order.contains(settings.startOrder) { add("startOrder", "The order must be 0 to 999.") }
        if let text = settings.description, !SafeText.printable(text).elementsEqual(text) || text.utf8.count > 512 {
            add("description", "The description must be one line of printable text, 512 bytes at most.")
        }
        for (key, path) in [("kernel", settings.kernel), ("ramdisk", settings.ramdisk)] {
            if let path, !DomainDefinition.isPath(path) { add(key, pathMessage, pathHint) }
        }
        if let text = settings.cmdline, !DomainDefinition.isCommandLine(text) {
            add("cmdline", "The command line must be printable ASCII without quotes and backslashes.")
        }
        if settings.kernel == nil {
            if settings.type != .hvm {
                add("kernel", "A domain of type \(settings.type.rawValue) needs a kernel.", "Name it by kernel: /path.")
            }
            if settings.ramdisk != nil { add("ramdisk", "A ramdisk without a kernel is never read.") }
            if settings.cmdline != nil { add("cmdline", "A command line without a kernel is never read.") }
        }
        if settings.type != .hvm {
            if !settings.boot.isEmpty { add("boot", "Only an HVM domain starts from disks by itself.", "Remove it.") }
            if settings.display != .none { add("display", "Only an HVM domain has a screen.", "Write display: none.") }
        }
        if settings.battery == .passthrough {
            add(
                "battery",
                "The battery cannot be passed through: nobody has described the ports of this platform's battery.",
                "battery: virtual works on every machine.")
        }
        if Set(settings.boot).count != settings.boot.count { add("boot", "A device stands twice in the order.") }
        disks(settings, add)
        return found
    }

    static let pathMessage = "This must be an absolute path without quotes, commas, backslashes, . and .. in it."
    static let pathHint = "For example /var/lib/lapwing/images/install.iso."

    private static func disks(_ settings: DomainSettings, _ add: (String, String, String?) -> Void) {
        if settings.disks.count > disks { add("disks", "There may be \(disks) disks.", nil) }
        var names: Set<String> = []
        for (index, disk) in settings.disks.enumerated() {
            let key = "disks[\(index)]"
            if !DomainDefinition.isName(disk.name) {
                add(key + ".name", "This is no name for a disk.", "Use small letters, digits and -, a letter first.")
            }
            if !names.insert(disk.name).inserted { add(key + ".name", "Two disks have the same name.", nil) }
            let sources = [disk.size != nil, disk.file != nil, disk.device != nil, disk.cdrom != nil].count { $0 }
            if sources != 1 {
                add(
                    key, "A disk has exactly one of size, file, device and cdrom.",
                    "size: 20 GiB makes a new image on the state partition.")
            }
            if let size = disk.size, !self.disk.contains(size) {
                add(key + ".size", "The size must be 1 MiB to 64 TiB.", nil)
            }
            for (source, path) in [("file", disk.file), ("device", disk.device), ("cdrom", disk.cdrom)] {
                if let path, !DomainDefinition.isPath(path) { add("\(key).\(source)", pathMessage, pathHint) }
            }
            if let device = disk.device, DomainDefinition.isPath(device), !device.hasPrefix("/dev/") {
                add(key + ".device", "A block device stands below /dev.", "An image is named by file.")
            }
            if disk.cdrom != nil, settings.type != .hvm {
                add(key + ".cdrom", "Only an HVM domain has an optical drive.", "Write file: and readOnly: true.")
            }
        }
    }
}
