// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// When a group of scenarios is run once more (decision 0732).
///
/// With QEMU's emulated virtualization extensions an HVM guest's kernel ends now and then with a triple fault, at no place
/// of ours; with KVM that would have to be explained.
enum SecondRun {
    /// What Xen says of an HVM guest whose processor could not even deliver a double fault (xen/arch/x86/hvm/hvm.c).
    static let tripleFault = "Triple fault - invoking HVM shutdown"
    /// Why, for people.
    static let reason = "an HVM guest had ended with a triple fault under emulation"

    /// True when a scenario failed, the machine was emulated and Xen's console tells of a triple fault.
    static func isDue(_ results: [CheckResult], console: String, _ accelerator: Accelerator) -> Bool {
        accelerator == .tcg && results.contains { $0.outcome == .failed } && console.contains(tripleFault)
    }

    /// Runs the body, and gives it up as soon as the console tells of a triple fault: what it waits for then may never
    /// come, and the group runs again anyway.
    static func watching<T: Sendable>(
        console: @escaping @Sendable () -> String, every interval: Duration = .seconds(2),
        _ body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        let value = try await race(body) {
            while !console().contains(tripleFault) { try await Task.sleep(for: interval) }
        }
        if let value { return value }
        throw CheckFailure.error("Given up: \(reason).", seen: SafeText.lines(console(), last: 3))
    }
}
