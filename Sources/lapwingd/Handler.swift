// SPDX-License-Identifier: Apache-2.0

import ControlProtocol
import DeviceConfig
import Diagnostics
import LapwingCore

/// Answers requests. It knows nothing of sockets.
struct Handler {
    let status: StatusReader
    let paths: DevicePaths

    /// The answer to a line of a client.
    func answer(_ line: [UInt8]) async -> ControlMessage {
        let message: ControlMessage
        do {
            message = try ControlMessage(line: line)
        } catch {
            return .failure(id: nil, ControlFailure(error))
        }
        guard case .request(let id, let method, _) = message else {
            return .failure(
                id: nil, ControlFailure(LapwingError("control.not-a-request", "The daemon takes requests only.")))
        }
        do {
            return .result(id: id, try await result(of: method))
        } catch let error as LapwingError {
            return .failure(id: id, ControlFailure(error))
        } catch {
            return .failure(id: id, ControlFailure(LapwingError("daemon.bug", "The daemon failed.", cause: "\(error)")))
        }
    }

    private func result(of method: String) async throws -> JSONValue {
        switch method {
        case "version":
            return .object([
                "version": .string(LapwingVersion.text), "protocol": .integer(Int64(ControlWire.version)),
            ])
        case "status": return try JSONValue(encoding: await status.read())
        default:
            throw LapwingError(
                "control.unknown-method", exit: .usage, "The daemon knows no such method.", subject: method,
                hint: "lapwingctl and lapwingd may be of different versions: lapwingctl version.")
        }
    }
}
