// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage
import LapwingCore

/// Random use of everything Xen lets a person and a guest do to a scheduler, with Xen's assertions on.
///
/// Two things are checked beside the assertions: no virtual CPU runs in two places, and when the noise stops every
/// virtual CPU that wants to run gets to run.
public final class Stress {
    struct Domain {
        var id: UInt32
        var vcpus: Int
        var pool: UInt32 = 0
        var paused = false
        var capped = false
        var offline: Set<Int> = []
    }

    let image: SchedulerImage
    let cpuCount: Int
    let name: String
    var random: SeededRandom
    var now: Int64 = 1_000_000
    var domains: [Domain] = []
    var poolOf: [UInt32?]
    var pools: Set<UInt32> = [0]
    var counts: [String: Int] = [:]
    /// Whether CPU pools are made and changed too.
    public var withPools = true

    /// Boots a machine of so many CPUs, two threads by core, two packages from 16 CPUs on.
    ///
    /// - Throws: ``LapwingError`` when the schedulers cannot be loaded or booted.
    public init(scheduler: SchedulerSpec, cpus: Int, seed: UInt64, image path: String) throws {
        image = try SchedulerImage(path: path)
        cpuCount = cpus
        name = scheduler.name
        random = SeededRandom(seed, 77)
        poolOf = Array(repeating: 0, count: cpus)
        try image.choose(scheduler.name)
        for (name, value) in scheduler.parameters { try image.setParameter(name, value) }
        let topology = (0..<cpus).map {
            sim_topology(core: UInt32($0 / 2), package: cpus >= 16 ? UInt32($0 * 2 / cpus) : 0)
        }
        try image.require(image.calls.boot(topology, UInt32(cpus), UInt32(truncatingIfNeeded: seed), 1, 0), "boot")
        try image.requireScheduler(scheduler.name)
        try createDomain(0)
    }

    private func pick(_ count: Int) -> Int { Int(random.next() % UInt64(max(1, count))) }
    private func chance(_ part: Double) -> Bool { random.unit() < part }

    private func at(_ cpu: Int) { image.calls.time(now, UInt32(cpu)) }

    /// Everything but a death may be refused.
    @discardableResult
    private func attempt(_ what: String, _ result: Int32) throws -> Bool {
        counts[what, default: 0] += 1
        if result == SIM_DIED { try image.require(result, what) }
        image.state.pointee.records = 0
        return result >= 0
    }

    private func createDomain(_ id: UInt32) throws {
        let vcpus = 1 + pick(4)
        let capped = id != 0 && chance(0.2)
        if try attempt(
            "create",
            image.calls.domain_create(
                id, UInt32(vcpus), [128, 256, 256, 512, 1024][pick(5)], capped ? UInt32(20 + pick(180)) : 0, 0))
        {
            domains.append(Domain(id: id, vcpus: vcpus, capped: capped))
        }
    }

    /// Lets CPUs take their softirqs and expired timers; some are left for later, as on a real machine.
    private func settle(all: Bool) throws {
        for _ in 0..<(all ? 8 : 1) {
            var order = Array(0..<cpuCount)
            for index in order.indices { order.swapAt(index, pick(cpuCount)) }
            for cpu in order where all || chance(0.7) {
                let state = image.cpu(cpu).pointee
                at(cpu)
                if state.deadline <= now { try attempt("timer", image.calls.timer_interrupt()) }
                if image.cpu(cpu).pointee.pending != 0 { try attempt("softirqs", image.calls.softirqs()) }
                image.state.pointee.fired = 0
            }
        }
        var seen: Set<UInt64> = []
        for cpu in 0..<cpuCount {
            let state = image.cpu(cpu).pointee
            guard state.domain >= 0 else { continue }
            let key = UInt64(state.domain) << 32 | UInt64(state.vcpu)
            guard seen.insert(key).inserted else {
                throw LapwingError("stress", "d\(state.domain)v\(state.vcpu) runs in two places at \(now) ns")
            }
        }
    }

