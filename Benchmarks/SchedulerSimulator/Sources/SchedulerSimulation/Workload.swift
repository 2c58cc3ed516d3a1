// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// How long something takes, in microseconds: fixed, uniform or exponential.
public enum Span: Sendable, Codable {
    /// Always the same.
    case fixed(Double)
    /// Uniform between two bounds.
    case uniform(Double, Double)
    /// Exponential with a mean, cut at ten times the mean.
    case exponential(Double)

    private enum Keys: String, CodingKey { case mean }

    /// Reads a number, `[a, b]` or `{"mean": m}`.
    public init(from decoder: any Decoder) throws {
        if let one = try? decoder.singleValueContainer().decode(Double.self) {
            self = .fixed(one)
        } else if var pair = try? decoder.unkeyedContainer() {
            self = .uniform(try pair.decode(Double.self), try pair.decode(Double.self))
        } else {
            self = .exponential(try decoder.container(keyedBy: Keys.self).decode(Double.self, forKey: .mean))
        }
    }

    /// Writes what `init(from:)` reads.
    public func encode(to encoder: any Encoder) throws {
        switch self {
        case .fixed(let one):
            var container = encoder.singleValueContainer()
            try container.encode(one)
        case .uniform(let a, let b):
            var container = encoder.unkeyedContainer()
            try container.encode(a)
            try container.encode(b)
        case .exponential(let mean):
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode(mean, forKey: .mean)
        }
    }

    /// A draw, in nanoseconds.
    func draw(_ random: inout SeededRandom) -> Int64 {
        switch self {
        case .fixed(let one): return Int64(one * 1000)
        case .uniform(let a, let b): return Int64((a + (b - a) * random.unit()) * 1000)
        case .exponential(let mean): return Int64(min(random.exponential() * mean, 10 * mean) * 1000)
        }
    }
}

/// What runs on a simulated machine: domains and their tasks, as `Workloads/*.json` gives them.
public struct Workload: Sendable, Codable {
    /// A domain.
    public struct Domain: Sendable, Codable {
        /// Xen's number of it.
        public var id: UInt32
        /// Its name in steps.
        public var name: String
        /// How many virtual CPUs it has.
        public var vcpus: Int
        /// Scheduling weight.
        public var weight: UInt32
        /// Percent of one CPU it may use at most, 0 for no limit.
        public var cap: UInt32
        /// Virtual CPUs whose wake-up latency a person feels.
        public var interactive: [Int]
        /// Work nobody waits for.
        public var background: Bool?
    }
    /// Events in bursts.
    public struct Burst: Sendable, Codable {
        /// From the end of a burst to the next.
        public var gap: Span
        /// How many events a burst has.
        public var count: Span
        /// Between events of a burst.
        public var spacing: Span
    }
    /// What starts a task.
    public struct Trigger: Sendable, Codable {
        /// Period.
        public var every: Span?
        /// Added to each period's start, up to so much.
        public var jitter: Double?
        /// Events in bursts.
        public var burst: Burst?
        /// Again at once, so many times.
        public var loop: Int?
        /// Started by another task.
        public var signal: Bool?
        /// As recorded: pairs of time and work, in microseconds.
        public var recorded: [[Double]]?
        /// `timer` (a guest timer) or `device` (an interrupt); timer when absent.
        public var by: String?
    }
    /// One step of a task.
    public struct Step: Sendable, Codable {
        /// `domain.vcpu` on which it runs.
        public var on: String?
        /// How much work, in microseconds of the reference core.
        public var run: Span?
        /// How long it waits.
        public var wait: Span?
        /// `timer` or `device`.
        public var by: String?
        /// Starts another task and goes on.
        public var start: String?
    }
    /// Something that happens again and again.
    public struct Task: Sendable, Codable {
        /// Unique name.
        public var name: String
        /// What starts it.
        public var trigger: Trigger
        /// Its steps, in order.
        public var steps: [Step]
        /// Microseconds from the trigger by which it should be done.
        public var deadline: Double?
        /// A frame: late ones are missed, and one that meets an unfinished predecessor is dropped.
        public var frame: Bool?
        /// Yields to other work of its virtual CPU.
        public var batch: Bool?
    }

