// SPDX-License-Identifier: Apache-2.0

import DeviceConfig
import LapwingCore
import Testing

@testable import Power

@Suite struct ToolTests {
    @Test func `clocks that Xen chooses are read`() throws {
        let clocks = try XenPM.clocks(Samples.acpi)
        #expect(clocks.map(\.cpu) == [0, 1])
        #expect(clocks[0].together == [0, 1] && clocks[0].driver == "acpi-cpufreq" && clocks[0].turbo)
        #expect(clocks[0].hardware == ClockBounds(low: 800_000, high: 2_801_000))
        #expect(clocks[0].governors == ["userspace", "performance", "powersave", "ondemand"])
        #expect(clocks[0].governor == "ondemand" && clocks[1].governor == "userspace")
        #expect(clocks[1].bounds == ClockBounds(low: 800_000, high: 1_600_000))
        #expect(clocks[0].current == 1_600_000 && clocks[0].told == nil && !clocks[1].turbo)
    }

    @Test func `clocks that the hardware chooses are read with the levels of each core`() throws {
        let clocks = try XenPM.clocks(Samples.hwp)
        #expect(clocks.map(\.cpu) == [0, 8] && clocks.allSatisfy(\.isHardware))
        #expect(clocks[0].levels == ClockBounds(low: 1, high: 61) && clocks[1].levels == ClockBounds(low: 1, high: 35))
        #expect(clocks[0].told == HardwareLevels(minimum: 1, maximum: 61, energyPerf: 128, desired: 0))
        #expect(clocks[1].told == HardwareLevels(minimum: 5, maximum: 30, energyPerf: 255, desired: 12))
        #expect(clocks[0].governor == nil && clocks[0].bounds == nil)
    }

    @Test func `idle states are read with limit and residencies`() throws {
        let idle = try XenPM.idle(Samples.idle)
        #expect(idle.limit == CStateLimit(state: 2, substate: 1))
        #expect(idle.cpus.map(\.cpu) == [0, 1] && idle.cpus[0].milliseconds == 86_400_123)
        #expect(idle.cpus[0].states.map(\.milliseconds) == [54321, 100, 86_345_802])
        #expect(idle.cpus[0].states.map(\.entries) == [1_234_567, 200, 1_000_000])
        #expect(idle.cpus[0].package.map(\.state) == [2, 10] && idle.cpus[0].core.first?.milliseconds == 80_000_000)
    }

    @Test(arguments: [
        ("All C-states allowed\n\n", CStateLimit.unlimited), ("Max possible C-state: C1\n\n", CStateLimit(state: 1)),
        ("", nil),
    ])
    func `a limit on C-states is read`(text: String, limit: CStateLimit?) throws {
        #expect(try XenPM.idle(text).limit == limit)
    }

