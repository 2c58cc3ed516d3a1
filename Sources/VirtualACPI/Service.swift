// SPDX-License-Identifier: Apache-2.0

import Glibc
import PowerFacts

/// Serves one domain: the accesses of its virtual CPUs, and what becomes of the machine's power.
///
/// What an access changes is in the state file before it is answered, and an event is before the line is raised. So a
/// process that takes over after this one was killed knows at least as much as the guest.
public struct Service<Server: PortServer> {
    /// How it ended.
    public enum Ending: Sendable, Hashable {
        /// It was told to end; the domain waits for the next process.
        case stopped
        /// The domain is gone.
        case gone
    }

    private let server: Server
    private let power: PowerFile
    private let file: StateFile
    private let stop: Int32
    private let say: (String) -> Void
    private let continues: Bool
    private var device: PowerDevice
    private var line: InterruptLine
    /// The last complaint about each file, said once.
    private var said: [String: String] = [:]

    /// Takes up where an earlier process ended, or begins. `stop` becomes readable when the process is to end; `say` gets
    /// a line now and then, and none that a guest could cause.
    public init(
        server: Server, power: PowerFile, file: StateFile, stop: Int32, say: @escaping (String) -> Void
    ) throws(ACPIError) {
        self.server = server
        self.power = power
        self.file = file
        self.stop = stop
        self.say = say
        continues = server.continues
        line = InterruptLine(mayBeUp: server.continues)
        var content = StateFile.Content.nothing
        do { content = try file.read() } catch { say("\(error)") }
        let now = Self.read(power, &said, say)
        if case .state(let left) = content, server.continues {
            device = PowerDevice(left, left.told)
        } else if content == .running || server.continues {
            // Nobody knows what the guest was told: it hears of everything but of buttons. It waits for our event.
            let all: PowerEvents = .all.subtracting([.powerButton, .sleepButton])
            let power = now ?? VirtualPower()
            device = PowerDevice(DeviceState(told: power, events: all, enable: EventByte.event), power)
        } else {
            // What is left of a domain that had the same number is none of this one's.
            device = PowerDevice(now ?? VirtualPower())
        }
    }

    /// Serves until it is told to end or the domain is gone. `ready` is called once everything is served.
    public mutating func run(ready: () -> Void) throws(ACPIError) -> Ending {
        var isReady = false
        do {
            save()
            try serveAll()
            if continues { try server.wakeAll() }
            try look()
            ready()
            isReady = true
            return try loop()
        } catch {
            if error == .gone || !server.isThere() { return .gone }
            if !isReady, !continues { server.withdraw() }
            throw error
        }
    }

    private mutating func loop() throws(ACPIError) -> Ending {
        var polled = [server.events, power.changes, stop].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            let limit = line.milliseconds(now: Self.now())
            if poll(&polled, nfds_t(polled.count), limit) < 0 {
                if errno == EINTR { continue }
                throw ACPIError("acpi.wait", "poll", errno)
            }
            if polled.contains(where: { $0.revents & Int16(POLLERR | POLLNVAL) != 0 }) {
                throw ACPIError("acpi.wait", "a descriptor went bad")
            }
            if polled[0].revents != 0 {
                try server.drain()
                try serveAll()
            }
            if polled[1].revents != 0 {
                try power.drain()
                try look()
                if !server.isThere() { return .gone }
            }
            if polled[2].revents != 0 { return .stopped }
            let order = line.elapsed(now: Self.now())
            try carryOut(order)
        }
    }

    /// Serves the request of each virtual CPU that has one.
    private mutating func serveAll() throws(ACPIError) {
        for processor in 0..<server.processors {
            guard let request = server.take(processor) else { continue }
            var value = UInt64.max
            if case .access(let access) = request {
                let before = device.kept
                value = device.serve(access)
                let after = device.kept
                if after.trips != before.trips { save() } else if after != before { save(headOnly: true) }
                try follow()
            }
            try server.answer(processor, value)
        }
    }

    /// Takes over what the daemon says now. What cannot be read changes nothing.
    private mutating func look() throws(ACPIError) {
        guard let now = Self.read(power, &said, say) else { return }
        if now != device.power || now != device.told {
            device.update(now)
            save()
        }
        try follow()
    }

    private mutating func follow() throws(ACPIError) {
        let order = line.follow(device.line, now: Self.now())
        try carryOut(order)
    }

    private func carryOut(_ order: InterruptLine.Order?) throws(ACPIError) {
        switch order {
        case .raise: try server.setLine(true)
        case .lower: try server.setLine(false)
        case .pulse:
            try server.setLine(true)
            try server.setLine(false)
        case nil: break
        }
    }

    /// A state that cannot be kept keeps nobody from being served.
    private mutating func save(headOnly: Bool = false) {
        do {
            if headOnly { try file.write(device) } else { try file.write(device.state) }
            said["state"] = nil
        } catch {
            Self.complain("state", error, &said, say)
        }
    }

    private static func read(_ file: PowerFile, _ said: inout [String: String], _ say: (String) -> Void)
        -> VirtualPower?
    {
        do {
            let power = try file.read()
            said["power"] = nil
            return power
        } catch {
            complain("power", error, &said, say)
            return nil
        }
    }

    private static func complain(
        _ what: String, _ error: ACPIError, _ said: inout [String: String], _ say: (String) -> Void
    ) {
        if said.updateValue(error.description, forKey: what) != error.description { say(error.description) }
    }

    private static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
    }
}
