// SPDX-License-Identifier: Apache-2.0

/// The page `docs/policy.md`, written from the parser's own tables so that it cannot say anything else.
public enum RuleReference {
    /// The whole page, its final newline included.
    public static func page() -> String {
        ([introduction, grammar] + [decisions(), kinds, conditions(), classes(), protections(), examples, commands])
            .joined(separator: "\n")
    }

    private static let introduction = """
        # Device policy

        <!-- Generated from Sources/DevicePolicy. Do not edit. -->

        Rules say which domain gets which device. They stand in files that end in `.rules`, one rule a line, `#` begins a
        comment. The files of `/usr/lib/lapwing/policy.d` (the image: the recipe's rules are `50-recipe.rules`) and of
        `/var/lib/lapwing/policy.d` (this device) are read in the order of their names, together; a local file takes the
        place of the image's of the same name.

        The first rule that matches decides. Without one a device stays with dom0. Protections come after the rules.
        A file with a mistake ends the policy: the rules before it count, nothing in it or after it does, and what no
        rule before it decided stays with dom0.

        """

    private static let grammar = """
        ## Grammar

            rule       = decision kind { condition | "to" domains | modifier }
            decision   = "allow" | "ask" | "deny" | "assign"
            kind       = "device" | "usb" | "pci" | "gpu" | "wlan"
            condition  = key "=" value { "," value }
            domains    = "any" | domain { "," domain }
            modifier   = "persistent" | "required" | "once"

        All conditions have to hold; of several values of one condition one has to. A value with blanks, `=`, `,` or `#` in
        it stands in double quotes, where `\\"` and `\\\\` stand for the character. A line has at most 4096 characters, a file
        at most 10000 rules and 1 MiB.

        """

    private static func table(_ head: [String], _ rows: [[String]]) -> String {
        ([head, head.map { _ in "---" }] + rows).map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
    }

    private static func decisions() -> String {
        "## Decisions\n\n"
            + table(
                ["decision", "alone", "with `persistent`", "with `once`"],
                [
                    [
                        "`allow`", "a person may attach it; holds until it is unplugged",
                        "may also be assigned for good",
                        "ends with the domain's run",
                    ],
                    [
                        "`ask`", "a person is asked when it is plugged in; yes holds until it is unplugged",
                        "yes may be for good", "asked each time",
                    ],
                    [
                        "`assign`", "given while device and domain are both there",
                        "also kept away from dom0 while the domain does not run, from boot on",
                        "given when plugged in, not again after the domain's restart",
                    ],
                    ["`deny`", "stays with dom0; with `to` this is about those domains only", "-", "-"],
                ])
                + """

                `required`, only with `assign` and `persistent`: the domain does not start without such a device. `once` and
                `persistent` exclude each other. `allow` and `ask` name domains or `any`, `assign` exactly one domain.

                """
    }

    private static let kinds = """
        ## Kinds

        `usb` and `pci` are the buses, `gpu` graphics adapters and `wlan` wireless network cards of either bus, `device`
        everything. `assign` with `device`, `usb` or `pci` needs a condition.

        """

    private static func conditions() -> String {
        "## Conditions\n\n"
            + table(
                ["key", "in rules for", "meaning", "example"],
                RuleKey.allCases.map { key in
                    let kinds =
                        key.kinds == RuleKind.allCases
                        ? "all" : key.kinds.map { "`\($0.rawValue)`" }.joined(separator: ", ")
                    return ["`\(key.rawValue)`", kinds, key.meaning, "`\(key.example)`"]
                })
                + """

                Addresses of now (`3-1.4`, `02:00.0`) are no conditions: after the next boot they may be another device's.
                `lapwingctl device show 3-1.4` tells the id.

                """
    }

    private static func classes() -> String {
        func number(_ pattern: ClassPattern, _ separator: String) -> String {
            [pattern.base, pattern.sub, pattern.third].compactMap { $0 }.map { byte in
                let text = String(byte, radix: 16)
                return text.utf8.count == 1 ? "0" + text : text
            }.joined(separator: separator)
        }
        func list(_ names: [(name: String, pattern: ClassPattern)], _ separator: String) -> String {
            names.map { "`\($0.name)` (`\(number($0.pattern, separator))`)" }.joined(separator: ", ")
        }
        return """
            ## Classes

            A class is a name or a number, whose end may be left out. A USB device is looked at with every interface of every
            configuration and alternate setting. `class=storage,audio` in a rule that gives (`allow`, `ask`, `assign`) means
            that each interface is one of these; in a `deny` that at least one is. `class=all:…` and `class=any:…` say it
            outright. A device whose descriptors are damaged matches no class of a rule that gives and every class of a `deny`.

            USB: \(list(ClassNames.usb, ":")).

            PCI: \(list(ClassNames.pci, "")).

            """
    }

    private static func protections() -> String {
        "## Protections\n\n"
            + table(
                ["protection", "why the device stays", "can be lifted"],
                Protection.allCases.map {
                    ["`\($0.rawValue)`", $0.sentence, $0.canBeLifted ? "by an exception" : "no"]
                })
                + """

                They count for everything that would go along: what is behind a controller, and the other members of the
                isolation group. What is not known (a captured tree does not tell which disk is mounted) protects all that it
                could be. An exception is recorded for one device in one place; a person's request needs
                `--override-protection` besides.

                An input device is given only by a rule that says which device (`id`, `port`, or `vendor` and `product`) and lists
                `input` (or `03`) under `class`. A stick that also types does not slip through a rule for the stick.

                """
    }

    /// Rules that a test parses.
    static let examples = """
        ## Examples

            # The wireless card belongs to the network domain, and without it that domain is of no use.
            assign wlan to net persistent required
            # A keyboard for the work domain: which one, and that it is an input device.
            allow usb vendor=046d product=c52b class=input to work persistent
            # Nothing that types, whatever else it is.
            deny usb class=any:input
            # Sticks and headsets by hand; in one port without a word.
            assign usb port=usb-0000.00-14.0-u2-3,usb-0000.00-14.0-u3-3 class=storage to work
            allow usb class=storage,audio to work,play
            # One stick wherever it is plugged in.
            assign usb vendor=0781 product=5581 serial="4C530001" class=storage to backup persistent
            # The discrete card for the domain with the games.
            assign gpu vendor=10de to play persistent
            # Everything else that hangs on the dock is asked about each time.
            ask usb below=usb-0000.00-14.0-u2-1 to any once

        """

    private static let commands = """
        ## Commands

            lapwingctl policy check FILE...       all mistakes of rule files, with their places
            lapwingctl policy list                the rules in their order
            lapwingctl policy list --devices      what is decided about each device
            lapwingctl policy explain DEVICE      each rule that was tried, the decision, and why
            lapwingctl policy explain DEVICE --to work --keep

        All of them take `--json`, and `--root DIRECTORY` for a captured tree. In a recipe the rules stand under
        `passthrough: policy:` and are checked when the recipe is, with their places in it; domains they name must be
        declared there.
        """ + "\n"
}
