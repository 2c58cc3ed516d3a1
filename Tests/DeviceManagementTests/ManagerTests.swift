// SPDX-License-Identifier: Apache-2.0

import DeviceFacts
import DeviceConfig
import DeviceModel
import LapwingCore
import SystemPackage
import Testing

@testable import DeviceManagement

@Suite struct ManagerTests {
    static let allow = "allow usb class=storage to work persistent\n"
    static let first = "usb-0000.00-14.0-u2-1~0781.5581"
    static let second = "usb-0000.00-14.0-u2-2~0781.5581"

    @Test func `without a rule nothing is given, and the refusal shows a rule that would`() async throws {
        let bench = try Bench()
        let error = await #expect(throws: LapwingError.self) {
            try await bench.manager.request(DeviceRequest(.attach, "1-1", domain: "work"), user: 0)
        }
        #expect(error?.code == "passthrough.denied" && error?.exit == .notPermitted)
        #expect(error?.hint?.contains("allow usb id=\(Self.first) to work") == true)
        #expect(bench.xen.calls.isEmpty && bench.events.names == ["device.denied"])
    }

    @Test func `a stick is given and taken back, and its twin stays where it is`() async throws {
        let bench = try Bench(rules: Self.allow)
        let answer = try await bench.manager.request(DeviceRequest(.attach, "1-1", domain: "work"), user: 0)
        #expect(answer.device.rawValue == Self.first && answer.steps.map(\.state) == ["done"])
        let owners = try await bench.manager.owners()
        #expect(owners.map(\.device.rawValue) == [Self.first] && owners.first?.domain == "work")
        let again = try await bench.manager.request(DeviceRequest(.attach, Self.first, domain: "work"), user: 0)
        #expect(again.steps.isEmpty)
        _ = try await bench.manager.request(DeviceRequest(.detach, "1-1"), user: 0)
        #expect(try await bench.manager.owners().isEmpty)
        #expect(bench.xen.calls == ["attach 1:5 1", "detach 1-1 1"])
    }

    @Test func `a dry run says the steps and does none`() async throws {
        let bench = try Bench(rules: Self.allow)
        let answer = try await bench.manager.request(
            DeviceRequest(.assign, "1-2", domain: "work", dryRun: true), user: 0)
        #expect(answer.dryRun && answer.steps.map(\.state) == ["planned", "planned"])
        #expect(bench.xen.calls.isEmpty && bench.events.names.isEmpty)
        #expect(!Files.exists(bench.machine.root.appending("var/lib/lapwing/assignments.json")))
    }

    @Test func `an assigned device joins each life of its domain, also one that was plugged in elsewhere first`()
        async throws
    {
        let bench = try Bench(rules: Self.allow, domains: ["work": 0])
        _ = try await bench.manager.request(DeviceRequest(.assign, "1-1", domain: "work"), user: 0)
        #expect(bench.xen.calls.isEmpty)
        bench.xen.state.withLock { $0.domains["work"] = 3 }
        try await bench.manager.mayStart("work")
        try await bench.manager.join("work")
        #expect(bench.xen.calls == ["attach 1:5 3"])
        // The next life.
        bench.xen.state.withLock {
            $0.domains["work"] = 4; $0.usb = [:]; $0.open = [:]
        }
        try await bench.manager.join("work")
        #expect(bench.xen.calls == ["attach 1:5 3", "attach 1:5 4"])
    }

    @Test func `a domain does not start without what it requires, and starts when that is there`() async throws {
        let bench = try Bench(rules: Self.allow, domains: ["work": 0])
        _ = try await bench.manager.request(DeviceRequest(.assign, "1-1", domain: "work", required: true), user: 0)
        try bench.machine.pull("1-1")
        let error = await #expect(throws: LapwingError.self) { try await bench.manager.mayStart("work") }
        #expect(error?.code == "device.required-missing" && error?.cause == Self.first)
        try bench.machine.plug("1-1", number: 9)
        try await bench.manager.mayStart("work")
        // One that is gone can still be unassigned, by its id.
        try bench.machine.pull("1-1")
        _ = try await bench.manager.request(DeviceRequest(.unassign, Self.first), user: 0)
        try await bench.manager.mayStart("work")
    }

    @Test func `a rule that assigns gives a stick when it is plugged in, and a replug by its new number`() async throws
    {
        let bench = try Bench(rules: "assign usb port=usb-0000.00-14.0-u2-1 to work\n")
        await bench.manager.look()
        #expect(bench.xen.calls == ["attach 1:5 1"])
        try bench.machine.pull("1-1")
        await bench.manager.look()
        #expect(bench.xen.calls.suffix(2) == ["drop 1:5 1", "forget 1-1 1"])
        bench.xen.know(USBAddress(bus: 1, device: 11), "1-1")
        try bench.machine.plug("1-1", number: 11)
        await bench.manager.look()
        #expect(bench.xen.calls.last == "attach 1:11 1")
        #expect(!bench.xen.calls.contains { $0.contains("1:6") })
    }

    @Test func `what a person gave is not given again when another like it is in the port before anybody looks`()
        async throws
    {
        let bench = try Bench(rules: Self.allow)
        _ = try await bench.manager.request(DeviceRequest(.attach, "1-1", domain: "work"), user: 0)
        try bench.machine.pull("1-1")
        bench.xen.know(USBAddress(bus: 1, device: 12), "1-1")
        try bench.machine.plug("1-1", number: 12)
        await bench.manager.look()
        #expect(bench.xen.calls == ["attach 1:5 1", "drop 1:5 1", "forget 1-1 1"])
        #expect(try await bench.manager.owners().isEmpty)
    }

    @Test func `a card that was hidden at the start and never given comes back though Xen's tools do not let it go`()
        async throws
    {
        let bench = try Bench()
        try bench.machine.hiddenCard()
        bench.xen.state.withLock { $0.noQuarantine = true }
        let machine = await bench.manager.machine
        let card = try #require(machine.inventory().pci.first { $0.address.description == "0000:00:19.0" })
        try await machine.perform(.reclaim(card.id))
        let written = ["unbind", "remove_slot"].map { name in
            bench.machine.root.pushing(FilePath("sys/bus/pci/drivers/pciback/" + name))
        }
        #expect(try written.map { try Files.text($0) } == ["0000:00:19.0", "0000:00:19.0"])
        let override = bench.machine.root.pushing(FilePath("sys/devices/pci0000:00/0000:00:19.0/driver_override"))
        #expect(try Files.text(override).hasPrefix("\n"))
        #expect(bench.xen.calls == ["reclaim 0000:00:19.0"])
    }

    @Test func `a domain without a device model is offered a stick, and what is pulled out of it is cleared away`()
        async throws
    {
        let bench = try Bench(rules: Self.allow.replacing("work", with: "light"), domains: ["light": 4])
        let machine = bench.machine
        bench.xen.state.withLock {
            $0.bare = ["light"]
            $0.bind = { try machine.bind($0) }
        }
        for port in ["1-1", "1-2"] {
            _ = try await bench.manager.request(DeviceRequest(.attach, port, domain: "light"), user: 0)
        }
        #expect(bench.xen.calls == ["offer 1-1 4 0", "offer 1-2 4 1"])
        #expect(try await bench.manager.owners().map(\.device.rawValue) == [Self.first, Self.second])
        try bench.machine.pull("1-1")
        await bench.manager.look()
        #expect(bench.xen.calls.last == "forget 1-1 4" && bench.events.names.contains("device.pulled"))
        // The slot is free again, and a device that nobody serves any more has no owner.
        try bench.machine.plug("1-1", number: 9)
        _ = try await bench.manager.request(DeviceRequest(.attach, "1-1", domain: "light"), user: 0)
        #expect(bench.xen.calls.last == "offer 1-1 4 0")
        _ = try await bench.manager.request(DeviceRequest(.detach, "1-2"), user: 0)
        #expect(bench.xen.calls.last == "detach 1-2 4")
    }

    @Test func `a stick plugged in again while its pull is cleared away is not given again`() async throws {
        let bench = try Bench(rules: Self.allow)
        let machine = bench.machine
        _ = try await bench.manager.request(DeviceRequest(.attach, "1-1", domain: "work"), user: 0)
        bench.xen.know(USBAddress(bus: 1, device: 9), "1-1")
        bench.xen.state.withLock { $0.meanwhile = { try machine.plug("1-1", number: 9) } }
        try bench.machine.pull("1-1")
        await bench.manager.look()
        #expect(bench.xen.calls == ["attach 1:5 1", "drop 1:5 1", "forget 1-1 1"])
        #expect(try await bench.manager.owners().isEmpty)
    }

    @Test func `what USB over IP has and no domain uses goes back to its driver`() async throws {
        let bench = try Bench()
        try bench.machine.bind("1-2")
        await bench.manager.look()
        #expect(bench.machine.text("sys/bus/usb/drivers/usbip-host/unbind") == "1-2")
        #expect(bench.machine.text("sys/bus/usb/drivers/usbip-host/rebind") == "1-2")
    }

    @Test func `a domain has no more slots than its controller has ports`() async throws {
        let bench = try Bench(rules: Self.allow.replacing("work", with: "light"), domains: ["light": 4])
        bench.xen.state.withLock { state in
            state.bare = ["light"]
            state.usb[4] = (0..<8).map { HeldUSB(place: .carried(slot: $0), hostPort: "1-1") }
            state.bind = { _ in }
        }
        let machine = bench.machine
        try machine.bind("1-1")
        let error = await #expect(throws: LapwingError.self) {
            try await bench.manager.request(DeviceRequest(.attach, "1-2", domain: "light"), user: 0)
        }
        #expect(error?.cause?.contains("8") == true)
    }

    @Test func `what a message of the kernel led to says how long it took of our own time`() async throws {
        let bench = try Bench(rules: "assign usb class=storage to work\n")
        let clock = ToolClock()
        let tools = clock.counting(Sleeper(.zero))
        let manager = DeviceManager(
            paths: DevicePaths(root: bench.machine.root), tree: try SystemTree(root: bench.machine.root),
            xen: bench.xen, clock: Bench.Noon(), tools: clock,
            domains: { [xen = bench.xen] in
                _ = try await tools.run(Command("xl", ["usbdev-attach"]))
                return xen.reports()
            }
        ) { [events = bench.events] event in events.list.withLock { $0.append(event) } }
        await manager.look(clock.mark())
        await manager.look()
        let reasons = bench.events.list.withLock { $0.filter { $0.name == "device.attached" }.map(\.reason) }
        #expect(reasons.count == 2)
        #expect(reasons.allSatisfy { $0?.contains(" ms after it came, programs not counted") == true })
    }

    @Test func `our own time is what programs did not take`() async throws {
        let clock = ToolClock()
        let tools = clock.counting(Sleeper(.milliseconds(200)))
        let mark = clock.mark()
        #expect(clock.untilAttach(mark) == nil)
        _ = try await tools.run(Command("xl", ["list"]))
        #expect(clock.untilAttach(mark) == nil)
        _ = try await tools.lines(Command("xl", ["usbdev-attach"])) { _ in }
        let before = ContinuousClock.now - mark.time
        let own = try #require(clock.untilAttach(mark))
        // Two programs took 200 ms each; the first of them before the attach began.
        #expect(own >= .zero && own <= before - .milliseconds(400))
        #expect(clock.untilAttach(clock.mark()) == nil)
    }

    /// Runs nothing, and takes its time.
    private struct Sleeper: ProcessRunner {
        let duration: Duration
        init(_ duration: Duration) { self.duration = duration }

        func run(_ command: Command) async throws -> CommandResult {
            try await Task.sleep(for: duration)
            return CommandResult(ending: .exited(0), output: [], error: [])
        }
        func lines(
            _ command: Command, _ body: @escaping @Sendable (String) async throws -> Void
        ) async throws -> CommandResult { try await run(command) }
    }

    @Test func `what Xen's tools only claim to have done is a failure, and is said once`() async throws {
        let bench = try Bench(rules: Self.allow)
        bench.xen.state.withLock { $0.boasts = true }
        let error = await #expect(throws: LapwingError.self) {
            try await bench.manager.request(DeviceRequest(.attach, "1-1", domain: "work"), user: 0)
        }
        #expect(error?.code == "passthrough.failed")
        #expect(try await bench.manager.owners().isEmpty)
        #expect(bench.events.names == ["device.failed"])
    }

    @Test func `a domain that has a device is told of radios, once for each change`() async throws {
        let bench = try Bench(rules: Self.allow)
        await bench.manager.look()
        #expect(bench.xen.state.withLock { $0.told }.isEmpty)
        _ = try await bench.manager.request(DeviceRequest(.attach, "1-1", domain: "work"), user: 0)
        #expect(bench.xen.state.withLock { $0.told } == ["1 wlan/radio": "on"])
        await bench.manager.look()
        for (name, value) in [("type", "wlan"), ("soft", "1"), ("hard", "0")] {
            try bench.machine.put("sys/class/rfkill/rfkill0/" + name, Array(value.utf8))
        }
        try bench.machine.put("proc/cmdline", Array("quiet cfg80211.ieee80211_regdom=DE\n".utf8))
        await bench.manager.look()
        #expect(bench.xen.state.withLock { $0.told } == ["1 wlan/radio": "off", "1 wlan/country": "DE"])
        #expect(bench.events.names.count { $0 == "device.radio" } == 2)
    }

    @Test func `an unknown protection is an error that names all there are`() async throws {
        let bench = try Bench(rules: Self.allow)
        let error = await #expect(throws: LapwingError.self) {
            try await bench.manager.request(
                DeviceRequest(.attach, "1-1", domain: "work", overriding: ["everything"]), user: 0)
        }
        #expect(error?.exit == .usage && error?.hint?.contains("onlyDisplay") == true)
    }
}
