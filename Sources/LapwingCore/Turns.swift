// SPDX-License-Identifier: Apache-2.0

/// One piece of work after the other, in the order they came. An actor alone lets others in at each `await`.
public actor Turns {
    private var busy = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Nobody's turn yet.
    public init() {}

    /// Waits for its turn, does the work where the caller is, and lets the next one in, also after an error.
    public func run<T: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
    ) async rethrows -> T {
        await begin()
        do {
            let result = try await body()
            await end()
            return result
        } catch {
            await end()
            throw error
        }
    }

    private func begin() async {
        if busy {
            // Whoever ends hands the turn over: it stays busy.
            await withCheckedContinuation { waiting.append($0) }
        } else {
            busy = true
        }
    }

    private func end() {
        if waiting.isEmpty {
            busy = false
        } else {
            waiting.removeFirst().resume()
        }
    }
}
