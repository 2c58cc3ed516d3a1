// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage
import LapwingCore

/// Which scheduler runs and how it is set: `NAME[:SETTINGS][@BOOT=VALUE,...][/CPUS]`.
///
/// `credit2@clock=35-50` keeps the governors to frequencies from 35 to 50 percent of each clock's highest, or the nearest
/// there are, as `xenpm set-scaling-minfreq` and `set-scaling-maxfreq` do (`set-cppc` where the hardware governs).
/// `credit2/0-3` lets no virtual CPU run elsewhere than on CPUs 0 to 3: what placement alone can gain.
/// `lapwing:powersave,wait=500` gives Lapwing's runtime parameter `mode=powersave,wait=500`.
public struct SchedulerSpec: Sendable, Hashable {
    /// As written.
    public var text: String
    /// The value of `sched=`.
    public var name: String
    /// Boot and runtime parameters, in order.
    public var parameters: [(name: String, value: String)] {
        var found: [(String, String)] = []
        let halves = text.prefix { $0 != "/" }.split(separator: "@", maxSplits: 1)
        let words = halves[0].split(separator: ":", maxSplits: 1)
        if words.count > 1 {
            let settings = words[1].split(separator: ",").enumerated().map { index, word in
                index == 0 && !word.contains("=") ? "mode=\(word)" : String(word)
            }
            found.append(("sched-\(name)", settings.joined(separator: ",")))
        }
        if halves.count > 1 {
            for word in halves[1].split(separator: ",") {
                let pair = word.split(separator: "=", maxSplits: 1)
                if pair.count == 2, pair[0] != "clock" { found.append((String(pair[0]), String(pair[1]))) }
            }
        }
        return found
    }

    /// What frequencies are kept to, in percent of each clock's highest.
    var clockBounds: ClosedRange<Double>? {
        let ends = (clock ?? "").split(separator: "-").compactMap { Double($0) }
        guard ends.count == 2, ends[0] >= 0, ends[0] <= ends[1], ends[1] <= 100 else { return nil }
        return ends[0]...ends[1]
    }

    /// The value of `clock=`, as written.
    var clock: String? {
        let words = text.prefix { $0 != "/" }.split(separator: "@", maxSplits: 1).dropFirst()
            .flatMap { $0.split(separator: ",") }
        return words.first { $0.hasPrefix("clock=") }.map { String($0.dropFirst(6)) }
    }

    /// Reads a specification.
    public init(_ text: String) {
        self.text = text
        name = String(text.prefix { $0 != ":" && $0 != "@" && $0 != "/" })
    }

    /// The CPUs that may be used, bit by bit; 0 for all.
    var mask: UInt64 {
        guard let list = text.split(separator: "/").dropFirst().first else { return 0 }
        var mask: UInt64 = 0
        for word in list.split(separator: ",") {
            let ends = word.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last < 64 else { continue }
            for cpu in first...last { mask |= 1 << UInt64(cpu) }
        }
        return mask
    }
}

/// One run: a machine, a workload, a scheduler, a seed.
public final class Simulation {
    /// Costs of the hypervisor's own paths, in nanoseconds of the reference core (estimates; equal for all schedulers).
    static let interruptCost = 1500.0
    static let switchCost = 2000.0

    enum Mode { case idle, waking, up }

    struct CPU {
        var core: Int
        var mode = Mode.up
        var idleState = 0
        var idleSince: Int64 = 0
        var wakeEnds: Int64 = 0
        var governor = IdleGovernor()
        var interrupts: [(activation: Int, time: Int64)] = []
        var timerDue = false
        var deadline = Int64.max
        var timerGeneration: UInt32 = 0
        var runGeneration: UInt32 = 0
        var sampleGeneration: UInt32 = 0
        var current = -1
        var startAt: Int64 = 0
        var accounted: Int64 = 0
        var speed = 0.0
        var queued = false
    }

    struct Timer {
        var time: Int64
        /// A task to trigger, or an activation whose wait ends.
        var task: Int
        var activation: Int
    }

    struct Vcpu {
        var domain: UInt32
        var id: UInt32
        var interactive: Bool
        var blocked = true
        var ready: [Int] = []
        var batch: [Int] = []
        var timers: [Timer] = []
        var armed = Int64.max
        var timerDirty = true
        var wakeAt: Int64 = -1
        var cpu = -1
        var lastCPU = -1
        var lastCore = -1
        var coldStamp = 0
        var latencies: [Int64] = []
        var migrations = 0
        var coreMigrations = 0
        var runtimeByCPU: [Int64]
        var wakeUpsByCPU: [Int]
    }

    struct Activation {
        var task: Int
        var number: Int
        var step = 0
        var remaining: Double
        var spans: [Int64]
        var time: Int64
        var steps: Int
    }

