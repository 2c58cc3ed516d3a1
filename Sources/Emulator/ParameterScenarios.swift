// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Our scheduler's runtime parameters (docs/scheduler.md): what is set is read back, and what is wrong is refused, with
/// a word on Xen's console.
enum ParameterScenarios {
    /// The runtime parameter with the modes and times.
    static let tuning = "sched-lapwing"
    private static let table = "sched-lapwing-capacity"

    /// Leaves the scheduler in powersave.
    static let parameters = Scenario(
        "parameters",
        "modes and times are set and read back; wrong ones are refused on Xen's console, the old ones stay"
    ) { guest in
        for mode in ["performance", "powersave"] {
            try await guest.set(tuning, "mode=\(mode)")
            let text = try await guest.value(tuning)
            try guest.require(text.hasPrefix("mode=\(mode),"), "The mode must be \(mode).", seen: text)
        }
        try await guest.set(tuning, "slice=7000,wait=1500")
        let text = try await guest.value(tuning)
        try guest.require(text.contains(",slice=7000,wait=1500,"), "Both times must be set.", seen: text)
        try await guest.refuses(tuning, "mode=fastest", saying: "no mode 'fastest', kept powersave")
        try await guest.refuses(tuning, "slice=499", saying: "slice='499' is not in 500..100000, kept 7000")
        try await guest.refuses(tuning, "small=102", saying: "small='102' is not in 0..101, kept 30")
        // A list with one mistake in it changes nothing at all.
        try await guest.refuses(tuning, "wait=100,boost=20001", saying: "boost='20001' is not in 0..20000, kept 3000")
        try await guest.refuses(tuning, "speed=9", saying: "unknown key 'speed'")
        try await guest.set(tuning, "mode=powersave")
    }

    /// Wants more than four processors, of which one may go for a while; leaves them all there and alike.
    static let capacities = Scenario(
        "capacities",
        "a capacity table without some processors and with one that is off is completed; a wrong one is refused"
    ) { guest in
        try await guest.expect("xen-hptool", "cpu-offline", "3")
        try await guest.set(table, "0:1000,3:400,63:1024")
        let without = try await guest.capacities()
        // 63 is not there, but names the best; what is not named is a full one.
        try guest.require(
            without.count > 3 && without[0] == 1000 && without[3] == nil
                && without.allSatisfy { $0.key == 0 || $0.value == 1024 },
            "Processors that are not named must be full ones.", seen: "\(without)")
        try await guest.expect("xen-hptool", "cpu-online", "3")
        let with = try await guest.capacities()
        try guest.require(
            with[3] == 400, "What the table says must count once the processor is there.", seen: "\(with)")
        for wrong in ["0:1025", "0:0", "3-1:500", "0:500,1"] {
            try await guest.refuses(table, wrong, saying: "is not CPU[-CPU]:1..1024, table kept")
        }
        let after = try await guest.capacities()
        try guest.require(after == with, "A refused table must change nothing.", seen: "\(after)")
        try await guest.set(table, "0-63:1024")
    }
}

extension Guest {
    /// Sets one of Xen's runtime parameters.
    func set(_ parameter: String, _ value: String) async throws {
        try await expect("xl", "set-parameters", "\(parameter)=\(value)")
    }

    /// What one of Xen's runtime parameters is now.
    func value(_ parameter: String) async throws -> String {
        try await expect("xenhypfs", "cat", "/params/\(parameter)")
    }

    /// Asserts that a value is refused with a text on the console and the old one stays.
    fileprivate func refuses(_ parameter: String, _ value: String, saying text: String) async throws {
        let before = try await self.value(parameter)
        let seen = consoleLength
        let outcome = try await exec(["xl", "set-parameters", "\(parameter)=\(value)"])
        try require(!outcome.succeeded, "\(parameter)=\(value) must be refused.")
        _ = try await machine.waitForConsole([text], after: seen, within: .seconds(20))
        let after = try await self.value(parameter)
        try require(after == before, "\(parameter) must stay what it was, \(before).", seen: after)
    }

    /// The capacity of each processor our scheduler has.
    func capacities() async throws -> [Int: Int] {
        Facts.capacities(try await expect("xenhypfs", "cat", "/sched-lapwing/cpus"))
    }
}
