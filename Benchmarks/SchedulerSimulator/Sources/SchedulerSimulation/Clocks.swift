// SPDX-License-Identifier: Apache-2.0

/// Frequencies: a governor for each CPU (or one for all CPUs of a clock) and the frequency each clock runs at.
struct Clocks {
    struct Policy {
        var clock: Int
        var core: Int
        var request: Int = 0
        var windowStart: Int64 = 0
        var busySince: Int64 = 0
        var isBusy = false
        var busy: Int64 = 0
        var nextSample: Int64 = 0
    }

    let machine: Machine
    /// By CPU.
    private(set) var policies: [Policy]
    /// Index of the operating point of each clock.
    private(set) var point: [Int]
    private let points: [[Machine.OperatingPoint]]
    private let coresOf: [[Int]]
    /// Points each clock is kept to: the governor's limits.
    private let limits: [ClosedRange<Int>]

    /// - Parameter bounds: what frequencies are kept to, in percent of each clock's highest; all when not given.
    init(_ machine: Machine, coreOfCPU: [Int], bounds: ClosedRange<Double>? = nil) {
        self.machine = machine
        policies = coreOfCPU.map { Policy(clock: machine.cores[$0].clock, core: $0) }
        points = machine.clocks.indices.map { clock in
            machine.cores.first { $0.clock == clock }.flatMap { machine.coreTypes[$0.type]?.operatingPoints } ?? []
        }
        coresOf = machine.clocks.indices.map { clock in
            machine.cores.indices.filter { machine.cores[$0].clock == clock }
        }
        let points = points
        limits = machine.clocks.indices.map { clock in
            let last = max(0, points[clock].count - 1)
            guard let bounds, let top = points[clock].last else { return 0...last }
            func nearest(_ percent: Double) -> Int {
                let wanted = top.megahertz * percent / 100
                return points[clock].indices.min {
                    abs(points[clock][$0].megahertz - wanted) < abs(points[clock][$1].megahertz - wanted)
                } ?? last
            }
            return nearest(bounds.lowerBound)...nearest(bounds.upperBound)
        }
        point = limits.map(\.lowerBound)
        for cpu in policies.indices { policies[cpu].request = point[policies[cpu].clock] }
        for clock in machine.clocks.indices where machine.clocks[clock].governor.kind == "highest" {
            point[clock] = limits[clock].upperBound
            for cpu in policies.indices where policies[cpu].clock == clock { policies[cpu].request = point[clock] }
        }
    }

    /// Frequency of a clock against its highest.
    func relative(_ clock: Int) -> Double {
        guard let top = points[clock].last else { return 1 }
        return points[clock][point[clock]].megahertz / top.megahertz
    }

    func period(_ cpu: Int) -> Int64? {
        machine.clocks[policies[cpu].clock].governor.sampleMilliseconds.map { Int64($0 * 1_000_000) }
    }

    mutating func setBusy(_ cpu: Int, _ busy: Bool, at now: Int64) {
        guard policies[cpu].isBusy != busy else { return }
        if policies[cpu].isBusy { policies[cpu].busy += now - policies[cpu].busySince }
        policies[cpu].isBusy = busy
        policies[cpu].busySince = now
    }

    /// The governor of a CPU looks at its window and makes a request.
    mutating func sample(_ cpu: Int, at now: Int64) {
        let clock = policies[cpu].clock
        let governor = machine.clocks[clock].governor
        if policies[cpu].isBusy {
            policies[cpu].busy += now - policies[cpu].busySince
            policies[cpu].busySince = now
        }
        let window = now - policies[cpu].windowStart
        guard window >= 100_000 else { return }
        let load = min(1, Double(policies[cpu].busy) / Double(window))
        policies[cpu].busy = 0
        policies[cpu].windowStart = now
        let table = points[clock]
        let current = table[policies[cpu].request].megahertz
        let limit = limits[clock]
        func lowest(atLeast megahertz: Double) -> Int {
            let found = table.firstIndex { $0.megahertz >= megahertz } ?? table.count - 1
            return min(max(found, limit.lowerBound), limit.upperBound)
        }
        switch governor.kind {
        case "ondemand":
            let threshold = (governor.upThreshold ?? 80) / 100
            let down = threshold - (governor.downDifferential ?? 10) / 100
            let average = table[point[clock]].megahertz
            if load * average > threshold * current {
                policies[cpu].request = limit.upperBound
            } else if load * average < down * current {
                policies[cpu].request = lowest(atLeast: load * average / down)
            }
        case "utilisation":
            let wanted = load * table[point[clock]].megahertz * 100 / (governor.target ?? 80)
            policies[cpu].request = lowest(atLeast: wanted)
        default: break
        }
    }

    mutating func setNextSample(_ cpu: Int, _ time: Int64) { policies[cpu].nextSample = time }

    /// Brings a clock to what its requests ask for. Returns whether it changed.
    mutating func settle(_ clock: Int, awake: (Int) -> Bool) -> Bool {
        let all = machine.clocks[clock].counts == "all"
        var highest = -1
        for cpu in policies.indices where policies[cpu].clock == clock && (all || awake(policies[cpu].core)) {
            highest = max(highest, policies[cpu].request)
        }
        guard highest >= 0, highest != point[clock] else { return false }
        point[clock] = highest
        return true
    }

    func cores(of clock: Int) -> [Int] { coresOf[clock] }
}
