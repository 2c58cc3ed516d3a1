// SPDX-License-Identifier: Apache-2.0

import LapwingCore
public import SystemPackage

/// A simulated machine: cores, idle states, operating points and clocks, as `Machines/*.json` gives them.
///
/// Power is in watts, latency and residency in microseconds.
public struct Machine: Sendable, Codable {
    /// One idle state of a core, shallow to deep.
    public struct IdleState: Sendable, Codable {
        /// The platform's name of the state.
        public var name: String
        /// How deep it is; group states ask for a depth.
        public var depth: Int
        /// Exit latency as the platform's idle driver states it: what the idle governor works with.
        public var exitMicroseconds: Double
        /// Target residency as the platform's idle driver states it.
        public var residencyMicroseconds: Double
        /// Power of the core in the state.
        public var watts: Double
        /// Exit latency of the core alone, where the driver's figure holds a package's or cluster's too.
        public var coreExitMicroseconds: Double?
    }
    /// A frequency and the power of a core that runs at it.
    public struct OperatingPoint: Sendable, Codable {
        /// Frequency.
        public var megahertz: Double
        /// Power of one core with one busy thread.
        public var watts: Double
    }
    /// What two busy threads of one core share.
    public struct Threads: Sendable, Codable {
        /// Speed of each of two busy threads, against one alone.
        public var throughputEach: Double
        /// Power of the core with both busy, against one.
        public var power: Double
    }
    /// A kind of core.
    public struct CoreType: Sendable, Codable {
        /// Speed at the highest frequency; 1024 is the machine's fastest core.
        public var capacity: Double
        /// Slow to fast.
        public var operatingPoints: [OperatingPoint]
        /// Nil without simultaneous multithreading.
        public var smt: Threads?
        /// Time lost to cold caches after a migration to another core or a power-gated sleep.
        public var refillMicroseconds: Double
        /// Shallow to deep.
        public var idleStates: [IdleState]
    }
    /// One core.
    public struct Core: Sendable, Codable {
        /// Key in `coreTypes`.
        public var type: String
        /// Threads, 1 or 2.
        public var threads: Int
        /// Index in `clocks`.
        public var clock: Int
        /// Package number; 0 when the file does not say.
        public var package: Int?
    }
    /// A state of a group of cores.
    public struct GroupState: Sendable, Codable {
        /// The platform's name of the state.
        public var name: String
        /// Every core of the group must be at least so deep.
        public var depth: Int
        /// Added to a core's exit latency.
        public var exitMicroseconds: Double
        /// Power of what the group shares.
        public var watts: Double
    }
    /// Cores that share power: a package, a cluster, a module.
    public struct Group: Sendable, Codable {
        /// Name for reports.
        public var name: String
        /// Power of what is shared while any core runs.
        public var activeWatts: Double
        /// Indices in `cores`.
        public var cores: [Int]
        /// Shallow to deep.
        public var states: [GroupState]
    }
    /// How a frequency is chosen.
    public struct FrequencyGovernor: Sendable, Codable {
        /// `ondemand` (Xen's), `utilisation` (hardware-managed, approximated) or `highest`.
        public var kind: String
        /// How often it looks.
        public var sampleMilliseconds: Double?
        /// `ondemand`: percent of load above which it goes to the highest frequency.
        public var upThreshold: Double?
        /// `ondemand`: how far below the threshold it aims when it slows down.
        public var downDifferential: Double?
        /// `utilisation`: percent of the window it wants busy.
        public var target: Double?
    }
    /// Cores with one frequency.
    public struct Clock: Sendable, Codable {
        /// Name for reports.
        public var name: String
        /// `awake`: the fastest request of a core that is not idle decides; `all`: of every core.
        public var counts: String
        /// The governor.
        public var governor: FrequencyGovernor
    }

