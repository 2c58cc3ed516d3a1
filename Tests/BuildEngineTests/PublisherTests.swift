// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import FoundationEssentials
import Hashing
import LapwingCore
import SystemPackage
import Testing

@Suite struct PublisherTests {
    let place: Workplace

    init() throws { place = try Workplace() }

    @Test(
        arguments: [
            [], [(0, 3)], [(0, 1), (1 << 20, 5), ((3 << 20) - 1, 2)], [((1 << 20) - 1, 2)], [(1 << 19, (1 << 20) + 1)],
        ] as [[(Int64, Int)]])
    func `a file with holes has the digest of its bytes`(_ pieces: [(Int64, Int)]) throws {
        for tail in [Int64(0), 1, 5 << 20] {
            let path = place.path.appending("sparse-\(tail)")
            let size = (pieces.map { $0.0 + Int64($0.1) }.max() ?? 0) + tail
            let file = try FileDescriptor.open(
                path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
            try file.closeAfter {
                try file.resize(to: size)
                for (offset, count) in pieces {
                    _ = try file.writeAll(toAbsoluteOffset: offset, [UInt8](repeating: 7, count: count))
                }
            }
            #expect(try Digest.ofFile(path) == Digest.of(try Files.read(path, limit: 1 << 30)))
        }
    }

    /// A build whose result is a sparse image that holds `text` at its start and at its end.
    private func build(
        _ text: String = "one", into out: FilePath? = nil, size: Int64 = 8 << 20, verify: Bool = false,
        journal: Journal = Journal()
    ) async throws -> PublishedFile {
        let engine = place.engine(journal)
        let graph = try StepGraph([
            Step("disk", title: "image", version: 1, inputs: ["text": .value(text), "size": .value("\(size)")]) { run in
                let file = try FileDescriptor.open(
                    run.output.appending("disk.raw"), .writeOnly, options: [.create], permissions: .ownerReadWrite)
                try file.closeAfter {
                    _ = try file.writeAll(Array(run.value("text").utf8))
                    _ = try file.writeAll(toAbsoluteOffset: size - 100, [UInt8](repeating: 7, count: 100))
                }
            }
        ])
        let plan = try engine.plan(graph, goals: ["disk"], verify: verify)
        journal.add(plan.isUpToDate ? "up to date" : "building")
        let report = try await engine.run(plan, jobs: 1)
        let publisher = Publisher(engine: engine, directory: out ?? place("out"))
        return try publisher.publish(
            [Publication(step: "disk", file: "disk.raw", name: "laptop.raw")], from: report, verify: verify)[0]
    }

    @Test func `an output is another name of the cached file, read-only, with its digest`() async throws {
        let published = try await build()
        let target = place("out/laptop.raw")
        let status = try #require(try Files.status(target))
        #expect(published.state == .written && published.size == 8 << 20)
        #expect(try published.sha256 == Digest.ofFile(target))
        #expect(status.links == 2 && status.permissions == 0o444)
        #expect(status.allocated < 1 << 20)
        #expect(try Files.names(in: place("out")) == ["laptop.raw"])
    }

    @Test func `an unchanged rebuild of a large image is quick and reads nothing`() async throws {
        let size: Int64 = 2 << 30
        let first = try await build(size: size)
        // The machine may be busy with other tests: the best of three counts.
        var best = Duration.seconds(60)
        for _ in 0..<3 {
            let journal = Journal()
            let start = ContinuousClock.now
            let again = try await build(size: size, journal: journal)
            best = min(best, ContinuousClock.now - start)
            #expect(again.state == .unchanged && again.sha256 == first.sha256)
            #expect(journal.all == ["up to date"])
        }
        #expect(best < .seconds(1))
    }

    @Test func `an output edited in place is repaired together with the cache it is linked to`() async throws {
        let first = try await build()
        let target = place("out/laptop.raw")
        try Files.setPermissions(target, 0o644)
        let file = try FileDescriptor.open(target, .readWrite)
        try file.closeAfter { _ = try file.writeAll(toAbsoluteOffset: 4096, [1]) }
        try Files.setPermissions(target, 0o444)
        let journal = Journal()
        #expect(try await build(journal: journal).state == .repaired)
        #expect(journal.all.first == "building")
        #expect(try Digest.ofFile(target) == first.sha256)
        #expect(try await build().state == .unchanged)
    }

    @Test(arguments: ["missing", "replaced", "truncated", "writable", "link"])
    func `an output that was changed otherwise is put there again without a build`(kind: String) async throws {
        let first = try await build()
        let target = place("out/laptop.raw")
        try Files.remove(target)
        switch kind {
        case "replaced": try Files.write([UInt8](repeating: 1, count: 8 << 20), to: target)
        case "truncated": try write("x", target)
        case "writable":
            try Files.write([UInt8](repeating: 0, count: 8 << 20), to: target)
        case "link":
            try FileManager.default.createSymbolicLink(
                atPath: target.string, withDestinationPath: "/etc/hostname")
        default: break
        }
        let journal = Journal()
        let again = try await build(journal: journal)
        #expect(again.state == .repaired && again.sha256 == first.sha256)
        #expect(journal.all.first == "up to date")
        #expect(journal.all.contains { $0.hasPrefix("warning: ") && $0.contains("put there again") })
        #expect(try Digest.ofFile(target) == first.sha256)
        #expect(try Files.status(target)?.kind == .file)
    }

    @Test func `going back and forth between two builds reads neither image again`() async throws {
        _ = try await build("one")
        #expect(try await build("two").state == .written)
        #expect(try await build("one").state == .written)
        // The stamps written down are those the files have now: nothing will have to be read.
        for key in try Files.names(in: place("cache/steps")) {
            let fields = try Files.text(place("cache/steps/\(key)/files")).split(separator: " ")
            let status = try #require(try Files.status(place("cache/steps/\(key)/out/disk.raw")))
            #expect(fields[5] == "\(status.changed)" && fields[3] == "\(status.inode)")
        }
        #expect(try await build("one").state == .unchanged)
    }

    /// A file system other than the one of the temporary directory.
    private static let otherFileSystem: FilePath? = {
        let shared = FilePath("/dev/shm")
        let here = FilePath(FileManager.default.temporaryDirectory.path)
        guard Files.isDirectory(shared), FileManager.default.isWritableFile(atPath: shared.string),
            let there = try? Files.status(shared)?.device, let own = try? Files.status(here)?.device, there != own
        else { return nil }
        return shared
    }()

    @Test(.enabled(if: otherFileSystem != nil, "there is no second file system at /dev/shm that can be written"))
    func `on another file system the output is a copy that keeps its holes and is repaired from the cache`()
        async throws
    {
        let other = try #require(Self.otherFileSystem)
        let out = other.appending("lapwing-publisher-test.\(UInt64.random(in: 0 ... .max))")
        defer { try? Files.removeTree(out) }
        let first = try await build(into: out)
        let target = out.appending("laptop.raw")
        let status = try #require(try Files.status(target))
        #expect(first.state == .written && status.links == 1 && status.permissions == 0o444)
        #expect(status.allocated < 1 << 20, "holes are kept by a copy")
        #expect(try Digest.ofFile(target) == first.sha256)
        #expect(try await build(into: out).state == .unchanged)
        #expect(try await build(into: out, verify: true).state == .unchanged)
        // A copy that is edited leaves the cache alone.
        try Files.setPermissions(target, 0o644)
        try write("edited", target)
        let journal = Journal()
        #expect(try await build(into: out, journal: journal).state == .repaired)
        #expect(journal.all.first == "up to date")
        #expect(try Digest.ofFile(target) == first.sha256)
    }

    @Test func `a directory in the place of an output and a bad name are errors`() async throws {
        _ = try await build()
        try Files.remove(place("out/laptop.raw"))
        try Files.makeDirectory(place("out/laptop.raw"))
        let error = await #expect(throws: LapwingError.self) { try await build() }
        #expect(error?.code == "build.output-is-directory")
        let engine = place.engine()
        let graph = try StepGraph([textStep("s")])
        let report = try await engine.run(try engine.plan(graph, goals: ["s"]), jobs: 1)
        for (file, name) in [("text", "../x"), ("text", "a/b"), ("text", ""), ("nothing", "x"), ("../files", "x")] {
            #expect(throws: LapwingError.self) {
                try Publisher(engine: engine, directory: place("out")).publish(
                    [Publication(step: "s", file: file, name: name)], from: report)
            }
        }
    }
}
