// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
public import LapwingCore

/// The little of the XenStore that is needed to tell domains something.
public protocol KeyStore: Sendable {
    /// The value of an entry; nil when there is none.
    func read(_ path: String) throws -> String?
    /// Sets the value of an entry.
    func write(_ path: String, _ value: String) throws
}

extension XenStoreClient: KeyStore {}

/// Tells PV and PVH domains of the machine's power, those that have `battery: virtual`: one key below the domain's own
/// part of the XenStore, which it can read and watch, and cannot write, as libxl makes that part dom0's
/// (docs/power.md). HVM domains have ACPI tables instead. An actor: a later text is never overtaken by an earlier one.
public actor PowerKeys {
    private let store: any KeyStore
    private let domains: @Sendable () async throws -> [DomainReport]
    private let followed: @Sendable (Bool) -> Void
    private let failed: @Sendable (String, LapwingError) -> Void
    private var text: String?
    private var told: [Int: String] = [:]
    /// Whom to tell, as of the last look; nil when there was none that succeeded.
    private var listeners: [DomainReport]?
    private var failing: Set<String> = []
    private let turns = Turns()

    /// Nobody is told before the first `publish`.
    ///
    /// - Parameters:
    ///   - domains: The domains, defined or only in Xen.
    ///   - followed: Told whenever it was looked, whether a domain of any type has the battery.
    ///   - failed: Told of a domain that could not be told, once until it works; empty when they could not be listed.
    public init(
        store: any KeyStore, domains: @escaping @Sendable () async throws -> [DomainReport],
        followed: @escaping @Sendable (Bool) -> Void, failed: @escaping @Sendable (String, LapwingError) -> Void
    ) {
        self.store = store
        self.domains = domains
        self.followed = followed
        self.failed = failed
    }

    /// The path of a domain's key.
    static func path(_ domain: Int) -> String { "/local/domain/\(domain)/lapwing/power/state" }

    /// Tells all domains another text. Which there are is known since one last came or went.
    public func publish(_ text: String) async {
        self.text = text
        if listeners == nil { await look() }
        tell()
    }

    /// A domain came or went: one that came is told.
    public func domainsChanged() async {
        await look()
        tell()
    }

    /// One look after the other: an older list must not replace a newer one.
    private func look() async {
        await turns.run {
            do {
                let reports = try await domains().filter { Self.lives($0) && $0.settings?.battery == .virtual }
                failing.remove("")
                followed(!reports.isEmpty)
                let numbers = Set(reports.compactMap(\.id))
                told = told.filter { numbers.contains($0.key) }
                listeners = reports.filter { $0.settings?.type != .hvm }
            } catch {
                listeners = nil
                note("", error)
            }
        }
    }

    private func tell() {
        guard let text else { return }
        for report in listeners ?? [] {
            guard let id = report.id, told[id] != text else { continue }
            do {
                // A key of a domain that just went would make its part of the XenStore anew.
                guard try store.read("/local/domain/\(id)/name") != nil else { continue }
                try store.write(Self.path(id), text)
                told[id] = text
                failing.remove(report.name)
            } catch {
                note(report.name, error)
            }
        }
    }

    private static func lives(_ report: DomainReport) -> Bool {
        report.id != nil && ["starting", "running", "paused", "stopping"].contains(report.state)
    }

    private func note(_ domain: String, _ error: any Error) {
        guard failing.insert(domain).inserted else { return }
        let known = error as? LapwingError
        failed(
            domain, known ?? LapwingError("power.not-told", "A domain could not be told of power.", cause: "\(error)"))
    }
}
