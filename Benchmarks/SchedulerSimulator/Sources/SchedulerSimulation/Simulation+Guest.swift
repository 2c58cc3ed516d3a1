// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage
import LapwingCore

/// What the guests do: tasks start, run step by step on virtual CPUs, wait, notify each other, end.
extension Simulation {
    /// What a virtual CPU would run now: batch work only when nothing else is there.
    func token(of vcpu: Int) -> Int? { vcpus[vcpu].ready.first ?? vcpus[vcpu].batch.first }

    // MARK: - Triggers

    func firstTrigger(_ task: Int) {
        let trigger = workload.tasks[task].trigger
        if case .fixed(let period)? = trigger.every {
            tasks[task].nominal = Int64(tasks[task].random.unit() * period * 1000)
        }
        nextTrigger(task)
    }

    /// Arranges the next start of a task, as a guest timer of its first virtual CPU or as a device's interrupt.
    func nextTrigger(_ task: Int) {
        let trigger = workload.tasks[task].trigger
        if let recorded = trigger.recorded {
            guard tasks[task].number < recorded.count else { return }
            tasks[task].nominal = Int64(recorded[tasks[task].number][0] * 1000)
        } else if let every = trigger.every {
            tasks[task].nominal += max(1000, every.draw(&tasks[task].random))
        } else if let burst = trigger.burst {
            if tasks[task].burstLeft > 0 {
                tasks[task].burstLeft -= 1
                tasks[task].nominal += burst.spacing.draw(&tasks[task].random)
            } else {
                tasks[task].nominal += burst.gap.draw(&tasks[task].random)
                tasks[task].burstLeft = max(0, Int(burst.count.draw(&tasks[task].random) / 1000) - 1)
            }
        }
        let jitter = Int64((trigger.jitter ?? 0) * 1000 * tasks[task].random.unit())
        let time = max(now, tasks[task].nominal + jitter)
        if workload.tasks[task].byTimer {
            let home = workload.tasks[task].home
            vcpus[home].timers.append(Timer(time: time, task: task, activation: -1))
            vcpus[home].timerDirty = true
        } else {
            events.add(time, .trigger(task: task))
        }
    }

    /// Starts a task. A frame whose predecessor is not done is dropped.
    func activate(_ task: Int, at time: Int64) -> Int? {
        let definition = workload.tasks[task]
        let number = tasks[task].number
        tasks[task].number += 1
        if definition.frame, tasks[task].outstanding > 0 {
            tasks[task].dropped += 1
            return nil
        }
        // Drawn for the task's number of times, so that every scheduler meets the same work.
        var random = SeededRandom(seed, UInt64(task), 2, UInt64(number))
        var spans = definition.steps.map { step -> Int64 in
            switch step {
            case .run(_, let span), .wait(let span, _): span.draw(&random)
            case .start: 0
            }
        }
        if let recorded = definition.trigger.recorded, number < recorded.count {
            spans[0] = Int64(recorded[number][1] * 1000)
        }
        tasks[task].outstanding += 1
        let activation = Activation(
            task: task, number: number, remaining: Double(spans[0]), spans: spans, time: time,
            steps: definition.steps.count)
        if let free = freeActivations.popLast() {
            activations[free] = activation
            return free
        }
        activations.append(activation)
        return activations.count - 1
    }

    // MARK: - Delivery

    /// Prepares the work of an activation's step; nil when the step is not work.
    func beginStep(_ activation: Int) -> Int? {
        let step = activations[activation].step
        guard case .run(let vcpu, _) = workload.tasks[activations[activation].task].steps[step] else { return nil }
        activations[activation].remaining = Double(activations[activation].spans[step])
        return vcpu
    }

    private func enqueue(_ activation: Int, on vcpu: Int) {
        release(activation, on: vcpu)
        if workload.tasks[activations[activation].task].batch {
            vcpus[vcpu].batch.append(activation)
        } else {
            vcpus[vcpu].ready.append(activation)
        }
    }

    /// Notes what bounds are computed from.
    private func release(_ activation: Int, on vcpu: Int) {
        guard keepsItems else { return }
        items.append(
            WorkItem(
                release: now, work: activations[activation].remaining, interactive: vcpus[vcpu].interactive,
                batch: workload.tasks[activations[activation].task].batch))
    }

    /// Gives an activation's current step to its virtual CPU; a blocked one is woken from `cpu`.
    func deliver(_ activation: Int, since time: Int64, from cpu: Int) throws {
        guard case .run(let vcpu, _) = workload.tasks[activations[activation].task].steps[activations[activation].step]
        else {
            return
        }
        let runsOn = vcpus[vcpu].cpu
        if runsOn >= 0 { accountProgress(runsOn) }
        enqueue(activation, on: vcpu)
        if vcpus[vcpu].blocked {
            vcpus[vcpu].blocked = false
            vcpus[vcpu].wakeAt = time
            image.calls.time(now, UInt32(cpu))
            try image.require(image.calls.wake(vcpus[vcpu].domain, vcpus[vcpu].id), "wake")
            collect()
        } else if runsOn >= 0, runsOn != cpu {
            planCompletion(runsOn)
        }
    }

