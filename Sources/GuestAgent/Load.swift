// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The work of a small guest, for measurements of the hypervisor's scheduler: what a person's machine does when it
/// seems to do nothing, plays a video, is typed at, or builds something behind the person's back.
///
/// The program is then the first process of the guest (`/init` of its initrd); the kernel's command line says what to
/// do, for example `lapwing.load=frames,idle`. A line `pace N` on its console makes everything come N times as seldom:
/// an emulated machine that is many times slower than a real one would otherwise never be idle.
public enum Load: String, Sendable, CaseIterable {
    /// Three timers of 10, 4 and 1 Hz with 200 microseconds of work each.
    case idle
    /// Sixty times a second 2 milliseconds of work.
    case frames
    /// A key every 150 milliseconds with 1 millisecond of work, and every 2 seconds one that takes 60.
    case bursts
    /// Work without a pause.
    case busy

    /// One thing that comes back.
    struct Timer: Sendable, Hashable {
        /// Nanoseconds from one to the next.
        var period: UInt64
        /// Nanoseconds of processor time it takes.
        var work: UInt64
    }

    /// What comes back, and how often; empty for work without a pause.
    var timers: [Timer] {
        let millisecond: UInt64 = 1_000_000
        return switch self {
        case .idle: [100, 250, 1000].map { Timer(period: $0 * millisecond, work: millisecond / 5) }
        case .frames: [Timer(period: 16_666_667, work: 2 * millisecond)]
        case .bursts:
            [
                Timer(period: 150 * millisecond, work: millisecond),
                Timer(period: 2000 * millisecond, work: 60 * millisecond),
            ]
        case .busy: []
        }
    }

    /// The kinds a kernel command line asks for; names that are unknown are left out.
    public static func wanted(_ commandLine: String) -> [Load] {
        let key = "lapwing.load="
        let words = commandLine.split { $0 == " " || $0 == "\n" }
        guard let word = words.last(where: { $0.hasPrefix(key) }) else { return [] }
        return word.dropFirst(key.count).split(separator: ",").compactMap { Load(rawValue: String($0)) }
    }

    /// Runs as the first process of a guest: one child for each kind, which say every five seconds on the console how
    /// far they are. Never returns.
    public static func runAsInit() -> Never {
        mkdir("/proc", 0o555)
        mkdir("/dev", 0o755)
        mount("proc", "/proc", "proc", 0, nil)
        mount("dev", "/dev", "devtmpfs", 0, nil)
        var line = [UInt8](repeating: 0, count: 4096)
        let file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC)
        let count = max(0, read(file, &line, line.count))
        close(file)
        let words = String(decoding: line[..<count], as: UTF8.self)
        if Witness.isWanted(words) && fork() == 0 { Witness.run() }
        startLoads(wanted(words))
        if words.split(whereSeparator: { $0 == " " || $0 == "\n" }).contains("lapwing.online") { bringOnline() }
        while true {
            // The first process must not end; it waits for children that never do.
            if wait(nil) < 0 { pause() }
        }
    }

    /// One child for each kind, and one that hears of the pace. Nobody reads the console where no load is wanted: a
    /// witness takes its orders from there.
    private static func startLoads(_ loads: [Load]) {
        guard !loads.isEmpty else { return }
        guard let pace = Pace() else { return say("no memory for the pace\n") }
        for load in loads where fork() == 0 { load.run(pace) }
        if fork() == 0 { pace.listen("/dev/hvc0") }
    }

    /// Brings processors online that come, once a second and for ever. The kernel's Xen driver takes a processor away by
    /// itself, but leaves the other direction to user space (drivers/xen/cpu_hotplug.c), where udev does it.
    private static func bringOnline() -> Never {
        mkdir("/sys", 0o555)
        mount("sys", "/sys", "sysfs", 0, nil)
        while true {
            Glibc.sleep(1)
            for number in 1..<32 {
                let switchFile = open("/sys/devices/system/cpu/cpu\(number)/online", O_RDWR | O_CLOEXEC)
                guard switchFile >= 0 else { continue }
                var state: UInt8 = 0
                if read(switchFile, &state, 1) == 1, state == UInt8(ascii: "0") { _ = write(switchFile, "1", 1) }
                close(switchFile)
            }
        }
    }

    /// Does the work for ever.
    func run(_ pace: Pace) -> Never {
        let timers = timers
        var next = timers.map { Self.now + $0.period }
        // The first word comes after a second.
        var (done, said) = (0, Self.now - 4_000_000_000)
        while true {
            if let index = next.indices.min(by: { next[$0] < next[$1] }) {
                Self.sleep(until: next[index])
                Self.work(timers[index].work)
                let period = timers[index].period * pace.factor
                next[index] += period
                // What could not be done in time is not made up for.
                if next[index] < Self.now { next[index] = Self.now + period }
            } else {
                Self.work(10_000_000)
            }
            done += 1
            if Self.now - said >= 5_000_000_000 {
                said = Self.now
                Self.say("load \(rawValue) \(done)\n")
            }
        }
    }

    private static func say(_ text: String) {
        let console = open("/dev/hvc0", O_WRONLY | O_NOCTTY | O_CLOEXEC)
        guard console >= 0 else { return }
        let bytes = Array(text.utf8)
        _ = write(console, bytes, bytes.count)
        close(console)
    }

    private static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static func sleep(until end: UInt64) {
        var time = timespec(tv_sec: Int(end / 1_000_000_000), tv_nsec: Int(end % 1_000_000_000))
        while clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil) == EINTR {}
    }

    /// Keeps the processor busy. Time in which the guest did not run is not counted: between two looks at the clock
    /// a running guest sees far less than 100 microseconds.
    private static func work(_ amount: UInt64) {
        var (last, done) = (now, UInt64(0))
        while done < amount {
            let time = now
            done += min(time - last, 100_000)
            last = time
        }
    }
}
