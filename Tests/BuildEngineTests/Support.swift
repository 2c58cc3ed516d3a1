// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import FoundationEssentials
import LapwingCore
import Synchronization
import SystemPackage
import Testing

/// A directory of one test's own, removed when the last user is done.
final class Workplace: Sendable {
    let path: FilePath

    init() throws {
        let base = FilePath(FileManager.default.temporaryDirectory.path)
        path = base.appending("lapwing-engine-test.\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(path)
    }

    deinit {
        try? Files.removeTree(path)
    }

    func callAsFunction(_ name: String) -> FilePath { path.appending(name) }

    func engine(_ progress: any Progress = SilentProgress()) -> Engine {
        Engine(cache: path.appending("cache"), context: .testing(progress))
    }
}

extension Context {
    static func testing(_ progress: any Progress = SilentProgress()) -> Context {
        var context = Context.trapping
        context.runner = SubprocessRunner()
        context.clock = SystemWallClock()
        context.progress = progress
        return context
    }
}

/// Collects what steps did.
final class Journal: Progress {
    private let lines = Mutex<[String]>([])

    func add(_ line: String) { lines.withLock { $0.append(line) } }
    func note(_ text: String) { add("note: " + text) }
    func status(_ text: String) { add("status: " + text) }
    func warning(_ text: String) { add("warning: " + text) }
    var all: [String] { lines.withLock { $0 } }
    func clear() { lines.withLock { $0 = [] } }
}

/// A step that writes its name and the text of its inputs to `text`.
func textStep(
    _ id: StepID, version: Int = 1, _ inputs: [String: StepInput] = [:], journal: Journal? = nil
) -> Step {
    Step(id, title: "write \(id)", version: version, inputs: inputs) { run in
        journal?.add(id.name)
        var text = "\(id) v\(version)\n"
        for (name, input) in inputs.sorted(by: { $0.key < $1.key }) {
            switch input {
            case .value: text += "\(name)=\(try run.value(name))\n"
            case .file: text += "\(name)=\(try Files.text(run.input(name)))\n"
            case .tree: text += "\(name)=\(try Files.names(in: run.input(name)))\n"
            case .output: text += "\(name)={\(try Files.text(run.input(name).appending("text")))}\n"
            }
        }
        try Files.write(text, to: run.output.appending("text"))
    }
}

func write(_ text: String, _ path: FilePath) throws {
    let descriptor = try FileDescriptor.open(
        path, .writeOnly, options: [.create, .truncate, .closeOnExec], permissions: [.ownerReadWrite])
    try descriptor.closeAfter { _ = try descriptor.writeAll(Array(text.utf8)) }
}
