// SPDX-License-Identifier: Apache-2.0

public import LapwingCore

/// A rule file as it was found.
public struct PolicyFile: Sendable, Hashable {
    /// The most bytes of a file.
    public static let sizeLimit = 1 << 20
    /// How the names of rule files end.
    public static let suffix = ".rules"

    /// The file as it is named in messages.
    public var file: String
    /// What it holds.
    public var bytes: [UInt8]

    /// A file.
    public init(file: String, bytes: [UInt8]) {
        self.file = file
        self.bytes = bytes
    }

    /// A file of text.
    public init(file: String, text: String) { self.init(file: file, bytes: Array(text.utf8)) }

    /// The last part of the name, which gives the order.
    public var name: String {
        String(file.split(separator: "/", omittingEmptySubsequences: false).last ?? "")
    }

    /// Its rules and all its mistakes. A file with a mistake has rules too, but they are not to be used.
    public func parsed() -> (rules: [PolicyRule], errors: [LapwingError]) {
        RuleParser.parse(self)
    }
}

/// All rules of a machine in their order.
public struct PolicySet: Sendable, Hashable {
    /// The rules.
    public var rules: [PolicyRule]
    /// How many rules stand before the first file with a mistake; nil when all files are good. Nothing behind counts.
    public var cut: Cut?
    /// All mistakes, by place.
    public var errors: [LapwingError]
    /// The files in their order, those that another one replaces left out.
    public var files: [String]

    /// Where the policy ends because a file has a mistake.
    public struct Cut: Sendable, Hashable {
        /// How many rules count.
        public var rules: Int
        /// The first mistake.
        public var location: SourceLocation
    }

    /// Rules that need no file.
    public init(rules: [PolicyRule] = []) {
        self.rules = rules
        errors = []
        files = []
    }

    /// The rules of an image and of the device: all files in the order of their names (byte by byte); of two of the same
    /// name the local one counts.
    public init(image: [PolicyFile], local: [PolicyFile]) {
        let replaced = Set(local.map(\.name))
        let order = (image.filter { !replaced.contains($0.name) } + local).sorted {
            Array($0.name.utf8).lexicographicallyPrecedes(Array($1.name.utf8))
        }
        self.init(ordered: order)
    }

    /// The rules of files in the order given.
    public init(ordered files: [PolicyFile]) {
        rules = []
        errors = []
        self.files = files.map(\.file)
        for file in files {
            let parsed = file.parsed()
            errors += parsed.errors
            if cut == nil {
                if let first = parsed.errors.first {
                    let start = SourceLocation(file: file.file, line: 1, column: 1)
                    cut = Cut(rules: rules.count, location: first.location ?? start)
                } else {
                    rules += parsed.rules
                }
            }
        }
    }
}
