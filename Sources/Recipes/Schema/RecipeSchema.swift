// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// The one definition of the recipe format, and what is generated from it.
public enum RecipeSchema {
    /// The shape of a recipe file or layer: what it says about itself, and the keys of the recipe.
    public static var file: ObjectShape {
        ObjectShape(
            name: "RecipeFile", about: "A recipe file or a layer.", fields: RecipeHeader.fields + Recipe.fields,
            identity: nil)
    }

    /// The JSON Schema (draft 2020-12) of a recipe file, for editors.
    public static func jsonSchema() throws -> String {
        var builder = JSONSchemaBuilder()
        return try JSONText.string(builder.document(file))
    }

    /// The reference of every key, in Markdown.
    public static func reference() -> String {
        Reference.markdown(file)
    }
}
