// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Writes the reference of the recipe format in Markdown.
enum Reference {
    private static let introduction = """
        <!-- SPDX-License-Identifier: Apache-2.0 -->
        <!-- Generated from the schema in Sources/Recipes. A test compares it; LAPWING_WRITE_GENERATED=1 rewrites it. -->

        # Recipes

        A recipe is one YAML file, which stands on layers. `lapwing validate RECIPE` checks it and reports every error it
        finds, each with its place. Editors check while you type with `docs/recipe.schema.json`; the first line
        `# yaml-language-server: $schema=../docs/recipe.schema.json` tells them.

        ```yaml
        lapwing: 1
        name: lab-x86_64
        extends: [layers/base.yaml, layers/hypervisor.yaml, layers/boot.yaml]
        variables:
          memory: {type: size, default: 2 GiB, description: Memory of the control domain.}
        dom0:
          memory: {var: memory}
          packages: {add: [tcpdump], remove: [nano]}
        security:
          state: none
          access: {ask: true}
        ```

        - `extends` names layers by their path from the file that names them. Each layer is merged once, deepest first;
          then the file itself.
        - Maps merge by key. A list replaces the list below it; `{add: [...], remove: [...]}` edits that list instead:
          first removals, then additions at the end. What is there already is not added again; a file with the same path
          (a disk with the same name) takes the place of the one before. Removing what is not there is an error.
        - `{var: NAME}` stands for a whole value of the variable's type. `--set NAME=VALUE` sets it.
        - Sizes are written as a whole number and a unit: `64 MiB` (also B, KiB, GiB, TiB, and kB, MB, GB, TB for powers of
          1000).
        - Text that looks like a number, `true` or `null` needs quotes where text is meant. YAML anchors, aliases, tags and
          several documents in a file are not part of the format.
        - `null` takes back an optional value that a layer gave.

        """

    /// The whole document.
    static func markdown(_ file: ObjectShape) -> String {
        var text = introduction + "\n## The file\n\n" + file.about + "\n\n" + table(file)
        var done: Set<String> = [file.name]
        var waiting = sections(of: file, path: "")
        while !waiting.isEmpty {
            let (path, object) = waiting.removeFirst()
            guard done.insert(object.name).inserted else { continue }
            text += "\n## `\(path)`\n\n" + object.about + "\n\n" + table(object)
            waiting = sections(of: object, path: path) + waiting
        }
        return text
    }

    private static func sections(of object: ObjectShape, path: String) -> [(String, ObjectShape)] {
        object.fields.compactMap { field in
            let name = path.isEmpty ? field.name : "\(path).\(field.name)"
            switch field.shape.unwrapped {
            case .object(let inner): return (name, inner)
            case .map(_, .object(let inner)): return (name + ".NAME", inner)
            case .list(.object(let inner)): return (name + "[]", inner)
            default: return nil
            }
        }
    }

    private static func table(_ object: ObjectShape) -> String {
        var text = "| key | value | default | meaning |\n| --- | --- | --- | --- |\n"
        for field in object.fields {
            let cells = ["`\(field.name)`", kind(field.shape), standard(field), field.about]
            text += "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |\n"
        }
        return text
    }

    private static func kind(_ shape: Shape) -> String {
        switch shape {
        case .boolean: "true or false"
        case .integer(let range):
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        case .size(let range): "\(SizeText.exact(range.lowerBound.bytes)) to \(SizeText.exact(range.upperBound.bytes))"
        case .string(let rule): rule.noun
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .list(.object(let object)): "list of maps" + (object.identity.map { ", told apart by `\($0)`" } ?? "")
        case .list(let element): "list, each " + kind(element)
        case .map(let rule, _): "map from \(rule.noun)"
        case .object: "map"
        case .optional(let inner): kind(inner)
        case .scalarOrList: "a value or a list of text"
        }
    }

    private static func standard(_ field: Field) -> String {
        if field.required { return "must be given" }
        switch (field.shape.unwrapped, field.standard) {
        case (.object, _): return ""
        case (.map, _): return "none"
        case (_, .null): return "none"
        case (.size, .integer(let bytes)): return "`\(SizeText.exact(UInt64(bytes)))`"
        case (_, .array(let values)):
            return values.isEmpty ? "none" : "`[\(values.map(\.shown).joined(separator: ", "))]`"
        case (_, let value): return "`\(value.shown)`"
        }
    }
}
