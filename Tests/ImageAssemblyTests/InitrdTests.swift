// SPDX-License-Identifier: Apache-2.0

import DiskLayout
import Hashing
import LapwingCore
import Testing

@testable import ImageAssembly

@Suite struct KernelModulesTests {
    let modules = KernelModules(
        dep: """
            kernel/fs/erofs/erofs.ko.xz: kernel/lib/libcrc32c.ko.xz
            kernel/lib/libcrc32c.ko.xz:
            kernel/crypto/crc32c_generic.ko.xz:
            kernel/drivers/gpu/drm/i915/i915.ko.xz: kernel/drivers/gpu/drm/drm.ko.xz
            kernel/drivers/gpu/drm/drm.ko.xz:

            """,
        builtin: "kernel/fs/proc/proc-fs.ko\n", softdep: "softdep libcrc32c pre: crc32c-generic post: nothing\n")

    @Test func `a module brings in what it needs, softly too`() throws {
        #expect(
            try modules.files(["erofs"]) == [
                "kernel/crypto/crc32c_generic.ko.xz", "kernel/fs/erofs/erofs.ko.xz", "kernel/lib/libcrc32c.ko.xz",
            ])
    }

    @Test func `a built-in module and a missing optional one need no file`() throws {
        #expect(try modules.files(["proc_fs", "?aes_ce_blk"]) == [])
    }

    @Test func `all unknown and hidden modules are reported at once`() throws {
        let error = try #require(throws: LapwingErrors.self) {
            try modules.files(["nvme", "i915", "zram"], hidden: ["drm"])
        }
        #expect(error.errors.map(\.code) == ["initrd.hidden-module", "initrd.no-module", "initrd.no-module"])
        #expect(error.errors.map(\.subject) == ["drm", "nvme", "zram"])
    }
}

@Suite struct InitrdTreeTests {
    private func source() throws -> FileTree {
        var tree = FileTree()
        try tree.addSymlink("bin", to: "usr/bin")
        try tree.addFile("usr/bin/dash", "#!\n", mode: 0o755, mtime: 1_700_000_000)
        try tree.addSymlink("usr/bin/sh", to: "dash")
        try tree.addFile("usr/bin/passwd", "x", mode: 0o4755)
        try tree.addFile("usr/lib/modules/6.12/modules.dep", "kernel/erofs.ko:\n")
        try tree.addFile("usr/lib/modules/6.12/modules.builtin", "")
        try tree.addFile("usr/lib/modules/6.12/kernel/erofs.ko", "module")
        return tree
    }

    private func hooks(_ files: String) throws -> FileTree {
        var tree = FileTree()
        try tree.addFile("files", files)
        try tree.addFile("modules", "erofs # why\n")
        try tree.addFile("find", "#!/bin/sh\n")
        try tree.addFile("units/lapwing-find.service", "[Unit]\n")
        try tree.addFile("units/emergency.service", "[Unit]\n")
        return tree
    }

    private func make(_ files: String) throws -> FileTree {
        try InitrdTree.make(
            source: try source(), hooks: try hooks(files), kernel: "6.12", modules: [], hidden: [])
    }

    @Test func `it takes what the list names, through links, and adds our scripts and units`() throws {
        let tree = try make("usr/bin/sh\nusr/bin/pass*\n?usr/bin/absent\n")
        #expect(tree.content("bin/sh") != nil)
        #expect(tree["usr/bin/dash"]?.mtime == 0)
        #expect(tree["usr/bin/passwd"]?.mode == 0o755)
        #expect(tree["usr/lib/modules/6.12/kernel/erofs.ko"] != nil)
        #expect(tree["usr/lib/lapwing/find"]?.mode == 0o755)
        #expect(
            tree["usr/lib/systemd/system/initrd-root-fs.target.requires/lapwing-find.service"]?.kind
                == .symlink("../lapwing-find.service"))
        #expect(tree["usr/lib/systemd/system/initrd-root-fs.target.requires/emergency.service"] == nil)
        #expect(tree["init"]?.kind == .symlink("usr/lib/systemd/systemd"))
    }

    @Test func `every missing file is named at once`() throws {
        let error = try #require(throws: LapwingErrors.self) { try make("usr/bin/one\nusr/sbin/two*\n") }
        #expect(error.errors.map(\.subject) == ["/usr/bin/one", "/usr/sbin/two*"])
    }

    @Test func `two kernels in one root are refused`() throws {
        var tree = try source()
        #expect(try InitrdTree.kernelRelease(tree) == "6.12")
        try tree.addFile("usr/lib/modules/6.13/modules.dep", "")
        #expect(throws: LapwingError.self) { try InitrdTree.kernelRelease(tree) }
    }

    @Test func `patterns match as in a shell`() {
        #expect(Glob.matches("a*c*e", "abcde"))
        #expect(Glob.matches("*", ""))
        #expect(!Glob.matches("ab*ba", "aba"))
        #expect(!Glob.matches("*.bin", "a.bin.xz"))
    }
}

@Suite struct MediaTests {
    let seed = Seed(Digest.of("test"))

    @Test(arguments: [(Int64(0), "19700101"), (951_782_400, "20000229"), (1_795_305_600, "20261122")])
    func `an ISO's time stamp has the day of the epoch`(epoch: Int64, day: String) {
        let volume = IsoVolume(label: "L", epoch: epoch, seed: seed)
        #expect(volume.stamp.hasPrefix(day))
        #expect(volume.stamp.utf8.count == 16)
        #expect(volume.uuid.split(separator: "-" as Character).joined() == volume.stamp)
        #expect(volume.uuid.utf8.count == 22)
    }

    @Test func `what does not fit is refused, all of it at once`() throws {
        let sizes = LayoutSizes(esp: 64 << 20, root: 64 << 20, state: 64 << 20)
        try DiskSteps.checkRoom(sizes, esp: 64 << 20, data: 64 << 20, verity: 1 << 19)
        let error = try #require(throws: LapwingErrors.self) {
            try DiskSteps.checkRoom(sizes, esp: 65 << 20, data: (64 << 20) + 1, verity: 1 << 19)
        }
        #expect(error.errors.map(\.subject) == ["outputs.disk.espSize", "outputs.disk.rootSlotSize"])
    }

    @Test func `a layout depends on seed and root hash`() throws {
        let sizes = LayoutSizes(esp: 64 << 20, root: 64 << 20, state: 64 << 20)
        func make(_ seed: Seed, _ hash: String) throws -> Layout {
            try DiskSteps.layout(architecture: .amd64, sizes: sizes, seed: seed, rootHash: Digest.of(hash))
        }
        #expect(try make(seed, "a") == make(seed, "a"))
        #expect(try make(seed, "a").disk != make(Seed(Digest.of("other")), "a").disk)
        #expect(try make(seed, "a").partition(.root(.a)) != make(seed, "b").partition(.root(.a)))
        #expect(try make(seed, "a").partition(.esp) == make(seed, "b").partition(.esp))
    }
}
