// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import Hashing
import LapwingCore
import Recipes
import SystemPackage
import Testing

@testable import ImageAssembly

/// A manifest such as a build makes, small.
func sampleManifest(
    _ change: (inout [Manifest.Package], inout [Manifest.Output]) -> Void = { _, _ in }
) -> Manifest {
    func package(_ name: String, _ version: String, _ bytes: Int64, _ sets: [String] = ["root"]) -> Manifest.Package {
        Manifest.Package(
            name: name, version: version, architecture: "amd64", sha256: .of(name + version), sets: sets,
            source: name, licence: "usr/share/doc/\(name)/copyright", installedBytes: bytes)
    }
    var packages = [
        package("xen-utils-4.20", "4.20.2-1", 9_000_000),
        package("systemd", "257.9-1", 24_000_000, ["root", "initrd"]),
        package("linux-image-6.12", "6.12.57-1", 110_000_000), package("bash", "5.2.37-2", 7_000_000),
    ]
    var outputs = [
        Manifest.Output(name: "laptop.raw", size: 2 << 30, sha256: .of("raw")),
        Manifest.Output(name: "laptop.iso", size: 300 << 20, sha256: .of("iso")),
    ]
    change(&packages, &outputs)
    return Manifest(
        recipe: .init(name: "laptop", version: "1", digest: .of("recipe")), architecture: "amd64", lock: .of("lock"),
        sourceDateEpoch: 1_762_646_400, verityRootHash: Digest.of("root").hex, outputs: outputs, packages: packages,
        tools: ["erofs-utils": "1.8.6-1"],
        programs: [.init(path: "usr/bin/lapwingctl", size: 9_000_000, sha256: .of("ctl"))], compiler: "Swift 6.3.1")
}

/// A directory of one test's own.
final class ReportPlace: Sendable {
    let path: FilePath
    init() throws {
        path = FilePath("/tmp/lapwing-report-test.\(UInt64.random(in: 0 ... .max))")
        try Files.makeDirectory(path)
    }
    deinit { try? Files.removeTree(path) }
}

func sampleRun(_ place: ReportPlace, title: String = "unpack") async throws -> RunReport {
    var context = Context.trapping
    context.runner = SubprocessRunner()
    context.clock = SystemWallClock()
    let engine = Engine(cache: place.path.appending("cache"), context: context)
    let graph = try StepGraph([
        Step("root.base", title: title, version: 1, inputs: ["v": .value("x")]) { run in
            run.metric("packages", 231)
            try Files.write("x", to: run.output.appending("x"))
        },
        Step("disk", title: "write the disk", version: 1, inputs: ["root": .output("root.base")]) { run in
            try Files.write("y", to: run.output.appending("y"))
        },
    ])
    return try await engine.run(try engine.plan(graph, goals: ["disk"], scope: "laptop"), jobs: 2)
}

@Suite struct ManifestTests {
    @Test func `a manifest is the same bytes whatever the order its parts came in`() throws {
        let one = sampleManifest()
        let other = sampleManifest { packages, outputs in
            packages.reverse()
            outputs.reverse()
            packages[2].sets.reverse()
        }
        #expect(try one.json() == other.json())
        #expect(one.packages.map(\.name) == ["bash", "linux-image-6.12", "systemd", "xen-utils-4.20"])
    }

    @Test func `a manifest is found beside an image, in a directory, or by its own name, and read back`() throws {
        let place = try ReportPlace()
        let manifest = sampleManifest()
        let file = place.path.appending("laptop.manifest.json")
        try Files.write(manifest.json(), to: file)
        try Files.write("", to: place.path.appending("laptop.raw"))
        #expect(try Manifest.load(file) == manifest)
        for name in ["laptop.raw", "laptop.manifest.json", "."] {
            #expect(try Manifest.find(place.path.appending(name)).lexicallyNormalized() == file)
        }
        for name in ["other.raw", "laptop", "cache/none"] {
            let error = #expect(throws: LapwingError.self) { try Manifest.find(place.path.appending(name)) }
            #expect(error?.code == "manifest.missing")
        }
    }

    @Test func `a manifest of another version or shape is refused with its name`() throws {
        let place = try ReportPlace()
        let file = place.path.appending("x.manifest.json")
        for (text, code) in [("{\"schemaVersion\": 2}", "manifest.version"), ("[]", "json.bad"), ("{", "json.bad")] {
            try Files.write(text, to: file)
            let error = #expect(throws: LapwingError.self) { try Manifest.load(file) }
            #expect(error?.code == code && error?.subject == file.string && error?.exit == .badInput)
        }
    }

    @Test func `a list of files is made from a tree and read back`() throws {
        var tree = FileTree()
        try tree.addDirectory("etc")
        try tree.addFile("etc/hostname", "lapwing\n")
        try tree.addSymlink("etc/localtime", to: "/usr/share/zoneinfo/UTC")
        let list = try FileList(tree)
        let hostname = try #require(list.files.first { $0.path == "etc/hostname" })
        #expect(hostname.size == 8 && hostname.sha256 == .of("lapwing\n") && hostname.mode == "644")
        #expect(list.files.first { $0.kind == "symlink" }?.target == "/usr/share/zoneinfo/UTC")
        let place = try ReportPlace()
        let file = place.path.appending("x.files.json")
        try Files.write(list.json(), to: file)
        #expect(try FileList.load(file) == list)
        #expect(list.sizes().bytes == 8)
    }
}

