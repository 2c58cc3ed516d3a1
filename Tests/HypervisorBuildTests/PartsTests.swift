// SPDX-License-Identifier: Apache-2.0

import BuildTools
import DebianArchive
import Hashing
import LapwingCore
import SystemPackage
import Testing

@testable import HypervisorBuild

/// A directory that is gone when the test is.
final class Scratch: Sendable {
    let path: FilePath

    init() throws {
        path = FilePath("/tmp/lapwing-\(UInt32.random(in: 0 ... .max))")
        try Files.makeDirectory(path)
    }

    deinit { try? Files.removeTree(path) }
}

func source(_ path: String, version: String = "4.20.1-1", digest: String = "a") -> LockedSource {
    LockedSource(
        name: "xen", version: version, archive: "debian", path: "pool/main/x/xen/" + path, size: 1,
        sha256: .of(digest), binary: "xen-hypervisor-4.20-amd64")
}

@Suite struct PartsTests {
    @Test func `the compiler tree has a cross compiler for the other processor and none for its own`() {
        let same = CompilerTree.packages(.amd64, target: .x86_64)
        #expect(same.contains("gcc") && !same.contains { $0.hasPrefix("gcc-") })
        let cross = CompilerTree.packages(.amd64, target: .arm64)
        #expect(Set(cross).subtracting(same) == ["gcc-aarch64-linux-gnu", "binutils-aarch64-linux-gnu"])
        let back = CompilerTree.packages(.arm64, target: .x86_64)
        #expect(Set(back).subtracting(same) == ["gcc-x86-64-linux-gnu", "binutils-x86-64-linux-gnu"])
        #expect(cross == cross.sorted())
    }

    @Test func `a series names patches in order, with comments and options`() throws {
        let series = try PatchSeries("# first\n0001-a.patch\n\nprefix/b.diff -p0 # why\r\nc.patch -p2\n")
        #expect(
            series.patches == [
                .init(name: "0001-a.patch", strip: 1), .init(name: "prefix/b.diff", strip: 0),
                .init(name: "c.patch", strip: 2),
            ])
    }

    @Test(arguments: [
        "../a.patch", "/etc/passwd", "a//b", "-o.patch", "a.patch -R", "a.patch -p9", "a.patch\na.patch", "a/./b",
        "a\u{1}b",
    ])
    func `a series that leaves its directory or asks for more than a strip is refused`(text: String) {
        let error = #expect(throws: LapwingError.self) { try PatchSeries(text) }
        #expect(error?.code == "hypervisor.bad-series")
    }

    @Test func `tarballs are told apart by their names`() throws {
        let found = try Tarballs([
            source("xen_4.20.1.orig.tar.xz"), source("xen_4.20.1-1.debian.tar.xz"),
            source("xen_4.20.1.orig-firmware.tar.gz"),
        ])
        #expect(found.upstream.path.hasSuffix("orig.tar.xz"))
        #expect(found.debian.path.hasSuffix("debian.tar.xz"))
        #expect(found.components.keys.sorted() == ["firmware"])
    }

    @Test(arguments: [
        ["xen_4.20.1.orig.tar.xz"], ["xen_4.20.1-1.debian.tar.xz"], [],
        ["xen_4.20.1.orig.tar.xz", "xen_4.20.2.orig.tar.xz", "xen_4.20.1-1.debian.tar.xz"],
    ])
    func `half a source is no source`(names: [String]) {
        let error = #expect(throws: LapwingError.self) { try Tarballs(names.map { source($0) }) }
        #expect(error?.code == "hypervisor.no-source")
    }

    @Test func `tarballs of two versions do not go together`() {
        let error = #expect(throws: LapwingError.self) {
            try Tarballs([
                source("xen_4.20.1.orig.tar.xz"), source("xen_4.20.2-1.debian.tar.xz", version: "4.20.2-1"),
            ])
        }
        #expect(error?.code == "hypervisor.no-source")
    }
}

@Suite struct SchedulerFilesTests {
    /// The shape of Xen 4.20's files, in words of our own.
    private static let makefile = """
        obj-y += pool.o
        obj-$(CONFIG_SCHED_CREDIT) += one.o
        obj-$(CONFIG_SCHED_CREDIT2) += two.o
        obj-y += core.o

        """
    private static let kconfig = """
        config SCHED_CREDIT2
        \tbool "two"

        config SCHED_RTDS
        \tbool "three"

        choice
        \tdefault SCHED_CREDIT2_DEFAULT

        \tconfig SCHED_CREDIT2_DEFAULT
        \tconfig SCHED_RTDS_DEFAULT
        endchoice

        config SCHED_DEFAULT
        \tdefault "credit" if SCHED_CREDIT_DEFAULT
        \tdefault "credit2" if SCHED_CREDIT2_DEFAULT

        """

