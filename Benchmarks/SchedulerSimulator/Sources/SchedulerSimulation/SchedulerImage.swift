// SPDX-License-Identifier: Apache-2.0

import CSchedulerImage
import LapwingCore

/// One machine's worth of Xen: a private copy of the shared object made by `Harness/compile`.
final class SchedulerImage {
    var calls = scheduler_image()
    let state: UnsafeMutablePointer<sim_state>

    init(path: String) throws {
        if let problem = scheduler_image_open(path, &calls) {
            throw LapwingError(
                "scheduler-image", exit: .unavailable, "the schedulers cannot be loaded", subject: path,
                cause: String(cString: problem))
        }
        guard let state = calls.state else {
            throw LapwingError("scheduler-image", exit: .failure, "the schedulers have no state", subject: path)
        }
        self.state = state
    }

    deinit { scheduler_image_close(&calls) }

    /// Turns a negative return into a throw that carries the end of Xen's console.
    func require(_ result: Int32, _ what: @autoclosure () -> String) throws {
        guard result < 0 else { return }
        throw LapwingError(
            result == SIM_DIED ? "xen-died" : "xen-refused", "\(what()): error \(result)",
            cause: String(console.suffix(2000)))
    }

    /// What Xen has printed, the last 16 KiB at most.
    var console: String { String(cString: scheduler_image_log(state)) }

    func cpu(_ index: Int) -> UnsafeMutablePointer<sim_cpu> { scheduler_image_cpu(state, UInt32(index)) }

    func parameter(_ name: String) -> String? {
        var text = [CChar](repeating: 0, count: 4096)
        guard calls.parameter_get(name, &text, UInt32(text.count)) >= 0 else { return nil }
        return text.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } }
    }

    /// Gives `sched=`. Xen refuses a name that is too long; one it has not shows only after boot.
    func choose(_ scheduler: String) throws {
        guard calls.parameter_set("sched", scheduler) >= 0 else { throw unknown(scheduler) }
    }

    /// Throws unless Xen has booted with the scheduler that was chosen.
    func requireScheduler(_ name: String) throws {
        guard calls.scheduler().map({ String(cString: $0) }) == name else { throw unknown(name) }
    }

    private func unknown(_ scheduler: String) -> LapwingError {
        LapwingError(
            "no-scheduler", exit: .usage, "there is no scheduler of this name", subject: scheduler,
            hint: "there are credit, credit2 and lapwing (unless --scheduler-source leaves it out)")
    }

    func setParameter(_ name: String, _ value: String) throws {
        try require(calls.parameter_set(name, value), "parameter \(name)=\(value)")
    }
}