    struct TaskState {
        var random: SeededRandom
        var nominal: Int64 = 0
        var burstLeft = 0
        var number = 0
        var outstanding = 0
        var done = 0
        var late = 0
        var dropped = 0
        var lastDone: Int64 = 0
        var durations: [Int64] = []
    }

    let machine: Machine
    let workload: CompiledWorkload
    let source: Workload
    let spec: SchedulerSpec
    let seed: UInt64
    let image: SchedulerImage
    let types: [Machine.CoreType]
    let threadsOf: [[Int]]
    let vcpuIndex: [UInt32: Int]
    let end: Int64
    var events = EventQueue()
    var now: Int64 = 0
    var cpus: [CPU]
    var vcpus: [Vcpu]
    var activations: [Activation] = []
    var freeActivations: [Int] = []
    var tasks: [TaskState]
    var meter: PowerMeter
    var clocks: Clocks
    var coreStamp: [Int]
    var toService: [Int] = []
    var batchWork = 0.0
    var totalWork = 0.0
    var eventCount = 0
    var trace: TraceRecorder?
    /// Keep the released work, for bounds.
    var keepsItems = false
    var items: [WorkItem] = []

    /// Prepares a run.
    ///
    /// - Parameters:
    ///   - image: path of the shared object that `Harness/compile` made.
    ///   - recording: keep the schedulers' trace records.
    ///   - measuring: measure the real time of decisions; the only thing in a result that is not repeatable.
    /// - Throws: ``LapwingError`` when the schedulers cannot be loaded, refuse a setting or die at boot.
    public init(
        machine: Machine, workload: Workload, spec: SchedulerSpec, seed: UInt64, image path: String,
        recording: Bool = false, measuring: Bool = false
    ) throws {
        self.machine = machine
        source = workload
        self.workload = try CompiledWorkload(workload)
        self.spec = spec
        self.seed = seed
        image = try SchedulerImage(path: path)
        types = machine.cores.compactMap { machine.coreTypes[$0.type] }
        let coreOfCPU = machine.cores.indices.flatMap { Array(repeating: $0, count: machine.cores[$0].threads) }
        cpus = coreOfCPU.map { CPU(core: $0) }
        threadsOf = machine.cores.indices.map { core in coreOfCPU.indices.filter { coreOfCPU[$0] == core } }
        vcpus = self.workload.vcpus.map {
            Vcpu(
                domain: $0.domain, id: $0.id, interactive: $0.interactive,
                runtimeByCPU: Array(repeating: 0, count: coreOfCPU.count),
                wakeUpsByCPU: Array(repeating: 0, count: coreOfCPU.count))
        }
        var numbers: [UInt32: Int] = [:]
        for (index, vcpu) in vcpus.enumerated() { numbers[vcpu.domain << 16 | vcpu.id] = index }
        vcpuIndex = numbers
        tasks = self.workload.tasks.indices.map { TaskState(random: SeededRandom(seed, UInt64($0), 1)) }
        meter = PowerMeter(machine)
        clocks = Clocks(machine, coreOfCPU: coreOfCPU, bounds: spec.clockBounds)
        coreStamp = machine.cores.map { _ in 0 }
        end = Int64(workload.seconds * 1e9)
        if recording { trace = TraceRecorder() }
        try boot(coreOfCPU: coreOfCPU, recording: recording, measuring: measuring)
    }

    private func boot(coreOfCPU: [Int], recording: Bool, measuring: Bool) throws {
        try image.choose(spec.name)
        for (name, value) in spec.parameters { try image.setParameter(name, value) }
        let topology = coreOfCPU.map { core in
            sim_topology(core: UInt32(core), package: UInt32(machine.cores[core].package ?? 0))
        }
        try image.require(
            image.calls.boot(
                topology, UInt32(topology.count), UInt32(truncatingIfNeeded: seed), recording ? 1 : 0, measuring ? 1 : 0
            ),
            "boot")
        try image.requireScheduler(spec.name)
        // What the daemon does on a machine whose cores differ.
        if image.parameter("sched-lapwing-capacity") != nil, spec.name == "lapwing", Set(machine.capacities).count > 1 {
            let table = machine.capacities.enumerated().map { "\($0.offset):\($0.element)" }
            try image.setParameter("sched-lapwing-capacity", table.joined(separator: ","))
        }
        // The object is built once for all machines; Xen for arm64 has this on.
        if machine.isBigLittle, image.parameter("sched-lapwing-biglittle") != nil, spec.name == "lapwing" {
            try image.setParameter("sched-lapwing-biglittle", "1")
        }
        for domain in source.domains {
            try image.require(
                image.calls.domain_create(domain.id, UInt32(domain.vcpus), domain.weight, domain.cap, 0),
                "domain \(domain.name)")
        }
        if spec.mask != 0 {
            for vcpu in vcpus {
                try image.require(
                    image.calls.vcpu_affinity(vcpu.domain, vcpu.id, spec.mask, 0), "affinity \(spec.text)")
            }
        }
        for core in machine.cores.indices { meter.idle(core, state: 0, at: 0) }
        for cpu in cpus.indices {
            cpus[cpu].mode = .idle
            updateSpeed(cpu)
        }
        collect()
        scheduleRendezvous()
        for index in workload.tasks.indices {
            let trigger = workload.tasks[index].trigger
            if trigger.loop != nil {
                events.add(Int64(index + 1) * 1_000_000, .trigger(task: index))
            } else if trigger.signal != true {
                firstTrigger(index)
            }
        }
        for index in vcpus.indices {
            image.calls.time(0, UInt32(max(0, image.calls.vcpu_processor(vcpus[index].domain, vcpus[index].id))))
            try armTimer(index)
        }
        collect()
        // Every CPU has come through its idle loop once when the machine is up: it sleeps as its governor says.
        for cpu in cpus.indices { goIdle(cpu) }
    }

