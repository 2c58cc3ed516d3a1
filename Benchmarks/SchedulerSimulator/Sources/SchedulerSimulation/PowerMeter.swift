// SPDX-License-Identifier: Apache-2.0

/// Turns what the cores do into joules and residencies.
struct PowerMeter {
    /// What one thing of the machine has drawn and where its time went.
    struct Account {
        var watts = 0.0
        var since: Int64 = 0
        /// -1 while active, otherwise the index of the idle state.
        var state = -1
        var joules = 0.0
        /// The part of `joules` spent while active.
        var activeJoules = 0.0
        /// The part of `activeJoules` in which everything active was only on its way out of an idle state.
        var wakingJoules = 0.0
        var waking = false
        /// Frequency while active, and its integral over active time.
        var megahertz = 0.0
        var cycles = 0.0
        /// Speed against the reference core while threads run, and its integral in nanoseconds: no more work than this
        /// can have been done.
        var pace = 0.0
        var possible = 0.0
        /// Nanoseconds by state; index 0 is active, then the idle states.
        var time: [Int64]
        /// How often it went from idle to active.
        var wakeUps = 0

        init(states: Int) { time = Array(repeating: 0, count: states + 1) }

        mutating func settle(_ now: Int64) {
            let spent = watts * Double(now - since) * 1e-9
            joules += spent
            if state < 0 {
                activeJoules += spent
                if waking { wakingJoules += spent } else { possible += pace * Double(now - since) }
                cycles += megahertz * Double(now - since)
            }
            time[state + 1] += now - since
            since = now
        }

        mutating func enter(_ state: Int, watts: Double, waking: Bool = false, at now: Int64) {
            settle(now)
            self.waking = waking
            if state < 0, self.state >= 0 { wakeUps += 1 }
            self.state = state
            self.watts = watts
        }
    }

    let machine: Machine
    var cores: [Account]
    var groups: [Account]
    private let types: [Machine.CoreType]
    private let groupsOfCore: [[Int]]

    init(_ machine: Machine) {
        self.machine = machine
        types = machine.cores.compactMap { machine.coreTypes[$0.type] }
        cores = types.map { Account(states: $0.idleStates.count) }
        groups = machine.groups.map { group in
            var account = Account(states: group.states.count)
            account.watts = group.activeWatts
            return account
        }
        groupsOfCore = machine.cores.indices.map { core in
            machine.groups.indices.filter { machine.groups[$0].cores.contains(core) }
        }
    }

    /// A core runs with so many busy threads at a point of its table.
    ///
    /// - Parameter waking: none of the threads is through its exit latency.
    mutating func active(_ core: Int, threads: Int, point: Int, waking: Bool, at now: Int64) {
        let type = types[core]
        let factor = threads > 1 ? type.smt?.power ?? 1 : 1
        let changed = cores[core].state >= 0 || cores[core].waking != waking
        cores[core].enter(-1, watts: type.operatingPoints[point].watts * factor, waking: waking, at: now)
        let megahertz = type.operatingPoints[point].megahertz
        let top = type.operatingPoints.last?.megahertz ?? megahertz
        cores[core].megahertz = megahertz
        cores[core].pace =
            machine.speed * type.capacity / 1024 * megahertz / top
            * (threads > 1 ? 2 * (type.smt?.throughputEach ?? 0.5) : 1)
        if changed || cores[core].since == 0 { updateGroups(of: core, at: now) }
    }

    /// A core is idle in a state.
    mutating func idle(_ core: Int, state: Int, at now: Int64) {
        cores[core].enter(state, watts: types[core].idleStates[state].watts, at: now)
        updateGroups(of: core, at: now)
    }

    private mutating func updateGroups(of core: Int, at now: Int64) {
        for index in groupsOfCore[core] {
            let group = machine.groups[index]
            var depth = Int.max
            var waking = true
            for member in group.cores {
                let state = cores[member].state
                if state < 0, !cores[member].waking { waking = false }
                depth = min(depth, state < 0 ? 0 : types[member].idleStates[state].depth)
            }
            let state = depth == 0 ? -1 : group.states.lastIndex { $0.depth <= depth } ?? -1
            waking = waking && state < 0
            guard state != groups[index].state || waking != groups[index].waking else { continue }
            let watts = state < 0 ? group.activeWatts : group.states[state].watts
            groups[index].enter(state, watts: watts, waking: waking, at: now)
        }
    }

    /// What the groups of a sleeping core add to its exit latency, in microseconds.
    func groupExit(_ core: Int) -> Double {
        groupsOfCore[core].reduce(0) { sum, index in
            let state = groups[index].state
            return sum + (state < 0 ? 0 : machine.groups[index].states[state].exitMicroseconds)
        }
    }

    mutating func finish(_ now: Int64) {
        for index in cores.indices { cores[index].settle(now) }
        for index in groups.indices { groups[index].settle(now) }
    }
}
