// SPDX-License-Identifier: Apache-2.0

import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Runs a blocking loop on a thread of its own. Swift has no more threads for tasks than there are processors, and each
/// that blocks is one less for all others.
public enum EventThread {
    private final class Work: Sendable {
        let body: @Sendable () throws -> Void
        let done: CheckedContinuation<Void, any Error>
        init(_ body: @escaping @Sendable () throws -> Void, _ done: CheckedContinuation<Void, any Error>) {
            self.body = body
            self.done = done
        }
    }

    /// Runs the body and returns when it does, with its error.
    public static func run(_ body: @escaping @Sendable () throws -> Void) async throws {
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
                continuation.resume(throwing: LapwingError("thread.none", "No thread could be made."))
                return
            }
            pthread_detach(thread)
        }
    }
}
