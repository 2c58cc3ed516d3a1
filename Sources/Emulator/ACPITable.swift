// SPDX-License-Identifier: Apache-2.0

public import LapwingCore
public import SystemPackage

/// An ACPI table that a group's machine has beside QEMU's own, in ACPI's source language.
public struct ACPITable: Sendable, Hashable {
    /// The name of its files, without an ending.
    public var name: String
    /// The source.
    public var source: String

    /// Describes a table.
    public init(name: String, source: String) {
        self.name = name
        self.source = source
    }

    /// Compiles the table with `iasl` of the tools tree; warnings are errors. Source and table, header included, stand in
    /// the directory afterwards; the table's path is returned. `check.acpi-table` says what the compiler did not like.
    public func compile(in directory: FilePath, tools: EmulatorTools, context: Context) async throws -> FilePath {
        let text = directory.appending(name + ".asl")
        let table = directory.appending(name + ".aml")
        try Files.remove(table)
        try Files.write(source, to: text)
        let command = Command("iasl", ["-vs", "-we", "-p", directory.appending(name).string, text.string])
        let result = try await context.runner.run(try tools.wrap(command, [], [directory]))
        guard result.succeeded, Files.exists(table) else {
            throw LapwingError(
                "check.acpi-table", "The machine's ACPI table could not be compiled.", subject: text.string,
                cause: SafeText.lines(result.text + result.errorText, last: 20))
        }
        return table
    }
}
