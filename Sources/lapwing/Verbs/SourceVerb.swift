// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ImageAssembly
import LapwingCore
import SystemPackage

/// `lapwing source`
struct Source: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the source the recipe's hypervisor is built from.",
        discussion: """
            Writes OUT/NAME/source, which must be empty or not there: Debian's source of the lock, verified, with \
            Debian's patches applied and the scheduler added. It is what the licence of Xen (GPL-2.0-only) asks to be \
            given along with an image; the manifest names the same files.
            """)

    @OptionGroup var recipe: RecipeOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let builder = try ImageBuilder(context: context, settings: try recipe.settings(context))
        let source = try await builder.writeHypervisorSource(
            to: builder.directory.appending("source"))
        try output.print(
            Listing(
                "files", source.files,
                columns: [
                    .init("FILE") { $0.name }, .init("FROM") { $0.origin }, .init("SHA-256") { $0.sha256.hex },
                ]))
        context.progress.note("the source of \(source.version) is in \(source.directory)")
    }
}
