// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import Synchronization
import Testing

@testable import XenControl

/// A XenStore in memory, and domains as a test wants them.
private final class Scene: KeyStore {
    struct State {
        var keys: [String: String] = [:]
        var writes = 0
        var refusing = false
        var domains: [DomainReport] = []
        var listable = true
        var followed: [Bool] = []
        var failed: [String] = []
    }
    let state = Mutex(State())

    func read(_ path: String) throws -> String? { state.withLock { $0.keys[path] } }

    func write(_ path: String, _ value: String) throws {
        try state.withLock { state in
            if state.refusing { throw LapwingError("xenstore.refused", "The XenStore did not take a value.") }
            state.keys[path] = value
            state.writes += 1
        }
    }

    func set(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    func add(
        _ id: Int?, _ name: String, _ type: DomainSettings.Kind, _ battery: DomainSettings.Battery,
        state word: String = "running"
    ) {
        let settings = DomainSettings(type: type, memory: ByteSize(bytes: 1 << 28), vcpus: 1, battery: battery)
        set { state in
            state.domains.append(
                DomainReport(name: name, state: word, id: id, settings: settings, restarts: 0, images: [:]))
            if let id { state.keys["/local/domain/\(id)/name"] = name }
        }
    }

    func keys() -> PowerKeys {
        PowerKeys(
            store: self,
            domains: {
                try self.state.withLock { state in
                    guard state.listable else { throw LapwingError("xen.failed", "xl does not answer.") }
                    return state.domains
                }
            }, followed: { followed in self.set { $0.followed.append(followed) } },
            failed: { domain, _ in self.set { $0.failed.append(domain) } })
    }

    func told(_ id: Int) -> String? { state.withLock { $0.keys["/local/domain/\(id)/lapwing/power/state"] } }
}

@Suite struct PowerKeysTests {
    @Test func `PV and PVH domains with the virtual battery are told, nobody else`() async {
        let scene = Scene()
        scene.add(1, "pvh", .pvh, .virtual)
        scene.add(2, "pv", .pv, .virtual, state: "starting")
        scene.add(3, "hvm", .hvm, .virtual)
        scene.add(4, "none", .pvh, .none)
        scene.add(nil, "off", .pvh, .virtual, state: "stopped")
        let keys = scene.keys()
        await keys.domainsChanged()
        #expect(scene.told(1) == nil)
        await keys.publish("lapwing-power 1\n")
        #expect((1...4).map(scene.told) == ["lapwing-power 1\n", "lapwing-power 1\n", nil, nil])
        await keys.publish("lapwing-power 1\nonline=0\n")
        #expect(scene.told(1)?.hasSuffix("online=0\n") == true)
    }

    @Test func `what a domain was told is not told again, and who comes later is told at once`() async {
        let scene = Scene()
        scene.add(1, "one", .pvh, .virtual)
        let keys = scene.keys()
        for _ in 0..<3 { await keys.publish("a") }
        #expect(scene.state.withLock { $0.writes } == 1)
        scene.add(2, "two", .pvh, .virtual, state: "starting")
        await keys.domainsChanged()
        #expect(scene.told(2) == "a" && scene.state.withLock { $0.writes } == 2)
    }

    @Test func `a domain whose part of the XenStore is gone is not made anew`() async {
        let scene = Scene()
        scene.add(1, "one", .pvh, .virtual)
        scene.set { $0.keys = [:] }
        await scene.keys().publish("a")
        #expect(scene.state.withLock { $0.keys.isEmpty })
    }

    @Test func `whether somebody follows is told, of HVM domains too`() async {
        let scene = Scene()
        let keys = scene.keys()
        await keys.publish("a")
        scene.add(1, "hvm", .hvm, .virtual)
        await keys.domainsChanged()
        scene.set { $0.domains = [] }
        await keys.domainsChanged()
        #expect(scene.state.withLock { $0.followed } == [false, true, false])
    }

    @Test func `a failure is told once until it works, and stops nobody else`() async {
        let scene = Scene()
        scene.add(1, "one", .pvh, .virtual)
        scene.set { $0.refusing = true }
        let keys = scene.keys()
        await keys.publish("a")
        await keys.publish("b")
        scene.set { $0.refusing = false }
        await keys.domainsChanged()
        #expect(scene.told(1) == "b")
        scene.set { $0.listable = false }
        await keys.domainsChanged()
        await keys.publish("c")
        await keys.publish("d")
        #expect(scene.told(1) == "b")
        scene.set { $0.listable = true }
        await keys.publish("e")
        #expect(scene.told(1) == "e" && scene.state.withLock { $0.failed } == ["one", ""])
    }

    @Test func `domains are listed when one came or went, not for each text`() async {
        let scene = Scene()
        scene.add(1, "one", .pvh, .virtual)
        let keys = scene.keys()
        for text in ["a", "b", "c"] { await keys.publish(text) }
        #expect(scene.state.withLock { $0.followed } == [true] && scene.told(1) == "c")
        scene.set { $0.keys["/local/domain/1/name"] = nil }
        await keys.publish("d")
        #expect(scene.told(1) == "c")
    }
}
