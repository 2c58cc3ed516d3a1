// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Xen's own tools against the running hypervisor: they are Debian's and must not notice another scheduler.
enum ToolScenarios {
    static let all = [
        guests(pair), listings(pair), weights(pair[0]), processors, pools, processorsOfGuests, pauses, suspension,
    ]

    /// One with two virtual processors, of which one can go, and one to be saved and moved.
    static let pair = [
        LoadGuest(name: "first", load: "idle,frames", processors: 2, bringsOnline: true),
        LoadGuest(name: "second", load: "bursts"),
    ]
    private static let (first, second) = (pair[0], pair[1])

    /// Starts guests that later scenarios of the group need.
    static func guests(_ guests: [LoadGuest]) -> Scenario {
        Scenario("guests", "guests are created and work", limit: .seconds(600)) { guest in
            try await guest.prepare(guests)
            for one in guests { try await guest.create(one) }
            for one in guests { try await guest.waitForLoad(one) }
        }
    }

    /// Wants the guests to run.
    static func listings(_ guests: [LoadGuest]) -> Scenario {
        Scenario(
            "tool-listings", "xl, xenpm and xentop list domains, processors, pools and schedulers"
        ) { guest in
            let lines = [
                ["xl", "list"], ["xl", "vcpu-list"], ["xl", "sched-credit2"],
                ["xentop", "-b", "-i", "1"],
            ]
            for line in lines {
                let text = try await guest.exec(line)
                let shows = guests.allSatisfy { text.text.contains($0.name) }
                try guest.require(
                    text.succeeded && shows, "\(line.joined(separator: " ")) must list the guests.",
                    seen: text.text + text.errorText)
            }
            let pool = try await guest.expect("xl", "cpupool-list")
            try guest.require(pool.contains("Pool-0"), "xl cpupool-list must list the first pool.", seen: pool)
            let topology = try await guest.expect("xenpm", "get-cpu-topology")
            try guest.require(topology.contains("CPU3"), "xenpm must list four processors.", seen: topology)
        }
    }

    /// Wants the guest to run.
    static func weights(_ one: LoadGuest) -> Scenario {
        Scenario("tool-weights", "weight and cap of a domain are set and read back") { guest in
            try await guest.expect("xl", "sched-credit2", "-d", one.name, "-w", "512", "-c", "50")
            let text = try await guest.expect("xl", "sched-credit2", "-d", one.name)
            let words = text.split { $0 == " " || $0 == "\n" }
            try guest.require(
                words.contains("512") && words.contains("50"), "Weight must be 512 and cap 50.", seen: text)
            try await guest.expect("xl", "sched-credit2", "-d", one.name, "-w", "256", "-c", "0")
            let refused = try await guest.exec(["xl", "sched-credit2", "-d", one.name, "-w", "70000"])
            try guest.require(!refused.succeeded, "A weight of 70000 must be refused.")
        }
    }

    private static let processors = Scenario(
        "processor-offline", "a physical processor goes and comes back while guests run", limit: .seconds(300)
    ) { guest in
        try await guest.expect("xen-hptool", "cpu-offline", "3")
        let placed = try await guest.places()
        try guest.require(!placed.contains("3"), "Nothing may run on a processor that is gone.", seen: "\(placed)")
        try await guest.expect("xen-hptool", "cpu-online", "3")
        try await guest.works(pair)
    }

    private static let pools = Scenario(
        "processor-pools", "a processor moves to another pool and a domain follows it and returns",
        limit: .seconds(300)
    ) { guest in
        try await guest.expect("xl", "cpupool-cpu-remove", "Pool-0", "3")
        try await guest.expect("xl", "cpupool-create", "name=\"side\"", "cpus=[\"3\"]")
        try await guest.move(second, to: "side")
        try await guest.works([second])
        let pools = try await guest.expect("xl", "list", "-c")
        try guest.require(pools.contains("side"), "The domain must be in the other pool.", seen: pools)
        try await guest.move(second, to: "Pool-0")
        try await guest.expect("xl", "cpupool-destroy", "side")
        try await guest.expect("xl", "cpupool-cpu-add", "Pool-0", "3")
        try await guest.works(pair)
    }

    private static let processorsOfGuests = Scenario(
        "guest-processors", "a guest gives a virtual processor back and gets it again", limit: .seconds(300)
    ) { guest in
        @Sendable func isThere(_ guest: Guest) async throws -> Bool {
            let list = try await guest.expect("xl", "vcpu-list", first.name)
            return !list.split(separator: "\n").contains { $0.contains("--p") }
        }
        try await guest.expect("xl", "vcpu-set", first.name, "1")
        try await guest.wait(for: "the end of a virtual processor", within: .seconds(120)) {
            try await !isThere(guest)
        }
        try await guest.works([first])
        try await guest.expect("xl", "vcpu-set", first.name, "2")
        try await guest.wait(for: "the return of a virtual processor", within: .seconds(120)) {
            try await isThere(guest)
        }
    }

    private static let pauses = Scenario("pauses", "a paused domain stands still and goes on") { guest in
        for _ in 1...2 {
            try await guest.expect("xl", "pause", first.name)
            let before = try await guest.time(first)
            try await Task.sleep(for: .seconds(2))
            let after = try await guest.time(first)
            try guest.require(before == after, "A paused domain must not run.", seen: "\(before) then \(after)")
            try await guest.expect("xl", "unpause", first.name)
        }
        try await guest.works([first])
    }

    private static let suspension = Scenario(
        "save-restore", "a domain is saved and goes on where it was", limit: .seconds(600)
    ) { guest in
        try await guest.saveAndRestore(second)
        try await guest.works([second])
    }
}

extension Guest {
    /// Moves a guest to another cpupool. It is paused for that: Xen takes a unit for stopped before the scheduler it
    /// comes from has heard of it, and a pool of credit2's then reads what is no longer there (decision 1000).
    func move(_ guest: LoadGuest, to pool: String) async throws {
        try await expect("xl", "pause", guest.name)
        try await expect("xl", "cpupool-migrate", guest.name, pool)
        try await expect("xl", "unpause", guest.name)
    }

    /// Saves a guest, asserts that it is gone, and restores it.
    func saveAndRestore(_ guest: LoadGuest) async throws {
        let file = "\(LoadGuest.directory)/saved"
        try await expect("xl", "save", guest.name, file, timeout: .seconds(300))
        let list = try await expect("xl", "list")
        try require(!list.contains(guest.name), "A saved domain must be gone.", seen: list)
        try await expect("xl", "restore", file, timeout: .seconds(300))
        try await expect("rm", file)
    }

    /// The physical processors on which something runs or waits, as `xl vcpu-list` names them.
    func places() async throws -> Set<String> {
        let list = try await expect("xl", "vcpu-list")
        return Set(
            list.split(separator: "\n").dropFirst().compactMap { line in
                let words = line.split(separator: " ")
                return words.count > 4 && words[4] != "--p" ? String(words[3]) : nil
            })
    }

    /// The seconds of processor time a domain has had, as `xl list` counts them.
    func time(_ guest: LoadGuest) async throws -> Double {
        let line = try await expect("xl", "list", guest.name).split(separator: "\n").last ?? ""
        return try unwrap(line.split(separator: " ").last.flatMap { Double($0) }, "xl list must tell the time used.")
    }

    /// Waits until domains have used more processor time than now.
    func works(_ guests: [LoadGuest]) async throws {
        for one in guests {
            let before = try await time(one)
            try await wait(for: "work of the guest \(one.name)", within: .seconds(60)) {
                try await time(one) > before
            }
        }
    }
}
