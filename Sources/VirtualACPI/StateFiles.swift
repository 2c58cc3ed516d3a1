// SPDX-License-Identifier: Apache-2.0

import Glibc
public import PowerFacts

/// Small files that are read whole and replaced by rename.
enum SmallFile {
    /// A file's text; nil when it is not there. At most `limit` bytes: a longer one is `acpi.file`.
    static func read(_ path: String, limit: Int) throws(ACPIError) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        if file < 0 {
            if errno == ENOENT { return nil }
            throw ACPIError("acpi.file", path, errno)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= limit {
            let got = Glibc.read(file, &chunk, chunk.count)
            if got < 0, errno == EINTR { continue }
            if got < 0 { throw ACPIError("acpi.file", path, errno) }
            if got == 0 { break }
            bytes += chunk[..<got]
        }
        guard bytes.count <= limit else { throw ACPIError("acpi.file", "\(path) is longer than \(limit) bytes.") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Puts a text in the place of a file, for all to read, and returns the open file.
    static func write(_ text: String, to path: String) throws(ACPIError) -> Int32 {
        let temporary = path + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        if file < 0 { throw ACPIError("acpi.file", temporary, errno) }
        let bytes = Array(text.utf8)
        let wrote = Glibc.write(file, bytes, bytes.count)
        let code = errno
        // In one write or not at all: it is far smaller than what a file system could want to split.
        guard wrote == bytes.count else {
            close(file)
            throw ACPIError("acpi.file", temporary, wrote < 0 ? code : ENOSPC)
        }
        if rename(temporary, path) < 0 {
            let code = errno
            close(file)
            throw ACPIError("acpi.file", path, code)
        }
        return file
    }
}

/// The file with what outlives the process that serves a domain (`DeviceState`).
public final class StateFile {
    /// Where the files of all domains are.
    public static let directory = "/run/lapwing/acpi"
    /// Its path.
    public let path: String
    private var file: Int32 = -1

    /// The file of a domain, in `directory` or in another one.
    public init(domain: UInt16, directory: String = StateFile.directory) { path = "\(directory)/\(domain)" }

    deinit { if file >= 0 { close(file) } }

    /// What the file can say.
    public enum Content: Sendable, Hashable {
        /// What an earlier process left.
        case state(DeviceState)
        /// The daemon's word that the domain runs already: it was restored, or started by somebody else.
        case running
        /// There is none, or it cannot be understood.
        case nothing
    }

    /// The daemon's word; `XenControl` writes it before it has the domain served.
    static let runningText = "lapwing-acpi running\n"

    /// What the file says.
    public func read() throws(ACPIError) -> Content {
        guard let text = try SmallFile.read(path, limit: DeviceState.limit) else { return .nothing }
        if text == Self.runningText { return .running }
        return DeviceState(text: text).map { .state($0) } ?? .nothing
    }

    /// Replaces the file.
    public func write(_ state: DeviceState) throws(ACPIError) {
        if file >= 0 { close(file) }
        file = -1
        file = try SmallFile.write(state.text, to: path)
    }

    /// Writes the head of `state` over the one before. A write of these few bytes, all in one page, is whole even when the
    /// process is killed in it, and costs a twentieth of a rename.
    func write(_ device: PowerDevice) throws(ACPIError) {
        let head = device.kept.head
        if file < 0 || pwrite(file, head, head.count, 0) != head.count { try write(device.state) }
    }
}

/// The file in which the daemon says what guests are to see (`VirtualPower`), followed by inotify(7).
public final class PowerFile {
    /// Where it is.
    public static let directory = "/run/lapwing/power"
    private static let name = "state"
    private let directory: String
    /// Readable when the file may have changed.
    public let changes: Int32

    /// Begins to follow; makes the directory when the daemon was not there yet.
    public init(directory: String = PowerFile.directory) throws(ACPIError) {
        self.directory = directory
        changes = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        if changes < 0 { throw ACPIError("acpi.wait", "inotify", errno) }
        try watch()
    }

    deinit { close(changes) }

    private func watch() throws(ACPIError) {
        if mkdir(directory, 0o755) < 0, errno != EEXIST { throw ACPIError("acpi.file", directory, errno) }
        let events = UInt32(IN_MOVED_TO) | UInt32(IN_ONLYDIR)
        if inotify_add_watch(changes, directory, events) < 0 { throw ACPIError("acpi.wait", directory, errno) }
    }

    /// Takes what `changes` told of off it. A directory that was removed is made and followed anew.
    public func drain() throws(ACPIError) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        var lost = false
        while true {
            let got = Glibc.read(changes, &bytes, bytes.count)
            if got < 0, errno == EINTR { continue }
            if got <= 0 { break }
            lost = lost || Self.isLost(bytes[..<got])
        }
        if lost { try watch() }
    }

    /// True when one of the messages says that nothing is followed any more. Each is a header of 16 bytes (watch, mask,
    /// cookie, length of the name) and a name.
    static func isLost(_ bytes: ArraySlice<UInt8>) -> Bool {
        func number(_ at: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
        }
        var at = bytes.startIndex
        while bytes.endIndex - at >= 16 {
            if number(at + 4) & UInt32(IN_IGNORED) != 0 { return true }
            let length = Int(number(at + 12))
            if length > bytes.endIndex - at - 16 { break }
            at += 16 + length
        }
        return false
    }

    /// What the file says; nil when it is not there. What cannot be understood is `acpi.file`.
    public func read() throws(ACPIError) -> VirtualPower? {
        let path = directory + "/" + Self.name
        guard let text = try SmallFile.read(path, limit: VirtualPower.limit) else { return nil }
        guard let power = VirtualPower(text: text) else {
            throw ACPIError("acpi.file", "\(path) cannot be understood.")
        }
        return power
    }
}
