// SPDX-License-Identifier: Apache-2.0

import CLinux
import DeviceManagement
import LapwingCore
import Power
import XenControl

/// The audit log: one structured entry in the journal for each event and decision (systemd's native protocol, a
/// datagram of NAME=VALUE lines). `journalctl LAPWING_DOMAIN=work` shows all of one domain.
struct Journal: Sendable {
    /// The journal's socket; nil when there is none, as in tests: entries then go to standard error.
    var socket: String?

    init(socket: String = "/run/systemd/journal/socket") {
        self.socket = Files.exists(.init(socket)) ? socket : nil
    }

    /// The entry of an event of a domain.
    static func entry(_ event: DomainEvent) -> String {
        entry(event.name, device: nil, domain: event.domain, event.reason, event.user, bad: event.bad)
    }

    /// The entry of an event of a device.
    static func entry(_ event: DeviceEvent) -> String {
        entry(
            event.name, device: event.device?.rawValue, domain: event.domain ?? "", event.reason, event.user,
            bad: event.bad)
    }

    /// The entry of a profile that came into force, or did not.
    static func entry(_ report: PowerReport, _ user: UInt32?) -> String {
        let profile = report.inForce ?? report.wanted ?? report.choice
        return entry(
            "power.profile", device: nil, domain: "", profile + ": " + (report.failure ?? report.reason), user,
            bad: report.failure != nil)
    }

    /// No value holds a newline: what guests and people name is made printable.
    private static func entry(
        _ name: String, device: String?, domain: String, _ reason: String?, _ user: UInt32?, bad: Bool
    ) -> String {
        let domain = SafeText.printable(domain)
        let reason = reason.map { SafeText.printable($0) }
        var message = ([name, device ?? "", domain].filter { !$0.isEmpty }).joined(separator: " ")
        if let reason { message += ": " + reason }
        var lines = [
            "MESSAGE=\(message)", "PRIORITY=\(bad ? 4 : 6)", "SYSLOG_IDENTIFIER=lapwingd", "LAPWING_EVENT=\(name)",
        ]
        if let device { lines.append("LAPWING_DEVICE=\(device)") }
        if !domain.isEmpty { lines.append("LAPWING_DOMAIN=\(domain)") }
        if let reason { lines.append("LAPWING_REASON=\(reason)") }
        if let user { lines.append("LAPWING_USER=\(user)") }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Writes an entry.
    func write(_ entry: String, _ progress: any Progress) {
        if let socket {
            let bytes = Array(entry.utf8)
            if bytes.withUnsafeBytes({ lapwing_socket_notify(socket, $0.baseAddress, $0.count) }) == 0 { return }
        }
        progress.note(entry.split(separator: "\n").first?.dropFirst(8).description ?? entry)
    }
}
