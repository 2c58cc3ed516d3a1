// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

extension QMPClient {
    /// Plugs a device into the running machine; it needs an `id` property to be taken out again.
    public func add(_ device: Device) async throws {
        var arguments: [String: JSONValue] = ["driver": .string(device.driver)]
        for property in device.properties { arguments[property.name] = .string(property.value) }
        try await execute("device_add", arguments)
    }

    /// Takes a device out and waits until the guest has let go of it.
    public func remove(device id: String, timeout: Duration = .seconds(60)) async throws {
        try await execute("device_del", ["id": .string(id)])
        _ = try await event(timeout: timeout) { $0.name == "DEVICE_DELETED" && $0.data["device"] == .string(id) }
    }

    /// Adds a file as the drive `id`-file for a device that is plugged in later.
    public func addDrive(_ disk: Disk) async throws {
        try await execute(
            "blockdev-add",
            [
                "node-name": .string("\(disk.id)-file"), "driver": .string(disk.format.rawValue),
                "read-only": .bool(disk.readOnly),
                "file": .object(["driver": .string("file"), "filename": .string(disk.file.string)]),
            ])
    }

    /// Takes away a drive whose device is gone.
    public func removeDrive(_ id: String) async throws {
        try await execute("blockdev-del", ["node-name": .string("\(id)-file")])
    }

    /// Runs a command of QEMU's monitor for people (for example `o/w 0xe0 0x64`) and returns what it prints. The
    /// monitor reports errors as text, so whatever it prints must be judged by the caller.
    public func monitor(_ line: String) async throws -> String {
        try await execute("human-monitor-command", ["command-line": .string(line)]).text ?? ""
    }

    /// Writes a 32-bit value to an I/O port of the machine (the latch of `pc-testdev` is at 0xE0).
    public func writePort(_ port: UInt16, _ value: UInt32) async throws {
        try await writePort("w", port, value)
    }

    /// Writes a byte to an I/O port of the machine.
    public func writePort(_ port: UInt16, byte: UInt8) async throws {
        try await writePort("b", port, UInt32(byte))
    }

    private func writePort(_ width: String, _ port: UInt16, _ value: UInt32) async throws {
        let answer = try await monitor("o/\(width) 0x\(String(port, radix: 16)) 0x\(String(value, radix: 16))")
        guard answer.isEmpty else {
            throw LapwingError("emulator.qmp-error", "QEMU could not write to an I/O port.", cause: answer)
        }
    }

    /// The machine's run state: `running`, `paused`, `internal-error`, `shutdown`…
    public func runState() async throws -> String {
        try await execute("query-status")["status"]?.text ?? "unknown"
    }

    /// Saves the whole machine as `tag` in the qcow2 disk whose block node is `node`.
    public func saveSnapshot(_ tag: String, node: String, timeout: Duration = .seconds(300)) async throws {
        try await snapshotJob(
            "snapshot-save", ["tag": .string(tag), "vmstate": .string(node), "devices": .array([.string(node)])],
            timeout)
    }

    /// Brings the whole machine back to `tag`.
    public func loadSnapshot(_ tag: String, node: String, timeout: Duration = .seconds(300)) async throws {
        try await execute("stop")
        try await snapshotJob(
            "snapshot-load", ["tag": .string(tag), "vmstate": .string(node), "devices": .array([.string(node)])],
            timeout)
        try await execute("cont")
    }

    private func snapshotJob(_ command: String, _ arguments: [String: JSONValue], _ timeout: Duration) async throws {
        let job = "lapwing-\(command)-\(UInt32.random(in: 0 ... .max))"
        try await execute(command, arguments.merging(["job-id": .string(job)]) { $1 }, timeout: timeout)
        _ = try await event(timeout: timeout) {
            $0.name == "JOB_STATUS_CHANGE" && $0.data["id"] == .string(job) && $0.data["status"] == .string("concluded")
        }
        let jobs = try await execute("query-jobs").elements ?? []
        let failure = jobs.first { $0["id"] == .string(job) }?["error"]?.text
        try await execute("job-dismiss", ["id": .string(job)])
        if let failure {
            throw LapwingError("emulator.snapshot", "QEMU could not finish \(command).", cause: failure)
        }
    }

    /// Writes what the screen shows to a PNG file.
    public func screenshot(_ path: FilePath) async throws {
        try await execute("screendump", ["filename": .string(path.string), "format": .string("png")])
    }

    /// Restarts the machine as its reset button does.
    public func reset() async throws { try await execute("system_reset") }

    /// Types a text on the machine's keyboard, US layout, one key after the other; `\n` is the enter key. Only letters,
    /// digits, blanks, `-` and `.` are known; another character is an error.
    public func type(_ text: String, pause: Duration = .milliseconds(150)) async throws {
        for character in text {
            guard let keys = Self.keys(character) else {
                throw LapwingError("emulator.no-key", "There is no key for a character.", subject: String(character))
            }
            let list = keys.map { JSONValue.object(["type": .string("qcode"), "data": .string($0)]) }
            try await execute("send-key", ["keys": .array(list), "hold-time": .integer(50)])
            try await Task.sleep(for: pause)
        }
    }

    /// QEMU's names of the keys that make a character (qapi/ui.json, QKeyCode).
    static func keys(_ character: Character) -> [String]? {
        switch character {
        case "a"..."z" where character.isASCII, "0"..."9" where character.isASCII: [String(character)]
        case "A"..."Z" where character.isASCII: ["shift", character.lowercased()]
        case " ": ["spc"]
        case "-": ["minus"]
        case ".": ["dot"]
        case "\n": ["ret"]
        default: nil
        }
    }

    /// Presses the power button.
    public func powerButton() async throws { try await execute("system_powerdown") }

    /// Ends QEMU at once. That the connection ends before the answer is no error.
    public func quit() async {
        _ = try? await execute("quit", timeout: .seconds(5))
        close()
    }
}