    /// Version of the format, 1.
    public var schemaVersion: Int
    /// The file's name without `.json`.
    public var name: String
    /// One line for people.
    public var title: String
    /// Never used for tuning.
    public var heldOut: Bool
    /// Simulated time.
    public var seconds: Double
    /// The domains; number 0 is dom0.
    public var domains: [Domain]
    /// The tasks.
    public var tasks: [Task]
    /// Remark for people.
    public var note: String?

    /// The workload of a file, checked.
    ///
    /// - Throws: ``LapwingError`` naming what is wrong with the file.
    public static func read(_ file: FilePath) throws -> Workload {
        let workload = try JSONText.decode(Workload.self, from: Files.read(file), file: file.string)
        _ = try CompiledWorkload(workload)
        return workload
    }
}

/// A workload with names resolved to indices.
struct CompiledWorkload {
    enum Step {
        case run(vcpu: Int, Span)
        case wait(Span, byTimer: Bool)
        case start(task: Int)
    }
    struct Task {
        var name: String
        var trigger: Workload.Trigger
        var byTimer: Bool
        var home: Int
        var steps: [Step]
        var deadline: Int64?
        var frame: Bool
        var batch: Bool
    }
    struct Vcpu {
        var domain: UInt32
        var id: UInt32
        var interactive: Bool
    }
    var domains: [Workload.Domain]
    var vcpus: [Vcpu] = []
    var tasks: [Task] = []

    init(_ workload: Workload) throws {
        func fail(_ what: String) -> LapwingError {
            LapwingError("workload-file", exit: .badInput, "\(workload.name): \(what)")
        }
        guard workload.schemaVersion == 1 else { throw fail("unknown schemaVersion \(workload.schemaVersion)") }
        domains = workload.domains
        var numbers: [String: Int] = [:]
        for domain in domains {
            for id in 0..<domain.vcpus {
                numbers["\(domain.name).\(id)"] = vcpus.count
                vcpus.append(Vcpu(domain: domain.id, id: UInt32(id), interactive: domain.interactive.contains(id)))
            }
        }
        var names: [String: Int] = [:]
        for (index, task) in workload.tasks.enumerated() {
            guard names.updateValue(index, forKey: task.name) == nil else { throw fail("two tasks \(task.name)") }
        }
        for task in workload.tasks {
            var steps: [Step] = []
            for step in task.steps {
                if let other = step.start {
                    guard let index = names[other], workload.tasks[index].trigger.signal == true else {
                        throw fail("\(task.name) starts \(other), which is no task to be started")
                    }
                    steps.append(.start(task: index))
                } else if let wait = step.wait {
                    steps.append(.wait(wait, byTimer: step.by == "timer"))
                } else if let on = step.on, let run = step.run {
                    guard let vcpu = numbers[on] else { throw fail("\(task.name) runs on \(on), which is not there") }
                    steps.append(.run(vcpu: vcpu, run))
                } else {
                    throw fail("a step of \(task.name) does nothing")
                }
            }
            guard case .run(let home, _) = steps.first else { throw fail("\(task.name) must begin with work") }
            // Whoever waits at the end is woken for a moment when the wait is over.
            if case .wait = steps[steps.count - 1] { steps.append(.run(vcpu: home, .fixed(1))) }
            let trigger = task.trigger
            let ways = [
                trigger.every != nil, trigger.burst != nil, trigger.loop != nil, trigger.signal == true,
                trigger.recorded != nil,
            ]
            guard ways.count(where: { $0 }) == 1 else { throw fail("\(task.name) needs one trigger") }
            tasks.append(
                Task(
                    name: task.name, trigger: trigger, byTimer: trigger.by != "device", home: home, steps: steps,
                    deadline: task.deadline.map { Int64($0 * 1000) }, frame: task.frame ?? false,
                    batch: task.batch ?? false))
        }
    }
}
