// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import PowerFacts
import Synchronization
import Testing

@testable import Power

/// A follower over a machine in memory, run as in the daemon, and what its listener heard.
private final class Followed: Sendable {
    let machine = SimulatedMachine()
    let heard = Mutex<[String]>([])
    let follower: ProfileFollower
    private let place: PrivateRoot
    private let running: Task<Void, Never>

    init(_ settings: PowerSettings, namesDomains: Bool = false) throws {
        place = try PrivateRoot()
        let manager = PowerManager(
            settings: settings, executor: ProfileExecutor(machine: machine, looks: 1, pause: {}),
            store: PowerStore(place.paths), rivals: nil, clock: FixedClock(), uptime: PowerManager.monotonic)
        let hears = Box<Followed>()
        let follower = ProfileFollower(manager, namesDomains: namesDomains, temperature: { nil }) { report, user in
            let who = user.map { " by \($0)" } ?? ""
            hears.value?.heard.withLock { $0.append((report.inForce ?? "none") + who) }
        }
        self.follower = follower
        running = Task { await follower.run() }
        hears.set(self)
    }

    deinit { running.cancel() }

    func changed(mains: Bool, percent: Int) {
        var status = PowerStatus(PowerReading())
        status.mains = mains
        status.percent = percent
        follower.changed(status)
    }

    /// Waits until the listener heard that, 20 seconds at most.
    func hears(_ wanted: [String]) async throws -> Bool {
        for _ in 0..<2000 {
            if heard.withLock({ $0 == wanted }) { return true }
            try await Task.sleep(for: .milliseconds(10))
        }
        return false
    }
}

/// Somebody who is known only later, and may be gone by then.
private final class Box<Value: AnyObject & Sendable>: Sendable {
    private struct Weak: Sendable { weak var value: Value? }
    private let held = Mutex(Weak())
    var value: Value? { held.withLock { $0.value } }
    func set(_ value: Value) { held.withLock { $0.value = value } }
}

@Suite struct ProfileFollowerTests {
    @Test func `profiles follow the machine, and only what is new is told`() async throws {
        let followed = try Followed(PowerSettings(settleSeconds: 0))
        followed.changed(mains: true, percent: 90)
        #expect(try await followed.hears(["performance"]))
        followed.changed(mains: true, percent: 91)
        followed.changed(mains: false, percent: 91)
        #expect(try await followed.hears(["performance", "balanced"]))
        followed.changed(mains: false, percent: 12)
        #expect(try await followed.hears(["performance", "balanced", "powersave"]))
        #expect(await followed.follower.moments().last?.percent == 12)
    }

    @Test func `a change that came too soon is made later, though nothing else happens`() async throws {
        let followed = try Followed(PowerSettings(settleSeconds: 1))
        followed.changed(mains: true, percent: 90)
        #expect(try await followed.hears(["performance"]))
        followed.changed(mains: false, percent: 90)
        #expect(try await followed.hears(["performance", "balanced"]))
    }

    @Test func `a user's choice is told with the user, and a word that is none is refused`() async throws {
        let followed = try Followed(PowerSettings(profile: .manual))
        followed.changed(mains: true, percent: 90)
        let report = try await followed.follower.choose("powersave", user: 1000)
        #expect(report.inForce == "powersave")
        #expect(try await followed.hears(["powersave by 1000"]))
        let error = await #expect(throws: LapwingError.self) {
            try await followed.follower.choose("powersafe", user: 0)
        }
        #expect(error?.exit == .usage && error?.hint == "Did you mean \"powersave\"?")
        followed.machine.set { $0.deaf = [.scheduler] }
        await #expect(throws: LapwingError.self) { try await followed.follower.choose("performance", user: 1000) }
        #expect(try await followed.hears(["powersave by 1000", "powersave by 1000"]))
    }

    @Test func `a domain that comes gets its share where a profile has one`() async throws {
        var settings = PowerSettings()
        settings.profiles.performance.domains = ["late": .init(weight: 64)]
        let followed = try Followed(settings, namesDomains: true)
        followed.changed(mains: true, percent: 90)
        #expect(try await followed.hears(["performance"]))
        followed.machine.set { $0.controls[.shares]?.parts["late"] = .init("weight=256 cap=0") }
        followed.follower.domainsChanged()
        for _ in 0..<2000 where followed.machine.values(.shares)["late"] != "weight=64 cap=0" {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(followed.machine.values(.shares)["late"] == "weight=64 cap=0")
    }
}
