// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import Synchronization

/// Xen's tools over one CPU that keeps what it is told.
final class TinyXen: Sendable {
    struct State: Hashable {
        var low = 400_000
        var high = 2_000_000
        var turbo = true
        var mode = "balanced"
    }
    let state = Mutex(State())

    func answer(_ command: Command) -> CommandResult {
        state.withLock { state in
            let last = command.arguments.last ?? ""
            switch command.arguments.first {
            case "get-cpufreq-para":
                return .text(
                    """
                    cpu id               : 0
                    affected_cpus        : 0
                    cpuinfo frequency    : max [2000000] min [400000] cur [400000]
                    scaling_driver       : acpi-cpufreq
                    scaling_avail_gov    : performance ondemand
                    current_governor     : ondemand
                    scaling frequency    : max [\(state.high)] min [\(state.low)] cur [400000]
                    turbo mode           : \(state.turbo ? "enabled" : "disabled or n/a")

                    """)
            case "get-cpuidle-states": return .text("All C-states allowed\n\n")
            case "cat" where last == "/params/sched-lapwing": return .text("mode=\(state.mode),slice=1\n")
            case "cat": return .text("pool=0\n")
            case "info": return .text("nr_cpus : 1\nmax_cpu_id : 0\ncpu_topology :\n  0: 0 0 0\n")
            case "vcpu-list": return .text("Name\nDomain-0 0 0 0 r-- 1.0  all / all\n")
            case "sched-credit2":
                return .text("Cpupool Pool-0: ratelimit=1000us\nName ID Weight Cap\nDomain-0 0 256 0\n")
            case "set-scaling-maxfreq":
                state.high = Int(last) ?? 0
                state.low = min(state.low, state.high)
            case "set-scaling-minfreq":
                guard let low = Int(last), low <= state.high else {
                    return .text("", error: "failed (22 - Invalid argument)")
                }
                state.low = low
            case "enable-turbo-mode": state.turbo = true
            case "disable-turbo-mode": state.turbo = false
            case "set-parameters":
                state.mode = String(last.dropFirst("sched-lapwing=mode=".utf8.count).prefix { $0 != "," })
            default: return .text("", error: "unknown \(command.line)", code: 1)
            }
            return .text("")
        }
    }
}
