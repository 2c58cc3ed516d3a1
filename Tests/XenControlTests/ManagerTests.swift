// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import DomainDefinitions
import LapwingCore
import SystemPackage
import Testing

@testable import XenControl

@Suite struct ManagerTests {
    @Test func `a start makes the domain paused, lets it run, and a second one changes nothing`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        #expect(try await manager.start("work", user: 0))
        #expect(try await !manager.start("work", user: 0))
        #expect(device.xen.calls == ["create work", "unpause 1"])
        #expect(device.phase() == .running)
        #expect(device.events == ["work starting", "work started"])
        let report = try await manager.show("work")
        #expect(report.state == "running" && report.id == 1 && report.origin == .local)
    }

    @Test func `a stop waits for the guest, clears what is left and says what happened`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        let stop = try await manager.stop("work", force: false, seconds: 5, user: nil)
        #expect(stop.outcome == "stopped")
        #expect(device.xen.calls.suffix(2) == ["shutdown 1", "clear work"])
        #expect(device.phase() == .stopped)
        #expect(try await manager.stop("work", force: false, seconds: 5, user: nil).outcome == "not-running")
    }

    @Test func `a guest that does not obey goes on running, and force ends it`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        device.xen.set { $0.obeys = false }
        let error = await #expect(throws: LapwingError.self) {
            try await manager.stop("work", force: false, seconds: 0, user: nil)
        }
        #expect(error?.code == "domain.no-answer" && error?.exit == .busy)
        #expect(device.phase() == .running)
        #expect(try await manager.list().domains.map(\.state) == ["running"])
        #expect(try await manager.stop("work", force: true, seconds: 0, user: nil).outcome == "destroyed")
        #expect(try await manager.list().domains.map(\.state) == ["stopped"])
    }

    @Test func `what fails while a domain is made leaves nothing behind`() async throws {
        for call in ["create work", "unpause 1"] {
            let device = try TestDevice()
            device.xen.set { $0.failing = [call] }
            let manager = device.manager()
            let error = await #expect(throws: LapwingError.self) { try await manager.start("work", user: nil) }
            #expect(error?.code == "xen.failed", "\(call)")
            #expect(try await device.xen.domains().map(\.id) == [0], "\(call)")
            #expect(device.phase() == .stopped)
            #expect(device.events.last == "work failed")
            device.xen.set { $0.failing = [] }
            #expect(try await manager.start("work", user: nil))
        }
    }

    @Test func `a guest that crashes as soon as it runs is a failed start`() async throws {
        let device = try TestDevice()
        device.xen.set { $0.endsWith = .crash }
        let manager = device.manager()
        let error = await #expect(throws: LapwingError.self) { try await manager.start("work", user: nil) }
        #expect(error?.code == "domain.died")
        #expect(try await device.xen.domains().map(\.id) == [0])
    }

    @Test func `a domain that was made without its unit is destroyed all the same`() async throws {
        let device = try TestDevice()
        _ = try await device.manager().start("work", user: nil)
        device.xen.set { $0.units = [] }
        _ = try await device.manager().stop("work", force: true, seconds: 0, user: nil)
        #expect(device.xen.calls.last == "destroy 1")
        #expect(try await device.xen.domains().map(\.id) == [0])
    }

    @Test func `a unit that was active without its domain is cleared and used again`() async throws {
        let device = try TestDevice()
        device.xen.set { $0.lost = 1 }
        #expect(try await device.manager().start("work", user: nil))
        #expect(device.xen.calls == ["create work", "clear work", "create work", "unpause 1"])
    }

    @Test func `a reboot of the guest makes a new domain, paused first, and too many are given up`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        for round in 1...DomainDecision.restartLimit {
            device.xen.end("work", .reboot)
            await manager.look()
            #expect(
                device.xen.calls.suffix(3) == ["clear work", "create work", "unpause \(round + 1)"])
        }
        device.xen.end("work", .reboot)
        await manager.look()
        #expect(device.events.last == "work gave-up")
        #expect(device.phase() == .stopped)
        // A person may start it again, and its count begins anew.
        #expect(try await manager.start("work", user: nil))
        device.xen.end("work", .reboot)
        await manager.look()
        #expect(device.events.last == "work started")
    }

    @Test func `restarts that lie further apart than the window are not given up`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        for _ in 0..<(2 * DomainDecision.restartLimit) {
            device.clock.pass(DomainDecision.window / 3)
            device.xen.end("work", .crash)
            await manager.look()
            #expect(device.events.last == "work started")
        }
    }

    @Test func `a crash is answered as the definition says`() async throws {
        for (answer, event, present) in [
            (DomainSettings.OnCrash.restart, "work started", true), (.stop, "work stopped", false),
            (.keep, "work crashed", true),
        ] {
            let device = try TestDevice()
            try device.define("work") { $0.onCrash = answer }
            let manager = device.manager()
            _ = try await manager.start("work", user: nil)
            device.xen.end("work", .crash)
            await manager.look()
            await manager.look()
            #expect(device.events.last == event, "\(answer)")
            #expect(try await device.xen.domains().contains { $0.name == "work" } == present)
            #expect(
                try await manager.show("work").state == ["restart": "running", "stop": "stopped"][answer.rawValue]
                    ?? "crashed")
        }
    }

    @Test func `a daemon that was killed at any step is finished or undone by the next one`() async throws {
        // Before xl was asked.
        var device = try TestDevice()
        _ = try await device.manager().start("work", user: nil)
        _ = try await device.manager().stop("work", force: true, seconds: 0, user: nil)
        try device.set(.starting)
        await device.manager().look()
        #expect(device.phase() == .running && device.xen.calls.last == "unpause 2")
        // Between create and unpause.
        try device.set(.starting)
        device.xen.set { $0.domains[1].paused = true }
        await device.manager().look()
        #expect(device.phase() == .running && device.xen.calls.last == "unpause 2")
        // After the unpause, before that was written down.
        try device.set(.starting)
        await device.manager().look()
        #expect(device.phase() == .running)
        // A person's pause stays.
        device.xen.set { $0.domains[1].paused = true }
        await device.manager().look()
        #expect(try await device.manager().show("work").state == "paused")
        device.xen.set { $0.domains[1].paused = false }
        // In the middle of a stop.
        try device.set(.stopping)
        await device.manager().look()
        #expect(device.phase() == .running)
        try device.set(.stopping)
        device.xen.end("work", .poweroff)
        await device.manager().look()
        #expect(device.phase() == .stopped)
        #expect(try await device.xen.domains().map(\.id) == [0])
        // While nobody looked, the guest restarted.
        device = try TestDevice()
        _ = try await device.manager().start("work", user: nil)
        device.xen.end("work", .reboot)
        await device.manager().look()
        #expect(device.phase() == .running && device.xen.calls.last == "unpause 2")
        // Or somebody destroyed it: that is respected.
        device.xen.set { $0.domains.removeAll { $0.id != 0 } }
        await device.manager().look()
        #expect(device.phase() == .stopped)
    }

    @Test func `a domain of the same name that is not ours is never touched`() async throws {
        let device = try TestDevice()
        device.xen.set {
            $0.domains.append(
                XenDomain(id: 7, name: "work", uuid: "11111111-2222-4333-8444-555555555555", memory: 64, vcpus: 1))
        }
        let manager = device.manager()
        let error = await #expect(throws: LapwingError.self) { try await manager.start("work", user: nil) }
        #expect(error?.code == "domain.name-taken")
        #expect(try await manager.stop("work", force: true, seconds: 0, user: nil).outcome == "not-running")
        await manager.look()
        #expect(try await device.xen.domains().map(\.id) == [0, 7])
        #expect(try await manager.list().domains.map(\.origin) == [.local, nil])
    }

    @Test func `two at once: the second one is told that the domain is busy`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        device.xen.set { $0.obeys = false }
        let first = Task { try await manager.stop("work", force: false, seconds: 1000, user: nil) }
        while device.phase() != .stopping { await Task.yield() }
        let error = await #expect(throws: LapwingError.self) {
            try await manager.stop("work", force: true, seconds: 0, user: nil)
        }
        #expect(error?.code == "domain.busy" && error?.exit == .busy)
        #expect(try await manager.list().domains.map(\.state) == ["stopping"])
        device.xen.end("work", .poweroff)
        #expect(try await first.value.outcome == "stopped")
    }

    private func machineWithBattery(_ change: (inout DomainSettings) -> Void = { _ in }) throws -> TestDevice {
        let device = try TestDevice()
        let table = device.paths.at(XLConfiguration.powerTables)
        try Files.makeDirectory(table.removingLastComponent())
        try Files.write("SSDT", to: table)
        try device.define("work") {
            $0.type = .hvm
            $0.kernel = nil
            $0.battery = .virtual
            change(&$0)
        }
        return device
    }

    @Test func `a virtual battery is served before the domain runs, and no longer when it is gone`() async throws {
        let device = try machineWithBattery()
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        #expect(device.xen.calls == ["create work", "battery 1", "unpause 1"])
        let text = try Files.text(device.paths.domainRun.appending("work.cfg"))
        #expect(text.contains("acpi_firmware = \"/usr/share/lapwing/acpi/battery.aml\"\n"))
        await manager.look()
        #expect(device.xen.calls.count == 3)
        device.xen.end("work", .reboot)
        await manager.look()
        #expect(
            device.xen.calls.suffix(5) == [
                "clear work", "create work", "battery 2", "unpause 2", "no battery 1",
            ])
        #expect(!Files.exists(device.xen.battery(1)) && Files.exists(device.xen.battery(2)))
        // A domain that is removed by somebody else, and a daemon that did not see it.
        device.xen.set { $0.domains.removeAll { $0.id != 0 } }
        await device.manager().look()
        #expect(device.xen.calls.last == "no battery 2" && !Files.exists(device.xen.battery(2)))
    }

    @Test func `a battery that cannot be served is told, and the domain runs all the same`() async throws {
        let device = try machineWithBattery()
        device.xen.set { $0.failing = ["battery 1"] }
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        #expect(device.xen.calls == ["create work", "battery 1", "no battery 1", "unpause 1"])
        #expect(device.events == ["work starting", "work no-battery", "work started"])
        // An image without the tables gives none.
        let bare = try machineWithBattery()
        try Files.remove(bare.paths.at(XLConfiguration.powerTables))
        _ = try await bare.manager().start("work", user: nil)
        #expect(bare.xen.calls == ["create work", "unpause 1"])
        #expect(bare.events == ["work starting", "work no-battery", "work started"])
        let text = try Files.text(bare.paths.domainRun.appending("work.cfg"))
        #expect(!text.contains("acpi_firmware"))
    }

    @Test func `a domain with a number from long ago, or started by somebody else, is served anew`() async throws {
        let device = try machineWithBattery()
        try Files.makeDirectory(device.paths.acpiRun)
        try Files.write("old", to: device.xen.battery(1))
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        #expect(device.xen.calls == ["create work", "no battery 1", "battery 1", "unpause 1"])
        // Destroyed and restored by hand: its guest runs already.
        let uuid = try #require(try await manager.show("work").uuid)
        _ = try await manager.stop("work", force: true, seconds: 0, user: nil)
        device.xen.set {
            $0.domains.append(XenDomain(id: 9, name: "work", uuid: uuid, memory: 64, vcpus: 1))
        }
        await manager.look()
        #expect(device.xen.calls.suffix(2) == ["battery 9", "no battery 1"])
        await manager.look()
        #expect(device.xen.calls.filter { $0 == "battery 9" }.count == 1)
    }

    @Test func `a domain without device model, or without a wish for a battery, has no process for it`() async throws {
        let none = try machineWithBattery { $0.battery = .none }
        _ = try await none.manager().start("work", user: nil)
        #expect(none.xen.calls == ["create work", "unpause 1"])
        let small = try machineWithBattery {
            $0.type = .pvh
            $0.kernel = "/boot/vmlinuz"
        }
        _ = try await small.manager().start("work", user: nil)
        #expect(small.xen.calls == ["create work", "unpause 1"] && !small.events.contains("work no-battery"))
    }

    @Test func `the domains of the machine's start come in order, once, and a bad one stops no other`() async throws {
        let device = try TestDevice()
        try device.define("b") { $0.autostart = true }
        try device.define("a") {
            $0.autostart = true
            $0.startOrder = 200
        }
        try device.define("c") {
            $0.autostart = true
            $0.startOrder = 1
            $0.kernel = "/boot/none"
        }
        await device.manager().autostart()
        await device.manager().autostart()
        #expect(device.xen.calls.filter { $0.hasPrefix("create") } == ["create b", "create a"])
        #expect(device.events.filter { $0.hasPrefix("c ") } == ["c failed", "c failed"])
    }

    @Test func `images are made once, an image that is gone is not made anew, and removing keeps them`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        try device.define("work") { $0.disks = [.init(name: "system", size: ByteSize(bytes: 8 << 20))] }
        _ = try await manager.start("work", user: nil)
        let image = device.paths.domainDisks.appending("work").appending("system.img")
        #expect(try Files.status(image)?.size == 8 << 20)
        #expect(try Files.status(image)?.permissions == 0o600)
        let running = await #expect(throws: LapwingError.self) {
            try await manager.remove("work", disks: true, user: nil)
        }
        #expect(running?.code == "domain.running")
        _ = try await manager.stop("work", force: true, seconds: 0, user: nil)
        try Files.rename(image, to: device.root.appending("away"))
        let gone = await #expect(throws: LapwingError.self) { try await manager.start("work", user: nil) }
        #expect(gone?.code == "domain.disk-missing")
        try Files.rename(device.root.appending("away"), to: image)
        #expect(try await manager.remove("work", disks: false, user: nil) == [image.string])
        #expect(Files.exists(image))
        try device.define("work") { $0.disks = [.init(name: "system", size: ByteSize(bytes: 8 << 20))] }
        _ = try await manager.remove("work", disks: true, user: nil)
        #expect(!Files.exists(image))
    }

    @Test func `a phase that cannot be written down stops a start before Xen is asked`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        // A directory where the file should be: the file cannot be put in place.
        try Files.makeDirectory(device.paths.domainRun.removingLastComponent().appending("domains.json/x"))
        await #expect(throws: LapwingError.self) { try await manager.start("work", user: nil) }
        #expect(device.xen.calls == [])
    }

    @Test func `an identity is kept for the domain's life, and one that cannot be read stops a start`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        _ = try await manager.start("work", user: nil)
        let uuid = try await manager.show("work").uuid
        _ = try await manager.restart("work", force: true, seconds: 0, user: nil)
        #expect(try await manager.show("work").uuid == uuid)
        _ = try await manager.stop("work", force: true, seconds: 0, user: nil)
        try Files.write("{", to: device.paths.domainIdentities.appending("work.json"))
        await #expect(throws: LapwingError.self) { try await manager.start("work", user: nil) }
        #expect(try await device.xen.domains().map(\.id) == [0])
    }

    @Test func `definitions come in whole or not at all, and autostart is one of their values`() async throws {
        let device = try TestDevice()
        let manager = device.manager()
        let text =
            "domains:\n  net: {type: pvh, memory: 1 GiB, kernel: /boot/vmlinuz}\n  work: {type: hvm, memory: 1 GiB}\n"
        let error = await #expect(throws: LapwingError.self) {
            try await manager.define(text, file: "f", replace: false, images: true, user: 1)
        }
        #expect(error?.code == "domain.exists")
        #expect(try await manager.list().domains.map(\.name) == ["work"])
        #expect(try await manager.define(text, file: "f", replace: true, images: true, user: 1) == ["net", "work"])
        try await manager.setAutostart("net", true, order: 7, user: 1)
        let settings = try await manager.show("net").settings
        #expect(settings?.autostart == true && settings?.startOrder == 7)
        #expect(try await manager.show("work").settings?.type == .hvm)
    }
}
