// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// What the person asked for on the command line: which recipe, and where things go.
public struct BuildSettings: Sendable {
    /// The recipe file.
    public var recipe: FilePath
    /// Values of the recipe's variables.
    public var variables: [String: String]
    /// The cache directory: packages, step results, apt's indices.
    public var cache: FilePath
    /// The directory outputs go to; each image has a directory of its own in it.
    public var output: FilePath
    /// The lock file.
    public var lock: FilePath
    /// The checkout whose device programs go into the image.
    public var source: FilePath
    /// How many steps run at once.
    public var jobs: Int
    /// Read every result again instead of trusting file stamps.
    public var verify: Bool

    /// Settles all paths against the working directory.
    /// - Parameters:
    ///   - cache: nil for `lapwing` in the user's cache directory (XDG Base Directory Specification).
    ///   - lock: nil for the recipe's own name with `.lock.json`.
    ///   - source: nil to look for the checkout above the recipe, then above the working directory.
    public init(
        recipe: FilePath, variables: [String: String] = [:], cache: FilePath? = nil, output: FilePath? = nil,
        lock: FilePath? = nil, source: FilePath? = nil, jobs: Int = 2, verify: Bool = false, context: Context
    ) throws {
        let base = context.workingDirectory
        self.recipe = base.pushing(recipe)
        self.variables = variables
        self.cache = try cache.map(base.pushing) ?? Self.userCache(context)
        self.output = base.pushing(output ?? "out")
        self.lock = base.pushing(lock ?? Self.lockPath(for: recipe))
        self.source = try source.map(base.pushing) ?? Self.findSource(self.recipe, base)
        self.jobs = max(1, jobs)
        self.verify = verify
    }

    /// `RECIPE.lock.json` beside the recipe.
    public static func lockPath(for recipe: FilePath) -> FilePath {
        var path = recipe
        path.extension = "lock.json"
        return path
    }

    /// `lapwing` in the user's cache directory.
    public static func userCache(_ context: Context) throws -> FilePath {
        if let base = context.environment["XDG_CACHE_HOME"], base.hasPrefix("/") {
            return FilePath(base).appending("lapwing")
        }
        guard let home = context.environment["HOME"], home.hasPrefix("/") else {
            throw LapwingError(
                "build.no-cache", exit: .usage, "There is no place for the cache.",
                cause: "neither XDG_CACHE_HOME nor HOME names a directory", hint: "Give one with --cache DIR.")
        }
        return FilePath(home).appending(".cache/lapwing")
    }

    /// The nearest directory above the recipe, or above the working directory, that is a checkout of Lapwing.
    static func findSource(_ recipe: FilePath, _ base: FilePath) throws -> FilePath {
        for start in [recipe.removingLastComponent(), base] {
            var directory = start
            while true {
                if Files.exists(directory.appending("Package.swift"))
                    && Files.isDirectory(directory.appending("Sources/lapwingd"))
                {
                    return directory
                }
                let parent = directory.removingLastComponent()
                if parent == directory { break }
                directory = parent
            }
        }
        throw LapwingError(
            "build.no-source", exit: .unavailable, "The sources of the device programs were not found.",
            subject: recipe.string, cause: "no directory above the recipe is a checkout of Lapwing",
            hint: "Give the checkout with --source DIR.")
    }
}
