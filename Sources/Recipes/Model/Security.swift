// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The documentation of each key is the text of its @Key: the reference and the JSON Schema print the same words.

/// How the state partition is unlocked.
public enum StateEncryption: String, RecipeValue, CaseIterable { case tpm2, passphrase, none }

/// Encryption, access and checks.
public struct Security: RecipeSection {
    public static let about = "Encryption, access and checks."
    public init() {}

    @Key(
        "How the state partition is encrypted on first boot: sealed by the TPM (a passphrase is asked when there is"
            + " none), by a passphrase, or not at all.")
    public var state = StateEncryption.tpm2
    @Key("How a person gets in.")
    public var access = Access()
    @Key("Files of the root that may be setuid or setgid; any other fails the build.", .absolutePath)
    public var allowedSetuid: [String] = []
}

/// How a person gets in.
public struct Access: RecipeSection {
    public static let about =
        "How the administrator gets in. At least one way must be given; there is no default password."
    public init() {}

    @Key("The administrator's user name.", .userName)
    public var user = "admin"
    @Key("The hash of the administrator's password, as crypt(5) writes it.", .passwordHash)
    public var passwordHash: String? = nil
    @Key("SSH public keys of the administrator.", .sshKey)
    public var sshKeys: [String] = []
    @Key("Whether the first console asks for the administrator's passphrase.")
    public var ask = false
}
