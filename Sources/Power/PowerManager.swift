// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig
public import LapwingCore

/// Follows the situation: decides on a profile, sets it, and remembers what happened. It has no timer: a report says
/// when to call again though nothing changed.
public actor PowerManager {
    /// The most moments of the history. One that differs from the one before takes a place, so this is hours to days.
    public static let historyLimit = 512

    private let settings: PowerSettings
    private let engine: RuleEngine
    private let executor: ProfileExecutor
    private let store: PowerStore
    private let rivals: RivalServices?
    private let clock: any WallClock
    private let uptime: @Sendable () -> Double
    private let turns = Turns()

    private var state: RuleState
    private var situation: PowerSituation?
    private var decision: PowerDecision?
    private var outcome: PowerOutcome?
    /// What was set as a whole last; `.some(nil)` is the state of the start.
    private var inForce: PowerProfile??
    /// What was tried last. A failure is not tried again before something else is decided or somebody asks.
    private var tried: PowerProfile??
    /// What a person chose on this machine since it started; nil for what the configuration says.
    private var chosen: PowerChoice?
    private var boot: BootState?
    private var dimmed: [String: Dimming] = [:]
    private var rivalUnits: [String] = []
    private var problems: [String] = []
    private var failure: String?
    private var history = Ring<PowerMoment>(capacity: historyLimit)
    private var begun = false

    /// A manager.
    ///
    /// - Parameters:
    ///   - rivals: Who else may set the same things; nil not to look.
    ///   - clock: For the history.
    ///   - uptime: Seconds on a clock that only goes forward.
    public init(
        settings: PowerSettings, machine: any PowerMachine, store: PowerStore, rivals: RivalServices?,
        clock: any WallClock, uptime: @escaping @Sendable () -> Double = PowerManager.monotonic
    ) {
        self.init(
            settings: settings, executor: ProfileExecutor(machine: machine), store: store, rivals: rivals, clock: clock,
            uptime: uptime)
    }

    init(
        settings: PowerSettings, executor: ProfileExecutor, store: PowerStore, rivals: RivalServices?,
        clock: any WallClock, uptime: @escaping @Sendable () -> Double
    ) {
        self.settings = settings
        self.executor = executor
        self.store = store
        self.rivals = rivals
        self.clock = clock
        self.uptime = uptime
        engine = RuleEngine(settings)
        state = RuleState(settings.profile.profile.map { .fixed($0) } ?? .auto)
    }

    private static let start = ContinuousClock.now

    /// Seconds since the program started, also while the machine slept.
    public static let monotonic: @Sendable () -> Double = {
        let passed = (ContinuousClock.now - start).components
        return Double(passed.seconds) + Double(passed.attoseconds) / 1e18
    }

    // MARK: Requests

    /// Takes a new situation and does what follows from it. What cannot be set is in the report.
    public func take(_ new: PowerSituation) async -> PowerReport {
        await turns.run {
            begin()
            situation = new
            await follow(again: false)
            return current()
        }
    }

    /// A person decides, until they say otherwise. Throws when the profile could not be set (`power.profile-failed`,
    /// `power.profile-not-restored`), or the choice not be kept for the next daemon.
    public func choose(_ choice: PowerChoice) async throws -> PowerReport {
        try await turns.run {
            begin()
            try store.save(HeldChoice(choice, dimmed: dimmed))
            state.choose(choice)
            chosen = choice
            (outcome, failure) = (nil, nil)
            await follow(again: true)
            if let error = outcome?.error { throw error }
            if let failure {
                throw LapwingError("power.profile-failed", "The profile could not be set.", cause: failure)
            }
            return current()
        }
    }

    /// Sets the profile again, for a domain or a device came, or the machine was asleep.
    public func refresh() async -> PowerReport {
        await turns.run {
            begin()
            await follow(again: true)
            return current()
        }
    }

    /// How things stand.
    public func report() -> PowerReport {
        begin()
        return current()
    }

    /// The history, the oldest moment first.
    public func moments() -> [PowerMoment] { history.elements }

    /// The plan to a profile from how the machine is now, for a look before anything is done.
    public func plan(_ choice: PowerChoice) async -> PowerPlan {
        await turns.run {
            begin()
            let readings = await executor.readings()
            var known = boot ?? BootState()
            _ = known.record(readings)
            let profile: PowerProfile? =
                switch choice {
                case .fixed(let profile): profile
                case .boot: nil
                case .auto: wouldDecide()
                }
            return PowerPlanner(boot: known, dimmed: dimmed).plan(profile, values(profile), readings)
        }
    }

    /// What the rules would make of the situation if they were asked now.
    private func wouldDecide() -> PowerProfile? {
        var asked = state
        asked.choose(.auto)
        return engine.decide(situation ?? PowerSituation(), asked, at: uptime()).0.profile
    }

    // MARK: Work

    private func values(_ profile: PowerProfile?) -> PowerProfileSettings {
        profile.map { settings.profiles[$0] } ?? PowerProfileSettings()
    }

    /// Reads what the daemon before left.
    private func begin() {
        if begun { return }
        begun = true
        do {
            boot = try store.boot()
        } catch {
            problems.append(
                "The state in which the machine had started is lost; \"power reset\" goes back to now. "
                    + Words.of(error))
        }
        do {
            if let held = try store.choice() {
                chosen = held.chosen
                if let chosen { state.choose(chosen) }
                dimmed = held.dimmed
            }
        } catch {
            problems.append("A profile that was set by hand is forgotten. " + Words.of(error))
        }
    }

    /// True while the configuration says that nothing is set, and no person has said otherwise.
    private var isLeftAlone: Bool { settings.profile == .manual && chosen == nil }

    private func follow(again: Bool) async {
        if isLeftAlone { return }
        guard situation != nil || state.choice != .auto else { return }
        let seen = situation ?? PowerSituation()
        let (decision, next) = engine.decide(seen, state, at: uptime())
        state = next
        self.decision = decision
        let wanted: PowerProfile?? = .some(decision.profile)
        if again || tried != wanted { await set(decision.profile) }
        let moment = PowerMoment(
            time: clock.now(), onMains: seen.onMains, percent: seen.percent, lid: seen.lid.rawValue,
            temperature: seen.temperature, profile: inForce.flatMap { $0?.rawValue }, reason: decision.reason,
            failure: failure)
        if !moment.resembles(history.last) { history.append(moment) }
    }

    private func set(_ profile: PowerProfile?) async {
        tried = .some(profile)
        await lookForRivals()
        let before = dimmed
        do {
            // A caller that gives up must not leave half a profile: the work is in a task of its own.
            let (executor, settings) = (executor, values(profile))
            let outcome = try await Task {
                try await executor.apply(profile, settings, dimmed: before) { try await self.record($0) }
            }.value
            self.outcome = outcome
            failure = outcome.error.map(Words.of)
            if outcome.succeeded {
                inForce = .some(profile)
                dimmed = outcome.dimmed
            } else if !outcome.left.isEmpty {
                inForce = nil
            }
        } catch {
            outcome = nil
            failure = Words.of(error)
        }
        if dimmed != before {
            do {
                try store.save(HeldChoice(chosen, dimmed: dimmed))
            } catch {
                problem("A new daemon will not know which screens are dimmed. " + Words.of(error))
            }
        }
    }

    /// Without a record there is no way back, so nothing is set before it is written.
    private func record(_ readings: PowerReadings) throws -> BootState {
        var known = boot ?? BootState()
        if known.record(readings) { try store.save(known) }
        boot = known
        return known
    }

    private func lookForRivals() async {
        guard let rivals else { return }
        do {
            rivalUnits = try await rivals.active()
        } catch {
            rivalUnits = []
            problem(Words.of(error))
        }
    }

    /// Each problem once, and not too many.
    private func problem(_ text: String) {
        if !problems.contains(text), problems.count < 16 { problems.append(text) }
    }

    private func current() -> PowerReport {
        PowerReport(
            choice: isLeftAlone ? PowerSettings.Choice.manual.rawValue : state.choice.word,
            wanted: decision?.profile?.rawValue, inForce: inForce.flatMap { $0?.rawValue },
            reason: decision?.reason ?? "", rule: decision?.rule,
            lookAgainIn: decision?.lookAgain.map { max(0, $0 - uptime()) }, controls: outcome?.controls ?? [],
            failure: failure, rivals: rivalUnits, timerSlop: settings.timerSlop, problems: problems)
    }
}

extension PowerMoment {
    /// True when nothing but the time differs; a reason that counts seconds does not count.
    fileprivate func resembles(_ other: PowerMoment?) -> Bool {
        guard var other else { return false }
        other.time = time
        other.reason = reason
        return other == self
    }
}
