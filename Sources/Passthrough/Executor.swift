// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What became of a plan.
public struct PassthroughOutcome: Sendable, Hashable, Codable {
    /// The plan.
    public var plan: PassthroughPlan
    /// What was done, in order.
    public var done: [DeviceAction]
    /// What held already.
    public var already: [DeviceAction]
    /// The step that failed; nil when all went well.
    public var failed: DeviceAction?
    /// Why it failed.
    public var cause: String?
    /// What was undone after the failure, in the order of undoing.
    public var restored: [DeviceAction]
    /// What could not be undone, with the reason. The journal stays, and the next start of the daemon tries again.
    public var left: [Left]

    /// Something that could not be undone.
    public struct Left: Sendable, Hashable, Codable {
        /// The action that did not take effect.
        public var action: DeviceAction
        /// Why.
        public var cause: String
    }

    /// True when the plan was carried out.
    public var succeeded: Bool { failed == nil }

    /// The failure as an error for the person; nil when there was none.
    public var error: LapwingError? {
        guard let failed else { return nil }
        var words = cause ?? "the machine does not show it"
        if !restored.isEmpty { words += "; restored: " + restored.map(\.text).joined(separator: ", ") }
        if !left.isEmpty {
            words += "; NOT restored: " + left.map { "\($0.action.text) (\($0.cause))" }.joined(separator: ", ")
        }
        return LapwingError(
            left.isEmpty ? "passthrough.failed" : "passthrough.not-restored", exit: .failure,
            "Could not \(failed.text).", subject: failed.device.rawValue, cause: words,
            hint: left.isEmpty ? nil : "\"lapwingctl device show \(failed.device)\" shows where it is now.")
    }
}

/// Carries out one plan at a time, and undoes what it did when a step fails.
public actor Executor {
    private let machine: any PassthroughMachine
    private let journal: any TransactionJournal
    private let looks: Int
    private let pause: @Sendable () async -> Void
    private let turns = Turns()

    /// An executor.
    ///
    /// - Parameters:
    ///   - looks: How often the machine is asked whether an action has taken effect, at least once.
    ///   - pause: Waits between two looks.
    public init(
        machine: any PassthroughMachine, journal: any TransactionJournal, looks: Int = 25,
        pause: @escaping @Sendable () async -> Void = { try? await Task.sleep(for: .milliseconds(200)) }
    ) {
        self.machine = machine
        self.journal = journal
        self.looks = max(1, looks)
        self.pause = pause
    }

    /// Plans the request and carries the plan out. Requests are served one after the other, each planned on the state
    /// that the one before left. Throws what the planner throws, and when journal or machine cannot be read; a step that
    /// fails is an outcome.
    ///
    /// - Parameter check: Is shown the plan before anything is done, and can throw to stop it.
    public func run(
        _ request: PassthroughRequest, check: @Sendable (PassthroughPlan) throws -> Void = { _ in }
    ) async throws -> PassthroughOutcome {
        try await turns.run {
            let plan = try Planner(try await machine.state()).plan(request)
            try check(plan)
            return try await carryOut(plan)
        }
    }

    /// Finishes or undoes what a killed daemon left behind. Nil when there is nothing. To be called before anything else.
    public func recover() async throws -> PassthroughOutcome? {
        try await turns.run {
            guard var entry = try journal.read() else { return nil }
            var outcome = PassthroughOutcome(
                plan: entry.plan, done: [], already: [], failed: nil, cause: nil, restored: [], left: [])
            if !entry.undoing, entry.begun == entry.plan.steps.count {
                var all = true
                for step in entry.plan.steps where !step.action.isMomentary {
                    let holds = try await machine.holds(step.action)
                    all = all && holds
                }
                // A last step that leaves nothing to look at may not have happened.
                if all, entry.plan.steps.last?.action.isMomentary == false {
                    outcome.done = entry.plan.steps.map(\.action)
                    try journal.clear()
                    return outcome
                }
            }
            outcome.failed = entry.plan.steps.prefix(max(1, entry.begun)).last?.action
            outcome.cause = "the daemon ended in the middle of it"
            try await undo(&entry, &outcome)
            return outcome
        }
    }

    private func carryOut(_ plan: PassthroughPlan) async throws -> PassthroughOutcome {
        var entry = JournalEntry(plan: plan)
        var outcome = PassthroughOutcome(
            plan: plan, done: [], already: [], failed: nil, cause: nil, restored: [], left: [])
        for (number, step) in plan.steps.enumerated() {
            do {
                if try await holds(step.action) {
                    entry.before.insert(number)
                    entry.begun = number + 1
                    outcome.already.append(step.action)
                    continue
                }
                entry.begun = number + 1
                try journal.write(entry)
                try await machine.perform(step.action)
                guard try await settles(step.action) else {
                    throw LapwingError(
                        "passthrough.no-effect", "The machine does not show that it happened.",
                        subject: step.action.device.rawValue)
                }
                outcome.done.append(step.action)
            } catch {
                outcome.failed = step.action
                outcome.cause = Self.words(error)
                try await undo(&entry, &outcome)
                return outcome
            }
        }
        if !outcome.done.isEmpty { try journal.clear() }
        return outcome
    }

    /// Undoes the steps begun, the last first. Goes on after a failure: the more is restored the better.
    private func undo(_ entry: inout JournalEntry, _ outcome: inout PassthroughOutcome) async throws {
        entry.undoing = true
        // Without a journal the undoing is still the best that can be done.
        try? journal.write(entry)
        for number in (0..<entry.begun).reversed() where !entry.before.contains(number) {
            guard let action = entry.plan.steps[number].undo else { continue }
            do {
                // What never took effect needs no undoing; what did may have come undone by itself, and nothing can be
                // done to a device that was pulled.
                if try await holds(action) { continue }
                if !action.isRecord, try await isGone(action) { continue }
                try await machine.perform(action)
                guard try await settles(action) else {
                    throw LapwingError("passthrough.no-effect", "The machine does not show that it happened.")
                }
                outcome.restored.append(action)
            } catch {
                outcome.left.append(.init(action: action, cause: Self.words(error)))
            }
        }
        if outcome.left.isEmpty { try journal.clear() }
    }

    private func holds(_ action: DeviceAction) async throws -> Bool {
        action.isMomentary ? false : try await machine.holds(action)
    }

    private func isGone(_ action: DeviceAction) async throws -> Bool {
        try await machine.state().inventory.devices.allSatisfy { $0.id != action.device }
    }

    private func settles(_ action: DeviceAction) async throws -> Bool {
        if action.isMomentary { return true }
        for look in 1...looks {
            if try await machine.holds(action) { return true }
            if look < looks { await pause() }
        }
        return false
    }

    private static func words(_ error: any Error) -> String {
        guard let known = error as? LapwingError else { return "\(error)" }
        return known.cause.map { "\(known.message) \($0)" } ?? known.message
    }
}
