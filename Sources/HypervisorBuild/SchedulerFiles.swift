// SPDX-License-Identifier: Apache-2.0

import Hashing
public import LapwingCore
public import SystemPackage

/// Our scheduler as files to be added to the hypervisor's source. No file of the hypervisor is patched: one line comes
/// into the Makefile of the schedulers and one entry into their Kconfig, both written here.
public struct SchedulerFiles: Sendable, Hashable {
    /// The name after `sched=`, at most nine characters.
    public static let name = "lapwing"
    /// The symbol that compiles it in.
    static let symbol = "SCHED_LAPWING"
    /// Where Xen keeps its schedulers.
    static let place = "xen/common/sched"

    /// One of the files.
    public struct File: Sendable, Hashable, Codable {
        /// Its path in the source.
        public var name: String
        /// The length in bytes.
        public var size: Int
        /// The SHA-256 of the content.
        public var sha256: Digest
    }

    /// The files, by name.
    public let files: [String: [UInt8]]
    /// The objects to link, in order.
    public let objects: [String]

    /// The files as they stand in the source, sorted.
    public var list: [File] {
        files.map { File(name: "\(Self.place)/\($0.key)", size: $0.value.count, sha256: Digest.of($0.value)) }
            .sorted { $0.name < $1.name }
    }

    /// Takes the C files of a directory, for example `Firmware/Hypervisor`. The file `objects` there lists the objects
    /// to link, one in a line; without it, it is `sched_lapwing.o` alone.
    public init(_ directory: FilePath) throws {
        var files: [String: [UInt8]] = [:]
        for name in try Files.names(in: directory).sorted() where name.hasSuffix(".c") || name.hasSuffix(".h") {
            files[name] = try Files.read(directory.appending(name), limit: 16 << 20)
        }
        let list = directory.appending("objects")
        let objects =
            Files.exists(list)
            ? try Files.text(list, limit: 1 << 16).split(whereSeparator: \.isNewline).map {
                String($0.prefix { $0 != "#" }.filter { !$0.isWhitespace })
            }.filter { !$0.isEmpty } : ["sched_\(Self.name).o"]
        for object in objects {
            guard object.hasSuffix(".o"), files[object.dropLast(2) + ".c"] != nil else {
                throw LapwingError(
                    "hypervisor.no-scheduler", exit: .unavailable, "A file of the scheduler is not there.",
                    subject: directory.appending(object.dropLast(2) + ".c").string,
                    cause: "\(object) is to be linked into the hypervisor")
            }
        }
        self.files = files
        self.objects = objects
    }

    /// Adds the scheduler to an unpacked source. `isDefault` makes it the one that runs without `sched=`.
    public func add(to source: FilePath, isDefault: Bool) throws {
        let directory = source.pushing(FilePath(Self.place))
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            let target = directory.appending(name)
            if Files.exists(target) {
                throw LapwingError(
                    "hypervisor.name-taken", exit: .badInput,
                    "The hypervisor's source has a file of the scheduler's name.", subject: target.string)
            }
            try Files.write(bytes, to: target)
        }
        for (name, edit) in [
            ("Makefile", makefile), ("Kconfig", { try Self.kconfig($0, isDefault: isDefault) }),
        ] as [(String, (String) throws -> String)] {
            let path = directory.appending(name)
            try Files.write(try edit(try Files.text(path, limit: 1 << 20)), to: path)
        }
    }

    /// The Makefile with our objects in front of credit2's: of two schedulers with one id, Xen gives new cpupools the
    /// one linked first (`scheduler_alloc`, common/sched/core.c).
    func makefile(_ text: String) throws -> String {
        try Self.insert(
            objects.map { "obj-$(CONFIG_\(Self.symbol)) += \($0)" }, before: "obj-$(CONFIG_SCHED_CREDIT2)", in: text,
            file: "Makefile")
    }

    /// The Kconfig with our entry. The menu of schedulers is invisible without EXPERT, and so is the choice of the
    /// default, which then is nothing: ours come as plain defaults, and nothing else of Debian's configuration changes.
    static func kconfig(_ text: String, isDefault: Bool) throws -> String {
        var result = try insert(
            [
                "config \(symbol)", "\tbool \"Power-aware scheduler for client machines\"",
                "\tdepends on SCHED_CREDIT2",
                "\tdefault y", "\thelp",
                "\t  Fills awake cores before it wakes others. Has credit2's id and parameters.",
                "",
            ], before: "config SCHED_RTDS", in: text, file: "Kconfig")
        if isDefault {
            result = try insert(
                ["\tdefault \"\(name)\" if \(symbol)"], before: "\tdefault \"credit\" if SCHED_CREDIT_DEFAULT",
                in: result, file: "Kconfig")
        }
        return result
    }

    /// Lines before the one line that begins with a text.
    private static func insert(
        _ lines: [String], before prefix: String, in text: String, file: String
    ) throws -> String {
        var all = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let found = all.indices.filter { index in
            all[index].hasPrefix(prefix)
                && !(all[index].dropFirst(prefix.count).first.map { $0.isLetter || $0 == "_" } ?? false)
        }
        guard let place = found.first, found.count == 1 else {
            throw LapwingError(
                "hypervisor.other-source", exit: .badInput,
                "The hypervisor's source is not laid out as the builder knows it.", subject: "\(place)/\(file)",
                cause: "\(found.isEmpty ? "no line begins" : "\(found.count) lines begin") with \"\(prefix)\"",
                hint: "Use a source of Xen 4.20, or \"source: debian\".")
        }
        all.insert(contentsOf: lines, at: place)
        return all.joined(separator: "\n")
    }
}