@Suite struct ManifestDiffTests {
    @Test func `equal builds do not differ`() throws {
        let diff = ManifestDiff(sampleManifest(), sampleManifest())
        #expect(diff.changes.isEmpty)
        #expect(try diff.listing().render(.json) == "{\n  \"changes\" : [\n\n  ],\n  \"schemaVersion\" : 1\n}\n")
    }

    @Test func `added, removed and changed packages and outputs are told with their sizes`() throws {
        let after = sampleManifest { packages, outputs in
            packages.removeAll { $0.name == "bash" }
            packages[0].version = "4.20.2-2"
            packages[0].installedBytes = 9_500_000
            packages.append(
                Manifest.Package(
                    name: "zsh", version: "5.9", architecture: "amd64", sha256: .of("zsh"), sets: ["root"],
                    installedBytes: 2_000_000))
            outputs[0].sha256 = .of("other")
        }
        let diff = ManifestDiff(sampleManifest(), after)
        #expect(
            diff.changes.map { "\($0.subject) \($0.name) \($0.kind) \($0.bytes ?? 0)" } == [
                "package bash removed -7000000", "package xen-utils-4.20 changed 500000", "package zsh added 2000000",
                "output laptop.raw changed 0",
            ])
        #expect(diff.changes[1].before == "4.20.2-1 (root)" && diff.changes[1].after == "4.20.2-2 (root)")
        let table = try diff.listing().render(.table)
        #expect(table.contains("bash") && table.contains("-6.6 MiB") && table.contains("+488.2 KiB"))
    }

    @Test func `a hypervisor that was built shows in the manifest, which is read back, and in the difference`() throws {
        var before = sampleManifest()
        before.hypervisor = .init(
            origin: "debian", package: "xen-hypervisor", version: "4.20.2-1", scheduler: "credit2", licence: "/x")
        var after = before
        after.hypervisor = .init(
            origin: "build", package: "xen-hypervisor", version: "4.20.1-1", scheduler: "lapwing",
            licence: "GPL-2.0-only", debug: false, config: .of("config"), compiler: "gcc 14",
            sources: [
                .init(path: "pool/b", size: 2, sha256: .of("b")), .init(path: "pool/a", size: 1, sha256: .of("a")),
            ], added: [.init(path: "xen/s.c", size: 3, sha256: .of("s"))])
        let place = try ReportPlace()
        let file = place.path.appending("x.manifest.json")
        try Files.write(try after.json(), to: file)
        let read = try Manifest.load(file)
        #expect(read == after)
        #expect(read.hypervisor?.sources?.map(\.path) == ["pool/a", "pool/b"])
        #expect(read.hypervisor?.series == "4.20")
        #expect(
            ManifestDiff(before, after).changes.map { "\($0.name) \($0.before ?? "-") \($0.after ?? "-")" }.filter {
                !$0.contains(Digest.of("s").short) && !$0.contains(Digest.of("config").short)
            } == [
                "hypervisor 4.20.2-1 (debian) 4.20.1-1 (build)", "hypervisor compiler - gcc 14",
                "scheduler credit2 lapwing",
            ])
    }

    @Test func `images are compared by the manifests and file lists beside them`() throws {
        let place = try ReportPlace()
        for (name, text) in [("a", "one"), ("b", "two")] {
            let directory = place.path.appending(name)
            try Files.makeDirectory(directory)
            var tree = FileTree()
            try tree.addDirectory("etc")
            try tree.addFile("etc/motd", text)
            try tree.addFile("etc/only-" + name, "", mode: name == "a" ? 0o600 : 0o644)
            try Files.write(FileList(tree).json(), to: directory.appending("laptop.files.json"))
            try Files.write(sampleManifest().json(), to: directory.appending("laptop.manifest.json"))
            try Files.write("", to: directory.appending("laptop.raw"))
        }
        let diff = try ManifestDiff.of(place.path.appending("a/laptop.raw"), place.path.appending("b"))
        #expect(
            diff.changes.map { "\($0.name) \($0.kind)" } == [
                "etc/motd changed", "etc/only-a removed", "etc/only-b added",
            ])
    }
}

@Suite struct BudgetCheckTests {
    @Test func `every limit that is passed is reported with limit and size`() throws {
        var budget = Budget()
        budget.root = ByteSize("400 MiB")
        budget.initrd = ByteSize("30 MiB")
        budget.iso = ByteSize("1 GiB")
        budget.packages = 200
        let sizes = MeasuredSizes(root: 500 << 20, initrd: 30 << 20, disk: 9 << 40, iso: nil, packages: 231)
        let errors = #expect(throws: LapwingErrors.self) { try BudgetCheck.check(budget, sizes) }
        #expect(errors?.errors.map(\.code) == ["budget.root", "budget.packages"])
        #expect(
            errors?.errors[0].cause
                == "500.0 MiB (524288000 bytes), the limit is 400.0 MiB (419430400 bytes), 100.0 MiB too much")
        #expect(errors?.errors[1].cause == "231, the limit is 200, 31 too many")
    }

    @Test func `without limits, or just at them, nothing is wrong`() throws {
        var budget = Budget()
        try BudgetCheck.check(budget, MeasuredSizes(root: .max, initrd: .max, disk: .max, iso: .max, packages: .max))
        budget.root = ByteSize("400 MiB")
        try BudgetCheck.check(budget, MeasuredSizes(root: 400 << 20))
    }
}
