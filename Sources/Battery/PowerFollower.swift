// SPDX-License-Identifier: Apache-2.0

import CLinux
public import LapwingCore
public import PowerFacts
import Synchronization
public import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// Follows the machine's power and publishes what guests are told of it. All looks are made by one thread, so that none
/// overtakes another; that thread sleeps in poll(2) until the kernel tells of something, the lid moves, somebody asks,
/// or a look is due.
public final class PowerFollower: Sendable {
    /// What comes of looks.
    public struct Listener: Sendable {
        /// What guests are told, after each change and after the first look.
        var changed: @Sendable (VirtualPower, PowerStatus) -> Void
        /// Publishing failed; told once until it works again.
        var failed: @Sendable (LapwingError) -> Void

        /// A listener.
        public init(
            changed: @escaping @Sendable (VirtualPower, PowerStatus) -> Void,
            failed: @escaping @Sendable (LapwingError) -> Void
        ) {
            self.changed = changed
            self.failed = failed
        }
    }

    /// What waits for the thread.
    private struct Inbox {
        var happened = false
        var inputs = false
        var followed = false
        var ended = false
        var waiting: [CheckedContinuation<PowerStatus?, Never>] = []
    }

    private let reader: PowerReader
    private let files: PowerFiles
    private let listener: Listener
    private let inbox = Mutex(Inbox())
    private let waker: WakePipe

    /// A follower; `directory` is where it publishes, `/run/lapwing/power` on the device.
    public init(_ reader: PowerReader, directory: FilePath, listener: Listener) throws {
        self.reader = reader
        files = PowerFiles(directory: directory)
        self.listener = listener
        waker = try WakePipe()
    }

    // MARK: From anywhere

    /// The kernel told of a power supply, or something it told was lost.
    public func supplyChanged() { post { $0.happened = true } }

    /// The kernel told of an input device that came or went: one may be a lid.
    public func inputsChanged() { post { $0.inputs = true } }

    /// Whether somebody follows the values: then they are looked at every half minute, else only upon events.
    public func follow(_ followed: Bool) { post { $0.followed = followed } }

    /// Ends `run`, now or as soon as it begins.
    public func end() { post { $0.ended = true } }

    /// What is so now, by a look of its own; `power.not-followed` (69) when the thread has ended.
    public func status() async throws -> PowerStatus {
        let found = await withCheckedContinuation { (continuation: CheckedContinuation<PowerStatus?, Never>) in
            let ended = inbox.withLock { inbox in
                if !inbox.ended { inbox.waiting.append(continuation) }
                return inbox.ended
            }
            if ended { continuation.resume(returning: nil) } else { waker.wake() }
        }
        if let found { return found }
        throw LapwingError("power.not-followed", exit: .unavailable, "The daemon does not follow the machine's power.")
    }

    private func post(_ change: (inout Inbox) -> Void) {
        inbox.withLock { change(&$0) }
        waker.wake()
    }

    // MARK: The thread

    /// Follows until `end`; to be called once, on a thread of its own.
    public func run() {
        var plan = LookPlan()
        var state = Looks(slots: files.savedSlots(), published: files.published())
        var lid = reader.lidSwitch()
        plan.event(at: Self.now())
        while true {
            let news = inbox.withLock { inbox in
                defer { (inbox.happened, inbox.inputs, inbox.waiting) = (false, false, []) }
                return inbox
            }
            if news.ended {
                for waiter in news.waiting { waiter.resume(returning: nil) }
                return
            }
            if news.happened { plan.event(at: Self.now()) }
            if news.inputs, lid == nil {
                lid = reader.lidSwitch()
                if lid != nil { plan.event(at: Self.now()) }
            }
            plan.followed = news.followed
            let begin = Self.now()
            if plan.isDue(at: begin) || !news.waiting.isEmpty {
                let reading = look(&lid)
                let told = state.take(reading)
                if !publish(&state, told, reading) { plan.retry(at: begin) }
                plan.looked(from: begin, to: Self.now())
                let status = PowerStatus(reading, slots: state.slots)
                for waiter in news.waiting { waiter.resume(returning: status) }
            }
            if sleep(plan.timeout(at: Self.now()), &lid) { plan.event(at: Self.now()) }
        }
    }

    /// Batteries, mains, and the lid; one that is gone is looked for anew.
    private func look(_ lid: inout LidSwitch?) -> PowerReading {
        var place = lid?.state()
        if place == nil {
            lid = reader.lidSwitch()
            place = lid?.state()
        }
        return reader.reading(lid: place ?? .absent)
    }

    /// Publishes what differs from what is published; false when that failed.
    private func publish(_ state: inout Looks, _ power: VirtualPower, _ reading: PowerReading) -> Bool {
        do {
            if state.slots != state.savedSlots {
                try files.save(state.slots)
                state.savedSlots = state.slots
            }
            if state.published != power {
                try files.publish(power)
                state.published = power
            }
            state.failed = false
        } catch {
            if !state.failed { listener.failed(Self.known(error)) }
            state.failed = true
        }
        if state.told != power {
            listener.changed(power, PowerStatus(reading, slots: state.slots))
            state.told = power
        }
        return !state.failed
    }

    private static func known(_ error: any Error) -> LapwingError {
        error as? LapwingError ?? LapwingError("power.failed", "Power could not be published.", cause: "\(error)")
    }

    /// Waits; true when the lid moved or went.
    private func sleep(_ timeout: Int32, _ lid: inout LidSwitch?) -> Bool {
        var events = [
            pollfd(fd: waker.readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: lid?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&events, nfds_t(events.count), timeout) > 0 else { return false }
        if events[0].revents != 0 { waker.drain() }
        guard events[1].revents != 0 else { return false }
        guard let moved = lid?.take() else {
            lid = nil
            return true
        }
        return moved
    }

    /// Milliseconds since the machine started (clock_gettime(2), CLOCK_MONOTONIC).
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }
}

/// What one look leaves for the next one.
private struct Looks {
    var slots: BatterySlots
    var savedSlots: BatterySlots
    var published: VirtualPower?
    /// How often buttons were pressed for guests, as far as was published: no look changes that.
    private let presses: (power: UInt32, sleep: UInt32)
    /// What the listener knows.
    var told: VirtualPower?
    /// True while publishing does not work.
    var failed = false

    init(slots: BatterySlots, published: VirtualPower?) {
        self.slots = slots
        savedSlots = slots
        self.published = published
        presses = (published?.powerPresses ?? 0, published?.sleepPresses ?? 0)
    }

    /// What guests are told of a reading.
    mutating func take(_ reading: PowerReading) -> VirtualPower {
        var power = reading.virtual(&slots)
        (power.powerPresses, power.sleepPresses) = presses
        return power
    }
}
