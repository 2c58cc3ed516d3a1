// SPDX-License-Identifier: Apache-2.0

public import DeviceConfig

/// What is to be done about a domain, found from what was meant and what Xen has. Pure: the same for a guest that just
/// ended and for a daemon that was killed at any step and comes back.
public enum DomainDecision: Sendable, Hashable {
    /// Nothing.
    case none
    /// Make it: it should be there and is not.
    case start
    /// Let it run: it was made and is paused still.
    case finish
    /// It runs: write that down, with why when it was not meant to.
    case runs(String?)
    /// Clear away what is left of it; it stays stopped.
    case clear(String)
    /// Clear away what is left and start it again.
    case restart(String)
    /// It restarts too often: clear away and leave it.
    case giveUp(String)
    /// It crashed and stays as it is.
    case keep(String)

    /// More automatic restarts than this within `window` seconds end in giving up.
    public static let restartLimit = 5
    /// The time over which restarts are counted, in seconds.
    public static let window = 600.0

    /// The restarts that still count.
    public static func counted(_ restarts: [Double], now: Double) -> [Double] {
        restarts.filter { $0 > now - window && $0 <= now }
    }

    /// Decides. `xen` is the domain with our UUID, if Xen has one.
    public static func decide(
        _ record: DomainRecord?, _ settings: DomainSettings?, _ xen: XenDomain?, now: Double
    ) -> DomainDecision {
        if xen?.dying == true { return .none }
        let phase = record?.phase ?? .stopped
        guard let xen else {
            switch phase {
            case .starting: return settings == nil ? .clear("its definition is gone") : .start
            case .running, .kept: return .clear("it is gone: somebody else destroyed it")
            case .stopping: return .clear("stopped")
            case .stopped: return .none
            }
        }
        if let ending = xen.ending {
            switch phase {
            case .kept: return .none
            case .stopping, .stopped: return .clear(ending.word)
            case .starting, .running: return ended(ending, record, settings, now: now)
            }
        }
        switch phase {
        case .running: return .none
        case .starting: return xen.paused ? .finish : .runs(nil)
        case .stopping: return .runs("it was to be stopped, but that was interrupted")
        case .stopped, .kept: return .runs("it was started by somebody else")
        }
    }

    private static func ended(
        _ ending: XenDomain.Ending, _ record: DomainRecord?, _ settings: DomainSettings?, now: Double
    ) -> DomainDecision {
        func again(_ why: String) -> DomainDecision {
            if settings == nil { return .clear("\(why), and its definition is gone") }
            let count = counted(record?.restarts ?? [], now: now).count
            return count < restartLimit ? .restart(why) : .giveUp("\(why), \(count) times in ten minutes")
        }
        switch ending {
        case .poweroff: return .clear("it switched itself off")
        case .reboot: return again("it restarted")
        // A domain that was suspended belongs to whoever saves it.
        case .suspend: return .none
        case .crash, .watchdog, .other:
            let why =
                ending == .crash ? "it crashed" : ending == .watchdog ? "its watchdog bit" : "it ended: \(ending.word)"
            switch settings?.onCrash ?? .stop {
            case .restart: return again(why)
            case .stop: return .clear(why)
            case .keep: return .keep(why)
            }
        }
    }
}
