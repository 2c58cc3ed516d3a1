// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// A recipe as it was loaded.
public struct LoadedRecipe: Sendable {
    /// The recipe: layers merged, variables filled in, checked.
    public var recipe: Recipe
    /// The recipe file, absolute.
    public var path: FilePath
    /// The recipe as canonical JSON (one line, sorted keys, sizes in bytes, texts of `source` files included): the same
    /// bytes wherever the files lie. Its digest identifies the recipe.
    public var canonical: [UInt8]
    /// Every file that was read, absolute and sorted: the recipe, its layers, its source files.
    public var files: [FilePath]
    /// Where each value came from, in the order of the reference.
    public var provenance: [Provenance]

    /// The provenance of one path such as `dom0.memory`, or of all list elements with this text.
    public func origins(of path: String, value: String? = nil) -> [Provenance] {
        provenance.filter {
            ($0.path == path || $0.path.hasPrefix(path + "[") || $0.path.hasPrefix(path + "."))
                && (value == nil || $0.value.text == value)
        }
    }
}

/// Loads recipes: reads the layers, merges them, fills in variables, checks everything, and reports all errors at once.
public struct RecipeLoader: Sendable {
    /// The most layers of one recipe.
    static let layerLimit = 100
    private let context: Context

    /// A loader in the context whose working directory relative paths start from.
    public init(_ context: Context) {
        self.context = context
    }

    /// Loads a recipe. Throws `LapwingErrors` with every error found, sorted by place, each with exit status 65.
    ///
    /// - Parameters:
    ///   - path: the recipe file, absolute or from the working directory. Errors name files from the working directory
    ///     where they lie below it.
    ///   - variables: values of declared variables, as the command line gives them.
    public func load(_ path: FilePath, variables set: [String: String] = [:]) throws -> LoadedRecipe {
        let diagnostics = Diagnostics()
        let layers = Layers(directory: context.workingDirectory, diagnostics)
        let path = shown(path)
        layers.read(path)
        let main = SourceLocation(file: path.string, line: 1, column: 1)
        guard let merged = layers.merged, case .object(let members, _) = merged, !layers.incomplete else {
            try diagnostics.check()
            throw LapwingError("recipe.empty", exit: .badInput, "The recipe holds nothing.", location: main)
        }
        let variables = Variables(members["variables"], set: set, diagnostics)
        variables.check(layers.uses)
        let finisher = Finisher(variables, root: main, diagnostics)
        let json = finisher.finish(merged, Recipe.shape(nil), "", standard: .null)
        let bytes = try JSONText.encode(json, pretty: false)
        var recipe = try JSONText.decode(Recipe.self, from: bytes, file: path.string)
        let sources = readSources(&recipe, finisher, layers, diagnostics)
        CrossChecks(recipe, finisher, root: main, diagnostics).run()
        PolicyChecks(recipe, finisher, layers, diagnostics).run()
        try diagnostics.check()
        return LoadedRecipe(
            recipe: recipe, path: layers.absolute(path), canonical: try JSONText.encode(recipe, pretty: false),
            files: Set(layers.files + sources).sorted { $0.string < $1.string }, provenance: finisher.provenance)
    }

    /// The path from the working directory, when it lies below.
    private func shown(_ path: FilePath) -> FilePath {
        var short = path
        return path.isAbsolute && short.removePrefix(context.workingDirectory) && !short.isEmpty ? short : path
    }

    /// Replaces each `source` by the text of its file.
    private func readSources(
        _ recipe: inout Recipe, _ finisher: Finisher, _ layers: Layers, _ diagnostics: Diagnostics
    ) -> [FilePath] {
        var files: [FilePath] = []
        for index in recipe.dom0.files.indices {
            guard let source = recipe.dom0.files[index].source else { continue }
            let place = finisher.provenance.first { $0.path == "dom0.files[\(index)].source" }?.location
            guard let place, let directory = layers.directory(of: place.file) else { continue }
            let path = directory.appending(source).lexicallyNormalized()
            files.append(path)
            do {
                recipe.dom0.files[index].content = try Files.text(path, limit: YAMLReader.sizeLimit)
                recipe.dom0.files[index].source = nil
            } catch let error as LapwingError {
                diagnostics.add(
                    "source", place,
                    "The source file \(quoted(source)) cannot be used: \((error.cause ?? error.message).sentenceEnd)",
                    hint:
                        "A source is a UTF-8 text file of at most 1 MiB, named from the directory of this recipe file.")
            } catch {
                diagnostics.add("source", place, "The source file \(quoted(source)) cannot be read: \(error).")
            }
        }
        return files
    }
}
