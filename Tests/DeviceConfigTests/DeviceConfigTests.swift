// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import FoundationEssentials
import LapwingCore
import SystemPackage
import Testing

/// A private root with an image's configuration in it, removed at the end.
final class PrivateDevice {
    let root: FilePath
    var paths: DevicePaths { DevicePaths(root: root) }

    init() throws {
        root = FilePath(FileManager.default.temporaryDirectory.path)
            .appending("lapwing-config-\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(paths.image)
        for (name, bytes) in try Self.configuration.files() { try Files.write(bytes, to: paths.image.appending(name)) }
    }

    deinit { try? FileManager.default.removeItem(atPath: root.string) }

    static let configuration = DeviceConfiguration(
        image: ImageFacts(
            name: "test", version: "1", architecture: "x86_64", release: "trixie",
            recipeDigest: Digest(bytes: [UInt8](repeating: 7, count: 32))),
        dom0: Dom0Settings(
            hostname: "h", memory: ByteSize(bytes: 1 << 30), vcpus: 2, locale: "C.UTF-8", timezone: "Etc/UTC",
            keymap: "us"),
        access: AccessSettings(user: "admin", ask: true), state: StateSettings(encryption: .tpm2),
        network: NetworkSettings(wired: .none), power: PowerSettings(),
        domains: ["net": DomainSettings(type: .pvh, memory: ByteSize(bytes: 1 << 28), vcpus: 1)],
        installer: InstallerSettings(enabled: true))

    func change(_ section: String, _ text: String) throws {
        try Files.makeDirectory(paths.changes)
        try Files.write(text, to: paths.changes.appending(section + ".json"))
    }
}

struct DeviceConfigTests {
    @Test func `what the builder writes the device reads back unchanged`() throws {
        let device = try PrivateDevice()
        let loaded = try ConfigLoader(device.paths).load()
        #expect(loaded.configuration == PrivateDevice.configuration)
        #expect(loaded.problems.isEmpty)
        #expect(loaded.entries.allSatisfy { $0.origin == .image })
    }

