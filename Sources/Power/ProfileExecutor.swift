// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import LapwingCore

/// What became of a plan.
public struct PowerOutcome: Sendable, Hashable, Codable {
    /// The profile; nil for the state in which the machine had started.
    public var profile: PowerProfile?
    /// What was set and read back as set, in order.
    public var done: [PowerPlan.Step]
    /// What held already.
    public var held: [PowerControl]
    /// What the machine does not have, and why.
    public var unavailable: [PowerPlan.Note]
    /// What could not be read and was left alone, and why.
    public var unreadable: [PowerPlan.Note]
    /// The step that failed; nil when all went well.
    public var failed: PowerPlan.Step?
    /// Why it failed.
    public var cause: String?
    /// What was undone after the failure, in the order of undoing.
    public var restored: [PowerPlan.Step]
    /// What could not be undone, and why.
    public var left: [PowerPlan.Note]
    /// Screens that are darker than their users had them.
    public var dimmed: [String: Dimming]

    /// True when the profile is in force.
    public var succeeded: Bool { failed == nil }

    /// The failure as an error for the person; nil when there was none.
    public var error: LapwingError? {
        guard let failed else { return nil }
        var words = cause ?? "it reads otherwise"
        if !restored.isEmpty { words += "; restored: " + restored.map(\.control.rawValue).joined(separator: ", ") }
        if !left.isEmpty {
            words += "; NOT restored: "
            words += left.map { "\($0.control.rawValue) \($0.part ?? "") (\($0.text))" }.joined(separator: ", ")
        }
        return LapwingError(
            left.isEmpty ? "power.profile-failed" : "power.profile-not-restored",
            "The profile could not be set as a whole.", subject: profile?.rawValue ?? "boot",
            cause: failed.text + ": " + words,
            hint: left.isEmpty ? nil : "\"lapwingctl power reset\" tries to restore the state of the start.")
    }
}

/// Carries plans out: each step is written and read back, and a step that does not take undoes all before it, the last
/// first. One at a time; the manager sees to that.
struct ProfileExecutor: Sendable {
    let machine: any PowerMachine
    /// How often the machine is read before a value counts as not taken, and the pause between.
    var looks = 3
    var pause: @Sendable () async -> Void = { try? await Task.sleep(for: .milliseconds(100)) }

    /// Reads everything.
    func readings() async -> PowerReadings {
        var readings = PowerReadings([:])
        for control in PowerControl.allCases {
            do {
                readings.controls[control] = try await machine.read(control)
            } catch {
                readings.failures[control] = Words.of(error)
            }
        }
        return readings
    }

    /// Sets a profile. Planned anew when CPUs came, for they have settings of their own.
    ///
    /// - Parameter record: Is shown what was read before anything is set, and gives what the machine was like when it
    ///   had started. When it throws nothing has happened.
    func apply(
        _ profile: PowerProfile?, _ settings: PowerProfileSettings, dimmed: [String: Dimming],
        record: @Sendable (PowerReadings) async throws -> BootState
    ) async throws -> PowerOutcome {
        var outcome = PowerOutcome(
            profile: profile, done: [], held: [], unavailable: [], unreadable: [], failed: nil, cause: nil,
            restored: [], left: [], dimmed: dimmed)
        for pass in 1...2 {
            let readings = await readings()
            let boot: BootState
            do {
                boot = try await record(readings)
            } catch  where pass == 2 {
                await fail(&outcome, outcome.done.last, Words.of(error))
                return outcome
            }
            let plan = PowerPlanner(boot: boot, dimmed: dimmed).plan(profile, settings, readings)
            outcome.held = plan.held
            outcome.unavailable = plan.unavailable
            outcome.unreadable = plan.unreadable
            // CPUs that come are set up before others go.
            let came =
                plan.steps.first.map { $0.control == .cpus && $0.changes[0].to == ProcessorTargets.online } ?? false
            for step in came && pass == 1 ? Array(plan.steps.prefix(1)) : plan.steps {
                if let cause = await carryOut(step, &outcome) {
                    await fail(&outcome, step, cause)
                    return outcome
                }
            }
            outcome.dimmed = plan.dimmed
            if !came { break }
        }
        return outcome
    }

