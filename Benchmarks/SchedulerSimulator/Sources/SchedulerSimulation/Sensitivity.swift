// SPDX-License-Identifier: Apache-2.0

/// A machine with one kind of its figures changed, to see how much a result hangs on estimates.
public enum Sensitivity: String, CaseIterable, Sendable {
    /// As it is.
    case none
    /// Shared power (package, clusters, modules) halved.
    case sharedHalf = "shared power x 0.5"
    /// Shared power doubled.
    case sharedDouble = "shared power x 2"
    /// Power of idle cores halved.
    case idleHalf = "idle power x 0.5"
    /// Power of idle cores doubled.
    case idleDouble = "idle power x 2"
    /// Power of running cores halved.
    case activeHalf = "active power x 0.5"
    /// Power of running cores doubled.
    case activeDouble = "active power x 2"
    /// Exit latencies that count halved; those the idle governor reads stay.
    case exitHalf = "exit latency x 0.5"
    /// Time to refill caches halved.
    case refillHalf = "refill x 0.5"
    /// Time to refill caches doubled.
    case refillDouble = "refill x 2"
    /// A second thread adds nothing.
    case noSMTGain = "no gain from SMT"

    /// The changed machine.
    public func apply(to machine: Machine) -> Machine {
        var m = machine
        func shared(_ factor: Double) {
            for index in m.groups.indices {
                m.groups[index].activeWatts *= factor
                for state in m.groups[index].states.indices { m.groups[index].states[state].watts *= factor }
            }
        }
        func types(_ change: (inout Machine.CoreType) -> Void) {
            for name in m.coreTypes.keys.sorted() {
                guard var type = m.coreTypes[name] else { continue }
                change(&type)
                m.coreTypes[name] = type
            }
        }
        func idle(_ factor: Double) {
            types { type in for index in type.idleStates.indices { type.idleStates[index].watts *= factor } }
        }
        func active(_ factor: Double) {
            types { type in for index in type.operatingPoints.indices { type.operatingPoints[index].watts *= factor } }
        }
        switch self {
        case .none: break
        case .sharedHalf: shared(0.5)
        case .sharedDouble: shared(2)
        case .idleHalf: idle(0.5)
        case .idleDouble: idle(2)
        case .activeHalf: active(0.5)
        case .activeDouble: active(2)
        case .exitHalf:
            types { type in
                for index in type.idleStates.indices {
                    let exit = type.idleStates[index].coreExitMicroseconds ?? type.idleStates[index].exitMicroseconds
                    type.idleStates[index].coreExitMicroseconds = exit / 2
                }
            }
            for index in m.groups.indices {
                for state in m.groups[index].states.indices { m.groups[index].states[state].exitMicroseconds /= 2 }
            }
        case .refillHalf: types { $0.refillMicroseconds /= 2 }
        case .refillDouble: types { $0.refillMicroseconds *= 2 }
        case .noSMTGain: types { if $0.smt != nil { $0.smt?.throughputEach = 0.5 } }
        }
        return m
    }
}
