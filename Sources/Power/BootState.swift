// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
import LapwingCore
import SystemPackage

/// What each part of each control was before anything was set. A part is recorded when it is first seen and never
/// again; what comes later (a domain, a stick) is recorded when it comes.
public struct BootState: Sendable, Hashable, Codable {
    /// The version of the format.
    public var schemaVersion = 1
    private var controls: [String: [String: ControlReading.Part]] = [:]

    /// Nothing was seen yet.
    public init() {}

    /// The most parts that are kept of a control. More are not recorded, and so left alone by `reset`.
    static let partLimit = 8192

    /// What is recorded of a control.
    public func parts(_ control: PowerControl) -> [String: ControlReading.Part] { controls[control.rawValue] ?? [:] }

    /// Records what is not recorded yet; true when there was something.
    public mutating func record(_ readings: PowerReadings) -> Bool {
        var fresh = false
        for (control, reading) in readings.controls where reading.unavailable == nil {
            var parts = parts(control)
            for (name, part) in reading.parts where parts[name] == nil && parts.count < Self.partLimit {
                parts[name] = part
                fresh = true
            }
            controls[control.rawValue] = parts
        }
        return fresh
    }
}

/// What a new daemon has to know of the old one.
public struct HeldChoice: Sendable, Hashable, Codable {
    /// The version of the format.
    public var schemaVersion = 1
    /// What a person chose, `auto`, `boot` or a profile; nil when nobody did and the configuration says.
    public var choice: String?
    /// Screens that are darker than their users had them.
    public var dimmed: [String: Dimming]

    /// What a new daemon has to know.
    public init(_ choice: PowerChoice?, dimmed: [String: Dimming] = [:]) {
        self.choice = choice?.word
        self.dimmed = dimmed
    }
}

/// The two files in `/run/lapwing/power`: `boot-state` and `choice`. Both end with the machine's run, as what they tell
/// of does.
public struct PowerStore: Sendable {
    private let directory: FilePath
    static let limit = 4 << 20

    /// The files under a root.
    public init(_ paths: DevicePaths) {
        directory = paths.at("/run/lapwing/power")
    }

    private var bootFile: FilePath { directory.appending("boot-state") }
    private var choiceFile: FilePath { directory.appending("choice") }

    /// The state in which the machine had started; nil when it was not recorded yet. A file that cannot be understood
    /// is moved aside and an error (`power.bad-boot-state`): what it knew is lost.
    public func boot() throws -> BootState? {
        guard let state: BootState = try read(bootFile, "power.bad-boot-state") else { return nil }
        guard state.schemaVersion == 1 else { throw try aside(bootFile, "power.bad-boot-state", "another version") }
        return state
    }

    /// Writes it.
    public func save(_ state: BootState) throws {
        try Files.makeDirectory(directory)
        try Files.write(try JSONText.encode(state), to: bootFile)
    }

    /// What a person chose, if anything, and which screens are dimmed; nil when there is nothing to know. A file that
    /// cannot be understood is an error (`power.bad-choice`) and moved aside.
    public func choice() throws -> (chosen: PowerChoice?, dimmed: [String: Dimming])? {
        guard let held: HeldChoice = try read(choiceFile, "power.bad-choice") else { return nil }
        let chosen = held.choice.flatMap { PowerChoice(word: $0) }
        guard held.schemaVersion == 1, (chosen == nil) == (held.choice == nil) else {
            throw try aside(choiceFile, "power.bad-choice", "another version, or an unknown word")
        }
        return (chosen, held.dimmed)
    }

    /// Writes it.
    public func save(_ choice: HeldChoice) throws {
        try Files.makeDirectory(directory)
        try Files.write(try JSONText.encode(choice), to: choiceFile)
    }

    private func read<T: Decodable>(_ path: FilePath, _ code: String) throws -> T? {
        guard Files.exists(path) else { return nil }
        do {
            return try JSONText.decode(T.self, from: try Files.read(path, limit: Self.limit), file: path.string)
        } catch let error as LapwingError where error.exit == .badInput {
            throw try aside(path, code, error.cause ?? error.message)
        }
    }

    private func aside(_ path: FilePath, _ code: String, _ cause: String) throws -> LapwingError {
        let place = FilePath(path.string + ".damaged")
        try Files.rename(path, to: place)
        return LapwingError(
            code, exit: .badInput, "What was known of the machine's power state cannot be read.",
            subject: place.string, cause: cause)
    }
}
