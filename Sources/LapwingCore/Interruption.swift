// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import SystemPackage

/// Turns the first SIGINT, SIGTERM or SIGHUP into the cancellation of a task, so that temporary files go and child
/// processes end; a second one kills the program as usual.
public enum Interruption {
    /// Runs `body` and cancels it when one of the signals comes. To be used once, by the program's outermost code.
    public static func cancelling<T: Sendable>(_ body: @escaping @Sendable () async throws -> T) async throws -> T {
        let raw = lapwing_catch_interrupts()
        guard raw >= 0 else { throw Errno(rawValue: -raw) }
        let task = Task { try await body() }
        let source = DispatchSource.makeReadSource(fileDescriptor: raw)
        source.setEventHandler {
            task.cancel()
            source.cancel()
        }
        source.activate()
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
