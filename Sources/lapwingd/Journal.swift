// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
import XenControl

/// The audit log: one structured entry in the journal for each event and decision (systemd's native protocol, a
/// datagram of NAME=VALUE lines). `journalctl LAPWING_DOMAIN=work` shows all of one domain.
struct Journal: Sendable {
    /// The journal's socket; nil when there is none, as in tests: entries then go to standard error.
    var socket: String?

    init(socket: String = "/run/systemd/journal/socket") {
        self.socket = Files.exists(.init(socket)) ? socket : nil
    }

    /// The entry of an event. No value holds a newline: what guests and people name is made printable.
    static func entry(_ event: DomainEvent) -> String {
        var message = event.name
        if !event.domain.isEmpty { message += " " + SafeText.printable(event.domain) }
        if let reason = event.reason { message += ": " + SafeText.printable(reason) }
        var lines = [
            "MESSAGE=\(message)", "PRIORITY=\(event.bad ? 4 : 6)", "SYSLOG_IDENTIFIER=lapwingd",
            "LAPWING_EVENT=\(event.name)",
        ]
        if !event.domain.isEmpty { lines.append("LAPWING_DOMAIN=\(SafeText.printable(event.domain))") }
        if let reason = event.reason { lines.append("LAPWING_REASON=\(SafeText.printable(reason))") }
        if let user = event.user { lines.append("LAPWING_USER=\(user)") }
        return lines.joined(separator: "\n") + "\n"
    }

    func write(_ event: DomainEvent, _ progress: any Progress) {
        let entry = Self.entry(event)
        if let socket {
            let bytes = Array(entry.utf8)
            if bytes.withUnsafeBytes({ lapwing_socket_notify(socket, $0.baseAddress, $0.count) }) == 0 { return }
        }
        progress.note(entry.split(separator: "\n").first?.dropFirst(8).description ?? event.name)
    }
}
