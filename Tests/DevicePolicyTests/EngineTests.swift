// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import LapwingCore
import Testing

@testable import DevicePolicy

@Suite struct EngineTests {
    private func decide(
        _ rules: String, _ id: DeviceID, _ machine: MachineFacts, _ event: PolicyEvent = .present,
        exceptions: [ProtectionException] = [], given: Set<DeviceID> = []
    ) throws -> PolicyDecision {
        let policy = Support.policy(rules)
        #expect(policy.errors == [])
        return try PolicyEngine(policy: policy, machine: machine, exceptions: exceptions)
            .decide(id, for: event, given: given)
    }

    private let stick = Support.usb([1], serial: "A1", name: "Ultra Fit")

    @Test func `without a rule a device stays, and the reason says so`() throws {
        let found = try decide("", stick.id, Support.laptop([stick]))
        #expect(found.decision == .deny && found.reason == .noRule && found.rule == nil)
    }

    @Test func `the first rule that matches decides, and is named with its place`() throws {
        let rules = "# x\ndeny usb serial=\"A2\"\nallow usb class=storage to work\ndeny usb\n"
        let found = try decide(rules, stick.id, Support.laptop([stick]))
        #expect(found.decision == .allow && found.targets == .domains(["work"]))
        #expect(found.rule?.location == SourceLocation(file: "test.rules", line: 3, column: 1))
        #expect(found.sentence == "The rule at test.rules:3:1 says so.")
    }

    @Test(arguments: [
        ("id=usb-0000.00-14.0-u2-1~0781.5581", true), ("id=usb-0000.00-14.0-u2-2~0781.5581", false),
        ("port=usb-0000.00-14.0-u2-1", true), ("port=usb-0000.00-14.0-u2", false),
        ("below=usb-0000.00-14.0-u2", true), ("below=pci-0000.00-14.0", true), ("below=usb-0000.00-14.0-u2-1", false),
        ("vendor=0781", true), ("vendor=8087,0781 product=5581", true), ("vendor=0781 product=5580", false),
        ("class=storage", true), ("class=08:06", true), ("class=08:06:50", true), ("class=08:06:51", false),
        ("class=any:input,storage", true), ("class=audio", false), ("serial=\"A1\"", true), ("serial=\"a1\"", false),
        ("name=\"ultra*\"", true), ("name=\"?ltra fit\"", true), ("name=\"ultra\"", false),
    ])
    func `each condition matches what it says and nothing else`(condition: String, matches: Bool) throws {
        let found = try decide("allow usb \(condition) to any", stick.id, Support.laptop([stick]))
        #expect((found.decision == .allow) == matches)
    }

    @Test func `a rule that gives wants every interface listed, a rule that takes is content with one`() throws {
        let both = Support.usb([1], classes: ["08:06:50", "ff:00:00"])
        let machine = Support.laptop([both])
        #expect(try decide("allow usb class=storage to work", both.id, machine).decision == .deny)
        #expect(try decide("allow usb class=storage,vendor to work", both.id, machine).decision == .allow)
        #expect(try decide("allow usb class=any:storage to work", both.id, machine).decision == .allow)
        let all = "\nallow usb to work"
        #expect(try decide("deny usb class=storage" + all, both.id, machine).decision == .deny)
        #expect(try decide("deny usb class=all:storage" + all, both.id, machine).decision == .allow)
    }

    @Test func `a device without interfaces matches no class, and that it is composite is no class`() throws {
        let none = Support.usb([1], classes: [])
        let camera = Support.usb([2], classes: ["0e:01:00", "0e:02:00"], own: "ef:02:01")
        let machine = Support.laptop([none, camera])
        #expect(try decide("allow usb class=storage to work", none.id, machine).decision == .deny)
        #expect(try decide("allow usb class=video to work", camera.id, machine).decision == .allow)
    }

    @Test func `damaged descriptors match no class of a giving rule and every class of a taking one`() throws {
        let odd = Support.usb([1], damaged: true)
        let machine = Support.laptop([odd])
        for rule in ["allow usb class=storage to work", "allow usb class=any:storage,input vendor=0781 to work"] {
            #expect(try decide(rule, odd.id, machine).reason == .noRule)
        }
        let found = try decide("deny usb class=printer\nallow usb to work", odd.id, machine)
        #expect(found.decision == .deny && found.reason == .rule && found.rule?.location.line == 1)
        #expect(try decide("allow usb vendor=0781 product=5581 to work", odd.id, machine).reason == .protected)
    }

