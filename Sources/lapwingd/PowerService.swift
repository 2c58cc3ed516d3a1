// SPDX-License-Identifier: Apache-2.0

import Battery
import DeviceConfig
import DeviceFacts
import DeviceManagement
import DeviceModel
import LapwingCore
import Power
import PowerFacts
import XenControl

/// Those who have a say when domains are made, one after the other: devices, which may refuse, then power.
struct Companions: DomainCompanion {
    let devices: DeviceManager
    let keys: PowerKeys?
    let profiles: ProfileFollower?

    func canGiveFunctions() async -> Bool { await devices.canGiveFunctions() }
    func mayStart(_ domain: String) async throws { try await devices.mayStart(domain) }

    func join(_ domain: String) async throws {
        try await devices.join(domain)
        await keys?.domainsChanged()
    }

    func domainsChanged() async {
        await devices.domainsChanged()
        await keys?.domainsChanged()
        profiles?.domainsChanged()
    }
}

/// The machine's power in the daemon: who follows it, and who is told.
struct PowerService: Sendable {
    /// Follows it.
    let follower: PowerFollower
    /// Tells domains by the XenStore; nil where there is none.
    let keys: PowerKeys?
    /// Sets profiles; nil where there is no hypervisor to set them in.
    let profiles: ProfileFollower?
    private let texts: AsyncStream<String>
    private let progress: any Progress

    /// `store` reaches the XenStore; nil for none, and for no profiles. Listeners on the control socket are told by
    /// `report`; `audit` keeps who wanted which profile.
    init(
        paths: DevicePaths, tree: SystemTree, store: XenStoreClient?, context: Context,
        domains: @escaping @Sendable () async throws -> [DomainReport],
        report: @escaping @Sendable (String, JSONValue) -> Void,
        audit: @escaping @Sendable (PowerReport, UInt32?) -> Void
    ) throws {
        let progress = context.progress
        let clock = context.clock
        let (texts, newest) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let profiles = store.map { _ in
            Self.profiles(paths, context) { changed, user in
                audit(changed, user)
                if let data = try? Self.event(changed, user, at: clock.now()) { report(Self.profile, data) }
            }
        }
        let files = KernelFiles(line: { tree.line($0) }, names: { tree.names($0, limit: $1) })
        let follower = try PowerFollower(
            PowerReader(files, devices: paths.at("/dev/input")), directory: paths.power,
            listener: .init(
                changed: { power, status in
                    newest.yield(power.text)
                    profiles?.changed(status)
                    guard let data = try? Self.event(status, at: clock.now()) else { return }
                    report(Self.changed, data)
                },
                failed: { progress.warning("guests do not hear of power: \($0.message) \($0.cause ?? "")") }))
        self.texts = texts
        self.progress = progress
        self.follower = follower
        self.profiles = profiles
        keys = store.map { store in
            PowerKeys(store: store, domains: domains, followed: { follower.follow($0) }) { domain, error in
                let who = domain.isEmpty ? "domains" : "domain \(domain)"
                progress.warning("\(who) could not be told of power: \(error.message) \(error.cause ?? "")")
            }
        }
    }

    private static let changed = "power.changed"
    private static let profile = "power.profile"

    /// The profiles of the machine's configuration; none is set by itself where that cannot be read.
    private static func profiles(
        _ paths: DevicePaths, _ context: Context, listener: @escaping ProfileFollower.Listener
    ) -> ProfileFollower {
        var settings = PowerSettings(profile: .manual)
        do {
            settings = try ConfigLoader(paths).load().configuration.power
        } catch {
            context.progress.warning("no power profile is set by itself: \(error)")
        }
        let manager = PowerManager(
            settings: settings, machine: XenPowerMachine(runner: context.runner, paths: paths),
            store: PowerStore(paths), rivals: RivalServices(runner: context.runner), clock: context.clock)
        let thermometer = Thermometer(paths)
        return ProfileFollower(
            manager, namesDomains: PowerProfile.allCases.contains { !settings.profiles[$0].domains.isEmpty },
            temperature: { thermometer.hottest() }, listener: listener)
    }

    /// The event of a profile.
    private static func event(_ report: PowerReport, _ user: UInt32?, at time: Double) throws -> JSONValue {
        var event: [String: JSONValue] = [
            "name": .string(profile), "time": .number(time), "reason": .string(report.failure ?? report.reason),
            "report": try JSONValue(encoding: report),
        ]
        if let user { event["user"] = .integer(Int64(user)) }
        return .object(event)
    }

    /// The event of a change.
    private static func event(_ status: PowerStatus, at time: Double) throws -> JSONValue {
        .object([
            "name": .string(changed), "time": .number(time), "reason": .string(status.sentence),
            "status": try JSONValue(encoding: status),
        ])
    }

    /// The kernel told of something; nil when it is not known of what.
    func changed(_ event: Uevent?) {
        if event == nil || event?.concern == .power { follower.supplyChanged() }
        if event == nil || event?.concern == .input { follower.inputsChanged() }
    }

    /// Follows until `end`.
    func run() async {
        async let thread: Void = follow()
        async let profiling: Void? = profiles?.run()
        for await text in texts { await keys?.publish(text) }
        await thread
        _ = await profiling
    }

    /// A thread that could not be made ends the follower, so that nobody waits for it.
    private func follow() async {
        let follower = follower
        do {
            try await EventThread.run { follower.run() }
        } catch {
            follower.end()
            progress.warning("nobody follows the machine's power: \(error)")
        }
    }

    /// Ends `run`'s thread.
    func end() { follower.end() }
}
