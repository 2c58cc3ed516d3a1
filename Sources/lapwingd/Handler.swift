// SPDX-License-Identifier: Apache-2.0

import ControlProtocol
import DeviceConfig
import DeviceManagement
import Diagnostics
import LapwingCore
import Power
import XenControl

/// Answers requests. It knows nothing of sockets.
struct Handler: Sendable {
    let status: StatusReader
    let paths: DevicePaths
    let domains: DomainManager
    let devices: DeviceManager
    let power: PowerService

    /// The answer to a line of a client, whose user id is `user`.
    func answer(_ line: [UInt8], user: UInt32) async -> ControlMessage {
        let message: ControlMessage
        do {
            message = try ControlMessage(line: line)
        } catch {
            return .failure(id: nil, ControlFailure(error))
        }
        guard case .request(let id, let method, let params) = message else {
            let error = LapwingError("control.not-a-request", "The daemon takes requests only.")
            return .failure(id: nil, ControlFailure(error))
        }
        do {
            return .result(id: id, try await result(of: method, Params(params), user))
        } catch let error as LapwingError {
            return .failure(id: id, ControlFailure(error))
        } catch let errors as LapwingErrors {
            return .failure(id: id, ControlFailure(Self.one(errors)))
        } catch {
            let bug = LapwingError("daemon.bug", "The daemon failed.", cause: "\(error)")
            return .failure(id: id, ControlFailure(bug))
        }
    }

    /// Several errors as one that can travel: the places go into the text.
    private static func one(_ errors: LapwingErrors) -> LapwingError {
        guard var first = errors.errors.first else { return LapwingError("daemon.bug", "The daemon failed.") }
        let rest = errors.errors.dropFirst().prefix(50).map { error in
            (error.location.map { "\($0): " } ?? "") + error.message
        }
        if let location = first.location { first.message = "\(location): \(first.message)" }
        if !rest.isEmpty { first.cause = "also: " + rest.joined(separator: "\n") }
        return first
    }

    private func profiles() throws -> ProfileFollower {
        if let profiles = power.profiles { return profiles }
        throw LapwingError(
            "power.no-profiles", exit: .unavailable, "This daemon sets no power profiles.",
            cause: "it was started with --offline")
    }

    private func result(of method: String, _ params: Params, _ user: UInt32) async throws -> JSONValue {
        switch method {
        case "version":
            return .object([
                "version": .string(LapwingVersion.text), "protocol": .integer(Int64(ControlWire.version)),
            ])
        // The event loop has noted that this client wants events.
        case "monitor": return .null
        case "status": return try JSONValue(encoding: await status.read())
        case "domain.list":
            let list = try await domains.list()
            return .object([
                "domains": try JSONValue(encoding: list.domains),
                "problems": .array(list.problems.prefix(50).map { .string($0.description) }),
            ])
        case "domain.show": return try JSONValue(encoding: await domains.show(try params.name()))
        case "domain.define":
            let names = try await domains.define(
                try params.text("text", limit: 200 << 10), file: try params.text("file", limit: 1024),
                replace: try params.flag("replace"), images: true, user: user)
            return .array(names.map { .string($0) })
        case "domain.start":
            return .object(["started": .bool(try await domains.start(try params.name(), user: user))])
        case "domain.stop":
            return try JSONValue(
                encoding: await domains.stop(
                    try params.name(), force: try params.flag("force"), seconds: try params.seconds(), user: user))
        case "domain.restart":
            return try JSONValue(
                encoding: await domains.restart(
                    try params.name(), force: try params.flag("force"), seconds: try params.seconds(), user: user))
        case "domain.autostart":
            try await domains.setAutostart(
                try params.name(), try params.flag("on"), order: try params.number("order", in: 0...999), user: user)
            return .null
        case "domain.remove":
            let left = try await domains.remove(try params.name(), disks: try params.flag("disks"), user: user)
            return .array(left.map { .string($0) })
        case "device.request":
            return try JSONValue(encoding: await devices.request(try params.deviceRequest(), user: user))
        case "device.owners": return .object(["devices": try JSONValue(encoding: await devices.owners())])
        case "power.status": return try JSONValue(encoding: await power.follower.status())
        case "power.profile": return try JSONValue(encoding: await profiles().report())
        case "power.set":
            return try JSONValue(
                encoding: await profiles().choose(try params.text("choice", limit: 64), user: user))
        case "power.plan":
            return try JSONValue(encoding: await profiles().plan(try params.text("choice", limit: 64)))
        case "power.history":
            return .object(["moments": try JSONValue(encoding: await profiles().moments())])
        default:
            throw LapwingError(
                "control.unknown-method", exit: .usage, "The daemon knows no such method.", subject: method,
                hint: "lapwingctl and lapwingd may be of different versions: lapwingctl version.")
        }
    }
}

/// The parameters of a request, each looked at before it is used; unknown ones are ignored, so that a newer client may
/// send more.
struct Params {
    private let values: [String: JSONValue]

    init(_ values: [String: JSONValue]) { self.values = values }

    private func bad(_ key: String) -> LapwingError {
        LapwingError("control.bad-params", exit: .usage, "A parameter is missing or of the wrong kind.", subject: key)
    }

    func text(_ key: String, limit: Int) throws -> String {
        guard let text = values[key]?.text, text.utf8.count <= limit else { throw bad(key) }
        return text
    }

    func name() throws -> String { try text("name", limit: 64) }

    /// False when it is not there.
    func flag(_ key: String) throws -> Bool {
        switch values[key] {
        case nil: return false
        case .bool(let value): return value
        default: throw bad(key)
        }
    }

    /// Nil when it is not there.
    func number(_ key: String, in range: ClosedRange<Int64>) throws -> Int? {
        switch values[key] {
        case nil: return nil
        case .integer(let value) where range.contains(value): return Int(value)
        default: throw bad(key)
        }
    }

    /// What is to be done with a device.
    func deviceRequest() throws -> DeviceRequest {
        guard let verb = DeviceRequest.Verb(rawValue: try text("verb", limit: 16)) else { throw bad("verb") }
        let domain = values["domain"] == nil ? nil : try text("domain", limit: 64)
        let named = values["overriding"]?.elements ?? []
        let overriding = named.prefix(16).compactMap(\.text)
        guard overriding.count == named.count else { throw bad("overriding") }
        return DeviceRequest(
            verb, try text("device", limit: 256), domain: domain, required: try flag("required"),
            overriding: overriding, dryRun: try flag("dryRun"))
    }

    /// How long a guest may take to end: a minute unless told, an hour at most.
    func seconds() throws -> Int { try number("seconds", in: 0...3600) ?? 60 }
}
