// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage
import LapwingCore

/// What a physical CPU does: wake, take interrupts, let Xen decide, run, go idle.
extension Simulation {
    func beginWake(_ cpu: Int) {
        let core = cpus[cpu].core
        let state = meter.cores[core].state
        var exit = types[core].idleStates[0].exitMicroseconds
        var ends = now
        if state >= 0 {
            let sleep = types[core].idleStates[state]
            exit = (sleep.coreExitMicroseconds ?? sleep.exitMicroseconds) + meter.groupExit(core)
            // Deeper than a stopped clock: the caches are empty afterwards.
            if sleep.depth >= 3 { coreStamp[core] += 1 }
        } else {
            // The other thread keeps the core up, or is bringing it up.
            for sibling in threadsOf[core] where cpus[sibling].mode == .waking {
                ends = max(ends, cpus[sibling].wakeEnds)
            }
        }
        ends = max(ends, now + Int64(exit * 1000))
        cpus[cpu].governor.woke(afterMicroseconds: Double(ends - cpus[cpu].idleSince) / 1000)
        cpus[cpu].mode = .waking
        cpus[cpu].wakeEnds = ends
        updateCore(core)
        events.add(ends, .awake(cpu: cpu))
    }

    /// The governor's timer rests while a CPU is idle and catches up when it wakes.
    func becameBusy(_ cpu: Int) {
        clocks.setBusy(cpu, true, at: now)
        guard clocks.period(cpu) != nil else { return }
        if clocks.policies[cpu].nextSample <= now {
            sample(cpu)
        } else {
            cpus[cpu].sampleGeneration &+= 1
            events.add(clocks.policies[cpu].nextSample, .sample(cpu: cpu, generation: cpus[cpu].sampleGeneration))
        }
        settleClock(of: cpus[cpu].core)
    }

    func sample(_ cpu: Int) {
        guard let period = clocks.period(cpu) else { return }
        clocks.sample(cpu, at: now)
        let next = (now / period + 1) * period
        clocks.setNextSample(cpu, next)
        cpus[cpu].sampleGeneration &+= 1
        events.add(next, .sample(cpu: cpu, generation: cpus[cpu].sampleGeneration))
        settleClock(of: cpus[cpu].core)
    }

    private func settleClock(of core: Int) {
        let clock = machine.cores[core].clock
        let changed = clocks.settle(clock) { core in threadsOf[core].contains { cpus[$0].mode != .idle } }
        guard changed else { return }
        for core in clocks.cores(of: clock) { updateCore(core) }
    }

    /// Brings a core's power and its threads' speeds up to date.
    func updateCore(_ core: Int) {
        var busy = 0
        var up = 0
        var shallow = Int.max
        for cpu in threadsOf[core] {
            if cpus[cpu].mode == .idle { shallow = min(shallow, cpus[cpu].idleState) } else { busy += 1 }
            if cpus[cpu].mode == .up { up += 1 }
        }
        if busy == 0 {
            meter.idle(core, state: shallow, at: now)
        } else {
            meter.active(
                core, threads: busy, point: clocks.point[machine.cores[core].clock], waking: up == 0, at: now)
        }
        for cpu in threadsOf[core] where cpus[cpu].mode == .up {
            let before = cpus[cpu].speed
            accountProgress(cpu)
            updateSpeed(cpu)
            if before != cpus[cpu].speed, cpus[cpu].current >= 0 { planCompletion(cpu) }
        }
    }

    func updateSpeed(_ cpu: Int) {
        let core = cpus[cpu].core
        var speed = machine.speed * types[core].capacity / 1024 * clocks.relative(machine.cores[core].clock)
        if let smt = types[core].smt, threadsOf[core].count(where: { cpus[$0].mode != .idle }) > 1 {
            speed *= smt.throughputEach
        }
        cpus[cpu].speed = speed
    }

    /// What the CPU runs has progressed up to now.
    func accountProgress(_ cpu: Int) {
        let vcpu = cpus[cpu].current
        guard vcpu >= 0 else { return }
        let from = max(cpus[cpu].startAt, cpus[cpu].accounted)
        guard now > from else { return }
        cpus[cpu].accounted = now
        vcpus[vcpu].runtimeByCPU[cpu] += now - from
        guard let token = token(of: vcpu) else { return }
        let work = min(Double(now - from) * cpus[cpu].speed, activations[token].remaining)
        activations[token].remaining -= work
        totalWork += work
        if workload.tasks[activations[token].task].batch { batchWork += work }
    }

    func planCompletion(_ cpu: Int) {
        cpus[cpu].runGeneration &+= 1
        let generation = cpus[cpu].runGeneration
        let begin = max(now, cpus[cpu].startAt)
        guard cpus[cpu].current >= 0 else {
            events.add(begin, .complete(cpu: cpu, generation: generation))
            return
        }
        let left = token(of: cpus[cpu].current).map { activations[$0].remaining } ?? 0
        events.add(begin + Int64((left / cpus[cpu].speed).rounded(.up)), .complete(cpu: cpu, generation: generation))
    }

