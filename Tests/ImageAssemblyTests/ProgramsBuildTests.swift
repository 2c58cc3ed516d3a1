// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import FoundationEssentials
import Hashing
import LapwingCore
import SystemPackage
import Testing

@testable import ImageAssembly

private let packages = ProcessInfo.processInfo.environment["LAPWING_TEST_SYSROOT"]

/// The real build of the device programs, with the packages of a sysroot that `LAPWING_TEST_SYSROOT` names (a directory
/// of .deb files). It takes minutes and is run by the build's own tests.
@Suite(.serialized, .enabled(if: packages != nil, "LAPWING_TEST_SYSROOT names no packages"))
struct ProgramsBuildTests {
    private func build(in place: FilePath, context: Context) async throws -> FilePath {
        let packages = try #require(packages)
        let source = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()
        let sources = try ProgramSources(source: source)
        let programs = try DevicePrograms(
            toolchain: try await SwiftToolchain.discover(context), sources: sources, architecture: .x86_64)
        let sysroot = Step(
            DeviceSysroot.id, title: "sysroot", version: 1, inputs: ["packages": .value(packages)]
        ) { run in
            let paths = try Files.names(in: FilePath(packages)).filter { name in
                name.hasSuffix(".deb") && !DeviceSysroot.unneeded.contains { name.hasPrefix($0 + "_") }
            }.map { FilePath(packages).appending($0) }
            try await DeviceSysroot.unpack(paths, to: run.output, runner: run.context.runner)
        }
        let engine = Engine(cache: place, context: context)
        let step = try programs.step()
        let report = try await engine.run(
            try engine.plan(StepGraph([sysroot, step]), goals: [step.id], scope: "programs"), jobs: 2)
        return try report.output(of: step.id)
    }

    @Test func `the device programs are the same bits whatever directory they are built in`() async throws {
        let base = FilePath("/var/tmp/lapwing-programs-\(UInt32.random(in: 0 ... .max))")
        defer { try? Files.removeTree(base) }
        let context = Context.live(progress: .plain)
        let first = try await build(in: base.appending("a"), context: context)
        let second = try await build(in: base.appending("another-longer-name"), context: context)
        #expect(try digests(first) == digests(second))
        #expect(try digests(first).count > 20)
    }

    private func digests(_ directory: FilePath) throws -> [String: Digest] {
        var result: [String: Digest] = [:]
        func walk(_ path: FilePath, _ name: String) throws {
            if Files.isDirectory(path) {
                for child in try Files.names(in: path) { try walk(path.appending(child), name + "/" + child) }
            } else {
                result[name] = Digest.of(try Files.read(path))
            }
        }
        try walk(directory, "")
        return result
    }
}
