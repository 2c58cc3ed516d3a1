// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// The terminal on standard input and output.
public struct ConsoleTerminal: PassphraseTerminal {
    private let elsewhere: @Sendable () -> Bool
    /// True when the answer came at another console.
    public private(set) var interrupted = false

    /// The terminal of this process. `elsewhere` is asked about once a second while a person is waited for.
    public init(elsewhere: @escaping @Sendable () -> Bool = { false }) {
        self.elsewhere = elsewhere
    }

    /// Shows text.
    public mutating func show(_ text: String) {
        _ = try? FileDescriptor.standardOutput.writeAll(Array(text.utf8))
    }

    /// Reads one line with echo off. Without a terminal on standard input this is an error: a passphrase is not taken
    /// from a place that would show it.
    public mutating func readHidden() throws -> [UInt8]? {
        var state = lapwing_terminal_state()
        guard lapwing_terminal_hide(0, &state) == 0 else {
            throw LapwingError(
                "access.no-terminal", exit: .usage, "Standard input is no terminal.",
                hint: "Run it at a console, or give the passphrase with --stdin.")
        }
        defer { _ = lapwing_terminal_restore(0, &state) }
        var wait = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        while true {
            let ready = poll(&wait, 1, 1000)
            if ready > 0 { break }
            if ready < 0, lapwing_errno() != EINTR { return nil }
            if elsewhere() {
                interrupted = true
                return nil
            }
        }
        return try Self.line(from: .standardInput)
    }

    /// One line of a descriptor without its newline, byte by byte so that nothing past it is taken; nil at the end and
    /// after Control-C.
    static func line(from descriptor: FileDescriptor) throws -> [UInt8]? {
        var line: [UInt8] = []
        var byte: [UInt8] = [0]
        while true {
            let got = try byte.withUnsafeMutableBytes { try descriptor.read(into: $0) }
            if got == 0 { return line.isEmpty ? nil : line }
            if byte[0] == UInt8(ascii: "\n") || byte[0] == UInt8(ascii: "\r") { break }
            if line.count <= PassphraseRule.longest { line.append(byte[0]) }
        }
        if line.contains(3) {
            SecretBytes.erase(&line)
            return nil
        }
        return line
    }

    /// The first line of standard input, for `--stdin`.
    public static func lineOfInput() throws -> [UInt8]? { try line(from: .standardInput) }
}