    /// Runs to the end and returns what was measured.
    ///
    /// - Throws: ``LapwingError`` when Xen's code dies, with the end of its console.
    public func run() throws -> RunResult {
        try drain()
        while let event = events.next(), event.time < end {
            now = event.time
            eventCount += 1
            try handle(event.kind)
            try drain()
            if trace != nil { recordTrace() }
        }
        now = end
        for cpu in cpus.indices { accountProgress(cpu) }
        meter.finish(end)
        return RunResult(self)
    }

    private func handle(_ kind: Event.Kind) throws {
        switch kind {
        case .timer(let cpu, let generation):
            guard cpus[cpu].timerGeneration == generation else { return }
            cpus[cpu].timerDue = true
            poke(cpu)
        case .awake(let cpu):
            guard cpus[cpu].mode == .waking, cpus[cpu].wakeEnds == now else { return }
            cpus[cpu].mode = .up
            // Clock and sibling may have changed while it slept.
            updateCore(cpus[cpu].core)
            becameBusy(cpu)
            poke(cpu)
        case .complete(let cpu, let generation):
            guard cpus[cpu].runGeneration == generation else { return }
            try complete(cpu)
        case .trigger(let task):
            let home = workload.tasks[task].home
            if let activation = activate(task, at: now) { interrupt(home, activation, at: now) }
            if workload.tasks[task].trigger.loop == nil { nextTrigger(task) }
        case .device(let activation):
            activations[activation].step += 1
            guard let target = beginStep(activation) else { return }
            interrupt(target, activation, at: now)
        case .rendezvous:
            for cpu in cpus.indices { poke(cpu) }
            scheduleRendezvous()
        case .sample(let cpu, let generation):
            guard cpus[cpu].sampleGeneration == generation, cpus[cpu].mode == .up else { return }
            sample(cpu)
        }
    }

    /// An interrupt for a virtual CPU comes to the CPU the virtual CPU belongs to, where Xen keeps its interrupts.
    private func interrupt(_ vcpu: Int, _ activation: Int, at time: Int64) {
        let cpu = max(0, Int(image.calls.vcpu_processor(vcpus[vcpu].domain, vcpus[vcpu].id)))
        cpus[cpu].interrupts.append((activation, time))
        poke(cpu)
    }

    private func scheduleRendezvous() {
        guard let period = machine.rendezvousMilliseconds else { return }
        events.add(now + Int64(period * 1_000_000), .rendezvous)
    }

    func poke(_ cpu: Int) {
        guard !cpus[cpu].queued else { return }
        cpus[cpu].queued = true
        toService.append(cpu)
    }

    private func drain() throws {
        var rounds = 0
        while !toService.isEmpty {
            toService.sort()
            let cpu = toService.removeFirst()
            cpus[cpu].queued = false
            switch cpus[cpu].mode {
            case .idle: beginWake(cpu)
            case .waking: break
            case .up: try service(cpu)
            }
            rounds += 1
            if rounds > 100_000 {
                throw LapwingError(
                    "livelock", "the CPUs never come to rest at \(now) ns", cause: String(image.console.suffix(2000)))
            }
        }
    }

    /// Looks at what the last call into Xen changed: deadlines of timers, softirqs raised on other CPUs.
    func collect() {
        var dirty = image.state.pointee.dirty
        image.state.pointee.dirty = 0
        while dirty != 0 {
            let index = dirty.trailingZeroBitCount
            dirty &= dirty - 1
            let cpu = image.cpu(index).pointee
            if cpu.deadline != cpus[index].deadline {
                cpus[index].deadline = cpu.deadline
                cpus[index].timerGeneration &+= 1
                if cpu.deadline != .max {
                    events.add(max(now, cpu.deadline), .timer(cpu: index, generation: cpus[index].timerGeneration))
                }
            }
            if cpu.pending != 0 { poke(index) }
        }
    }
}
