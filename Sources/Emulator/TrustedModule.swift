// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// An emulated TPM 2.0: `swtpm` on a socket. It ends with the machine that uses it.
struct TrustedModule: Sendable {
    /// The control socket, for `Machine.tpm`.
    let socket: FilePath
    private let server: Task<CommandResult, any Error>

    /// Starts the module with its persistent state in `state`, which is made when it is not there.
    static func start(
        state: FilePath, sockets: FilePath, log: FilePath, tools: EmulatorTools, context: Context
    ) async throws -> TrustedModule {
        try Files.makeDirectory(state, permissions: .ownerReadWriteExecute)
        let socket = sockets.appending("tpm")
        let command = try tools.wrap(
            Command(
                "swtpm",
                [
                    "socket", "--tpm2", "--tpmstate", "dir=\(state.string)", "--ctrl",
                    "type=unixio,path=\(socket.string)", "--terminate", "--log", "file=\(log.string),level=1",
                ]), [], [state, sockets, log.removingLastComponent()])
        let runner = context.runner
        let server = Task { try await runner.run(command) }
        let clock = ContinuousClock()
        let end = clock.now + .seconds(20)
        while !Files.exists(socket) {
            guard clock.now < end else {
                server.cancel()
                let result = try await server.value
                throw CommandFailure.error(command, result, "The emulated TPM did not start.")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        return TrustedModule(socket: socket, server: server)
    }

    /// Ends the module.
    func stop() async {
        server.cancel()
        _ = try? await server.value
    }
}
