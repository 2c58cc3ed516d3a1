// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Rounds in which everything a scheduler has to survive happens at once with guests at work.
enum StressScenarios {
    /// Wants the tool scenarios' guests to run, and the processors 2 and 3 for itself.
    static let stress = Scenario(
        "stress",
        "domains, pools, virtual and physical processors come, go and move in a loop, in every mode, and Xen stays whole",
        limit: .seconds(900)
    ) { guest in
        let short = (1...2).map { LoadGuest(name: "passing\($0)", load: "idle", processors: $0) }
        try await guest.prepare(short)
        for (round, mode) in ["powersave", "balanced", "performance"].enumerated() {
            try await guest.set("sched-lapwing", "mode=\(mode)")
            try await guest.set("sched-lapwing-capacity", "0-1:1024,2-3:\(400 + round * 300)")
            try await guest.round(round, short)
            try await guest.works(ToolScenarios.pair)
        }
        try await guest.set("sched-lapwing-capacity", "0-63:1024")
        // The whole state, on Xen's console: run queues with their guests.
        try await guest.expect("xl", "debug-keys", "r")
    }
}

extension Guest {
    fileprivate func round(_ number: Int, _ passing: [LoadGuest]) async throws {
        let (first, second) = (ToolScenarios.pair[0].name, ToolScenarios.pair[1].name)
        try await expect("xl", "sched-credit2", "-d", first, "-w", "\(100 + number * 200)", "-c", "\(number * 40)")
        for one in passing { try await create(one) }
        // Virtual processors, while physical ones go.
        try await expect("xl", "vcpu-set", first, "1")
        for processor in ["3", "2"] { try await expect("xen-hptool", "cpu-offline", processor) }
        try await expect("xl", "vcpu-set", first, "2")
        for processor in ["2", "3"] { try await expect("xen-hptool", "cpu-online", processor) }
        // Affinity, hard and soft.
        try await expect("xl", "vcpu-pin", first, "0", "3")
        try await expect("xl", "vcpu-pin", first, "1", "all", "2-3")
        try await expect("xl", "vcpu-pin", first, "0", "all")
        for _ in 1...3 {
            try await expect("xl", "pause", first)
            try await expect("xl", "unpause", first)
        }
        // Another pool, and guests that move, are paused and end in it.
        try await expect("xl", "cpupool-cpu-remove", "Pool-0", "3")
        try await expect("xl", "cpupool-create", "name=\"other\"", "cpus=[\"3\"]")
        for one in [ToolScenarios.pair[1], passing[0]] { try await move(one, to: "other") }
        try await expect("xl", "pause", second)
        try await expect("xl", "unpause", second)
        try await expect("xl", "destroy", passing[0].name)
        try await move(ToolScenarios.pair[1], to: "Pool-0")
        try await expect("xl", "cpupool-destroy", "other")
        try await expect("xl", "cpupool-cpu-add", "Pool-0", "3")
        try await expect("xl", "destroy", passing[1].name)
        try await saveAndRestore(ToolScenarios.pair[1])
    }
}