    @Test func `a request is for one domain, and only rules about that domain count`() throws {
        let rules = "deny usb class=storage to play\nallow usb class=storage to work,play"
        let machine = Support.laptop([stick])
        #expect(try decide(rules, stick.id, machine, .request(domain: "work")).targets == .domains(["work"]))
        let play = try decide(rules, stick.id, machine, .request(domain: "play"))
        #expect(play.decision == .deny && play.rule?.location.line == 1)
        #expect(try decide(rules, stick.id, machine, .request(domain: "net")).reason == .noRule)
        #expect(try decide(rules, stick.id, machine).targets == .domains(["work"]))
    }

    @Test func `what is forbidden for its only domain is not assigned to it`() throws {
        let rules = "deny usb to play\nassign usb class=storage to play\nallow usb to work"
        let found = try decide(rules, stick.id, Support.laptop([stick]))
        #expect(found.decision == .allow && found.rule?.location.line == 3)
    }

    @Test func `an assignment can be kept only by a rule that says persistent`() throws {
        let machine = Support.laptop([stick])
        let keep = PolicyEvent.request(domain: "work", keep: true)
        #expect(try decide("allow usb to work", stick.id, machine, keep).reason == .notPersistent)
        #expect(try decide("allow usb to work persistent", stick.id, machine, keep).decision == .allow)
        #expect(try decide("allow usb to work", stick.id, machine, .recorded(domain: "work")).decision == .deny)
        #expect(try decide("allow usb to work", stick.id, machine, .request(domain: "work")).decision == .allow)
    }

    @Test func `behind a file with a mistake nothing counts, before it everything does`() throws {
        let policy = PolicySet(ordered: [
            PolicyFile(file: "10", text: "allow usb serial=\"A1\" to work\n"),
            PolicyFile(file: "20", text: "deny usb clas=hub\nallow usb to work\n"),
            PolicyFile(file: "30", text: "allow usb to work\n"),
        ])
        let other = Support.usb([2])
        let engine = PolicyEngine(policy: policy, machine: Support.laptop([stick, other]))
        #expect(try engine.decide(stick.id).decision == .allow)
        let found = try engine.decide(other.id)
        #expect(found.decision == .deny)
        #expect(found.reason == .badFile(SourceLocation(file: "20", line: 1, column: 10)))
    }

    @Test func `an explanation names for each rule what did not fit`() throws {
        let rules = """
            allow pci vendor=0781 to work
            allow usb vendor=0782 to work
            allow usb vendor=0781 class=audio to work
            allow usb vendor=0781 to play
            deny usb
            """
        let engine = PolicyEngine(policy: Support.policy(rules), machine: Support.laptop([stick]))
        let (decision, tried) = try engine.explain(stick.id, for: .request(domain: "work"))
        #expect(tried.map(\.failed) == ["kind", "vendor", "class", "to", nil])
        #expect(decision.rule == tried.last?.rule)
    }

    @Test func `kinds are told apart by what the device is`() throws {
        let machine = Support.laptop()
        #expect(try decide("allow wlan to net", Support.wlan.id, machine).decision == .allow)
        #expect(try decide("allow wlan to net", Support.vga.id, machine).decision == .deny)
        #expect(try decide("allow gpu to net", Support.nvme.id, machine).reason == .noRule)
        #expect(try decide("allow gpu to net", Support.vga.id, machine).reason == .protected)
    }

    @Test func `a device that is not there is an error`() {
        #expect(throws: LapwingError.self) { try decide("", stick.id, Support.laptop()) }
    }

    @Test func `a glob takes no longer than pattern times text`() {
        let glob = Glob(String(repeating: "*a", count: 60) + "*b")
        #expect(!glob.matches(String(repeating: "a", count: 126)))
        #expect(Glob("*").matches("") && !Glob("?").matches("") && Glob("a*c*").matches("abcd"))
    }
}