    @Test func `a local change wins and only its own value is marked local`() throws {
        let device = try PrivateDevice()
        try device.change("domains", #"{"net": {"vcpus": 4}}"#)
        let loaded = try ConfigLoader(device.paths).load()
        #expect(loaded.configuration.domains["net"]?.vcpus == 4)
        #expect(loaded.configuration.domains["net"]?.type == .pvh)
        let local = loaded.entries.filter { $0.origin == .local }.map(\.key)
        #expect(local == ["domains.net.vcpus"])
    }

    @Test(arguments: [
        ("power", #"{"profile": "fastest"}"#, "json.bad"), ("power", "{", "json.bad"),
        ("power", "[]", "config.not-an-object"), ("power", #"{"profil": "powersave"}"#, "config.unknown-key"),
        ("image", #"{"name": "other"}"#, "config.fixed"), ("state", #"{"encryption": "none"}"#, "config.fixed"),
        ("domains", #"{"new": {"vcpus": 1}}"#, "json.bad"), ("network", #"{"wired": 1}"#, "json.bad"),
    ])
    func `a bad local change is reported and the image's values stand`(
        section: String, text: String, code: String
    ) throws {
        let device = try PrivateDevice()
        try device.change(section, text)
        let loaded = try ConfigLoader(device.paths).load()
        #expect(loaded.problems.map(\.code) == [code])
        #expect(loaded.configuration == PrivateDevice.configuration)
    }

    @Test func `an image without its configuration is an error that says so`() throws {
        #expect(throws: LapwingError.self) { try ConfigLoader(DevicePaths(root: "/nonexistent")).load() }
    }

    @Test func `setting and unsetting a value leaves nothing behind`() throws {
        let device = try PrivateDevice()
        let editor = ConfigEditor(device.paths)
        try editor.set("power.profile", to: "powersave")
        #expect(try ConfigLoader(device.paths).load().configuration.power.profile == .powersave)
        try editor.unset("power.profile")
        #expect(try ConfigLoader(device.paths).load().configuration == PrivateDevice.configuration)
        #expect(!Files.exists(device.paths.changes.appending("power.json")))
    }

    @Test(arguments: [
        ("power.profile", "wrong"), ("power.none", "1"), ("dom0.vcpus", "4"), ("power", "powersave"), ("x.y", "1"),
        ("power..profile", "powersave"),
    ])
    func `a change that would not load is refused before anything is written`(key: String, value: String) throws {
        let device = try PrivateDevice()
        #expect(throws: LapwingError.self) { try ConfigEditor(device.paths).set(key, to: value) }
        #expect(!Files.exists(device.paths.changes))
    }
}

@Suite struct PowerSettingsTests {
    private func settings(_ text: String) throws -> PowerSettings {
        try JSONText.decode(PowerSettings.self, from: Array(text.utf8), file: "power.json")
    }

    @Test func `what is not there is built in`() throws {
        #expect(try settings("{}") == PowerSettings())
        let settings = try settings(#"{"profile": "critical", "profiles": {"critical": {"turbo": true}}, "rules": []}"#)
        #expect(settings.profile.profile == .critical && settings.rules.isEmpty)
        #expect(settings.profiles[.critical].turbo == true && settings.profiles[.critical].maxClock == nil)
        #expect(settings.profiles[.balanced] == .standard(.balanced))
        #expect(try self.settings(#"{"profile": "auto"}"#).profile.profile == nil)
    }

    @Test func `a person sees every key of a profile and may give null`() throws {
        let device = try PrivateDevice()
        let entries = try ConfigLoader(device.paths).load().entries
        #expect(entries.contains { $0.key == "power.profiles.powersave.maxClock" && $0.value == .integer(60) })
        #expect(entries.contains { $0.key == "power.profiles.performance.smt" && $0.value == .null })
        try ConfigEditor(device.paths).set("power.profiles.powersave.maxClock", to: "null")
        let loaded = try ConfigLoader(device.paths).load()
        #expect(loaded.problems.isEmpty && loaded.configuration.power.profiles.powersave.maxClock == nil)
        #expect(loaded.configuration.power.profiles.powersave.minClock == 35)
    }

    @Test(arguments: [
        #"{"levelBand": 0}"#, #"{"settleSeconds": -1}"#, #"{"temperatureBand": 51}"#, #"{"profile": "saver"}"#,
        #"{"rules": [{}]}"#, #"{"rules": [{"profile": "critical", "below": 101}]}"#,
        #"{"rules": [{"profile": "critical", "hotter": 151}]}"#, #"{"profiles": {"balanced": {"maxClock": 101}}}"#,
        #"{"profiles": {"balanced": {"maxCState": "C"}}}"#, #"{"profiles": {"balanced": {"energyPerf": 256}}}"#,
        #"{"profiles": {"balanced": {"domains": {"net": {"weight": 0}}}}}"#,
        #"{"profiles": {"balanced": {"backlight": 0}}}"#,
    ])
    func `a value out of its bounds is an error`(text: String) {
        #expect(throws: LapwingError.self) { try settings(text) }
    }

    @Test func `rules have a limit`() {
        let rules = Array(repeating: #"{"profile": "critical"}"#, count: PowerRule.limit + 1).joined(separator: ",")
        #expect(throws: LapwingError.self) { try settings(#"{"rules": ["# + rules + "]}") }
    }

    @Test(
        arguments: [
            ("unlimited", nil, nil), ("C0", 0, nil), ("C6", 6, nil), ("C6/2", 6, 2), ("C99/0", 99, 0),
        ] as [(String, Int?, Int?)])
    func `limits on C-states have a text`(text: String, state: Int?, substate: Int?) throws {
        let limit = try #require(CStateLimit(rawValue: text))
        #expect(limit.state == state && limit.substate == substate && limit.rawValue == text)
    }

    @Test(arguments: ["", "C", "c1", "C-1", "C100", "C1/", "C1/2/3", "C/1", "C٣", "Unlimited", "1"])
    func `other texts are no limit`(text: String) {
        #expect(CStateLimit(rawValue: text) == nil)
    }
}
