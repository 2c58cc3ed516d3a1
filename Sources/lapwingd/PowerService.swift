// SPDX-License-Identifier: Apache-2.0

import Battery
import DeviceConfig
import DeviceFacts
import DeviceManagement
import DeviceModel
import LapwingCore
import PowerFacts
import XenControl

/// Those who have a say when domains are made, one after the other: devices, which may refuse, then power.
struct Companions: DomainCompanion {
    let devices: DeviceManager
    let keys: PowerKeys?

    func canGiveFunctions() async -> Bool { await devices.canGiveFunctions() }
    func mayStart(_ domain: String) async throws { try await devices.mayStart(domain) }

    func join(_ domain: String) async throws {
        try await devices.join(domain)
        await keys?.domainsChanged()
    }

    func domainsChanged() async {
        await devices.domainsChanged()
        await keys?.domainsChanged()
    }
}

/// The machine's power in the daemon: who follows it, and who is told.
struct PowerService: Sendable {
    /// Follows it.
    let follower: PowerFollower
    /// Tells domains by the XenStore; nil where there is none.
    let keys: PowerKeys?
    private let texts: AsyncStream<String>
    private let progress: any Progress

    /// `store` reaches the XenStore; nil for none. Listeners on the control socket are told by `report`.
    init(
        paths: DevicePaths, tree: SystemTree, store: XenStoreClient?, context: Context,
        domains: @escaping @Sendable () async throws -> [DomainReport],
        report: @escaping @Sendable (String, JSONValue) -> Void
    ) throws {
        let progress = context.progress
        let clock = context.clock
        let (texts, newest) = AsyncStream<String>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let files = KernelFiles(line: { tree.line($0) }, names: { tree.names($0, limit: $1) })
        let follower = try PowerFollower(
            PowerReader(files, devices: paths.at("/dev/input")), directory: paths.power,
            listener: .init(
                changed: { power, status in
                    newest.yield(power.text)
                    guard let data = try? Self.event(status, at: clock.now()) else { return }
                    report(Self.changed, data)
                },
                failed: { progress.warning("guests do not hear of power: \($0.message) \($0.cause ?? "")") }))
        self.texts = texts
        self.progress = progress
        self.follower = follower
        keys = store.map { store in
            PowerKeys(store: store, domains: domains, followed: { follower.follow($0) }) { domain, error in
                let who = domain.isEmpty ? "domains" : "domain \(domain)"
                progress.warning("\(who) could not be told of power: \(error.message) \(error.cause ?? "")")
            }
        }
    }

    private static let changed = "power.changed"

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
        for await text in texts { await keys?.publish(text) }
        await thread
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
