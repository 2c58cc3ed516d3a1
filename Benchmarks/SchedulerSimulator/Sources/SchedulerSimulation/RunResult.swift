// SPDX-License-Identifier: Apache-2.0

/// What one run measured.
public struct RunResult: Sendable, Codable {
    /// Where a core or a group spent its time, in percent; `active` and the names of its idle states.
    public struct Residency: Sendable, Codable {
        /// `core0`, `package`, ...
        public var name: String
        /// Energy in joules.
        public var joules: Double
        /// The part of it spent while active.
        public var activeJoules: Double
        /// The part of that spent on the way out of idle states, by everything that was active.
        public var wakingJoules: Double
        /// Mean frequency while active, in MHz; 0 for groups.
        public var megahertz: Double
        /// Times it went from idle to active.
        public var wakeUps: Int
        /// Percent of the time by state.
        public var percent: [String: Double]
    }
    /// Latency of wake-ups, in microseconds.
    public struct Latency: Sendable, Codable {
        /// How many there were.
        public var count: Int
        /// Mean.
        public var mean: Double
        /// Median.
        public var median: Double
        /// 99th percentile.
        public var p99: Double
        /// Largest.
        public var worst: Double

        init(_ nanoseconds: [Int64]) {
            let sorted = nanoseconds.sorted()
            func at(_ part: Double) -> Double {
                sorted.isEmpty ? 0 : Double(sorted[min(sorted.count - 1, Int(part * Double(sorted.count)))]) / 1000
            }
            count = sorted.count
            mean = sorted.isEmpty ? 0 : Double(sorted.reduce(0, +)) / Double(sorted.count) / 1000
            median = at(0.5)
            p99 = at(0.99)
            worst = at(1)
        }
    }
    /// A task with a deadline or of batch work.
    public struct TaskResult: Sendable, Codable {
        /// The task.
        public var name: String
        /// Times it was done.
        public var done: Int
        /// Done too late.
        public var late: Int
        /// Frames dropped because their predecessor was not done.
        public var dropped: Int
        /// Mean time from trigger to end, in microseconds.
        public var meanMicroseconds: Double
        /// When the last was done, in seconds.
        public var lastDone: Double
    }

    /// The machine's name.
    public var machine: String
    /// The workload's name.
    public var workload: String
    /// The scheduler as it was asked for.
    public var scheduler: String
    /// The seed.
    public var seed: UInt64
    /// Simulated time.
    public var seconds: Double
    /// All energy.
    public var joules: Double
    /// Mean power.
    public var watts: Double
    /// By core and by group.
    public var cores: [Residency]
    /// Packages, clusters, modules.
    public var groups: [Residency]
    /// Wake-ups of interactive virtual CPUs.
    public var interactive: Latency
    /// Wake-ups of all virtual CPUs.
    public var all: Latency
    /// Frames late or dropped.
    public var missedFrames: Int
    /// Frames there should have been.
    public var frames: Int
    /// Work done, in seconds of the reference core.
    public var work: Double
    /// What the cores that were up could have done at the frequencies they had; ``work`` is never more.
    public var workPossible: Double
    /// Batch items by the second, up to the last item or the end; 0 without batch work.
    public var throughput: Double
    /// Times a virtual CPU ran on another CPU than before.
    public var migrations: Int
    /// Of those, to another core.
    public var coreMigrations: Int
    /// Wake-ups of cores.
    public var coreWakeUps: Int
    /// Tasks with deadlines or batch work.
    public var tasks: [TaskResult]
    /// Where virtual CPUs ran, by CPU.
    public var placement: Placement

