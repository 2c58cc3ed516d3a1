// SPDX-License-Identifier: Apache-2.0

import Foundation
import LapwingCore
import SystemPackage

@testable import Recipes

/// The files the tests read, and how they load recipes.
enum Support {
    static let folder = FilePath(#filePath).removingLastComponent()
    static let package = folder.removingLastComponent().removingLastComponent()
    /// True when generated files and expectations are to be written anew instead of compared.
    static let rewrite = ProcessInfo.processInfo.environment["LAPWING_WRITE_GENERATED"] == "1"

    static func loader(in directory: FilePath) -> RecipeLoader {
        var context = Context.trapping
        context.workingDirectory = directory
        return RecipeLoader(context)
    }

    static func names(_ directory: FilePath, suffix: String) -> [String] {
        Directory.names(directory).filter { $0.hasSuffix(suffix) }
    }

    /// Each error in a line (`file:line:column: sentence [code]`), its hint in the next.
    static func errors(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "no error\n"
        } catch let errors as LapwingErrors {
            return errors.errors.map { error in
                let place = error.location.map { "\($0)" } ?? "-"
                return "\(place): \(error.message) [\(error.code)]\n" + (error.hint.map { "    \($0)\n" } ?? "")
            }.joined()
        } catch {
            return "unexpected: \(error)\n"
        }
    }

    /// Runs the body in a new directory that holds these files.
    static func withFiles<T>(_ files: [String: String], _ body: (FilePath) throws -> T) throws -> T {
        let root = FilePath(NSTemporaryDirectory()).appending("lapwing-recipes-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(atPath: root.string) }
        for (name, text) in files {
            let path = root.appending(name)
            try Files.makeDirectory(path.removingLastComponent())
            try Files.write(text, to: path)
        }
        return try body(root)
    }

    /// A recipe that loads, with these lines after it.
    static func recipe(_ more: String = "") -> String {
        """
        lapwing: 1
        name: test
        hypervisor: {package: xen-hypervisor-4.20-amd64}
        security: {access: {ask: true}}
        \(more.contains("dom0:") ? "" : "dom0: {kernel: linux-image-amd64}\n")\(more)
        """
    }
}
