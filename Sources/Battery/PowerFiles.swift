// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import PowerFacts
import SystemPackage

/// The files by which others learn of the machine's power, in `/run/lapwing/power`: `state` for the device models of
/// domains (`VirtualPower.text`), `slots` for the next daemon.
struct PowerFiles: Sendable {
    /// The directory.
    let directory: FilePath

    private var state: FilePath { directory.appending("state") }
    private var slots: FilePath { directory.appending("slots") }

    /// What is published; nil when there is nothing, or nothing that can be read.
    func published() -> VirtualPower? {
        guard let text = try? Files.text(state, limit: VirtualPower.limit) else { return nil }
        return VirtualPower(text: text)
    }

    /// Who has which slot; nobody when no daemon was here before.
    func savedSlots() -> BatterySlots {
        BatterySlots(text: (try? Files.text(slots, limit: 1024)) ?? "")
    }

    /// Replaces the state, for anybody to read.
    func publish(_ power: VirtualPower) throws { try replace(state, power.text) }

    /// Replaces the slots.
    func save(_ names: BatterySlots) throws { try replace(slots, names.text) }

    /// The mode must be right before the name is: the daemon's umask is for root alone.
    private func replace(_ path: FilePath, _ text: String) throws {
        if !Files.isDirectory(directory) {
            try Files.makeDirectory(directory)
            try Files.setPermissions(directory, 0o755)
        }
        let new = FilePath(path.string + ".new")
        try Files.write(text, to: new)
        try Files.setPermissions(new, 0o644)
        try Files.rename(new, to: path)
    }
}
