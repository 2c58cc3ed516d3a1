// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import ImageAssembly
import LapwingCore
import SystemPackage

/// `lapwing manual`
struct Manual: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the manual pages and shell completions of lapwing.",
        discussion: "They go to share/man, share/bash-completion, share/zsh and share/fish below the directory.")

    @Argument(help: "The directory, for example /usr/local.", completion: .directory)
    var directory: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let context = output.context()
        let base = context.workingDirectory.pushing(FilePath(directory))
        func write(_ text: String, _ path: String) throws {
            let file = base.pushing(FilePath(path))
            try Files.makeDirectory(file.removingLastComponent())
            try Files.write(text, to: file)
        }
        let pages = try ManualPages(dump: Array(Lapwing._dumpHelp().utf8), section: 1).pages()
        for page in pages { try write(page.text, "share/man/man\(page.section)/\(page.file)") }
        for shell in ImageAssembly.CompletionShell.allCases {
            guard let kind = ArgumentParser.CompletionShell(rawValue: shell.rawValue) else { continue }
            try write(Lapwing.completionScript(for: kind), String(shell.path(of: "lapwing").dropFirst("usr/".count)))
        }
        context.progress.note("\(pages.count) manual pages in \(base)/share/man")
    }
}
