// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import SchedulerSimulation

@Suite struct DataTests {
    static let data = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        .appending("Benchmarks/SchedulerSimulator")

    static func files(_ folder: String) throws -> [FilePath] {
        try Files.names(in: data.appending(folder)).filter { $0.hasSuffix(".json") }.sorted()
            .map { data.appending(folder).appending($0) }
    }

    @Test func `every machine file is whole, names itself and says where its figures come from`() throws {
        let files = try Self.files("Machines")
        #expect(files.count >= 7)
        for file in files {
            let machine = try Machine.read(file)
            #expect(file.lastComponent?.stem == machine.name)
            #expect(!machine.sources.isEmpty)
        }
    }

    @Test func `every workload file is whole and names itself`() throws {
        let files = try Self.files("Workloads")
        #expect(files.count >= 8)
        for file in files { #expect(try Workload.read(file).name == file.lastComponent?.stem) }
    }

    @Test func `two laptops or boards and two workloads are held out of tuning`() throws {
        let machines = try Self.files("Machines").map(Machine.read).filter { $0.heldOut && $0.name != "emulator-4c" }
        #expect(machines.count == 2)
        #expect(try Self.files("Workloads").map(Workload.read).count { $0.heldOut } == 2)
    }

    @Test func `a task that runs on a virtual CPU nobody has is refused by name`() throws {
        let text = """
            {"schemaVersion":1,"name":"w","title":"","heldOut":false,"seconds":1,
             "domains":[{"id":0,"name":"dom0","vcpus":1,"weight":256,"cap":0,"interactive":[]}],
             "tasks":[{"name":"t","trigger":{"every":1000},"steps":[{"on":"dom0.1","run":10}]}]}
            """
        let workload = try JSONText.decode(Workload.self, from: Array(text.utf8), file: "w")
        let error = #expect(throws: LapwingError.self) { try CompiledWorkload(workload) }
        #expect(error?.message.contains("dom0.1") == true)
    }
}

@Suite struct ListTests {
    @Test func `schedulers are separated by spaces because their settings have commas`() throws {
        let specs = try SchedulerSpec.list("credit2 lapwing:balanced,wait=200@timer_slop=200000 credit2/0,2")
        #expect(specs.map(\.name) == ["credit2", "lapwing", "credit2"])
        #expect(specs.last?.mask == 0b101)
    }

    @Test(arguments: ["credit2,lapwing:powersave", "credit2,lapwing", ":powersave", "", " "])
    func `a list of schedulers that is none is a usage error that says how to write it`(_ text: String) throws {
        let error = #expect(throws: LapwingError.self) { try SchedulerSpec.list(text) }
        #expect(error?.exit == .usage)
        #expect(error?.hint != nil)
    }

    @Test func `every other list is separated by spaces too`() throws {
        #expect(try WordList.split("laptop-4c8t arm-2b4l", of: "machines") == ["laptop-4c8t", "arm-2b4l"])
        #expect(try WordList.cpuCounts("2 64") == [2, 64])
        let error = #expect(throws: LapwingError.self) { try WordList.split("a,b", of: "machines") }
        #expect(error?.hint?.contains("'a b'") == true)
        for text in ["", "0", "65", "two", "2,4"] {
            #expect(throws: LapwingError.self) { try WordList.cpuCounts(text) }
        }
    }
}

@Suite struct TraceTests {
    /// A record of `struct t_rec`: header, time stamp, words.
    static func record(_ event: UInt32, _ cycles: UInt64?, _ words: [UInt32]) -> [UInt8] {
        var all: [UInt32] = [event | UInt32(words.count) << 28 | (cycles == nil ? 0 : 1 << 31)]
        if let cycles { all += [UInt32(truncatingIfNeeded: cycles), UInt32(truncatingIfNeeded: cycles >> 32)] }
        return (all + words).flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
    }

    static let capture =
        record(0x1f003, nil, [0, 100]) + record(0x21121, 4000, [0x10000]) + record(0x21011, 6000, [0x10000])
        + record(0x1f003, nil, [1, 100]) + record(0x21211, 2000, [0x10000]) + record(0x1f001, 9000, [3, 0, 0, 0])

    @Test func `windows of several CPUs come out in order of time, in nanoseconds`() throws {
        let (records, lost) = try TraceFile.decode(Self.capture, megahertz: 2000) { $0 >> 12 == 0x21 }
        #expect(records.map(\.time) == [0, 1000, 2000])
        #expect(records.map(\.cpu) == [1, 0, 0])
        #expect(records[0].words == [0x10000])
        #expect(lost == 3)
    }

