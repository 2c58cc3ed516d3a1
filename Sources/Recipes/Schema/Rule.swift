// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// What a leaf value must obey beyond its type. Text rules are regular expressions that mean the same in Swift and in
/// JSON Schema (ECMA-262), so editors and the validator agree.
public struct Rule: Sendable, Hashable {
    /// What the rule constrains.
    public enum Kind: Sendable, Hashable {
        /// The whole text matches this expression.
        case pattern(String)
        /// Numbers within bounds.
        case numbers(ClosedRange<Int>)
        /// Sizes within bounds.
        case sizes(ClosedRange<ByteSize>)
    }

    /// What the rule constrains.
    public var kind: Kind
    /// What a value that obeys is, with its article: `a Debian package name`.
    public var noun: String
    /// How to write one, for the hint.
    public var help: String
    /// The most UTF-8 bytes of a text.
    public var limit: Int
    /// True when a value must not be repeated in a message.
    public var secret = false

    private init(_ kind: Kind, _ noun: String, _ help: String, limit: Int = 255) {
        self.kind = kind
        self.noun = noun
        self.help = help
        self.limit = limit
    }

    private static func text(_ pattern: String, _ noun: String, _ help: String, limit: Int = 255) -> Rule {
        Rule(.pattern(pattern), noun, help, limit: limit)
    }

    /// Whole numbers within bounds.
    public static func range(_ range: ClosedRange<Int>) -> Rule { Rule(.numbers(range), "a whole number", "") }

    /// Sizes within bounds, given as recipes write them.
    public static func size(_ least: String, _ most: String) -> Rule {
        let lower = ByteSize(least) ?? ByteSize(bytes: 0)
        return Rule(.sizes(lower...max(lower, ByteSize(most) ?? lower)), "a size", "")
    }

