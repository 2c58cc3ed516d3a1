// SPDX-License-Identifier: Apache-2.0

import CLinux
import LapwingCore

/// Where a person types a passphrase; tests have one of their own.
public protocol PassphraseTerminal {
    /// Shows text, without adding a newline.
    mutating func show(_ text: String)
    /// One line typed with echo off, without its newline; nil when the person gave up (end of input, Control-C), or
    /// when `interrupted` became true while waiting.
    mutating func readHidden() throws -> [UInt8]?
    /// True when the answer is no longer wanted: it was given at another console.
    var interrupted: Bool { get }
}

/// How a dialogue ended.
public enum DialogueResult: Sendable, Hashable {
    /// The person chose this passphrase.
    case chosen([UInt8])
    /// The person gave up.
    case cancelled
    /// It was answered elsewhere meanwhile.
    case answeredElsewhere
}

/// The dialogue that sets the administrator's passphrase: asked twice, echo off, at most `attempts` times.
public struct PassphraseDialogue: Sendable {
    /// The user whose passphrase is set.
    public var user: String
    /// How often the person may start over.
    public var attempts: Int

    /// A dialogue for a user.
    public init(user: String, attempts: Int = 10) {
        self.user = user
        self.attempts = attempts
    }

    /// Runs the dialogue. Nothing typed is ever shown, logged or kept; the caller erases what it gets.
    public func run(_ terminal: inout some PassphraseTerminal) throws -> DialogueResult {
        for _ in 0..<attempts {
            terminal.show("New passphrase for \(user): ")
            guard var first = try terminal.readHidden() else { return Self.ended(terminal) }
            defer { SecretBytes.erase(&first) }
            if let objection = PassphraseRule.objection(first, user: user) {
                terminal.show(objection + " Please choose another.\n")
                continue
            }
            terminal.show("The same once more: ")
            guard var second = try terminal.readHidden() else { return Self.ended(terminal) }
            defer { SecretBytes.erase(&second) }
            if first == second { return .chosen(first) }
            terminal.show("The two differ. Please start over.\n")
        }
        return .cancelled
    }

    private static func ended(_ terminal: some PassphraseTerminal) -> DialogueResult {
        terminal.interrupted ? .answeredElsewhere : .cancelled
    }
}

/// Secrets in memory.
public enum SecretBytes {
    /// Overwrites the bytes and empties the array. Copies Swift made elsewhere are not reached.
    public static func erase(_ bytes: inout [UInt8]) {
        bytes.withUnsafeMutableBytes { lapwing_erase($0.baseAddress, $0.count) }
        bytes = []
    }
}
