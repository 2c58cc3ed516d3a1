// SPDX-License-Identifier: Apache-2.0

// A process of its own for tests that kill builds and run several at once: engine-probe CACHE LOG SIZE
// builds eight steps; each writes its name to LOG, then a file of SIZE bytes in pieces, some through a program.

import BuildEngine
import LapwingCore
import SystemPackage

@Sendable func appendLine(_ text: String, _ path: FilePath) throws {
    let log = try FileDescriptor.open(path, .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
    try log.closeAfter { _ = try log.writeAll(Array((text + "\n").utf8)) }
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let size = Int(arguments[3]) else { throw Errno.invalidArgument }
let log = FilePath(arguments[2])

let steps = (0..<8).map { index in
    var inputs: [String: StepInput] = ["size": .value("\(size)")]
    if index > 0 { inputs["up"] = .output(StepID("s\((index - 1) / 2)")) }
    return Step(StepID("s\(index)"), title: "write", version: 1, inputs: inputs) { run in
        try appendLine("s\(index)", log)
        let file = run.output.appending("data")
        let descriptor = try FileDescriptor.open(file, .writeOnly, options: .create, permissions: .ownerReadWrite)
        defer { try? descriptor.close() }
        for _ in 0..<16 {
            _ = try descriptor.writeAll([UInt8](repeating: UInt8(65 + index), count: size / 16))
            try await Task.sleep(for: .milliseconds(1))
        }
        if index > 0 {
            let upstream = try run.input("up").appending("data").string
            let copy = run.output.appending("copy").string
            try await run.context.runner.require(Command("cp", [upstream, copy]))
        }
        try Files.makeDirectory(run.output.appending("many"))
        for number in 0..<20 { try Files.write("\(number)\n", to: run.output.appending("many/\(number)")) }
    }
}

let engine = Engine(cache: FilePath(arguments[1]), context: .live(progress: .none))
let report = try await Interruption.cancelling {
    let plan = try engine.plan(StepGraph(steps), goals: (0..<8).map { StepID("s\($0)") }, scope: "probe")
    return try await engine.run(plan, jobs: 3)
}
for index in 0..<8 {
    let data = try Files.read(report.output(of: StepID("s\(index)")).appending("data"))
    let right = data == [UInt8](repeating: UInt8(65 + index), count: size / 16 * 16)
    print("s\(index) \(right ? "right" : "WRONG")")
}