    /// The name of an image: it becomes a directory and file name.
    public static let imageName = text(
        "[a-z0-9][a-z0-9._-]*", "an image name",
        "Use lower-case letters, digits, . _ and -, starting with a letter or digit: laptop-x86_64.", limit: 64)
    /// The version of an image.
    public static let imageVersion = text(
        "[0-9A-Za-z][0-9A-Za-z.+~_-]*", "a version",
        "Use letters, digits, . + ~ _ and -, starting with a letter or digit: 1.4.", limit: 64)
    /// One line of text without control characters.
    public static let line = text(
        #"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]+"#, "a line of text",
        "Use at least one character and no control characters.", limit: 4096)
    /// Any text, several lines included.
    public static let content = text(
        #"[^\u0000]*"#, "text", "NUL characters cannot be written.", limit: 1 << 20)
    /// A Debian package name (Debian Policy 5.6.1).
    public static let packageName = text(
        "[a-z0-9][a-z0-9+.-]+", "a Debian package name",
        "Use lower-case letters, digits, + - and ., at least two characters: xen-utils-4.20.", limit: 128)
    /// The version of a Debian source package (Debian Policy 5.6.12).
    public static let sourceVersion = text(
        "[0-9][0-9A-Za-z.+~:-]*", "a package version",
        "Use the version of the source package: 4.20.4+63-g7abfd2bce2-0+deb13u1.", limit: 128)
    /// The path of a tarball below the URI of an archive.
    public static let tarballPath = text(
        #"pool(/[0-9A-Za-z+~_-][0-9A-Za-z.+~_-]*)+[.]tar[.](xz|gz|bz2)"#, "the path of a tarball",
        "Use the path in the archive: pool/main/x/xen/xen_4.20.4.orig.tar.xz.")
    /// A SHA-256 in hexadecimal.
    public static let sha256 = text("[0-9a-f]{64}", "a SHA-256", "Use 64 digits from 0-9 and a-f.", limit: 64)
    /// The code name of a Debian release.
    public static let release = text(
        "[a-z][a-z0-9.-]*", "a release name", "Use the code name in lower-case letters: trixie.", limit: 64)
    /// A word made of lower-case letters, digits and hyphens.
    public static let identifier = text(
        "[a-z][a-z0-9-]*", "a name",
        "Use lower-case letters, digits and -, starting with a letter, at most 32 characters: net.", limit: 32)
    /// The name of a recipe variable.
    public static let variableName = text(
        "[A-Za-z][A-Za-z0-9_]*", "a variable name",
        "Use letters, digits and _, starting with a letter: dom0Memory.", limit: 64)
    /// A host name label (RFC 1123).
    public static let hostname = text(
        "[a-z0-9]([a-z0-9-]*[a-z0-9])?", "a host name",
        "Use one label of lower-case letters, digits and inner hyphens, at most 63 characters: lapwing.", limit: 63)
    /// The name of a systemd unit (systemd.unit(5)).
    public static let unitName = text(
        #"[A-Za-z0-9:_.\\@-]+\.(service|socket|timer|target|path|mount|automount|swap|slice|device|scope)"#,
        "a systemd unit name", "Write the unit with its suffix: systemd-networkd.service.")
    /// An absolute path without `.` and `..`, doubled slashes or a slash at its end.
    public static let absolutePath = text(
        #"(/(?!\.{1,2}(/|$))[^/\u0000-\u001f\u007f]+)+"#, "an absolute path",
        "Start with /, without . or .. and without a slash at the end: /etc/motd.", limit: 4095)
    /// A path of dom0 that goes into a guest's configuration: no quotes, commas and backslashes, printable ASCII.
    public static let guestPath = text(
        #"(/(?!\.{1,2}(/|$))[ !#-&(-+\-.0-\[\]-~]+)+"#, "a path for a guest's configuration",
        "Start with /, without quotes, commas and backslashes: /var/lib/lapwing/images/install.iso.", limit: 1023)
    /// A guest kernel's command line.
    public static let commandLine = text(
        #"[ !#-&(-\[\]-~]+"#, "a kernel command line", "Use printable ASCII without quotes and backslashes.",
        limit: 2047)
    /// A relative path that stays below its directory.
    public static let relativePath = text(
        #"(?!\.{1,2}(/|$))[^/\u0000-\u001f\u007f]+(/(?!\.{1,2}(/|$))[^/\u0000-\u001f\u007f]+)*"#, "a relative path",
        "Name a file below the directory of this recipe file, without . or ..: files/motd.", limit: 4095)
    /// A path to a layer; it may go up.
    public static let layerPath = text(
        #"[^\u0000-\u001f\u007f]+\.ya?ml"#, "a layer's path",
        "Write the path from this file's directory, with its .yaml: layers/base.yaml.", limit: 4095)
    /// One word of a Linux kernel command line: printable ASCII, without spaces and quotes.
    public static let kernelOption = text(
        ##"[!#-&(-~]+"##, "a kernel option", "Write one option without spaces and quotes per list element: quiet.",
        limit: 512)
    /// One word of Xen's command line; the hypervisor's configuration file is made of lines, so none may enter here.
    public static let xenOption = text(
        ##"[A-Za-z][!#-&(-~]*"##, "a Xen option",
        "Write one option without spaces and quotes per list element: console=vga.", limit: 512)
    /// A limit on the C-states of CPUs.
    public static let cStateLimit = text(
        "unlimited|C[0-9]{1,2}(/[0-9]{1,2})?", "a C-state limit",
        "Write unlimited, the deepest state (C1), or that with its deepest sub-state (C6/2).", limit: 16)
    /// A kernel module name.
    public static let moduleName = text(
        "[A-Za-z0-9][A-Za-z0-9_-]*", "a kernel module name", "Write the name without path and .ko: nvme.", limit: 64)
    /// A locale of the C library.
    public static let locale = text(
        #"(C|[a-z]{2,3}_[A-Z]{2}(@[a-z]+)?)\.UTF-8"#, "a UTF-8 locale",
        "Write language, country and encoding: de_DE.UTF-8.")
    /// A time zone of the tz database.
    public static let timezone = text(
        "[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*", "a time zone", "Write a name of the tz database: Europe/Berlin.")
    /// A console keymap.
    public static let keymap = text(
        "[a-z][A-Za-z0-9_-]*", "a keymap", "Write a console keymap: us, de-latin1.", limit: 64)
    /// An http(s) URL of an archive; `{...}` parts are filled in by the reader.
    public static let urlTemplate = text(
        #"https?://[^\s\u0000-\u001f\u007f"'<>\\^`|]+"#, "an archive URL", "Write an http or https URL without spaces.",
        limit: 1024)
    /// A volume label of ISO 9660.
    public static let volumeLabel = text(
        "[A-Z0-9_]+", "a volume label", "Use capital letters, digits and _, at most 32: LAPWING.", limit: 32)
    /// A user name (useradd(8)).
    public static let userName = text(
        "[a-z_][a-z0-9_-]*", "a user name",
        "Use lower-case letters, digits, _ and -, starting with a letter or _, at most 31 characters: admin.", limit: 31
    )
    /// A password hash (crypt(5)): yescrypt, gost-yescrypt, SHA-512, bcrypt. Older methods are too weak.
    public static let passwordHash: Rule = {
        var rule = hash
        rule.secret = true
        return rule
    }()

    private static let hash = text(
        #"\$g?y\$[./A-Za-z0-9]+\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}|"#
            + #"\$6\$(rounds=[1-9][0-9]{3,8}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|"#
            + #"\$2[by]\$[0-9]{2}\$[./A-Za-z0-9]{53}"#,
        "a strong password hash", "Make one with mkpasswd --method=yescrypt (or sha512crypt, bcrypt).")
    /// A line of an authorized_keys file, without options.
    public static let sshKey = text(
        #"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com)"#
            + #" [A-Za-z0-9+/]{32,}={0,3}( [^\u0000-\u001f\u007f]+)?"#,
        "an SSH public key", "Copy the one line of the .pub file, type first: ssh-ed25519 AAAA… name.", limit: 16384)
    /// File permissions in octal, without the setuid, setgid and sticky bits.
    public static let fileMode = text(
        "0?[0-7]{3}", "a file mode", "Write the octal digits in quotes, without setuid, setgid or sticky bit: '0644'.")
}