    private func tree(_ scratch: Scratch) throws -> (source: FilePath, ours: FilePath) {
        let source = scratch.path.appending("xen")
        let place = source.appending("xen/common/sched")
        try Files.makeDirectory(place)
        try Files.write(Self.makefile, to: place.appending("Makefile"))
        try Files.write(Self.kconfig, to: place.appending("Kconfig"))
        let ours = scratch.path.appending("ours")
        try Files.makeDirectory(ours)
        try Files.write("int a;\n", to: ours.appending("sched_lapwing.c"))
        try Files.write("#define B\n", to: ours.appending("sched_lapwing.h"))
        try Files.write("notes\n", to: ours.appending("README.md"))
        return (source, ours)
    }

    @Test func `files, one Makefile line and one Kconfig entry are added, in front of credit2's`() throws {
        let scratch = try Scratch()
        let (source, ours) = try tree(scratch)
        try SchedulerFiles(ours).add(to: source, isDefault: false)
        let place = source.appending("xen/common/sched")
        #expect(try Files.names(in: place).sorted() == ["Kconfig", "Makefile", "sched_lapwing.c", "sched_lapwing.h"])
        let lines = try Files.text(place.appending("Makefile")).split(separator: "\n").map(String.init)
        let index = try #require(lines.firstIndex(of: "obj-$(CONFIG_SCHED_LAPWING) += sched_lapwing.o"))
        #expect(lines[index + 1] == "obj-$(CONFIG_SCHED_CREDIT2) += two.o")
        #expect(lines.filter { !Self.makefile.contains($0) }.count == 1)
        let kconfig = try Files.text(place.appending("Kconfig"))
        #expect(kconfig.contains("config SCHED_LAPWING\n\tbool"))
        #expect(!kconfig.contains("default \"lapwing\""))
        #expect(Set(Self.kconfig.split(separator: "\n")).isSubset(of: Set(kconfig.split(separator: "\n"))))
    }

    @Test func `as default its name comes before all others`() throws {
        let text = try SchedulerFiles.kconfig(Self.kconfig, isDefault: true)
        #expect(text.contains("config SCHED_DEFAULT\n\tdefault \"lapwing\" if SCHED_LAPWING\n\tdefault \"credit\" if"))
    }

    @Test func `the objects to link can be listed`() throws {
        let scratch = try Scratch()
        let (source, ours) = try tree(scratch)
        try Files.write("int b;\n", to: ours.appending("place.c"))
        try Files.write("# order counts\nplace.o\nsched_lapwing.o\n", to: ours.appending("objects"))
        try SchedulerFiles(ours).add(to: source, isDefault: false)
        let text = try Files.text(source.appending("xen/common/sched/Makefile"))
        #expect(
            text.contains(
                "obj-$(CONFIG_SCHED_LAPWING) += place.o\nobj-$(CONFIG_SCHED_LAPWING) += sched_lapwing.o\nobj-$(CONFIG_")
        )
    }

    @Test func `an object without a C file is named`() throws {
        let scratch = try Scratch()
        let (_, ours) = try tree(scratch)
        try Files.write("other.o\n", to: ours.appending("objects"))
        let error = #expect(throws: LapwingError.self) { try SchedulerFiles(ours) }
        #expect(error?.code == "hypervisor.no-scheduler")
        #expect(error?.subject?.hasSuffix("other.c") == true)
    }

    @Test func `a file of the source is never written over`() throws {
        let scratch = try Scratch()
        let (source, ours) = try tree(scratch)
        try Files.write("theirs\n", to: source.appending("xen/common/sched/sched_lapwing.h"))
        let error = #expect(throws: LapwingError.self) { try SchedulerFiles(ours).add(to: source, isDefault: false) }
        #expect(error?.code == "hypervisor.name-taken")
    }

    @Test(arguments: ["obj-$(CONFIG_SCHED_CREDIT2)", "config SCHED_RTDS", "\tdefault \"credit\""])
    func `a source of another layout is refused and the missing line named`(line: String) throws {
        let scratch = try Scratch()
        let (source, ours) = try tree(scratch)
        for name in ["Makefile", "Kconfig"] {
            let path = source.appending("xen/common/sched").appending(name)
            let kept = try Files.text(path).split(separator: "\n").filter {
                !$0.hasPrefix(line)
            }
            try Files.write(kept.joined(separator: "\n"), to: path)
        }
        let error = #expect(throws: LapwingError.self) { try SchedulerFiles(ours).add(to: source, isDefault: true) }
        #expect(error?.code == "hypervisor.other-source")
        #expect(error?.cause?.contains(line.prefix(12)) == true, "\(error?.description ?? "")")
    }
}
