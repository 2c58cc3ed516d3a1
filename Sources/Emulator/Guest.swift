// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// A booted guest, as scenarios see it.
public final class Guest: Sendable {
    /// The image it was booted from.
    public let image: CheckedImage
    /// The running machine.
    public let machine: RunningMachine
    /// Where logs are kept, and what a scenario brings home.
    let logs: FilePath
    /// Values a scenario found worth printing, by name.
    let notes = Notes()

    actor Notes {
        private(set) var values: [String: String] = [:]
        private(set) var boot = ""
        func set(_ name: String, _ value: String) { values[name] = value }
        func take() -> [String: String] {
            defer { values = [:] }
            return values
        }
        func setBoot(_ id: String) { boot = id }
    }

    init(image: CheckedImage, machine: RunningMachine, logs: FilePath) {
        self.image = image
        self.logs = logs
        self.machine = machine
    }

    /// Runs a program; a failing one is a result.
    public func exec(_ arguments: [String], timeout: Duration = .seconds(120)) async throws -> AgentClient.Outcome {
        try await machine.agent.exec(arguments, timeout: timeout)
    }

    /// Runs a program that must succeed and returns its output without white space at the ends.
    @discardableResult
    public func expect(_ arguments: String..., timeout: Duration = .seconds(120)) async throws -> String {
        let outcome = try await exec(arguments, timeout: timeout)
        guard outcome.succeeded else {
            throw CheckFailure.error(
                "\(arguments.joined(separator: " ")) must succeed.",
                seen: "\(outcome.ending): \(outcome.errorText)\(outcome.text)")
        }
        return outcome.text.trimmed
    }

    /// A text file of the guest.
    public func text(_ path: String) async throws -> String {
        String(decoding: try await machine.agent.read(path), as: UTF8.self)
    }

    /// Asserts a condition.
    public func require(_ condition: Bool, _ message: String, seen: String? = nil) throws {
        if !condition { throw CheckFailure.error(message, seen: seen) }
    }

    /// Asks every half second until the condition holds.
    public func wait(
        for what: String, within limit: Duration, _ condition: @Sendable () async throws -> Bool
    ) async throws {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while clock.now < end {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw CheckFailure.error("\(what) did not happen in \(limit.components.seconds) s.")
    }

    /// Keeps a value for the report, for example a measured time.
    public func note(_ name: String, _ value: String) async { await notes.set(name, value) }

    /// Plugs a device in.
    public func plug(_ device: Device) async throws { try await machine.control.add(device) }

    /// Plugs a USB stick with the content of a file in; the machine needs an xHCI controller `xhci0`.
    public func plugStick(_ disk: Disk) async throws {
        try await machine.control.addDrive(disk)
        try await plug(
            Device(
                "usb-storage",
                ["id": disk.id, "bus": "xhci0.0", "drive": "\(disk.id)-file", "serial": disk.serial ?? disk.id]))
    }

    /// Takes a device out and waits until it is gone.
    public func unplug(_ id: String) async throws { try await machine.control.remove(device: id) }

    /// Restarts the guest and waits for the agent of the new boot, once somebody has done what the start needs. Returns
    /// the seconds that took.
    @discardableResult
    public func reboot(
        within limit: Duration = .seconds(600), attend: @Sendable () async throws -> Void = {}
    ) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let before = await notes.boot
        try await machine.agent.shutdown(restart: true)
        try await attend()
        let hello = try await machine.agent.hello(within: limit, notBoot: before)
        await notes.setBoot(hello.boot)
        return (clock.now - start).seconds
    }

    /// Everything the console showed so far.
    public var console: String { machine.console }
}

extension Duration {
    /// Seconds with their fraction.
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

extension String {
    /// The text without white space at its ends.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