    init(_ s: Simulation) {
        machine = s.machine.name
        workload = s.source.name
        scheduler = s.spec.text
        seed = s.seed
        seconds = Double(s.end) * 1e-9
        func residency(_ account: PowerMeter.Account, _ name: String, _ states: [String]) -> Residency {
            var percent: [String: Double] = [:]
            for (state, time) in zip(["active"] + states, account.time) {
                percent[state] = 100 * Double(time) / Double(s.end)
            }
            return Residency(
                name: name, joules: account.joules, activeJoules: account.activeJoules,
                wakingJoules: account.wakingJoules,
                megahertz: account.time[0] > 0 ? account.cycles / Double(account.time[0]) : 0, wakeUps: account.wakeUps,
                percent: percent)
        }
        cores = s.meter.cores.enumerated().map { index, account in
            residency(account, "\(s.machine.cores[index].type)\(index)", s.types[index].idleStates.map(\.name))
        }
        groups = s.meter.groups.enumerated().map { index, account in
            residency(account, s.machine.groups[index].name, s.machine.groups[index].states.map(\.name))
        }
        joules = (cores + groups).reduce(0) { $0 + $1.joules }
        watts = joules / seconds
        interactive = Latency(s.vcpus.filter(\.interactive).flatMap(\.latencies))
        all = Latency(s.vcpus.flatMap(\.latencies))
        missedFrames = 0
        frames = 0
        throughput = 0
        tasks = []
        for (definition, state) in zip(s.workload.tasks, s.tasks) {
            if definition.frame {
                missedFrames += state.late + state.dropped
                frames += state.done + state.dropped
            }
            if definition.batch {
                let whole = definition.trigger.loop.map { state.done >= $0 } ?? false
                throughput += Double(state.done) / (whole ? Double(state.lastDone) * 1e-9 : seconds)
            }
            guard definition.deadline != nil || definition.batch else { continue }
            let mean =
                state.durations.isEmpty
                ? 0 : Double(state.durations.reduce(0, +)) / Double(state.durations.count) / 1000
            tasks.append(
                TaskResult(
                    name: definition.name, done: state.done, late: state.late, dropped: state.dropped,
                    meanMicroseconds: mean, lastDone: Double(state.lastDone) * 1e-9))
        }
        work = s.totalWork * 1e-9
        workPossible = s.meter.cores.reduce(0) { $0 + $1.possible } * 1e-9
        migrations = s.vcpus.reduce(0) { $0 + $1.migrations }
        coreMigrations = s.vcpus.reduce(0) { $0 + $1.coreMigrations }
        coreWakeUps = cores.reduce(0) { $0 + $1.wakeUps }
        placement = Placement(s)
    }
}

extension RunResult {
    /// The mean of runs that differ in their seeds alone; lists that cannot be averaged are those of the first.
    static func mean(of runs: [RunResult]) -> RunResult {
        var mean = runs[0]
        guard runs.count > 1 else { return mean }
        let count = Double(runs.count)
        func average(_ value: (RunResult) -> Double) -> Double { runs.reduce(0) { $0 + value($1) } / count }
        func average(_ value: (RunResult) -> Int) -> Int { Int(average { Double(value($0)) }.rounded()) }
        func latency(_ which: (RunResult) -> Latency) -> Latency {
            var one = which(runs[0])
            one.count = average { which($0).count }
            one.mean = average { which($0).mean }
            one.median = average { which($0).median }
            one.p99 = average { which($0).p99 }
            one.worst = average { which($0).worst }
            return one
        }
        mean.joules = average(\.joules)
        mean.watts = average(\.watts)
        mean.interactive = latency(\.interactive)
        mean.all = latency(\.all)
        mean.missedFrames = average(\.missedFrames)
        mean.frames = average(\.frames)
        mean.work = average(\.work)
        mean.workPossible = average(\.workPossible)
        mean.throughput = average(\.throughput)
        mean.migrations = average(\.migrations)
        mean.coreMigrations = average(\.coreMigrations)
        mean.coreWakeUps = average(\.coreWakeUps)
        func parts(_ which: (RunResult) -> [Residency]) -> [Residency] {
            which(runs[0]).indices.map { index in
                var one = which(runs[0])[index]
                one.joules = average { which($0)[index].joules }
                one.wakingJoules = average { which($0)[index].wakingJoules }
                one.activeJoules = average { which($0)[index].activeJoules }
                one.megahertz = average { which($0)[index].megahertz }
                one.wakeUps = average { which($0)[index].wakeUps }
                for state in one.percent.keys { one.percent[state] = average { which($0)[index].percent[state] ?? 0 } }
                return one
            }
        }
        mean.cores = parts(\.cores)
        mean.groups = parts(\.groups)
        return mean
    }
}
