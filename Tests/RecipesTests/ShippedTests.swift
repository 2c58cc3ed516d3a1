// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import Recipes

@Suite struct ShippedTests {
    @Test(arguments: ["laptop-x86_64", "minimal-x86_64"])
    func `a shipped recipe validates and is called like its file`(name: String) throws {
        let loaded = try Support.loader(in: Support.package).load(FilePath("Recipes/\(name).yaml"))
        #expect(loaded.recipe.name == name)
        #expect(loaded.recipe.archive.oldVersions.isEmpty)
        #expect(loaded.recipe.security.access.passwordHash == nil && loaded.recipe.security.access.sshKeys.isEmpty)
        // A hypervisor that is built stands beside Debian's tools; that of the package is not there to be mistaken for it.
        #expect(loaded.recipe.hypervisor.package == "xen-hypervisor-4.20-amd64")
        #expect(
            loaded.recipe.rootPackages.contains(loaded.recipe.hypervisor.package)
                == (loaded.recipe.hypervisor.source == .debian))
        #expect(loaded.recipe.rootPackages.contains("xen-utils-4.20"))
    }

    @Test func `each layer is used by a shipped recipe and short`() throws {
        let used = try ["laptop-x86_64", "minimal-x86_64"].flatMap {
            try Support.loader(in: Support.package).load(FilePath("Recipes/\($0).yaml")).files
        }
        for name in Support.names(Support.package.appending("Recipes/layers"), suffix: ".yaml") {
            let path = Support.package.appending("Recipes/layers/\(name)").lexicallyNormalized()
            #expect(used.contains(path), "no shipped recipe uses \(name)")
            #expect(try Files.text(path).split(separator: "\n").count <= 80, "\(name) is long")
        }
    }

    @Test func `only the laptop recipe takes firmware, and it takes microcode`() throws {
        let laptop = try Support.loader(in: Support.package).load("Recipes/laptop-x86_64.yaml").recipe
        let minimal = try Support.loader(in: Support.package).load("Recipes/minimal-x86_64.yaml").recipe
        #expect(laptop.archive.components == ["main", "non-free-firmware"])
        #expect(minimal.archive.components == ["main"])
        #expect(laptop.dom0.packages.contains("intel-microcode"))
        #expect(!minimal.dom0.packages.contains { $0.hasPrefix("firmware-") || $0.hasSuffix("-microcode") })
        #expect(laptop.security.state == .tpm2 && minimal.security.state == .none)
    }

    @Test func `the committed JSON Schema is the generated one`() throws {
        let path = Support.package.appending("docs/recipe.schema.json")
        let generated = try RecipeSchema.jsonSchema()
        if Support.rewrite { try Files.write(generated, to: path) }
        #expect(generated == (try Files.text(path)))
    }

    @Test func `the committed reference is the generated one`() throws {
        let path = Support.package.appending("docs/recipes.md")
        let generated = RecipeSchema.reference()
        if Support.rewrite { try Files.write(generated, to: path) }
        #expect(generated == (try Files.text(path)))
    }
}