    @Test func `text lines say what the records said`() throws {
        let records = try TraceFile.decode(Self.capture, megahertz: 2000).records
        let (again, facts) = try TraceFile.parse(TraceFile.text(records, facts: [("scheduler", "credit2")]))
        #expect(again == records)
        #expect(facts == ["scheduler": "credit2"])
    }

    @Test(arguments: ["1 2", "x 0 21011", "1 99999 21011", "1 0 zz", "1 0 21011 1 2 3 4 5 6 7 8"])
    func `a line that is no record is refused with its number`(line: String) {
        let error = #expect(throws: LapwingError.self) { try TraceFile.parse("# a b\n" + line) }
        #expect(error?.message.contains("line 2") == true)
    }

    @Test func `arbitrary bytes are decoded or refused and never read past the end`() {
        var random = SeededRandom(11)
        for _ in 0..<3000 {
            var bytes = Self.capture
            for _ in 0..<(1 + random.next() % 6) {
                bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(random.next() & 255)
            }
            bytes.removeLast(Int(random.next() % UInt64(bytes.count)))
            if let decoded = try? TraceFile.decode(bytes, megahertz: 1000) {
                #expect(decoded.records.count <= bytes.count / 4)
            }
        }
    }

    @Test func `runstate changes become run time by CPU, wake-ups and migrations`() {
        func change(_ time: Int64, _ cpu: Int, _ old: UInt32, _ new: UInt32) -> TraceRecord {
            TraceRecord(time: time, cpu: cpu, event: 0x21001 | old << 8 | new << 4, words: [5 << 16 | 1])
        }
        let analysis = TraceAnalysis(
            [
                change(0, 0, 2, 1), change(10, 1, 1, 0), change(110, 1, 0, 2), change(200, 1, 2, 1),
                change(220, 0, 1, 0), change(520, 0, 0, 2),
            ], cpus: 2)
        #expect(analysis.placement.cpus.map(\.wakeUps) == [1, 1])
        #expect(analysis.placement.cpus[0].share == 0.75)
        #expect(analysis.placement.migrations == 1)
        let bursts = analysis.bursts[TraceAnalysis.Vcpu(domain: 5, id: 1)] ?? []
        #expect(bursts.map(\.woken) == [0, 200])
        #expect(bursts.map(\.ran) == [100, 300])
    }

    /// Wakes on a CPU and runs there for 40 ns, again and again.
    static func habit(on cpus: [Int]) -> [TraceRecord] {
        cpus.enumerated().flatMap { number, cpu in
            let start = Int64(number) * 100
            return [(UInt32(2), UInt32(1), 10), (1, 0, 20), (0, 2, 60)].map { old, new, at in
                TraceRecord(
                    time: start + Int64(at), cpu: cpu, event: 0x21001 | old << 8 | new << 4, words: [5 << 16])
            }
        }
    }

    @Test func `a simulated trace is like a recorded one when virtual CPUs wake where they did`() {
        let home = Self.habit(on: [0, 0, 1, 1, 1, 0, 0, 0])
        let same = Likeness(recorded: home, simulated: [home, home], cpus: 2)
        #expect(same.measures.allSatisfy { $0.difference == 0 && $0.kept })
        let roaming = Likeness(recorded: home, simulated: [Self.habit(on: [0, 1, 0, 1, 0, 1, 0, 1])], cpus: 2)
        let failed = roaming.measures.filter { !$0.kept }.map(\.name)
        #expect(failed.contains("wake-ups that moved to another CPU"))
        #expect(failed.contains("wake-ups on the home CPU when it was free"))
        let packed = Likeness(recorded: home, simulated: [Self.habit(on: [0, 0, 0, 0, 0, 0, 0, 0])], cpus: 2)
        #expect(packed.measures.first?.kept == false)
    }

    @Test func `a virtual CPU that is awake when the recording begins is part of the demand`() {
        let record = TraceRecord(time: 500, cpu: 1, event: 0x21001 | 0 << 8 | 2 << 4, words: [7 << 16])
        let before = TraceRecord(time: 100, cpu: 0, event: 0x21001 | 2 << 8 | 1 << 4, words: [8 << 16])
        let analysis = TraceAnalysis([before, record], cpus: 2)
        #expect(analysis.bursts[TraceAnalysis.Vcpu(domain: 7, id: 0)]?.map(\.ran) == [400])
    }

