// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage

/// Reads a recipe file and the layers it stands on, each once, and merges them deepest first.
final class Layers {
    /// The merged value of all files; nil when none could be read.
    private(set) var merged: Typed?
    /// True when a file was missing or unreadable, so that what it would have set is unknown.
    private(set) var incomplete = false
    /// The files read, absolute.
    private(set) var files: [FilePath] = []
    /// Each use of a variable in any file.
    var uses: [Checker.Use] { checker.uses }

    private let directory: FilePath
    private let diagnostics: Diagnostics
    private let checker: Checker
    private let shape: ObjectShape
    private var done: Set<FilePath> = []
    private var directories: [String: FilePath] = [:]
    private var texts: [String: [UInt8]] = [:]

    init(directory: FilePath, _ diagnostics: Diagnostics) {
        self.directory = directory
        self.diagnostics = diagnostics
        checker = Checker(diagnostics)
        shape = RecipeSchema.file
    }

    /// The absolute form of a path, without `.` and `..`.
    func absolute(_ path: FilePath) -> FilePath {
        directory.pushing(path).lexicallyNormalized()
    }

    /// The directory of a file that was read, by the name errors give it.
    func directory(of file: String) -> FilePath? { directories[file] }

    /// What stands in a file from a place to the end of the line; nil for a place in no file.
    func text(at place: SourceLocation) -> [Unicode.Scalar]? {
        guard let bytes = texts[place.file] else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).unicodeScalars.split(
            separator: "\n", omittingEmptySubsequences: false)
        guard place.line >= 1, place.line <= lines.count, place.column >= 1 else { return nil }
        return Array(lines[place.line - 1].dropFirst(place.column - 1))
    }

    /// Reads a recipe and all its layers.
    func read(_ path: FilePath) {
        read(path, chain: [], from: nil)
    }

    private func read(_ path: FilePath, chain: [FilePath], from place: SourceLocation?) {
        let file = absolute(path)
        if let index = chain.firstIndex(of: file) {
            let names = (chain[index...] + [file]).map { $0.lastComponent?.string ?? $0.string }
            diagnostics.add(
                "layer-cycle", place, "The layers stand on each other: \(names.joined(separator: " -> ")).",
                hint: "Remove one of these extends.")
            return
        }
        if done.contains(file) { return }
        if done.count >= RecipeLoader.layerLimit {
            diagnostics.add("layer-missing", place, "The recipe has more than \(RecipeLoader.layerLimit) layers.")
            incomplete = true
            return
        }
        done.insert(file)
        guard let node = parse(path, file, place) else {
            incomplete = true
            return
        }
        directories[path.string] = file.removingLastComponent()
        guard let typed = check(node, path) else {
            incomplete = true
            return
        }
        for (layer, location) in extended(typed) {
            let below = path.removingLastComponent().pushing(FilePath(layer)).lexicallyNormalized()
            read(below, chain: chain + [file], from: location)
        }
        merged = merged?.merged(with: typed) ?? typed
    }

    private func parse(_ path: FilePath, _ file: FilePath, _ place: SourceLocation?) -> SourceNode? {
        do {
            let bytes = try Files.read(file, limit: YAMLReader.sizeLimit)
            files.append(file)
            texts[path.string] = bytes
            var reader = YAMLReader(file: path.string, diagnostics: diagnostics)
            return reader.read(bytes)
        } catch let error as LapwingError where error.code == "file.too-large" {
            diagnostics.add(
                "too-large", SourceLocation(file: path.string, line: 1, column: 1),
                "The file is larger than \(YAMLReader.sizeLimit) bytes, the most a recipe file may have.",
                hint: "Put long texts into files of their own and name them by source.")
        } catch let error as LapwingError {
            diagnostics.add(
                place == nil ? "missing" : "layer-missing", place,
                "The \(place == nil ? "recipe" : "layer") \(quoted(path.string)) cannot be read: \(error.cause ?? error.message).",
                hint: sibling(path, file))
        } catch {
            diagnostics.add("missing", place, "The file \(quoted(path.string)) cannot be read: \(error).")
        }
        return nil
    }

    /// A file beside the missing one whose name is near.
    private func sibling(_ path: FilePath, _ file: FilePath) -> String {
        let names = Directory.names(file.removingLastComponent()).filter {
            $0.hasSuffix(".yaml") || $0.hasSuffix(".yml")
        }
        return Suggestion.sentence(file.lastComponent?.string ?? "", among: names)
            ?? "Paths of layers start from the directory of the file that names them."
    }

    /// Checks one file on its own; nil when its format is not ours.
    private func check(_ node: SourceNode, _ path: FilePath) -> Typed? {
        let top = SourceLocation(file: path.string, line: 1, column: 1)
        guard case .mapping(let entries) = node.content else {
            if case .bad = node.content { return nil }
            diagnostics.add(
                "wrong-type", node.location, "A recipe is a map of keys, not \(node.noun).",
                hint: "Start with the line lapwing: 1.")
            return nil
        }
        if let version = entries.first(where: { $0.key == "lapwing" }) {
            if case .scalar(let text, plain: true) = version.value.content,
                case .integer(let number) = ScalarKind(plain: text),
                number != 1
            {
                diagnostics.add(
                    "format", version.value.location, "This program reads recipe format 1, not \(number).",
                    hint: number > 1 ? "Use a newer lapwing." : "Write lapwing: 1.")
                return nil
            }
        } else {
            diagnostics.add(
                "missing-key", top, "The file does not say which recipe format it has.",
                hint: "Add the line lapwing: 1 at the top.")
        }
        return checker.check(node, .object(shape), "")
    }

    private func extended(_ typed: Typed) -> [(String, SourceLocation)] {
        guard case .object(let members, _) = typed, let extends = members["extends"] else { return [] }
        guard case .list(.elements(let elements), let edits, _) = extends, edits.isEmpty else {
            if case .bad = extends { return [] }
            diagnostics.add(
                "wrong-type", extends.location, "extends is a plain list of layers.", hint: "Write [layers/base.yaml].")
            return []
        }
        return elements.compactMap { element in
            switch element {
            case .leaf(.string(let path), let location): return (path, location)
            case .variable(_, let location):
                diagnostics.add(
                    "variable", location, "extends cannot hold a variable.",
                    hint: "Write a recipe for each set of layers.")
                return nil
            default: return nil
            }
        }
    }
}
