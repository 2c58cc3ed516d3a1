// SPDX-License-Identifier: Apache-2.0

import PowerFacts

/// Which changes a guest is told of. It reads values anew whenever it looks; an event is for what it would miss
/// otherwise, and each one wakes it.
enum TellingRules {
    /// What is to be told when the power goes from what the guest was last told to what is now. `told` then holds what it
    /// knows: a value that changed too little stays as it was told, so that many small changes add up to one event.
    static func events(_ told: inout VirtualPower, _ now: VirtualPower, trips: [UInt32]) -> PowerEvents {
        var events: PowerEvents = []
        if told.online != now.online { events.insert(.mains) }
        // A lid that is not there reads as open.
        if (told.lid == .closed) != (now.lid == .closed) { events.insert(.lid) }
        if now.powerPresses > told.powerPresses { events.insert(.powerButton) }
        if now.sleepPresses > told.sleepPresses { events.insert(.sleepButton) }
        (told.online, told.lid) = (now.online, now.lid)
        // A smaller count is one that began anew.
        (told.powerPresses, told.sleepPresses) = (now.powerPresses, now.sleepPresses)
        for slot in 0..<VirtualPower.slots {
            if isAnother(told.batteries[slot], now.batteries[slot]) {
                events.insert(.information(slot))
            } else if let old = told.batteries[slot], let new = now.batteries[slot],
                differs(old, new, trip: trips[slot])
            {
                events.insert(.status(slot))
            } else {
                continue
            }
            told.batteries[slot] = now.batteries[slot]
        }
        return events
    }

    /// True when what `_STA`, `_BIF` and `_BIX` say is no longer the same.
    static func isAnother(_ old: VirtualPower.Battery?, _ new: VirtualPower.Battery?) -> Bool {
        guard let old, let new else { return (old == nil) != (new == nil) }
        var same = new
        same.activity = old.activity
        same.critical = old.critical
        same.rate = old.rate
        same.remaining = old.remaining
        same.voltage = old.voltage
        return same != old
    }

    /// True when what `_BST` says differs by so much that a guest should know.
    static func differs(_ old: VirtualPower.Battery, _ new: VirtualPower.Battery, trip: UInt32) -> Bool {
        if old.activity != new.activity || old.critical != new.critical { return true }
        // Whether it flows at all, and whether that is known. How fast, a guest reads when it looks.
        if (old.rate == nil) != (new.rate == nil) || (old.rate == 0) != (new.rate == 0) { return true }
        guard let before = old.remaining, let after = new.remaining else {
            return (old.remaining == nil) != (new.remaining == nil)
        }
        if before == after { return false }
        if trip != 0, trip != PowerRegisters.unknown, min(before, after) <= trip, trip <= max(before, after) {
            return true
        }
        guard let full = new.fullCapacity ?? new.designCapacity else { return true }
        return max(before, after) - min(before, after) >= max(full / 100, 1)
    }
}