    @Test func `placements are compared by rank, so equal CPUs may change places`() {
        let a = Placement(runtime: [30, 70], wakeUps: [1, 9], migrations: 2, seconds: 1)
        let b = Placement(runtime: [70, 30], wakeUps: [9, 1], migrations: 2, seconds: 1)
        let c = Placement(runtime: [100, 0], wakeUps: [9, 1], migrations: 7, seconds: 1)
        #expect(a.distance(to: b).share == 0)
        #expect(abs(a.distance(to: c).share - 0.3) < 1e-9)
        #expect(abs(a.distance(to: c).migrations - 0.5) < 1e-9)
    }
}

@Suite struct ModelTests {
    static func machine(_ name: String) throws -> Machine {
        try Machine.read(DataTests.data.appending("Machines/\(name).json"))
    }

    @Test func `events come by time, and in the order they were added when times are equal`() {
        var queue = EventQueue()
        for (index, time) in [5, 1, 5, 3, 1].enumerated() { queue.add(Int64(time), .trigger(task: index)) }
        var order: [Int] = []
        while let event = queue.next() { if case .trigger(let task) = event.kind { order.append(task) } }
        #expect(order == [1, 4, 3, 0, 2])
    }

    @Test func `draws are repeatable, uniform in bounds and exponential in the mean`() {
        var a = SeededRandom(1, 2)
        var b = SeededRandom(1, 2)
        var c = SeededRandom(1, 3)
        #expect((0..<50).map { _ in a.next() } == (0..<50).map { _ in b.next() })
        #expect(a.next() != c.next())
        let draws = (0..<20000).map { _ in Span.exponential(100).draw(&c) }
        #expect(abs(Double(draws.reduce(0, +)) / 20000 - 100_000) < 3000)
        #expect((0..<1000).allSatisfy { _ in (10_000...20_000).contains(Span.uniform(10, 20).draw(&c)) })
    }

    @Test func `the idle governor goes deep for a long sleep and stays shallow when sleeps keep being short`() throws {
        let states = try #require(try Self.machine("laptop-4c8t").coreTypes["core"]).idleStates
        var governor = IdleGovernor()
        #expect(governor.choose(states[...], now: 0, deadline: 1_000_000_000) == states.count - 1)
        #expect(governor.choose(states[...], now: 0, deadline: 15_000) == 0)
        for round in 0..<40 {
            _ = governor.choose(states[...], now: Int64(round) * 1_000_000, deadline: .max)
            governor.woke(afterMicroseconds: 60)
            governor.interrupts += 1
        }
        #expect(governor.choose(states[...], now: 40_000_000, deadline: .max) <= 1)
    }

    @Test func `a package sleeps as deep as its shallowest core, and energy is power by time`() throws {
        let machine = try Self.machine("laptop-2c4t")
        var meter = PowerMeter(machine)
        let states = try #require(machine.coreTypes["core"]).idleStates
        meter.idle(0, state: states.count - 1, at: 0)
        meter.active(1, threads: 1, point: 0, waking: false, at: 0)
        #expect(meter.groups[0].state == -1)
        meter.idle(1, state: 3, at: 1_000_000_000)
        #expect(machine.groups[0].states[meter.groups[0].state].name == "PC6")
        #expect(meter.groupExit(0) == 20)
        meter.finish(3_000_000_000)
        let point = try #require(machine.coreTypes["core"]).operatingPoints[0].watts
        #expect(abs(meter.cores[1].joules - (point + 2 * states[3].watts)) < 1e-9)
        #expect(
            abs(meter.groups[0].joules - (machine.groups[0].activeWatts + 2 * machine.groups[0].states[2].watts)) < 1e-9
        )
    }

    @Test func `ondemand goes to the top above its threshold and comes down with the load`() throws {
        let machine = try Self.machine("laptop-4c8t")
        var clocks = Clocks(machine, coreOfCPU: [0, 0, 1, 1, 2, 2, 3, 3])
        clocks.setBusy(0, true, at: 0)
        clocks.sample(0, at: 20_000_000)
        #expect(clocks.settle(0) { $0 == 0 })
        #expect(clocks.relative(0) == 1)
        clocks.setBusy(0, false, at: 22_000_000)
        clocks.sample(0, at: 40_000_000)
        #expect(clocks.settle(0) { $0 == 0 })
        #expect(clocks.relative(0) < 0.3)
    }

