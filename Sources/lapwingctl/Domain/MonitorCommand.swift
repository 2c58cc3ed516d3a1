// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ControlProtocol
import LapwingCore
import SystemPackage

/// `lapwingctl monitor`
struct MonitorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor", abstract: "Tell what happens, as it happens.",
        discussion: """
            One line for each event, until the daemon ends or Ctrl-C. With --json each line is an object with the \
            name and the data of the event, as docs/protocol.md describes them. What happened before is in the \
            journal: journalctl -t lapwingd -o verbose.
            """)

    @OptionGroup var daemon: DaemonOptions
    @Flag(help: "Write each event as a line of JSON.")
    var json = false

    func run() async throws {
        try await finish {
            let socket = daemon.socket.map { FilePath($0) } ?? daemon.device.paths.socket
            try ControlClient(socket: socket, seconds: 0).listen { name, data in
                let line: String
                if json {
                    line = try JSONText.string(JSONValue.object(["event": .string(name), "data": data]), pretty: false)
                } else {
                    var words = [name]
                    if let domain = data["domain"]?.text, !domain.isEmpty { words.append(domain) }
                    if let device = data["device"]?.text { words.append(device) }
                    if let place = data["place"]?.text { words.append("at \(place)") }
                    if let reason = data["reason"]?.text { words.append("(\(reason))") }
                    line = SafeText.printable(words.joined(separator: " "))
                }
                // Not print(): a pipe must get each line at once.
                _ = try FileDescriptor.standardOutput.writeAll(Array((line + "\n").utf8))
            }
        }
    }
}
