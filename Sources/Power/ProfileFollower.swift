// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import PowerFacts
import Synchronization

/// Brings how the machine stands to the power profiles: one look after the other, each with what is newest. It sleeps
/// until something changed, or until the rules asked to be called again.
public final class ProfileFollower: Sendable {
    /// Hears of a profile that came into force or could not be set, and of each choice with the user who made it; nil for
    /// the rules.
    public typealias Listener = @Sendable (PowerReport, UInt32?) -> Void

    /// What a listener was told last.
    private struct Told: Equatable {
        var inForce: String?
        var failure: String?
    }

    private struct State {
        var status: PowerStatus?
        var domainsChanged = false
        var told = Told()
        var again: Task<Void, Never>?
    }

    private let manager: PowerManager
    private let namesDomains: Bool
    private let temperature: @Sendable () -> Int?
    private let listener: Listener
    private let state = Mutex(State())
    private let rings: AsyncStream<Void>
    private let bell: AsyncStream<Void>.Continuation

    /// A follower.
    ///
    /// - Parameters:
    ///   - namesDomains: True when a profile has shares of domains: then it is set again when domains come.
    ///   - temperature: The temperature of the hottest place in degrees Celsius; nil when nobody knows.
    public init(
        _ manager: PowerManager, namesDomains: Bool, temperature: @escaping @Sendable () -> Int?,
        listener: @escaping Listener
    ) {
        self.manager = manager
        self.namesDomains = namesDomains
        self.temperature = temperature
        self.listener = listener
        (rings, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The machine's power is so now.
    public func changed(_ status: PowerStatus) {
        state.withLock { $0.status = status }
        bell.yield()
    }

    /// Domains came or went.
    public func domainsChanged() {
        guard namesDomains else { return }
        state.withLock { $0.domainsChanged = true }
        bell.yield()
    }

    /// Follows until the task ends.
    public func run() async {
        for await _ in rings { await look() }
        state.withLock { $0.again?.cancel() }
    }

    private func look() async {
        let (status, domainsChanged) = state.withLock { state in
            defer { state.domainsChanged = false }
            return (state.status, state.domainsChanged)
        }
        guard let status else { return }
        var report = await manager.take(
            PowerSituation(
                onMains: status.mains, percent: status.percent,
                lid: VirtualPower.Lid(rawValue: status.lid) ?? .absent, temperature: temperature()))
        if domainsChanged { report = await manager.refresh() }
        note(report, nil)
    }

    /// Tells of what is new and of what a user did, and sees to it that somebody looks when the rules want it.
    private func note(_ report: PowerReport, _ user: UInt32?) {
        let isNew = state.withLock { state in
            let told = Told(inForce: report.inForce, failure: report.failure)
            defer { state.told = told }
            state.again?.cancel()
            state.again = report.lookAgainIn.map { seconds in
                Task { [bell] in
                    do { try await Task.sleep(for: .seconds(seconds)) } catch { return }
                    bell.yield()
                }
            }
            return state.told != told
        }
        if isNew || user != nil { listener(report, user) }
    }

    // MARK: Requests

    /// How the profiles stand.
    public func report() async -> PowerReport { await manager.report() }

    /// What happened, the oldest moment first.
    public func moments() async -> [PowerMoment] { await manager.moments() }

    /// What choosing would change. `word` is as `PowerChoice` reads it (`power.unknown-profile` for another).
    public func plan(_ word: String) async throws -> PowerPlan { await manager.plan(try Self.choice(word)) }

    /// A user chooses; throws as `PowerManager.choose` does, and `power.unknown-profile` for a word that is none.
    public func choose(_ word: String, user: UInt32) async throws -> PowerReport {
        let choice = try Self.choice(word)
        do {
            let report = try await manager.choose(choice)
            note(report, user)
            return report
        } catch {
            note(await manager.report(), user)
            throw error
        }
    }

    private static func choice(_ word: String) throws -> PowerChoice {
        if let choice = PowerChoice(word: word) { return choice }
        let words = PowerChoice.words
        throw LapwingError(
            "power.unknown-profile", exit: .usage, "There is no such profile.", subject: SafeText.printable(word),
            hint: Suggestion.sentence(word, among: words) ?? "One of: \(words.joined(separator: ", ")).")
    }
}