    /// Guest timers went off on `cpu`; Xen has unblocked their virtual CPUs.
    func timersFired(on cpu: Int) throws {
        let count = image.state.pointee.fired
        image.state.pointee.fired = 0
        for index in 0..<count {
            let fired = scheduler_image_fired(image.state, index)
            guard let vcpu = vcpuIndex[UInt32(fired.domain) << 16 | UInt32(fired.vcpu)] else { continue }
            let runsOn = vcpus[vcpu].cpu
            if runsOn >= 0 { accountProgress(runsOn) }
            if vcpus[vcpu].blocked {
                vcpus[vcpu].blocked = false
                vcpus[vcpu].wakeAt = vcpus[vcpu].armed
            }
            vcpus[vcpu].armed = .max
            vcpus[vcpu].timerDirty = true
            let due = vcpus[vcpu].timers.filter { $0.time <= now }.sorted { $0.time < $1.time }
            vcpus[vcpu].timers.removeAll { $0.time <= now }
            for timer in due {
                if timer.task >= 0 {
                    if let activation = activate(timer.task, at: timer.time) { enqueue(activation, on: vcpu) }
                    nextTrigger(timer.task)
                } else {
                    activations[timer.activation].step += 1
                    guard let target = beginStep(timer.activation) else { continue }
                    if target == vcpu {
                        enqueue(timer.activation, on: vcpu)
                    } else {
                        try deliver(timer.activation, since: now, from: cpu)
                    }
                }
            }
            if runsOn >= 0, runsOn != cpu { planCompletion(runsOn) }
        }
    }

    /// The guest programs its timer for the earliest thing it waits for, on the CPU where it runs.
    func armTimer(_ vcpu: Int) throws {
        vcpus[vcpu].timerDirty = false
        let earliest = vcpus[vcpu].timers.lazy.map(\.time).min() ?? .max
        guard earliest != vcpus[vcpu].armed else { return }
        vcpus[vcpu].armed = earliest
        try image.require(image.calls.guest_timer(vcpus[vcpu].domain, vcpus[vcpu].id, earliest), "guest timer")
    }

    // MARK: - Progress

    /// The running step of a CPU is done, or its idle loop is reached.
    func complete(_ cpu: Int) throws {
        accountProgress(cpu)
        let vcpu = cpus[cpu].current
        guard vcpu >= 0 else {
            if cpus[cpu].interrupts.isEmpty, !cpus[cpu].timerDue, image.cpu(cpu).pointee.pending == 0 {
                goIdle(cpu)
            } else {
                poke(cpu)
            }
            return
        }
        guard let token = token(of: vcpu) else { return try service(cpu) }
        if activations[token].remaining > 0.5 {
            planCompletion(cpu)
            return
        }
        image.calls.time(now, UInt32(cpu))
        try advance(token, of: vcpu, on: cpu)
        try service(cpu)
    }

    private func leave(_ activation: Int, _ vcpu: Int) {
        vcpus[vcpu].ready.removeAll { $0 == activation }
        vcpus[vcpu].batch.removeAll { $0 == activation }
    }

    private func advance(_ activation: Int, of vcpu: Int, on cpu: Int) throws {
        while true {
            activations[activation].step += 1
            let step = activations[activation].step
            let task = activations[activation].task
            guard step < activations[activation].steps else {
                leave(activation, vcpu)
                try finish(activation, on: cpu)
                return
            }
            switch workload.tasks[task].steps[step] {
            case .run(let next, _):
                _ = beginStep(activation)
                if next != vcpu {
                    leave(activation, vcpu)
                    try deliver(activation, since: now, from: cpu)
                } else {
                    release(activation, on: vcpu)
                }
                return
            case .wait(_, let byTimer):
                leave(activation, vcpu)
                let until = now + activations[activation].spans[step]
                if byTimer {
                    vcpus[vcpu].timers.append(Timer(time: until, task: -1, activation: activation))
                    vcpus[vcpu].timerDirty = true
                } else {
                    events.add(until, .device(activation: activation))
                }
                return
            case .start(let other):
                if let started = activate(other, at: now) { try deliver(started, since: now, from: cpu) }
            }
        }
    }

    private func finish(_ activation: Int, on cpu: Int) throws {
        let task = activations[activation].task
        let definition = workload.tasks[task]
        let duration = now - activations[activation].time
        tasks[task].outstanding -= 1
        tasks[task].done += 1
        tasks[task].lastDone = now
        tasks[task].durations.append(duration)
        if let deadline = definition.deadline, duration > deadline { tasks[task].late += 1 }
        freeActivations.append(activation)
        if let count = definition.trigger.loop, tasks[task].number < count, let next = activate(task, at: now) {
            try deliver(next, since: now, from: cpu)
        }
    }
}
