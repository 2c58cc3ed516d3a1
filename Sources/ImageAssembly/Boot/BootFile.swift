// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The words a slot's system is started with: Xen's own options and those of the dom0 kernel.
public struct BootOptions: Sendable, Hashable, Codable {
    /// Options of Xen, in order.
    public var xen: [String]
    /// Options of the dom0 kernel, in order.
    public var kernel: [String]

    /// Gives both.
    public init(xen: [String], kernel: [String]) {
        self.xen = xen
        self.kernel = kernel
    }

    /// The `.config` section (xen/docs/misc/efi.pandoc). The first word behind `kernel=` stands for the `.kernel`
    /// section; a word with a line break or a control character would change the meaning and is refused.
    public func config() throws -> [UInt8] {
        for word in xen + kernel {
            guard !word.isEmpty, word.utf8.allSatisfy({ $0 > 32 && $0 != 127 }) else {
                throw LapwingError(
                    "boot.bad-option", exit: .badInput, "A boot option has a blank or a control character.",
                    subject: word, hint: "Write each option as a word of its own.")
            }
        }
        let lines = [
            "[global]", "default=lapwing", "", "[lapwing]", "options=" + xen.joined(separator: " "),
            (["kernel=dom0"] + kernel).joined(separator: " "), "",
        ]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// Reads a `.config` section as `config` writes it; nil for any other.
    public init?(config: [UInt8]) {
        guard let text = String(validating: config, as: UTF8.self) else { return nil }
        var xen: [String]?
        var kernel: [String]?
        for line in text.split(separator: "\n" as Character) {
            if line.hasPrefix("options=") {
                xen = line.dropFirst(8).split(separator: " " as Character).map(String.init)
            }
            if line.hasPrefix("kernel=") {
                kernel = line.dropFirst(7).split(separator: " " as Character).dropFirst().map(String.init)
            }
        }
        guard let xen, let kernel else { return nil }
        self.init(xen: xen, kernel: kernel)
    }
}

/// The parts of a slot's one Type 2 boot file (Boot Loader Specification): Xen and, as sections of its file, what it
/// starts. Signing comes after assembly and covers all of it.
public struct BootFile: Sendable {
    /// Xen's EFI program without debug sections.
    public var xen: PEImage
    /// The words for Xen and the kernel.
    public var options: BootOptions
    /// The dom0 kernel (`vmlinuz`).
    public var kernel: [UInt8]
    /// The initrd: one or more cpio archives, compressed or not.
    public var initrd: [UInt8]
    /// The microcode as an uncompressed cpio archive; nil where there is none.
    public var microcode: [UInt8]?
    /// `os-release` text: what the boot loader shows and sorts by.
    public var osRelease: String

    /// The sections that are ours, in the order of the file.
    public static let sectionNames = [".osrel", ".config", ".ucode", ".kernel", ".ramdisk"]

    /// Puts the parts together.
    public init(
        xen: PEImage, options: BootOptions, kernel: [UInt8], initrd: [UInt8], microcode: [UInt8]?, osRelease: String
    ) {
        self.xen = xen
        self.options = options
        self.kernel = kernel
        self.initrd = initrd
        self.microcode = microcode
        self.osRelease = osRelease
    }

    /// Takes a boot file apart; a signature is left behind. Throws `boot.not-ours` when parts are missing.
    public init(reading file: [UInt8], subject: String) throws {
        let image = try PEImage(file, subject: subject)
        guard let config = image.content(".config"), let options = BootOptions(config: config),
            let kernel = image.content(".kernel"), let initrd = image.content(".ramdisk"),
            let release = image.content(".osrel")
        else {
            throw LapwingError(
                "boot.not-ours", exit: .badInput, "The file is not a boot file of this program.", subject: subject)
        }
        self.init(
            xen: try image.removing(Set(Self.sectionNames)), options: options, kernel: kernel, initrd: initrd,
            microcode: image.content(".ucode"), osRelease: String(decoding: release, as: UTF8.self))
    }

    /// The whole EFI program. Equal parts give equal bytes.
    public func assembled() throws -> [UInt8] {
        var sections: [(name: String, content: [UInt8])] = [
            (".osrel", Array(osRelease.utf8)), (".config", try options.config()),
        ]
        if let microcode { sections.append((".ucode", microcode)) }
        sections.append((".kernel", kernel))
        sections.append((".ramdisk", initrd))
        return try xen.adding(sections).file
    }

    /// The same system started otherwise: with one more cpio archive behind the initrd and more options, and under
    /// another version where one is given. The kernel and the first archive stay as they are, and so does Xen unless
    /// another one is given; an uncompressed archive must be padded to 4 bytes. A version is a plain word.
    public static func rewritten(
        efi: [UInt8], subject: String, appendInitrd: [UInt8] = [], appendKernelOptions: [String] = [],
        appendXenOptions: [String] = [], version: String? = nil, xen: PEImage? = nil
    ) throws -> [UInt8] {
        var file = try BootFile(reading: efi, subject: subject)
        // The kernel skips zeros between archives; a compressed one may end anywhere.
        file.initrd += repeatElement(0, count: (4 - file.initrd.count % 4) % 4)
        file.initrd += appendInitrd
        file.options.kernel += appendKernelOptions
        file.options.xen += appendXenOptions
        if let xen { file.xen = xen }
        if let version {
            // What the boot loader orders entries by (Boot Loader Specification, Type 2).
            let keys = ["VERSION=", "VERSION_ID=", "IMAGE_VERSION="]
            file.osRelease =
                file.osRelease.split(separator: "\n" as Character).map { line in
                    keys.first { line.hasPrefix($0) }.map { "\($0)\"\(version)\"" } ?? String(line)
                }.joined(separator: "\n") + "\n"
        }
        return try file.assembled()
    }
}
