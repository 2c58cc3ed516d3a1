// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import DomainDefinitions
import LapwingCore
import Synchronization
import SystemPackage

@testable import XenControl

/// A Xen that keeps domains in memory and a record of what it was told; it does what `xl` does, or what a test wants to
/// go wrong.
final class RecordingXen: Hypervisor {
    struct State {
        var domains: [XenDomain] = [XenDomain(id: 0, name: "Domain-0", uuid: zero, memory: 2048, vcpus: 2)]
        var units: Set<String> = []
        var calls: [String] = []
        var next = 1
        /// The guest obeys a request to switch itself off.
        var obeys = true
        /// Calls that fail, by their text.
        var failing: Set<String> = []
        /// The domain ends like this as soon as it may run.
        var endsWith: XenDomain.Ending?
        /// The next creations come to nothing, though they say they succeeded.
        var lost = 0
    }
    static let zero = "00000000-0000-0000-0000-000000000000"
    let state = Mutex(State())
    private let run: FilePath

    init(run: FilePath) { self.run = run }

    var calls: [String] { state.withLock { $0.calls } }
    func set(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }
    func end(_ name: String, _ ending: XenDomain.Ending) {
        set { state in
            for i in state.domains.indices where state.domains[i].name == name { state.domains[i].ending = ending }
        }
    }

    private func called(_ call: String) throws {
        try state.withLock { state in
            state.calls.append(call)
            if state.failing.contains(call) { throw LapwingError("xen.failed", "\(call) failed.") }
        }
    }

    func domains() async throws -> [XenDomain] { state.withLock { $0.domains } }

    func create(_ name: String) async throws {
        try called("create \(name)")
        let text = try Files.text(run.appending(name + ".cfg"))
        let uuid = text.split(separator: "\n").first { $0.hasPrefix("uuid") }?.split(separator: "\"")[1] ?? ""
        state.withLock { state in
            // systemd starts nothing when the unit is active already.
            guard state.units.insert(name).inserted else { return }
            if state.lost > 0 { return state.lost -= 1 }
            state.domains.append(
                XenDomain(id: state.next, name: name, uuid: String(uuid), memory: 192, vcpus: 1, paused: true))
            state.next += 1
        }
    }

    func unpause(_ id: Int) async throws {
        try called("unpause \(id)")
        state.withLock { state in
            for i in state.domains.indices where state.domains[i].id == id {
                state.domains[i].paused = false
                state.domains[i].ending = state.endsWith
            }
        }
    }

    func requestPowerOff(_ id: Int) async throws -> Bool {
        try called("shutdown \(id)")
        state.withLock { state in
            for i in state.domains.indices where state.domains[i].id == id && state.obeys {
                state.domains[i].ending = .poweroff
            }
        }
        return true
    }

    func destroy(_ id: Int) async throws {
        try called("destroy \(id)")
        state.withLock { $0.domains.removeAll { $0.id == id } }
    }

    func clearUnit(_ name: String) async {
        state.withLock { state in
            state.calls.append("clear \(name)")
            if state.units.remove(name) != nil { state.domains.removeAll { $0.name == name } }
        }
    }

    /// As the process does, leaves a file.
    func startBattery(_ id: Int) async throws {
        try called("battery \(id)")
        try Files.makeDirectory(battery(id).removingLastComponent())
        try Files.write("served", to: battery(id))
    }

    func stopBattery(_ id: Int) async { try? called("no battery \(id)") }

    func battery(_ id: Int) -> FilePath {
        run.removingLastComponent().appending("acpi").appending(String(id))
    }
}

/// A clock that a test moves.
final class TestClock: WallClock {
    private let time = Mutex(1_000_000.0)
    func now() -> Double { time.withLock { $0 } }
    func pass(_ seconds: Double) { time.withLock { $0 += seconds } }
}

/// A device of its own in a directory, with one domain called `work`.
final class TestDevice: Sendable {
    let root = FilePath("/tmp/lapwing-xen-\(UInt32.random(in: 0 ... .max))")
    let paths: DevicePaths
    let xen: RecordingXen
    let clock = TestClock()
    private let log = Log()

    private final class Log: Sendable {
        let lines = Mutex<[String]>([])
    }

    init() throws {
        paths = DevicePaths(root: root)
        xen = RecordingXen(run: paths.domainRun)
        try Files.makeDirectory(paths.at("/boot"))
        try Files.write("kernel", to: paths.at("/boot/vmlinuz"))
        try define("work")
    }

    deinit { try? Files.removeTree(root) }

    func define(_ name: String, _ change: (inout DomainSettings) -> Void = { _ in }) throws {
        var settings = DomainSettings(
            type: .pvh, memory: ByteSize(bytes: 192 << 20), vcpus: 1, kernel: "/boot/vmlinuz")
        change(&settings)
        try DefinitionStore(paths).write(name, settings)
    }

    /// A daemon: the second one on the same device finds what the first one left.
    func manager() -> DomainManager {
        DomainManager(paths: paths, xen: xen, clock: clock) { [log] event in
            log.lines.withLock { $0.append(event.domain + " " + event.name.dropFirst(7)) }
        }
    }

    var events: [String] { log.lines.withLock { $0 } }
    func phase(_ name: String = "work") -> DomainRecord.Phase? {
        DomainFiles(identities: paths.domainIdentities, run: paths.domainRun).records().domains[name]?.phase
    }
    func set(_ phase: DomainRecord.Phase, _ name: String = "work") throws {
        let files = DomainFiles(identities: paths.domainIdentities, run: paths.domainRun)
        var records = files.records()
        records.domains[name] = DomainRecord(phase: phase, since: clock.now())
        try files.write(records)
    }
}
