// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage
public import LapwingCore

/// How long a scheduler's decisions take on the machine that runs the simulator, in real nanoseconds.
///
/// The only figures of the simulator that are not repeatable; schedulers are measured in turns and the smallest of
/// several rounds counts, so that the ratio to credit2 is steady.
public struct DecisionCost: Sendable, Codable {
    /// The scheduler as it was asked for.
    public var scheduler: String
    /// Number of CPUs.
    public var cpus: Int
    /// Nanoseconds of one pass through the scheduling softirq: decision and switch.
    public var schedule: Double
    /// Nanoseconds of one wake-up.
    public var wake: Double
    /// `schedule` against the first scheduler.
    public var scheduleRatio: Double
    /// `wake` against the first scheduler.
    public var wakeRatio: Double
    /// A wake-up and the decision after it against the first scheduler.
    public var ratio: Double

    /// Measures schedulers on machines of several sizes.
    ///
    /// - Parameter image: should be compiled without assertions (`ASSERTIONS=0`), as a release build of Xen is.
    /// - Throws: ``LapwingError`` when the schedulers cannot be loaded or die.
    public static func measure(specs: [SchedulerSpec], cpus sizes: [Int], image: String, rounds: Int = 5) throws
        -> [DecisionCost]
    {
        var found: [DecisionCost] = []
        for cpus in sizes {
            var best = [(schedule: Double, wake: Double)](repeating: (.infinity, .infinity), count: specs.count)
            for round in 0..<rounds {
                for (index, spec) in specs.enumerated() {
                    let one = try oneRound(spec, cpus: cpus, seed: UInt64(round), image: image)
                    best[index].schedule = min(best[index].schedule, one.schedule)
                    best[index].wake = min(best[index].wake, one.wake)
                }
            }
            for (index, spec) in specs.enumerated() {
                let (schedule, wake) = best[index]
                found.append(
                    DecisionCost(
                        scheduler: spec.text, cpus: cpus, schedule: schedule, wake: wake,
                        scheduleRatio: schedule / best[0].schedule,
                        wakeRatio: wake / best[0].wake, ratio: (schedule + wake) / (best[0].schedule + best[0].wake)))
            }
        }
        return found
    }

    /// Half as many virtual CPUs again as CPUs wake, run and block at random for a while.
    private static func oneRound(_ spec: SchedulerSpec, cpus: Int, seed: UInt64, image path: String) throws -> (
        schedule: Double, wake: Double
    ) {
        let image = try SchedulerImage(path: path)
        try image.choose(spec.name)
        for (name, value) in spec.parameters { try image.setParameter(name, value) }
        let topology = (0..<cpus).map { sim_topology(core: UInt32($0 / 2), package: 0) }
        try image.require(image.calls.boot(topology, UInt32(cpus), UInt32(seed), 0, 1), "boot")
        try image.requireScheduler(spec.name)
        var vcpus: [(UInt32, UInt32)] = []
        for domain in 0..<UInt32(max(2, cpus * 3 / 8)) {
            try image.require(image.calls.domain_create(domain, 4, 256, 0, 0), "domain")
            for id in 0..<UInt32(4) { vcpus.append((domain, id)) }
        }
        var random = SeededRandom(seed, 5)
        var now: Int64 = 1_000_000
        func settle() throws {
            for cpu in 0..<cpus {
                let state = image.cpu(cpu).pointee
                guard state.pending != 0 || state.deadline <= now else { continue }
                image.calls.time(now, UInt32(cpu))
                if state.deadline <= now { try image.require(image.calls.timer_interrupt(), "timer") }
                try image.require(image.calls.softirqs(), "softirqs")
            }
        }
        var asleep = vcpus
        for step in 0..<40_000 {
            if step == 5000 {
                image.state.pointee.schedule_calls = 0
                image.state.pointee.schedule_nanoseconds = 0
                image.state.pointee.wake_calls = 0
                image.state.pointee.wake_nanoseconds = 0
            }
            now += Int64(random.next() % UInt64(400_000 / cpus + 1))
            let cpu = Int(random.next() % UInt64(cpus))
            image.calls.time(now, UInt32(cpu))
            // About as many sleep as wait or run.
            if asleep.count * 2 > vcpus.count || asleep.count > 0 && random.unit() < 0.5 {
                let vcpu = asleep.remove(at: Int(random.next() % UInt64(asleep.count)))
                try image.require(image.calls.wake(vcpu.0, vcpu.1), "wake")
            } else {
                for offset in 0..<cpus {
                    let busy = (cpu + offset) % cpus
                    let state = image.cpu(busy).pointee
                    guard state.domain >= 0, state.pending == 0 else { continue }
                    image.calls.time(now, UInt32(busy))
                    asleep.append((UInt32(state.domain), UInt32(state.vcpu)))
                    try image.require(image.calls.block(), "block")
                    break
                }
            }
            try settle()
        }
        let state = image.state.pointee
        return (
            Double(state.schedule_nanoseconds) / Double(max(1, state.schedule_calls)),
            Double(state.wake_nanoseconds) / Double(max(1, state.wake_calls))
        )
    }

    /// The table.
    public static func listing(_ costs: [DecisionCost]) -> Listing<DecisionCost> {
        Listing(
            "decisionCost", costs,
            columns: [
                .init("CPUs", right: true) { "\($0.cpus)" },
                .init("scheduler") { $0.scheduler },
                .init("schedule ns", right: true) { Comparison.fixed($0.schedule, 0) },
                .init("wake ns", right: true) { Comparison.fixed($0.wake, 0) },
                .init("schedule", right: true) { Comparison.fixed($0.scheduleRatio, 2) },
                .init("wake", right: true) { Comparison.fixed($0.wakeRatio, 2) },
                .init("both", right: true) { Comparison.fixed($0.ratio, 2) },
            ])
    }
}