    /// Version of the format, 1.
    public var schemaVersion: Int
    /// The file's name without `.json`.
    public var name: String
    /// One line for people.
    public var title: String
    /// Never used for tuning.
    public var heldOut: Bool
    /// `arm64`; x86_64 when not given.
    public var architecture: String?
    /// A board on which Xen for arm64 runs, with cores of two kinds.
    public var isBigLittle: Bool { architecture == "arm64" && coreTypes.count > 1 }
    /// Speed of capacity 1024 at its highest frequency against `laptop-4c8t`'s core.
    public var speed: Double
    /// Kinds of cores by name.
    public var coreTypes: [String: CoreType]
    /// The cores; CPUs are numbered core by core, thread by thread.
    public var cores: [Core]
    /// Shared power; a core may be in several groups.
    public var groups: [Group]
    /// Clock domains.
    public var clocks: [Clock]
    /// How often the hypervisor itself wakes every CPU; never when absent.
    public var rendezvousMilliseconds: Double?
    /// How many idle states the hypervisor uses; all when absent.
    public var idleLimit: Int?
    /// Where each figure comes from.
    public var sources: [String: String]

    /// The machine of a file, checked.
    ///
    /// - Throws: ``LapwingError`` naming what is wrong with the file.
    public static func read(_ file: FilePath) throws -> Machine {
        let machine = try JSONText.decode(Machine.self, from: Files.read(file), file: file.string)
        try machine.check(file.string)
        return machine
    }

    /// Sets of CPUs worth being confined to: so many cores of each type, with one thread or all.
    var subsets: [String] {
        var first: [Int] = []
        var next = 0
        for core in cores {
            first.append(next)
            next += core.threads
        }
        func cpus(_ type: String, _ count: Int, allThreads: Bool) -> [Int] {
            cores.indices.filter { cores[$0].type == type }.prefix(count)
                .flatMap { core in (0..<(allThreads ? cores[core].threads : 1)).map { first[core] + $0 } }
        }
        let types = coreTypes.keys.sorted()
        var parts = types.map { type in
            let count = cores.count { $0.type == type }
            let steps = (1...max(1, count)).filter { $0 <= 4 || $0 == count }
            return steps.flatMap { number in [false, true].map { cpus(type, number, allThreads: $0) } }
        }
        if parts.count == 2 { parts.append(parts[0].flatMap { a in parts[1].filter { $0.count <= 4 }.map { a + $0 } }) }
        var seen: Set<[Int]> = []
        return parts.flatMap { $0 }.map { $0.sorted() }.filter { seen.insert($0).inserted }
            .map { list in list.map(String.init).joined(separator: ",") }
    }

    /// How many CPUs the machine has.
    public var cpuCount: Int { cores.reduce(0) { $0 + $1.threads } }

    /// Capacity of each CPU, 1024 at most.
    public var capacities: [Int] {
        cores.flatMap { core in
            Array(repeating: Int(coreTypes[core.type]?.capacity ?? 0), count: core.threads)
        }
    }

    func check(_ file: String) throws {
        func fail(_ what: String) -> LapwingError {
            LapwingError("machine-file", exit: .badInput, "\(file): \(what)", subject: name)
        }
        guard schemaVersion == 1 else { throw fail("unknown schemaVersion \(schemaVersion)") }
        guard (1...64).contains(cpuCount) else { throw fail("\(cpuCount) CPUs, 1 to 64 are possible") }
        for core in cores {
            guard let type = coreTypes[core.type] else { throw fail("no core type \(core.type)") }
            guard clocks.indices.contains(core.clock) else { throw fail("no clock \(core.clock)") }
            guard core.threads == 1 || (core.threads == 2 && type.smt != nil) else { throw fail("threads of a core") }
            guard !type.idleStates.isEmpty, !type.operatingPoints.isEmpty else { throw fail("\(core.type) is empty") }
            for (a, b) in zip(type.idleStates, type.idleStates.dropFirst())
            where a.depth >= b.depth || a.watts < b.watts {
                throw fail("idle states of \(core.type) are not in order at \(b.name)")
            }
            for (a, b) in zip(type.operatingPoints, type.operatingPoints.dropFirst())
            where a.megahertz >= b.megahertz || a.watts >= b.watts {
                throw fail("operating points of \(core.type) are not in order at \(b.megahertz)")
            }
        }
        for group in groups {
            guard group.cores.allSatisfy(cores.indices.contains) else { throw fail("cores of \(group.name)") }
        }
        guard Set(groups.flatMap(\.cores)).count == cores.count else { throw fail("a core is in no group") }
    }
}
