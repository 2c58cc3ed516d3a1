// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Power profiles in a real Xen: docs/power-profiles.md.
enum ProfileScenario {
    /// Leaves everything as it found it, and the choice of the profile with a person.
    static let profile = Scenario(
        "profile",
        "a profile that a person chooses is set in Xen and read back, what the machine lacks is named, a new daemon keeps "
            + "it, and a reset takes it back"
    ) { guest in
        let before = try await guest.value(ParameterScenarios.tuning)
        var report = try await guest.profile("profile")
        try guest.require(
            report["choice"]?.text == "manual" && report["inForce"]?.text == nil,
            "Nothing may be set before a person asks.", seen: "\(report)")
        for profile in ["performance", "powersave"] {
            report = try await guest.profile("set", profile)
            try guest.require(
                report["inForce"]?.text == profile && report["failure"]?.text == nil, "\(profile) must be in force.",
                seen: "\(report)")
            let text = try await guest.value(ParameterScenarios.tuning)
            try guest.require(text.hasPrefix("mode=\(profile),"), "Xen must be in \(profile).", seen: text)
        }
        let standings = standings(report)
        try guest.require(standings["scheduler"] == ["set"], "The scheduler must be set.", seen: "\(standings)")
        // The emulated processor has no P-states.
        for control in ["governor", "clock", "hwp", "turbo"] {
            try guest.require(
                standings[control] == ["unavailable"], "\(control) must be told as not there.", seen: "\(standings)")
        }
        try guest.require(
            standings.values.allSatisfy { $0.isDisjoint(with: ["failed", "unreadable"]) },
            "Everything must be read and set, or not be there.", seen: "\(report)")
        try await guest.expect("systemctl", "restart", "lapwingd.service")
        report = try await guest.profile("profile")
        try guest.require(
            report["choice"]?.text == "powersave", "A new daemon must know what was chosen.", seen: "\(report)")
        report = try await guest.profile("reset")
        let after = try await guest.value(ParameterScenarios.tuning)
        try guest.require(
            report["choice"]?.text == "boot" && after == before, "A reset must bring back \(before).", seen: after)
        let journal = try await guest.expect("journalctl", "--quiet", "--output=cat", "LAPWING_EVENT=power.profile")
        for word in ["performance: set by hand", "powersave: set by hand", "boot: reset by hand"] {
            try guest.require(journal.contains(word), "The journal must have \"\(word)\".", seen: journal)
        }
    }

    /// How each control stands; one whose parts differ stands in several ways.
    private static func standings(_ report: JSONValue) -> [String: Set<String>] {
        var standings: [String: Set<String>] = [:]
        for control in report["controls"]?.elements ?? [] {
            guard let name = control["control"]?.text, let standing = control["standing"]?.text else { continue }
            standings[name, default: []].insert(standing)
        }
        return standings
    }
}

extension Guest {
    /// What a verb of `lapwingctl power` answers.
    fileprivate func profile(_ words: String...) async throws -> JSONValue {
        let outcome = try await exec(["lapwingctl", "power"] + words + ["--json"], timeout: .seconds(300))
        try require(
            outcome.succeeded, "lapwingctl power \(words.joined(separator: " ")) must succeed.", seen: outcome.errorText
        )
        let answer = try JSONText.decode(JSONValue.self, from: Array(outcome.text.utf8), file: "lapwingctl power")
        return try unwrap(answer["profile"], "There must be a profile.")
    }
}
