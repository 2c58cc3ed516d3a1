// SPDX-License-Identifier: Apache-2.0
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The documentation of each key is the text of its @Key: the reference and the JSON Schema print the same words.

public import LapwingCore

/// A whole recipe: all layers merged, all variables filled in, everything checked.
public struct Recipe: RecipeSection {
    public static let about = "Everything an image is made from."
    public init() {}

    @Key("The name of the image; its files and directory are called so.", .imageName, required: true)
    public var name = ""
    @Key("The version of the image.", .imageVersion)
    public var version = "1"
    @Key("What the image is for, in a line.", .line)
    public var description: String? = nil
    @Key("The machines the image is for.")
    public var target = Target()
    @Key("The Debian archive the packages come from.")
    public var archive = Archive()
    @Key("The hypervisor and its options.")
    public var hypervisor = Hypervisor()
    @Key("The control domain.")
    public var dom0 = Dom0()
    @Key("The initial RAM disk.")
    public var initrd = Initrd()
    @Key("The domains, by name.", .identifier)
    public var domains: [String: Domain] = [:]
    @Key("Which devices domains get.")
    public var passthrough = Passthrough()
    @Key("The network of the control domain.")
    public var network = Network()
    @Key("Power and timers.")
    public var power = Power()
    @Key("The installer on the image.")
    public var installer = Installer()
    @Key("Encryption, access and checks.")
    public var security = Security()
    @Key("The files to write.")
    public var outputs = Outputs()
    @Key("Limits that fail the build when they are passed.")
    public var budget = Budget()
}

/// What each recipe file and layer may say beside the recipe itself.
public struct RecipeHeader: RecipeSection {
    public static let about = "What each recipe file and layer says about itself."
    public init() {}

    @Key("The version of the recipe format: 1.", .range(1...1), required: true)
    public var lapwing = 1
    @Key(
        "Layers this file stands on, in order; each is merged once, deepest first. Paths are relative to this file.",
        .layerPath)
    public var extends: [String] = []
    @Key("Values that may be set from the command line, by name. {var: NAME} stands for a whole value.", .variableName)
    public var variables: [String: Variable] = [:]
}

/// A declared variable.
public struct Variable: RecipeSection {
    public static let about = "A value that may be set from the command line with --set NAME=VALUE."
    public init() {}

    /// The type of a variable's value.
    public enum Kind: String, RecipeValue, CaseIterable { case string, integer, boolean, size, list }

    @Key("The type of the value; list is a list of text, separated by commas on the command line.", required: true)
    public var type = Kind.string
    @Key("The value when none is set; without it the variable must be set.")
    public var `default`: JSONValue? = nil
    @Key("What the variable is for.", .line)
    public var description: String? = nil
}
