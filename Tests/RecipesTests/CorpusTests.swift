// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import Recipes

@Suite struct CorpusTests {
    static let bad = Support.folder.appending("Corpus/bad")
    static let good = Support.folder.appending("Corpus/good")

    @Test(arguments: Support.names(bad, suffix: ".yaml").filter { $0 != "layers.yaml" })
    func `a bad recipe gives exactly its expected errors`(name: String) throws {
        let found = Support.errors { _ = try Support.loader(in: Self.bad).load(FilePath(name)) }
        let expected = Self.bad.appending(String(name.dropLast(5)) + ".expected")
        if Support.rewrite { try Files.write(found, to: expected) }
        #expect(found == (try Files.text(expected)))
        #expect(!found.hasPrefix("no error") && !found.hasPrefix("unexpected"))
    }

    @Test func `the corpus of bad recipes has at least sixty cases, each with an expectation`() {
        let cases = Support.names(Self.bad, suffix: ".yaml").filter { $0 != "layers.yaml" }
        #expect(cases.count >= 60)
        #expect(Support.names(Self.bad, suffix: ".expected").count == cases.count)
    }

    @Test(arguments: Support.names(bad, suffix: ".yaml").filter { $0 != "layers.yaml" })
    func `errors have exit status 65, a sentence and their places in order`(name: String) throws {
        do {
            _ = try Support.loader(in: Self.bad).load(FilePath(name))
            Issue.record("\(name) was accepted")
        } catch let errors as LapwingErrors {
            #expect(errors.exit == .badInput)
            for error in errors.errors {
                #expect(error.exit == .badInput && error.code.hasPrefix("recipe.") && error.message.hasSuffix("."))
            }
            let places = errors.errors.compactMap(\.location)
            #expect(places == places.sorted())
        }
    }

    @Test(arguments: Support.names(good, suffix: ".yaml"))
    func `a good recipe gives its expected canonical form`(name: String) throws {
        let loaded = try Support.loader(in: Self.good).load(FilePath(name))
        let found = try JSONText.string(loaded.recipe)
        let expected = Self.good.appending(String(name.dropLast(5)) + ".json")
        if Support.rewrite { try Files.write(found, to: expected) }
        #expect(found == (try Files.text(expected)))
    }
}
