// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import DeviceModel

@Suite struct RadioStateTests {
    /// Switches as `type soft hard`.
    private func allowed(_ switches: [String]) throws -> Bool {
        let fake = try FakeTree()
        for (number, words) in switches.enumerated() {
            for (name, value) in zip(["type", "soft", "hard"], words.split(separator: " ")) {
                try fake.put("sys/class/rfkill/rfkill\(number)/\(name)", "\(value)\n")
            }
        }
        return RadioState.allowed(try fake.tree())
    }

    @Test func `radios may send unless a hardware switch is off or all are switched off`() throws {
        #expect(try allowed([]))
        #expect(try allowed(["wlan 0 0"]))
        #expect(try !allowed(["wlan 1 0"]))
        #expect(try allowed(["wlan 1 0", "wlan 0 0"]))
        #expect(try !allowed(["wlan 1 0", "wlan 1 0"]))
        #expect(try !allowed(["wlan 0 0", "wlan 0 1"]))
        #expect(try allowed(["bluetooth 1 1", "wlan 0 0"]))
        #expect(try allowed(["bluetooth 1 1"]))
        // A switch that cannot be read says nothing.
        #expect(try allowed(["wlan"]))
    }

    @Test func `the country is the kernel's, else that of its command line`() {
        let line = "console=hvc0 cfg80211.ieee80211_regdom=AT quiet cfg80211.ieee80211_regdom=DE"
        #expect(RadioState.country(line, domain: "FR") == "FR")
        #expect(RadioState.country(line, domain: "00") == "DE")
        #expect(RadioState.country(line, domain: nil) == "DE")
        #expect(RadioState.country("quiet", domain: "00") == "00")
        #expect(RadioState.country("quiet", domain: nil) == nil)
        #expect(RadioState.country("cfg80211.ieee80211_regdom=germany", domain: nil) == nil)
        #expect(RadioState.country("cfg80211.ieee80211_regdom=", domain: nil) == nil)
    }
}
