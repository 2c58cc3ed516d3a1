// SPDX-License-Identifier: Apache-2.0

/// What this system says of radios: where the machine is, and whether they may send. A domain that has the wireless card
/// cannot know either by itself.
public struct RadioState: Sendable, Hashable {
    /// The country, two characters (ISO 3166-1); nil when nobody said.
    public var country: String?
    /// False when a switch silences radios.
    public var allowed: Bool

    /// A state.
    public init(country: String?, allowed: Bool) {
        self.country = country
        self.allowed = allowed
    }

    /// Reads the state of a tree.
    ///
    /// - Parameter domain: The kernel's regulatory domain, where it is known.
    public init(_ tree: SystemTree, domain: String?) {
        self.init(country: Self.country(tree.line("proc/cmdline") ?? "", domain: domain), allowed: Self.allowed(tree))
    }

    /// The kernel's regulatory domain; where that is the one for everywhere, `00`, or there is none (no card of this
    /// system's, so no `cfg80211`), the country on the kernel's command line (`cfg80211.ieee80211_regdom=`).
    static func country(_ commandLine: String, domain: String?) -> String? {
        if let domain, domain != "00" { return domain }
        let key = "cfg80211.ieee80211_regdom="
        let word = commandLine.split(separator: " ").last { $0.hasPrefix(key) }
        return word.flatMap { RegulatoryDomain.name(Array($0.dropFirst(key.count).utf8)) } ?? domain
    }

    /// False when a hardware switch of wireless network cards is off, or programs have switched off all there are
    /// (Documentation/driver-api/rfkill.rst, Documentation/ABI/stable/sysfs-class-rfkill).
    static func allowed(_ tree: SystemTree) -> Bool {
        let switches = tree.names("sys/class/rfkill").map { "sys/class/rfkill/\($0)/" }
            .filter { tree.line($0 + "type") == "wlan" }
        if switches.contains(where: { tree.line($0 + "hard") == "1" }) { return false }
        return switches.isEmpty || switches.contains { tree.line($0 + "soft") != "1" }
    }
}