    @Test func `time at each clock is read`() throws {
        #expect(
            try XenPM.speeds(Samples.speeds) == [
                0: [
                    .init(megahertz: 2801, entries: 10, milliseconds: 5000),
                    .init(megahertz: 800, entries: 11, milliseconds: 5001),
                ]
            ])
        #expect(try XenPM.speeds("").isEmpty)
        for text in [
            "P0 [2801 MHz]: transition [1]\n", "cpu id : 0\nP0 [x MHz]: transition [1]\n", "cpu id : 0\ncpu id : 0\n",
            "cpu id : 0\nresidency  [1 ms]\n",
        ] {
            #expect(throws: LapwingError.self) { try XenPM.speeds(text) }
        }
    }

    @Test func `what CPUs did between two looks is the difference, and a counter that began anew counts`() throws {
        let idle = try XenPM.idle(Samples.idle)
        let speeds = try XenPM.speeds(Samples.speeds)
        let first = ProcessorActivity(idle: idle, speeds: speeds, means: [0: 1_600_000, 1: 0, 5: 800_000])
        #expect(first.cpus.map(\.number) == [0, 1, 5] && first.cpus.map(\.meanClock) == [1_600_000, nil, 800_000])
        #expect(first.cpus[0].idle.map(\.state) == ["C0", "C1", "C2", "pc2", "pc10", "cc6"])
        #expect(first.cpus[2].idleMilliseconds == nil && first.cpus[2].idle.isEmpty)
        var second = first
        second.cpus[0].idleMilliseconds = 86_400_223
        second.cpus[0].idle[2].milliseconds += 90
        second.cpus[0].idle[2].entries = 5
        second.cpus[0].clocks[1].milliseconds += 7
        second.cpus.append(.init(number: 7, idleMilliseconds: 3, idle: [], clocks: [], meanClock: nil))
        let between = second.since(first)
        #expect(between.cpus[0].idleMilliseconds == 100 && between.cpus[1].idleMilliseconds == 0)
        #expect(between.cpus[0].idle[2].milliseconds == 90 && between.cpus[0].idle[2].entries == 5)
        #expect(between.cpus[0].clocks.map(\.milliseconds) == [0, 7] && between.cpus[3].idleMilliseconds == 3)
    }

    @Test func `what CPUs do is asked with time limits`() async throws {
        let runner = ScriptedRunner { command in
            switch command.arguments.first {
            case "get-cpuidle-states": .text(Samples.idle)
            case "get-cpufreq-states": .text("", error: "Either Xen cpufreq is disabled")
            default: .text(Samples.average)
            }
        }
        let activity = try await ProcessorActivity.read(runner)
        #expect(activity.cpus.map(\.number) == [0, 1] && activity.cpus.allSatisfy(\.clocks.isEmpty))
        #expect(runner.lines.count == 3 && !runner.limits.contains(nil))
        let failing = ScriptedRunner { _ in .text("", code: 5) }
        await #expect(throws: LapwingError.self) { _ = try await ProcessorActivity.read(failing) }
    }

    @Test func `mean clocks are read`() throws {
        #expect(try XenPM.averages(Samples.average) == [0: 1_612_345, 1: 800_000])
    }

    @Test func `shares of domains are read from the end of the line`() throws {
        let shares = try DomainShare.list(Samples.shares)
        #expect(shares.map(\.name) == ["Domain-0", "work", "a name 7 8 9", "net"])
        #expect(shares[1].id == 3 && shares[1].values == .init(weight: 512, cap: 150))
        #expect(DomainShare.Values(shares[1].values.text) == shares[1].values)
    }

    @Test func `CPUs are read, those that are switched off by their absence`() throws {
        let processors = try Processors.info(Samples.info)
        #expect(processors.count == 3 && processors.highest == 3 && processors.threads == 2)
        #expect(processors.cores == [0: "0:0", 1: "0:0", 2: "0:1"])
    }

    @Test func `CPUs that virtual CPUs are tied to are read`() throws {
        #expect(try Processors.tied(Samples.vcpus) == [0, 1, 2])
        #expect(try Processors.tied("Name ...\na 1 0 3 -b- 1.0  0-3,6 / all\n") == [0, 1, 2, 3, 6])
    }

    @Test func `parameters of the scheduler are read`() throws {
        #expect(try SchedulerParameters.parse(Samples.parameters).hasPrefix("mode=balanced,slice=8000"))
        for text in [
            "", "mode", "slice=1", "mode=balanced;reboot", "mode=\u{1b}[2J",
            "mode=" + String(repeating: "a", count: 300),
        ] {
            #expect(throws: LapwingError.self) { try SchedulerParameters.parse(text) }
        }
    }

    @Test(arguments: [
        "cpu id               : -1\n", "cpu id               : 99999\n", "cpu id : 1\ncpu id : 1\n",
        "turbo mode : enabled\n",
        "cpu id : 0\nscaling frequency    : max [x] min [1]\n", "cpu id : 99999999999999999999999\n",
        "cpu id : 0\nconfigured limits : min [1]\n",
    ])
    func `clocks that make no sense are an error`(text: String) {
        #expect(throws: LapwingError.self) { try XenPM.clocks(text) }
    }

    @Test(arguments: [
        "work 3 512\n", "work -3 512 1\n", "work 3 512 1\nother 3 1 1\n", "work 99999 1 1\n", "Domain-0 0 ? 0\n",
    ])
    func `shares that make no sense are an error`(text: String) {
        #expect(throws: LapwingError.self) { try DomainShare.list(text) }
    }

    @Test func `an answer without end is refused`() {
        let text = String(repeating: "cpu id : 1\n", count: 500_000)
        #expect(throws: LapwingError.self) { try XenPM.clocks(text) }
        #expect(throws: LapwingError.self) { try DomainShare.list(text) }
    }

    private static let seeds = [
        Samples.acpi, Samples.hwp, Samples.idle, Samples.average, Samples.shares, Samples.info, Samples.vcpus,
        Samples.parameters, Samples.speeds,
    ]

    @Test(arguments: 0..<8)
    func `no answer, however damaged, does harm`(seed: Int) {
        var dice = Dice(seed)
        let pieces: [[UInt8]] =
            ["[", "]", ":", "\n", " ", "-", ",", "/", "all", "99999999999999999999", "[-1]", "\u{2028}"]
            .map { Array($0.utf8) } + [[0xff], [0]]
        for _ in 0..<400 {
            var bytes = Array((Self.seeds.randomElement(using: &dice) ?? "").utf8)
            for _ in 0..<Int.random(in: 1...8, using: &dice) {
                let at = Int.random(in: 0...bytes.count, using: &dice)
                switch Int.random(in: 0...3, using: &dice) {
                case 0: bytes.insert(contentsOf: pieces.randomElement(using: &dice) ?? [], at: at)
                case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &dice)
                case 2: bytes.removeSubrange(at..<min(bytes.count, at + 30))
                default: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 80)], at: at)
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            for clock in (try? XenPM.clocks(text)) ?? [] { #expect(clock.cpu < ToolText.cpus) }
            _ = try? XenPM.idle(text)
            _ = try? XenPM.averages(text)
            _ = try? XenPM.speeds(text)
            for share in (try? DomainShare.list(text)) ?? [] { #expect(share.values.weight >= 0) }
            if let processors = try? Processors.info(text) { #expect(processors.highest < ToolText.cpus) }
            if let tied = try? Processors.tied(text) { #expect(tied.count <= ToolText.cpus) }
            _ = try? SchedulerParameters.parse(text)
        }
    }
}
