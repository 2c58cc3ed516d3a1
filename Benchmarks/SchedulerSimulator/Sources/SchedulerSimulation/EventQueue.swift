// SPDX-License-Identifier: Apache-2.0

/// Something that happens at a time of its own.
struct Event {
    enum Kind {
        /// The timer hardware of a CPU; stale when the generation has moved on.
        case timer(cpu: Int, generation: UInt32)
        /// A CPU has left its idle state.
        case awake(cpu: Int)
        /// The running virtual CPU of a CPU has finished its step.
        case complete(cpu: Int, generation: UInt32)
        /// A device wants to start a task.
        case trigger(task: Int)
        /// A device has finished for an activation.
        case device(activation: Int)
        /// The hypervisor wakes every CPU to read its clock.
        case rendezvous
        /// The frequency governor of a CPU looks.
        case sample(cpu: Int, generation: UInt32)
    }
    var time: Int64
    var sequence: UInt64
    var kind: Kind
}

/// A binary heap; events of one time come in the order in which they were added.
struct EventQueue {
    private var heap: [Event] = []
    private var sequence: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }

    private func before(_ a: Int, _ b: Int) -> Bool {
        heap[a].time != heap[b].time ? heap[a].time < heap[b].time : heap[a].sequence < heap[b].sequence
    }

    mutating func add(_ time: Int64, _ kind: Event.Kind) {
        heap.append(Event(time: time, sequence: sequence, kind: kind))
        sequence += 1
        var child = heap.count - 1
        while child > 0, before(child, (child - 1) / 2) {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func next() -> Event? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in (2 * parent + 1)...(2 * parent + 2) where child < heap.count && before(child, least) {
                    least = child
                }
                if least == parent { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return first
    }
}