    /// Why a step failed; nil when it did not.
    private func carryOut(_ step: PowerPlan.Step, _ outcome: inout PowerOutcome) async -> String? {
        let (missed, failure) = await set(step.control, step.changes.map { ($0.part, $0.to) })
        guard let missed else {
            outcome.done.append(step)
            return failure.map(Words.of) ?? "it can no longer be read"
        }
        let from = Dictionary(step.changes.map { ($0.part, $0.from) }) { first, _ in first }
        let refused = (failure as? LapwingError)?.code == "power.refused"
        let gone = missed.filter { refused && $0.value == from[$0.key] }
        let taken = step.changes.filter { missed[$0.part] == nil }
        if !taken.isEmpty { outcome.done.append(.init(control: step.control, changes: taken)) }
        for part in gone.keys.sorted(by: Words.inOrder) {
            outcome.unavailable.append(.init(step.control, failure.map(Words.of) ?? "refused", part: part))
        }
        guard gone.count < missed.count else { return nil }
        // What became something else again is undone as well.
        let other = step.changes.filter { change in missed[change.part].map { $0 != change.from } ?? false }
        if !other.isEmpty { outcome.done.append(.init(control: step.control, changes: other)) }
        let shown = missed.keys.sorted(by: Words.inOrder).prefix(4).map { "\($0) is \(missed[$0] ?? "?")" }
        return (failure.map { Words.of($0) + "; " } ?? "") + shown.joined(separator: ", ")
    }

    /// Writes parts and reads them back.
    ///
    /// - Returns: Parts that are there and are not as wanted, with what they are instead, nil when the control cannot
    ///   be read any more; and what the writing threw. A part that went meanwhile is nobody's failure.
    private func set(
        _ control: PowerControl, _ wanted: [(String, String)]
    ) async -> (missed: [String: String]?, failure: (any Error)?) {
        let values = Dictionary(wanted) { first, _ in first }
        var failure: (any Error)?
        do {
            let there = Set(try await machine.read(control).parts.keys)
            let everywhere = values.count > 1 && Set(values.values).count == 1 && there == Set(values.keys)
            try await machine.write(control, values, everywhere: everywhere)
        } catch {
            failure = error
        }
        var missed: [String: String]?
        for look in 1...max(1, looks) {
            do {
                let now = try await machine.read(control)
                guard now.unavailable == nil else { return (nil, failure) }
                missed = [:]
                for (part, value) in values {
                    if let actual = now.parts[part]?.value, !control.holds(value, actual) { missed?[part] = actual }
                }
                if missed == [:] { return ([:], failure) }
                // What the tool said is final; only what it passed over in silence may still come.
                if failure != nil { break }
            } catch {
                failure = failure ?? error
                missed = nil
            }
            if look < looks { await pause() }
        }
        return (missed, failure)
    }

    private func fail(_ outcome: inout PowerOutcome, _ step: PowerPlan.Step?, _ cause: String) async {
        outcome.failed = step ?? .init(control: .cpus, changes: [])
        outcome.cause = cause
        for step in outcome.done.reversed() {
            let back = step.changes.reversed().map {
                PowerPlan.Change(part: $0.part, from: $0.to, to: $0.from)
            }
            let (missed, failure) = await set(step.control, back.map { ($0.part, $0.to) })
            let told = failure.map(Words.of)
            guard let missed else {
                outcome.left.append(.init(step.control, told ?? "it can no longer be read"))
                continue
            }
            for part in missed.keys.sorted(by: Words.inOrder) {
                let text = "it is \(missed[part] ?? "?")" + (told.map { ": " + $0 } ?? "")
                outcome.left.append(.init(step.control, text, part: part))
            }
            let good = back.filter { missed[$0.part] == nil }
            if !good.isEmpty { outcome.restored.append(.init(control: step.control, changes: good)) }
        }
        outcome.done = []
    }
}
