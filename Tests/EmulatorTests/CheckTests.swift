// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import Emulator

/// Slots of 1 MiB, one behind the other.
private func slot(_ index: Int) -> CheckedImage.Slot {
    let offset = UInt64(index) << 21
    return CheckedImage.Slot(
        bootFile: "EFI/Linux/\(index)+3.efi",
        root: .init(number: 2 * index + 2, extent: .init(offset: offset, size: 1 << 20)),
        verity: .init(number: 2 * index + 3, extent: .init(offset: offset + 1 << 20, size: 1 << 20)))
}

private func image(_ kind: CheckedImage.Kind, slots: Int = 0) throws -> CheckedImage {
    CheckedImage(
        path: "/i.raw", kind: kind, bootFileSystem: .init(offset: 1 << 20, size: 1 << 20), bootFile: "EFI/Linux/a.efi",
        slots: (0..<slots).map(slot),
        expected: .init(rootHash: try #require(Digest(hex: String(repeating: "a", count: 64))))
    ) { _ in "/t.efi" }
}

private func runner(_ kind: CheckedImage.Kind, slots: Int = 0) throws -> CheckRunner {
    CheckRunner(
        image: try image(kind, slots: slots),
        tools: EmulatorTools(root: "/tools") { command, _, _ in command }, results: "/results", accelerator: .tcg,
        context: .trapping)
}

@Suite struct SelectionTests {
    @Test func `without names all groups of the image's kind run`() throws {
        #expect(try runner(.iso).selected([]).map(\.name) == ["boot.iso-stick", "boot.iso-optical"])
        let all = [
            "boot.disk", "boot.damaged-root", "boot.passphrase", "boot.fallback", "domain.life",
            "devices.inventory", "passthrough.devices",
        ]
        #expect(try runner(.disk, slots: 2).selected([]).map(\.name) == all)
    }

    @Test func `a group on request runs only when it or a scenario of it is named, and the list says so`() throws {
        let runner = try runner(.disk, slots: 2)
        #expect(try !runner.selected([]).contains { $0.onRequest })
        #expect(try runner.selected(["power.battery"]).map(\.name) == ["power.battery"])
        #expect(try runner.selected(["power.battery/lid", "boot.disk/units"]).flatMap(\.scenarios).count == 2)
        #expect(try runner.applies("power.battery"))
        let list = CheckRunner.list().records.filter(\.onRequest)
        let groups = list.filter { !$0.name.contains("/") }
        #expect(groups.map(\.name) == ["sched.compare", "power.battery"])
        #expect(groups.allSatisfy { $0.summary.hasSuffix("; runs only when named") })
        #expect(list.count { $0.name.hasPrefix("power.battery") } > 10)
    }

    @Test func `a group for our scheduler runs only where the image has it, one for credit2 everywhere`() throws {
        var image = try image(.disk, slots: 1)
        func names(_ image: CheckedImage) throws -> [String] {
            let runner = CheckRunner(
                image: image, tools: EmulatorTools(root: "/tools") { command, _, _ in command }, results: "/results",
                accelerator: .tcg, context: .trapping)
            return try runner.selected([]).map(\.name)
        }
        #expect(try names(image).contains("domain.life") && !names(image).contains("sched.lapwing"))
        image.expected.scheduler = "lapwing"
        #expect(try names(image).contains("domain.life") && names(image).contains("sched.lapwing"))
    }

    @Test func `a group that needs assertions runs only where such a hypervisor is`() throws {
        var image = try image(.disk, slots: 1)
        image.expected.scheduler = "lapwing"
        func runner(_ image: CheckedImage) -> CheckRunner {
            CheckRunner(
                image: image, tools: EmulatorTools(root: "/tools") { command, _, _ in command }, results: "/results",
                accelerator: .tcg, context: .trapping)
        }
        #expect(try !runner(image).selected([]).contains { $0.boot.debugHypervisor })
        let error = #expect(throws: LapwingError.self) { try runner(image).selected(["sched.debug"]) }
        #expect(error?.code == "check.no-debug-hypervisor")
        #expect(error?.exit == .usage)
        image.hasDebugHypervisor = true
        #expect(try runner(image).selected(["sched.debug"]).map(\.name) == ["sched.debug"])
    }

    @Test func `what needs a slot is left out where there is none`() throws {
        func boots(_ slots: Int) throws -> [String] {
            try runner(.disk, slots: slots).selected([]).map(\.name).filter { $0.hasPrefix("boot.") }
        }
        #expect(try boots(0) == ["boot.disk", "boot.passphrase"])
        #expect(try boots(1) == ["boot.disk", "boot.damaged-root", "boot.passphrase"])
    }

    @Test func `a scenario's full name leaves only that one in its group`() throws {
        let groups = try runner(.iso).selected(["boot.iso-optical/hypervisor"])
        #expect(groups.map(\.name) == ["boot.iso-optical"])
        #expect(groups.first?.scenarios.map(\.name) == ["hypervisor"])
    }

    @Test func `scenarios of disks are not asked of an ISO`() throws {
        let names = try runner(.iso).selected([]).flatMap(\.scenarios).map(\.name)
        #expect(!names.contains("second-boot"))
        #expect(try runner(.disk).selected([]).flatMap(\.scenarios).map(\.name).contains("second-boot"))
    }

    @Test(arguments: ["boot.floppy", "hypervisor", "boot.disk/", "boot.disk/nothing"])
    func `an unknown name is a usage error`(name: String) throws {
        let error = #expect(throws: LapwingError.self) { try runner(.disk).selected([name]) }
        #expect(error?.exit == .usage)
    }

    @Test func `a name for another kind of image is said to be that`() throws {
        let error = #expect(throws: LapwingError.self) { try runner(.disk).selected(["boot.iso-stick"]) }
        #expect(error?.code == "check.other-image")
    }

    @Test func `nothing is asked before the start-up has come to its end`() throws {
        for group in try runner(.disk, slots: 2).selected([]).filter({ !$0.scenarios.isEmpty })
            + runner(.iso).selected([])
        {
            #expect(group.scenarios.first?.name == "units")
        }
    }

    @Test func `the list names every group and scenario once`() throws {
        let names = CheckRunner.list().records.map(\.name)
        #expect(Set(names).count == names.count)
        #expect(names.contains("boot.disk/verity-root"))
        #expect(!names.contains("boot.iso-stick/second-boot"))
    }
}

@Suite struct ReportTests {
    private let report = CheckReport(
        image: "/i.raw", accelerator: .tcg,
        results: [
            CheckResult(group: "a", name: "start", outcome: .passed, seconds: 31.26, notes: ["boot": "31.3 s"]),
            CheckResult(group: "a", name: "x", outcome: .failed, seconds: 0.04, message: "1 < 2 & \"q\"\n\u{1b}[0m"),
            CheckResult(group: "b", name: "y", outcome: .skipped, seconds: 0),
        ])

    @Test func `the XML is one suite a group, with counts, times and escaped text`() {
        #expect(
            report.junit == """
                <?xml version="1.0" encoding="UTF-8"?>
                <testsuites>
                  <testsuite name="a" tests="2" failures="1" skipped="0" time="31.3">
                    <testcase classname="a" name="start" time="31.3"><system-out>boot: 31.3 s</system-out></testcase>
                    <testcase classname="a" name="x" time="0.0"><failure message="1 &lt; 2 &amp; &quot;q&quot;&#10;\u{FFFD}[0m"/></testcase>
                  </testsuite>
                  <testsuite name="b" tests="1" failures="0" skipped="1" time="0.0">
                    <testcase classname="b" name="y" time="0.0"><skipped/></testcase>
                  </testsuite>
                </testsuites>

                """)
    }

    @Test func `the table has a line for each scenario`() throws {
        let table = try report.listing.render(.table)
        #expect(table.split(separator: "\n").count == 4)
        #expect(table.contains("a/start   passed      31.3  boot: 31.3 s"))
    }

    @Test func `only a report in which everything passed is a success`() {
        #expect(!report.succeeded)
        #expect(!CheckReport(image: "", accelerator: .tcg, results: []).succeeded)
        #expect(CheckReport(image: "", accelerator: .tcg, results: [report.results[0]]).succeeded)
        #expect(!CheckReport(image: "", accelerator: .tcg, results: [report.results[2]]).succeeded)
        #expect(report.failures.hasPrefix("a/x\n  1 < 2"))
    }
}

@Suite struct PayloadTests {
    @Test func `the agent's files are sorted, relative and only where the initrd looks`() {
        let entries = AgentPayload(agent: "/agent").entries
        #expect(entries.map(\.path) == entries.map(\.path).sorted())
        #expect(entries.allSatisfy { !$0.path.hasPrefix("/") && !$0.path.contains("..") })
        #expect(entries.contains { $0.content == .file("/agent") && $0.mode == 0o755 })
    }
}

@Suite struct ConsoleTests {
    @Test func `the last lines of a console are cut at carriage returns too and made harmless`() {
        #expect(SafeText.lines("one\r\ntwo\r\n\u{1b}[2Jthree\r\n", last: 2) == "two\n         \\u{1b}[2Jthree")
    }
}

@Suite struct TimeLimitTests {
    @Test func `a body that takes too long is cancelled and said to`() async {
        let error = await #expect(throws: LapwingError.self) {
            try await within(.milliseconds(50), "the thing") { try await Task.sleep(for: .seconds(60)) }
        }
        #expect(error?.code == "check.time-limit")
        #expect(error?.message == "the thing took more than 0 s.")
    }
}
