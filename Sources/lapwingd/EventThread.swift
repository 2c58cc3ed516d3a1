// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Runs a blocking loop on a thread of its own. On one of Swift's own threads it would keep all tasks from running
/// where the control domain has a single processor.
enum EventThread {
    private final class Work: Sendable {
        let body: @Sendable () throws -> Void
        let done: CheckedContinuation<Void, any Error>
        init(_ body: @escaping @Sendable () throws -> Void, _ done: CheckedContinuation<Void, any Error>) {
            self.body = body
            self.done = done
        }
    }

    /// Returns when the body does.
    static func run(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { continuation in
            let work = Unmanaged.passRetained(Work(body, continuation))
            var thread = pthread_t()
            let failed = pthread_create(
                &thread, nil,
                { pointer in
                    guard let pointer else { return nil }
                    let work = Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
                    work.done.resume(with: Result { try work.body() })
                    return nil
                }, work.toOpaque())
            guard failed == 0 else {
                work.release()
                continuation.resume(throwing: LapwingError("daemon.no-thread", "No thread could be made."))
                return
            }
            pthread_detach(thread)
        }
    }
}
