// SPDX-License-Identifier: Apache-2.0

import Hashing
import LapwingCore
import SystemPackage

/// What the last build of a scope (a recipe) was made of, `last/SCOPE.json`: it gives the reasons of the next plan and
/// the durations the scheduler goes by. Losing it loses nothing else.
struct LastBuild: Codable, Sendable {
    struct StepMemory: Codable, Sendable {
        var key: Digest
        var material: KeyMaterial
        var result: Digest?
        var seconds: Double?
    }

    var schemaVersion = 1
    var steps: [String: StepMemory] = [:]

    static func path(_ cache: FilePath, _ scope: String) -> FilePath {
        let plain = scope.utf8.allSatisfy { byte in
            (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || "-_+".utf8.contains(byte)
        }
        let name = plain && !scope.isEmpty && scope.utf8.count < 100 ? scope : "scope." + Digest.of(scope).hex
        return cache.appending("last").appending(name + ".json")
    }

    static func load(_ cache: FilePath, _ scope: String) -> LastBuild {
        let path = path(cache, scope)
        guard let bytes = try? Files.read(path) else { return LastBuild() }
        return (try? JSONText.decode(LastBuild.self, from: bytes, file: path.string)) ?? LastBuild()
    }

    func save(_ cache: FilePath, _ scope: String) throws {
        try Files.write(JSONText.encode(self), to: Self.path(cache, scope))
    }

    /// Why a step with this material has to run, in words; `damage` says what is wrong with the result that is there.
    func reason(_ step: ResolvedStep, damage: String?) -> String {
        if let damage { return "cache entry damaged: \(damage)" }
        guard let before = steps[step.step.id.name] else { return "never built" }
        if before.key == step.key { return "result no longer in the cache" }
        var reasons: [String] = []
        if before.material.format != step.material.format { reasons.append("build engine changed") }
        if before.material.version != step.material.version { reasons.append("implementation changed") }
        let names = Set(before.material.inputs.keys).union(step.material.inputs.keys)
        var upstream: [String] = []
        for name in names.sorted() {
            switch (before.material.inputs[name], step.material.inputs[name]) {
            case (let old?, let new?) where old != new:
                if case .output(let id) = step.step.inputs[name], old.hasPrefix("output:\(id):") {
                    upstream.append("upstream \(id) changed")
                } else {
                    reasons.append("input \"\(name)\" changed")
                }
            case (nil, _?): reasons.append("input \"\(name)\" is new")
            case (_?, nil): reasons.append("input \"\(name)\" is gone")
            default: break
            }
        }
        for text in upstream where !reasons.contains(text) { reasons.append(text) }
        return reasons.isEmpty ? "never built" : reasons.joined(separator: ", ")
    }
}