    private func step() throws {
        at(pick(cpuCount))
        guard !domains.isEmpty else { return try createDomain(1) }
        let index = pick(domains.count)
        let domain = domains[index]
        let vcpu = UInt32(pick(domain.vcpus))
        switch pick(100) {
        case 0..<34:
            try attempt("wake", image.calls.wake(domain.id, vcpu))
        case 34..<60:
            let cpu = pick(cpuCount)
            at(cpu)
            if image.cpu(cpu).pointee.domain >= 0, image.cpu(cpu).pointee.pending == 0 {
                try attempt("block", image.calls.block())
            }
        case 60..<64:
            let cpu = pick(cpuCount)
            at(cpu)
            if image.cpu(cpu).pointee.domain >= 0 { try attempt("yield", image.calls.yield()) }
        case 64..<70:
            try attempt(
                "guest timer",
                image.calls.guest_timer(domain.id, vcpu, chance(0.1) ? .max : now + Int64(pick(20_000_000))))
        case 70..<75:
            if try attempt("pause", image.calls.domain_pause(domain.id, domain.paused ? 0 : 1)) {
                domains[index].paused.toggle()
            }
        case 75..<79:
            let online = domain.offline.contains(Int(vcpu))
            if try attempt("vcpu hot-plug", image.calls.vcpu_online(domain.id, vcpu, online ? 1 : 0)) {
                if online { domains[index].offline.remove(Int(vcpu)) } else { domains[index].offline.insert(Int(vcpu)) }
            }
        case 79..<83:
            let cap = chance(0.5) ? 0 : UInt32(10 + pick(200))
            if try attempt("adjust", image.calls.domain_adjust(domain.id, UInt32(128 + pick(900)), cap)) {
                domains[index].capped = cap > 0
            }
        case 83..<87:
            let hard = chance(0.5) ? UInt64.max : random.next() & (UInt64.max >> UInt64(64 - cpuCount))
            try attempt("affinity", image.calls.vcpu_affinity(domain.id, vcpu, hard, chance(0.5) ? random.next() : 0))
        case 87..<89:
            let id = UInt32(1 + pick(30))
            if !domains.contains(where: { $0.id == id }) { try createDomain(id) }
        case 89..<91:
            if domain.id != 0, try attempt("destroy", image.calls.domain_destroy(domain.id)) {
                domains.remove(at: index)
            }
        case 91..<94:
            if withPools { try changePools(index) }
        case 94..<97:
            try changeParameters()
        default:
            try attempt("dump", image.calls.dump())
        }
    }

    private func changePools(_ index: Int) throws {
        let pool = UInt32(1 + pick(2))
        if !pools.contains(pool) {
            if try attempt("pool create", image.calls.pool_create(pool, chance(0.7) ? name : "credit2")) {
                pools.insert(pool)
            }
            return
        }
        let cpu = pick(cpuCount)
        if let own = poolOf[cpu] {
            // A pool with domains keeps its last CPU, as xl makes sure of.
            if try attempt("pool remove", image.calls.pool_remove(own, UInt32(cpu))) { poolOf[cpu] = nil }
        } else {
            let wanted = chance(0.5) ? 0 : pool
            if try attempt("pool add", image.calls.pool_add(wanted, UInt32(cpu))) { poolOf[cpu] = wanted }
        }
        if chance(0.5), domains[index].id != 0 {
            let wanted = chance(0.5) ? 0 : pool
            if try attempt("pool move", image.calls.domain_pool(domains[index].id, wanted)) {
                domains[index].pool = wanted
            }
        }
    }

    private func changeParameters() throws {
        guard name == "lapwing" else { return }
        let values = [
            "mode=powersave", "mode=balanced", "mode=performance", "mode=nonsense", "wait=0", "wait=5000",
            "wait=99999999",
            "slice=1000,boost=0", "slice=-1", "", "=", "settle=1000,align=0,pack=1", "mode=powersave,wait=200,pack=0",
            "align=20000",
        ]
        try attempt("parameter", image.calls.parameter_set("sched-lapwing", values[pick(values.count)]))
        if chance(0.3) {
            let values = ["0:512", "0-1:300,2:1024", "0-\(cpuCount - 1):1024", "99:1", "1:0", "x", "0:1,0:1024"]
            try attempt("capacity", image.calls.parameter_set("sched-lapwing-capacity", values[pick(values.count)]))
        }
        _ = image.parameter("sched-lapwing")
    }

    /// Every virtual CPU that may run must run within a while, once all are awake and nothing else happens.
    private func checkProgress() throws {
        for index in domains.indices where domains[index].paused {
            at(0)
            if try attempt("pause", image.calls.domain_pause(domains[index].id, 0)) { domains[index].paused = false }
        }
        var before: [UInt64: Int64] = [:]
        for domain in domains {
            for vcpu in 0..<domain.vcpus where !domain.offline.contains(vcpu) {
                at(0)
                try attempt("wake", image.calls.wake(domain.id, UInt32(vcpu)))
                before[UInt64(domain.id) << 32 | UInt64(vcpu)] = image.calls.vcpu_runtime(domain.id, UInt32(vcpu), 0)
            }
        }
        for _ in 0..<5000 {
            now += 1_000_000
            try settle(all: true)
        }
        for (key, ran) in before.sorted(by: { $0.key < $1.key }) {
            let domain = UInt32(key >> 32)
            let vcpu = UInt32(key & 0xffff_ffff)
            guard image.calls.vcpu_runtime(domain, vcpu, 0) > ran else {
                try attempt("dump", image.calls.dump())
                throw LapwingError(
                    "stress",
                    "d\(domain)v\(vcpu) on CPU \(image.calls.vcpu_processor(domain, vcpu)) wants to run and got nothing in 5 s, at \(now) ns: \(String(describing: domains.first { $0.id == domain }))",
                    cause: String(image.console.suffix(4000)))
            }
        }
    }

    /// Does so many random things.
    ///
    /// - Returns: how often each was done.
    /// - Throws: ``LapwingError`` when Xen's code dies, a virtual CPU runs in two places or never.
    public func run(steps: Int) throws -> [String: Int] {
        for number in 1...max(1, steps) {
            now += Int64(pick(400_000))
            try step()
            try image.require(image.calls.check(), "after step \(number)")
            try settle(all: false)
            if number.isMultiple(of: 2000) { try checkProgress() }
        }
        try checkProgress()
        return counts
    }
}
