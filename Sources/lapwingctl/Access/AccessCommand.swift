// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLinux
import DeviceAccess
import DeviceConfig
import LapwingCore
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// `lapwingctl access`
struct AccessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access", abstract: "How the administrator gets in.",
        discussion: """
            No image holds a default password. The passphrase set on the device is kept as a yescrypt hash in \
            /var/lib/lapwing/access, for root alone; the root account is locked.
            """,
        subcommands: [
            AccessShow.self, AccessSetPassword.self, AccessAsk.self, AccessApply.self, AccessConsole.self,
        ])
}

extension DeviceOptions {
    /// The store for the settings in force.
    func accessStore() throws -> AccessStore {
        AccessStore(paths: paths, settings: try ConfigLoader(paths).load().configuration.access)
    }
}

/// `lapwingctl access show`
struct AccessShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show who the administrator is and how they get in; no secret is shown.")

    @OptionGroup var device: DeviceOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        try await finish {
            let table = Listing(
                "access", [try device.accessStore().summary()],
                columns: [
                    .init("USER") { $0.user }, .init("PASSWORD") { $0.password.rawValue },
                    .init("SSH KEYS", right: true) { String($0.sshKeys) },
                    .init("ASKS AT CONSOLE") { $0.asks ? "yes" : "no" },
                ])
            print(try table.render(listing.format), terminator: "")
        }
    }
}

/// `lapwingctl access set-password`
struct AccessSetPassword: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-password", abstract: "Set the administrator's passphrase.",
        discussion: "Asks for it twice with echo off. It counts at once and on every later boot.")

    @OptionGroup var device: DeviceOptions
    @Flag(help: "Read the passphrase as one line of standard input, once.")
    var stdin = false

    func run() async throws {
        try await finish {
            let store = try device.accessStore()
            guard var passphrase = try read(user: store.settings.user) else {
                throw LapwingError("access.cancelled", "No passphrase was set.")
            }
            defer { SecretBytes.erase(&passphrase) }
            try store.store(hash: try PasswordHash.make(passphrase))
            Context.live(progress: .plain).progress.note("The passphrase of \(store.settings.user) is set.")
        }
    }

    private func read(user: String) throws -> [UInt8]? {
        guard stdin else {
            var terminal = ConsoleTerminal()
            guard case .chosen(let passphrase) = try PassphraseDialogue(user: user).run(&terminal) else { return nil }
            return passphrase
        }
        guard let passphrase = try ConsoleTerminal.lineOfInput() else { return nil }
        if let objection = PassphraseRule.objection(passphrase, user: user) {
            throw LapwingError("access.weak", exit: .badInput, "The passphrase will not do.", cause: objection)
        }
        return passphrase
    }
}

/// `lapwingctl access ask`
struct AccessAsk: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask", abstract: "Ask at this console for the administrator's passphrase, if there is none yet.",
        discussion: """
            Does nothing unless the recipe says "access: ask" and no passphrase was set on this device. Ends by itself \
            when it is set at another console.
            """)

    @OptionGroup var device: DeviceOptions

    func run() async throws {
        try await finish { try AccessAsk.ask(try device.accessStore()) }
    }

    /// The dialogue, when one is wanted.
    static func ask(_ store: AccessStore) throws {
        guard try store.mustAsk() else { return }
        var terminal = ConsoleTerminal(elsewhere: { (try? store.mustAsk()) == false })
        terminal.show(
            """

            This device is new: nobody can log in yet.
            Choose the passphrase of its administrator, \(store.settings.user) \
            (at least \(PassphraseRule.shortest) characters; what you type is not shown).

            """)
        switch try PassphraseDialogue(user: store.settings.user).run(&terminal) {
        case .chosen(var passphrase):
            defer { SecretBytes.erase(&passphrase) }
            // Two consoles may finish at the same moment; the first counts.
            guard try store.mustAsk() else { fallthrough }
            try store.store(hash: try PasswordHash.make(passphrase))
            terminal.show("The passphrase is set. Log in as \(store.settings.user).\n\n")
        case .answeredElsewhere:
            terminal.show("\nThe passphrase was set at another console.\n\n")
        case .cancelled:
            throw LapwingError(
                "access.cancelled", "No passphrase was set.", hint: "lapwingctl access ask asks again.")
        }
    }
}

/// `lapwingctl access apply`
struct AccessApply: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Make the administrator's account from what was declared and set.",
        discussion:
            "Run by lapwing-access.service at each boot: the root is read-only, so the account lives in /run/userdb.")

    @OptionGroup var device: DeviceOptions

    func run() async throws {
        try await finish { try device.accessStore().apply() }
    }
}

/// `lapwingctl access console`
struct AccessConsole: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "console", abstract: "Ask for the passphrase if there is none, then become another program.",
        discussion: "What the getty units start: the dialogue comes before the login prompt, on the same terminal.")

    @OptionGroup var device: DeviceOptions
    @Argument(
        parsing: .postTerminator,
        help: ArgumentHelp("The program to become and its arguments.", valueName: "program"))
    var program: [String] = []

    func run() async throws {
        try await finish {
            // Whatever goes wrong here must not take the login prompt away.
            do {
                try AccessAsk.ask(try device.accessStore())
            } catch {
                _ = Program.report(error)
            }
            guard let path = program.first else { return }
            var arguments: [UnsafeMutablePointer<CChar>?] = program.map { strdup($0) }
            arguments.append(nil)
            let failed = lapwing_exec(path, arguments)
            throw LapwingError(
                "access.no-program", exit: .unavailable, "The program could not be started.", subject: path,
                cause: Errno(rawValue: -failed).description)
        }
    }
}