    /// Takes a CPU's interrupts and softirqs; Xen decides what runs next.
    func service(_ cpu: Int) throws {
        accountProgress(cpu)
        var cost = 0.0
        let interrupts = cpus[cpu].interrupts
        cpus[cpu].interrupts = []
        let timerDue = cpus[cpu].timerDue
        cpus[cpu].timerDue = false
        image.calls.time(now, UInt32(cpu))
        for interrupt in interrupts {
            cost += Self.interruptCost
            cpus[cpu].governor.interrupts += 1
            try deliver(interrupt.activation, since: interrupt.time, from: cpu)
        }
        if timerDue {
            cost += Self.interruptCost
            cpus[cpu].governor.interrupts += 1
            try image.require(image.calls.timer_interrupt(), "timer interrupt")
        }
        for _ in 0..<64 {
            image.calls.time(now, UInt32(cpu))
            if image.cpu(cpu).pointee.pending != 0 {
                try image.require(image.calls.softirqs(), "softirqs of CPU \(cpu)")
                try timersFired(on: cpu)
            }
            collect()
            let chosen = image.cpu(cpu).pointee
            let next = chosen.domain < 0 ? -1 : vcpuIndex[UInt32(chosen.domain) << 16 | UInt32(chosen.vcpu)] ?? -1
            if next != cpus[cpu].current {
                cost += Self.switchCost
                switchTo(next, on: cpu, cost: cost)
                cost = 0
            }
            guard next >= 0 else { break }
            if vcpus[next].timerDirty {
                image.calls.time(now, UInt32(cpu))
                try armTimer(next)
                collect()
            }
            if token(of: next) == nil {
                // Woken for nothing, or done: the guest blocks again.
                vcpus[next].blocked = true
                vcpus[next].wakeAt = -1
                image.calls.time(now, UInt32(cpu))
                try image.require(image.calls.block(), "block")
                collect()
                continue
            }
            if image.cpu(cpu).pointee.pending == 0 { break }
        }
        dequeue(cpu)
        if cost > 0 { delayStart(cpu, by: cost) }
        if cpus[cpu].current < 0, cpus[cpu].startAt <= now {
            goIdle(cpu)
        } else {
            planCompletion(cpu)
        }
    }

    private func dequeue(_ cpu: Int) {
        // Everything pending on this CPU has just been handled.
        guard cpus[cpu].queued, image.cpu(cpu).pointee.pending == 0, cpus[cpu].interrupts.isEmpty, !cpus[cpu].timerDue
        else {
            return
        }
        cpus[cpu].queued = false
        toService.removeAll { $0 == cpu }
    }

    private func delayStart(_ cpu: Int, by cost: Double) {
        cpus[cpu].startAt = max(now, cpus[cpu].startAt) + Int64(cost / cpus[cpu].speed)
    }

    private func switchTo(_ next: Int, on cpu: Int, cost: Double) {
        let previous = cpus[cpu].current
        if previous >= 0 { vcpus[previous].cpu = -1 }
        cpus[cpu].current = next
        cpus[cpu].startAt = now
        cpus[cpu].accounted = now
        delayStart(cpu, by: cost)
        guard next >= 0 else { return }
        let core = cpus[cpu].core
        vcpus[next].cpu = cpu
        let moved = vcpus[next].lastCPU >= 0 && vcpus[next].lastCPU != cpu
        let otherCore = vcpus[next].lastCore >= 0 && vcpus[next].lastCore != core
        if moved { vcpus[next].migrations += 1 }
        if otherCore { vcpus[next].coreMigrations += 1 }
        if vcpus[next].wakeAt >= 0 {
            vcpus[next].latencies.append(cpus[cpu].startAt - vcpus[next].wakeAt)
            vcpus[next].wakeAt = -1
            vcpus[next].wakeUpsByCPU[cpu] += 1
        }
        // The first instruction runs now, but on cold caches.
        if vcpus[next].lastCore != core || vcpus[next].coldStamp != coreStamp[core] {
            cpus[cpu].startAt += Int64(types[core].refillMicroseconds * 1000)
        }
        vcpus[next].lastCPU = cpu
        vcpus[next].lastCore = core
        vcpus[next].coldStamp = coreStamp[core]
    }

    func goIdle(_ cpu: Int) {
        let core = cpus[cpu].core
        var states = types[core].idleStates[...]
        if let limit = machine.idleLimit { states = states.prefix(max(1, limit)) }
        var state = cpus[cpu].governor.choose(states, now: now, deadline: cpus[cpu].deadline)
        if image.cpu(cpu).pointee.urgent > 0 { state = 0 }
        cpus[cpu].mode = .idle
        cpus[cpu].idleState = state
        cpus[cpu].idleSince = now
        cpus[cpu].runGeneration &+= 1
        clocks.setBusy(cpu, false, at: now)
        updateCore(core)
        settleClock(of: core)
    }
}
