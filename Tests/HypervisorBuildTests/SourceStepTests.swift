// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import DebianArchive
import FoundationEssentials
import Hashing
import LapwingCore
import SystemPackage
import Testing

@testable import HypervisorBuild

/// A small source package on a mirror of files, and the step that unpacks it with the host's own tar and patch.
private struct SmallSource {
    let scratch: Scratch
    let context: Context
    var sources: [LockedSource] = []
    var mirror: FilePath { scratch.path.appending("mirror") }

    init() throws {
        scratch = try Scratch()
        var context = Context.trapping
        context.runner = SubprocessRunner()
        context.clock = SystemWallClock()
        context.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"]
        context.workingDirectory = scratch.path
        self.context = context
    }

    /// Packs files into a tarball of the mirror.
    mutating func add(_ name: String, top: String, _ files: [String: String]) async throws {
        let tree = scratch.path.appending("trees").appending(name)
        for (path, text) in files {
            let file = tree.appending(top).pushing(FilePath(path))
            try Files.makeDirectory(file.removingLastComponent())
            try Files.write(text, to: file)
        }
        try Files.makeDirectory(mirror)
        try await context.runner.require(
            Command("tar", ["-C", tree.string, "-cJf", mirror.appending(name).string, top]))
        let bytes = try Files.read(mirror.appending(name))
        sources.append(
            LockedSource(
                name: "xen", version: "4.20.1-1", archive: "debian", path: name, size: UInt64(bytes.count),
                sha256: .of(bytes), binary: "xen-hypervisor"))
    }

    /// Runs the step and returns the unpacked source.
    func unpack() async throws -> FilePath {
        let mirror = mirror
        let cache = scratch.path.appending("cache")
        let store = PackageStore(context, cache: cache) {
            Mirrors(debian: "file:\(mirror)", security: "file:\(mirror)")
        }
        let host = Step(CompilerTree.stepID, title: "the host's programs", version: 1, inputs: [:]) { run in
            try Files.makeDirectory(run.output.appending("tree"))
            for name in ["usr", "etc"] {
                try FileManager.default.createSymbolicLink(
                    atPath: run.output.appending("tree").appending(name).string, withDestinationPath: "/" + name)
            }
        }
        let graph = try StepGraph([host, try SourceStep.step(sources, store: store)])
        let engine = Engine(cache: cache, context: context)
        return try await engine.run(engine.plan(graph, goals: [SourceStep.stepID]), jobs: 1)
            .output(of: SourceStep.stepID).appending(SourceStep.directory)
    }
}

@Suite struct SourceStepTests {
    private static let first = """
        --- a/xen/common/file.c
        +++ b/xen/common/file.c
        @@ -1,3 +1,3 @@
         one
        -two
        +zwei
         three

        """
    private static let second = """
        --- a/xen/common/file.c
        +++ b/xen/common/file.c
        @@ -1,3 +1,3 @@
         one
        -zwei
        +deux
         three
        --- a/gone
        +++ /dev/null
        @@ -1 +0,0 @@
        -gone

        """

    private func source(series: String, second: String = SourceStepTests.second) async throws -> SmallSource {
        var source = try SmallSource()
        try await source.add(
            "xen_4.20.1.orig.tar.xz", top: "xen-4.20.1",
            ["xen/common/file.c": "one\ntwo\nthree\n", "gone": "gone\n", "kept": "kept\n"])
        try await source.add(
            "xen_4.20.1-1.debian.tar.xz", top: "debian",
            [
                "changelog": "xen (4.20.1-1) trixie\n", "patches/series": series, "patches/1.patch": Self.first,
                "patches/more/2.patch": second,
            ])
        return source
    }

    @Test func `the tarballs are unpacked and the patches of the series applied in order`() async throws {
        let source = try await source(series: "1.patch\n# then\nmore/2.patch -p1\n")
        defer { withExtendedLifetime(source) {} }
        let tree = try await source.unpack()
        #expect(try Files.text(tree.appending("xen/common/file.c")) == "one\ndeux\nthree\n")
        #expect(!Files.exists(tree.appending("gone")))
        #expect(try Files.text(tree.appending("kept")) == "kept\n")
        #expect(Files.exists(tree.appending("debian/changelog")))
        #expect(try Files.names(in: tree.appending("xen/common")) == ["file.c"])
    }

    @Test func `a patch that does not apply exactly stops the build and is named`() async throws {
        let fuzzy = Self.second.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0 == " three" ? " drei" : String($0) }.joined(separator: "\n")
        let source = try await source(series: "1.patch\nmore/2.patch\n", second: fuzzy)
        let error = await #expect(throws: LapwingError.self) { try await source.unpack() }
        #expect(error?.description.contains("more/2.patch") == true, "\(error?.description ?? "")")
    }

    @Test func `a patch cannot write outside of the source`() async throws {
        let escape = "--- /dev/null\n+++ b/../../escaped\n@@ -0,0 +1 @@\n+here\n"
        let source = try await source(series: "more/2.patch\n", second: escape)
        await #expect(throws: LapwingError.self) { try await source.unpack() }
        let found = try await source.context.runner.require(
            Command("find", [source.scratch.path.string, "-name", "escaped"])
        ).text
        #expect(found.isEmpty)
    }

    @Test func `a tarball that is not the lock's stops the build`() async throws {
        let source = try await source(series: "1.patch\n")
        let path = source.mirror.appending("xen_4.20.1.orig.tar.xz")
        try Files.write(try Files.read(path).map { $0 ^ 1 }, to: path)
        let error = await #expect(throws: LapwingError.self) { try await source.unpack() }
        #expect(error?.description.contains(source.sources[0].sha256.hex) == true, "\(error?.description ?? "")")
    }
}
