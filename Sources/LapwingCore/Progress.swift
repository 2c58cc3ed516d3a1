// SPDX-License-Identifier: Apache-2.0

import SystemPackage

/// How progress is shown: `auto` decides by whether standard error is a terminal.
public enum ProgressMode: String, Sendable, CaseIterable {
    /// One live line on a terminal, plain lines elsewhere.
    case auto
    /// A line for each event.
    case plain
    /// Nothing but warnings and errors.
    case none
}

/// Talk for the person while long work runs. It goes to standard error only; standard output is data.
public protocol Progress: Sendable {
    /// Something began or was reached; a line that stays.
    func note(_ text: String)
    /// The present state of something long, such as `fetching 12 of 310`; may be overwritten or dropped.
    func status(_ text: String)
    /// Something the person should know although the work goes on.
    func warning(_ text: String)
}

/// Progress that says nothing.
public struct SilentProgress: Progress {
    /// A silent progress.
    public init() {}
    /// Says nothing.
    public func note(_ text: String) {}
    /// Says nothing.
    public func status(_ text: String) {}
    /// Says nothing.
    public func warning(_ text: String) {}
}

/// Progress on standard error.
public final class StandardErrorProgress: Progress {
    private let live: Bool
    private let silent: Bool
    private let terminal: Terminal

    /// Progress in the given mode on the given terminal.
    public init(mode: ProgressMode, terminal: Terminal) {
        live = mode == .auto && terminal.errorIsTerminal && terminal.color
        silent = mode == .none
        self.terminal = terminal
    }

    private func write(_ text: String) {
        _ = try? FileDescriptor.standardError.writeAll(Array(text.utf8))
    }

    /// A line that stays.
    public func note(_ text: String) {
        if silent { return }
        write((live ? "\r\u{1b}[K" : "") + SafeText.printableLines(text) + "\n")
    }

    /// A line that may be overwritten; shown on a live terminal only.
    public func status(_ text: String) {
        if !live { return }
        write("\r\u{1b}[K" + String(SafeText.printable(text).prefix(max(20, terminal.columns - 1))))
    }

    /// A warning, in every mode.
    public func warning(_ text: String) {
        write((live ? "\r\u{1b}[K" : "") + "warning: " + SafeText.printableLines(text) + "\n")
    }
}
