// SPDX-License-Identifier: Apache-2.0

public import BuildEngine
public import BuildTools
import LapwingCore
public import SystemPackage

/// Compiles the ACPI tables that guests get (`Firmware/ACPI`), with the tools tree's iasl.
public enum PowerTables {
    /// The step's name.
    public static let id: StepID = "tables"
    /// Where the tables are in the root, as `NAME.aml`.
    static let place = "usr/share/lapwing/acpi"

    /// The step. Its result holds `root`, laid out as the image's root.
    ///
    /// - Parameter sources: The directory with the `.asl` files.
    public static func step(sources: FilePath, tools: StepID = ToolsTree.stepID) -> Step {
        Step(
            id, title: "compile the ACPI tables of guests", version: 1,
            inputs: ["sources": .tree(sources), "tools": .output(tools)]
        ) { run in
            let (sources, tools) = (try run.input("sources"), ToolsTree(try run.input("tools")))
            let tables = run.output.appending("root").pushing(FilePath(place))
            try Files.makeDirectory(tables)
            for name in try Files.names(in: sources).sorted() where name.hasSuffix(".asl") {
                let table = tables.appending(String(name.dropLast(4)) + ".aml")
                try await run.context.runner.require(
                    tools.command(
                        compilation(of: sources.appending(name), to: table), reads: [sources], writes: [run.output]),
                    "An ACPI table could not be compiled.")
                try check(try Files.read(table, limit: 1 << 20), name: name)
            }
        }
    }

    /// The command that compiles a table. A warning is an error. The compiler writes its own version into the table, and
    /// neither a time nor a path.
    static func compilation(of source: FilePath, to table: FilePath) -> Command {
        // iasl adds the ending.
        Command("iasl", ["-we", "-vs", "-p", String(table.string.dropLast(4)), source.string])
    }

    /// Throws `tables.unfit` unless it is one whole table for guests (ACPI 6.5, 5.2.6): the signature SSDT, the length the
    /// header says, and a sum of all bytes that is 0. hvmloader takes it as it is.
    static func check(_ bytes: [UInt8], name: String) throws {
        let length = bytes.count < 36 ? 0 : (0..<4).reduce(0) { $0 | Int(bytes[4 + $1]) << (8 * $1) }
        guard bytes.starts(with: Array("SSDT".utf8)), length == bytes.count, bytes.reduce(0, &+) == 0 else {
            throw LapwingError("tables.unfit", "The compiler made no SSDT of an ACPI table's source.", subject: name)
        }
    }
}