    @Test func `what is awake only to get out of an idle state is told from what runs, and does no work`() throws {
        let machine = try Self.machine("laptop-4c8t")
        let top = try #require(machine.coreTypes["core"]).operatingPoints.count - 1
        var meter = PowerMeter(machine)
        for core in machine.cores.indices { meter.idle(core, state: 5, at: 0) }
        meter.active(0, threads: 1, point: top, waking: true, at: 1_000_000)
        meter.active(0, threads: 1, point: top, waking: false, at: 3_000_000)
        meter.active(0, threads: 2, point: top, waking: false, at: 4_000_000)
        meter.finish(5_000_000)
        let core = meter.cores[0]
        let watts = try #require(machine.coreTypes["core"]).operatingPoints[top].watts
        #expect(abs(core.wakingJoules - watts * 0.002) < 1e-9)
        #expect(abs(core.activeJoules - watts * 0.003 - watts * 1.15 * 0.001) < 1e-9)
        #expect(abs(meter.groups[0].wakingJoules - machine.groups[0].activeWatts * 0.002) < 1e-9)
        #expect(abs(core.possible - 1_000_000 * (1 + 1.24)) < 1)
    }

    @Test func `a governor stays within the clock's bounds, and bounds that are none are a usage error`() throws {
        let machine = try Self.machine("laptop-4c8t")
        let bounds = try #require(SchedulerSpec("credit2@clock=35-50,timer_slop=1000/0-3").clockBounds)
        #expect(SchedulerSpec("credit2@clock=35-50,timer_slop=1000/0-3").parameters.map(\.name) == ["timer_slop"])
        var clocks = Clocks(machine, coreOfCPU: [0, 0, 1, 1, 2, 2, 3, 3], bounds: bounds)
        #expect(abs(clocks.relative(0) - 1200.0 / 3400) < 1e-9)
        clocks.setBusy(0, true, at: 0)
        clocks.sample(0, at: 20_000_000)
        #expect(clocks.settle(0) { $0 == 0 })
        #expect(abs(clocks.relative(0) - 1600.0 / 3400) < 1e-9)
        clocks.setBusy(0, false, at: 20_000_000)
        clocks.sample(0, at: 40_000_000)
        #expect(clocks.settle(0) { $0 == 0 })
        #expect(abs(clocks.relative(0) - 1200.0 / 3400) < 1e-9)
        for text in ["credit2@clock=50-35", "credit2@clock=fast", "credit2@clock=35-500"] {
            #expect(throws: LapwingError.self) { try SchedulerSpec.list(text) }
        }
    }

    @Test func `no bound lies below the floor and racing costs more than the oracle`() throws {
        let items = (0..<400).map {
            WorkItem(release: Int64($0) * 5_000_000, work: 900_000, interactive: true, batch: false)
        }
        for name in ["laptop-4c8t", "laptop-4p8e", "arm-2b4l"] {
            let bounds = BoundFinder(machine: try Self.machine(name), items: items, end: 2_000_000_000)
                .find(limitMicroseconds: 500, workload: "w")
            let byName = Dictionary(uniqueKeysWithValues: bounds.map { ($0.name, $0.joules) })
            let floor = try #require(byName["floor"])
            let oracle = try #require(byName["oracle"])
            let race = try #require(byName["race-to-idle"])
            #expect(floor < oracle)
            #expect(oracle < race)
        }
    }

    @Test func `a scheduler's settings and boot parameters are read from one word`() {
        let spec = SchedulerSpec("lapwing:powersave,wait=500@timer_slop=200000,sched_ratelimit_us=500")
        #expect(spec.name == "lapwing")
        #expect(
            spec.parameters.map { "\($0.name) \($0.value)" } == [
                "sched-lapwing mode=powersave,wait=500", "timer_slop 200000", "sched_ratelimit_us 500",
            ])
        #expect(SchedulerSpec("credit2").parameters.isEmpty)
    }

    @Test func `a limit that is not kept is said so`() {
        let thresholds = Thresholds(
            seconds: 1, seeds: [1],
            limits: [.init(scheduler: "a", machine: "m", energy: 0.9, p99: 1.5, throughput: 0.9)], cost: 1,
            placement: .init(scheduler: "a", machine: "m", migrations: 1, wakeUps: 1))
        func judged(_ energy: Double) -> Bool {
            thresholds.judge([.init(machine: "m", scheduler: "a", energy: energy, p99: 1, throughput: 1)])[0].kept
        }
        #expect(judged(0.85))
        #expect(!judged(0.95))
        #expect(!thresholds.judge([])[0].kept)
    }

    @Test func `mixes that were not run do not pass`() {
        let placement = Thresholds.Placement(scheduler: "a", machine: "m", migrations: 1, wakeUps: 1)
        #expect(placement.judge([]).map(\.kept) == [false])
    }

    @Test func `numbers are written with a fixed number of digits`() {
        #expect(Comparison.fixed(-0.04, 1) == "0.0")
        #expect(Comparison.fixed(12.345, 2) == "12.35")
        #expect(Comparison.percent(0.775) == "-22.5%")
    }
}
