// SPDX-License-Identifier: Apache-2.0

import LapwingCore
import SystemPackage
import Testing

@testable import Recipes

/// A small generator of pseudo-random numbers (splitmix64) with a fixed seed, so that a failure can be repeated.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

@Suite struct MergeTests {
    /// A random value for each of three keys: a leaf, a list or an edit of it, a map of leaves.
    private func layer(_ dice: inout Dice, _ number: Int) -> Typed {
        let place = SourceLocation(file: "layer\(number)", line: Int.random(in: 1...99, using: &dice), column: 1)
        func leaf() -> Typed { .leaf(.integer(Int64.random(in: 0...9, using: &dice)), place) }
        var members: [String: Typed] = [:]
        if Bool.random(using: &dice) {
            members["leaf"] = Int.random(in: 0...9, using: &dice) == 0 ? .bad(place) : leaf()
        }
        switch Int.random(in: 0...3, using: &dice) {
        case 0: members["list"] = .list(.elements([leaf(), leaf()]), [], place)
        case 1: members["list"] = .list(.below, [ListEdit(add: [leaf()], remove: [leaf()])], place)
        case 2: members["list"] = .list(.variable("v", place), [], place)
        default: break
        }
        if Bool.random(using: &dice) {
            members["map"] = .object(["x": leaf(), Bool.random(using: &dice) ? "y" : "z": leaf()], place)
        }
        return .object(members, place)
    }

    @Test(arguments: 0..<400)
    func `merging layers is associative`(seed: Int) {
        var dice = Dice(state: UInt64(seed))
        let (a, b, c) = (layer(&dice, 1), layer(&dice, 2), layer(&dice, 3))
        #expect(a.merged(with: b).merged(with: c) == a.merged(with: b.merged(with: c)))
    }

    @Test func `a layer that is reached twice is merged once, deepest first`() throws {
        let files = [
            "base.yaml": "lapwing: 1\ndom0: {kernel: linux-image-amd64, vcpus: 1, packages: [less]}\n",
            "left.yaml": "lapwing: 1\nextends: [base.yaml]\ndom0: {vcpus: 2, packages: {add: [nano]}}\n",
            "right.yaml": "lapwing: 1\nextends: [base.yaml]\ndom0: {packages: {add: [htop]}}\n",
            "top.yaml": """
            lapwing: 1
            name: top
            extends: [left.yaml, right.yaml]
            hypervisor: {package: xen-hypervisor-4.20-amd64}
            security: {access: {ask: true}}
            """,
        ]
        try Support.withFiles(files) { root in
            let loaded = try Support.loader(in: root).load("top.yaml")
            #expect(loaded.recipe.dom0.vcpus == 2)
            #expect(loaded.recipe.dom0.packages == ["less", "nano", "htop"])
            #expect(loaded.files == files.keys.sorted().map { root.appending($0).lexicallyNormalized() })
        }
    }

    @Test func `a variable takes its default, the command line wins, and the provenance says so`() throws {
        let text = Support.recipe(
            """
            variables:
              memory: {type: size, default: 2 GiB}
              extra: {type: list, default: []}
              ask: {type: boolean, default: true}
            dom0: {kernel: linux-image-amd64, memory: {var: memory}, packages: {var: extra}}
            """)
        try Support.withFiles(["r.yaml": text]) { root in
            let loader = Support.loader(in: root)
            #expect(try loader.load("r.yaml").recipe.dom0.memory == ByteSize(bytes: 2 << 30))
            let set = try loader.load("r.yaml", variables: ["memory": "512 MiB", "extra": "nano,less"])
            #expect(set.recipe.dom0.memory == ByteSize(bytes: 512 << 20))
            #expect(set.recipe.dom0.packages == ["nano", "less"])
            let origin = try #require(set.origins(of: "dom0.memory").first)
            #expect(origin.variable == "memory" && origin.location?.file == "--set memory")
        }
    }

    @Test(arguments: [
        (["memory": "much"], "\"much\" is not of the type of \"memory\", size."),
        (["memroy": "1 GiB"], "The recipe declares no variable \"memroy\"."),
        (["memory": "1 KiB"], "dom0.memory must be from 256 MiB to 1 TiB, not \"1 KiB\"."),
    ])
    func `a bad --set is an error that names it`(set: [String: String], sentence: String) throws {
        let text = Support.recipe(
            "variables: {memory: {type: size, default: 2 GiB}}\ndom0: {kernel: linux-image-amd64, memory: {var: memory}}"
        )
        try Support.withFiles(["r.yaml": text]) { root in
            let errors = Support.errors { _ = try Support.loader(in: root).load("r.yaml", variables: set) }
            #expect(errors.contains("--set \(set.keys.first ?? ""):1:1: \(sentence)"))
        }
    }

    @Test func `provenance names the layer that gave each value`() throws {
        let loaded = try Support.loader(in: Support.package).load("Recipes/laptop-x86_64.yaml")
        let firmware = try #require(loaded.origins(of: "dom0.packages", value: "firmware-iwlwifi").first)
        #expect(firmware.location?.file == "Recipes/layers/firmware-laptop.yaml")
        let text = try Files.text(Support.package.appending("Recipes/layers/firmware-laptop.yaml"))
        let line = text.split(separator: "\n", omittingEmptySubsequences: false)[(firmware.location?.line ?? 1) - 1]
        #expect(line.contains("firmware-iwlwifi"))
        #expect(loaded.origins(of: "dom0.locale").first?.location?.file == "Recipes/layers/base.yaml")
        #expect(loaded.origins(of: "power.settleSeconds").first?.location == nil)
    }

    @Test func `the canonical form does not depend on where the files lie`() throws {
        let files = [
            "r.yaml": Support.recipe(
                "dom0: {kernel: linux-image-amd64, files: [{path: /etc/motd, source: files/motd}]}"),
            "files/motd": "hello\n",
        ]
        let first = try Support.withFiles(files) { try Support.loader(in: $0).load("r.yaml") }
        let second = try Support.withFiles(files) { try Support.loader(in: "/").load($0.appending("r.yaml")) }
        #expect(first.canonical == second.canonical)
        #expect(first.recipe.dom0.files.first?.content == "hello\n" && first.recipe.dom0.files.first?.source == nil)
        var changed = files
        changed["files/motd"] = "other\n"
        let third = try Support.withFiles(changed) { try Support.loader(in: $0).load("r.yaml") }
        #expect(first.canonical != third.canonical)
    }

    @Test func `errors name files from the working directory even for a full path`() throws {
        try Support.withFiles([
            "layers/a.yaml": "lapwing: 1\nfoo: 1\n", "r.yaml": "lapwing: 1\nextends: [layers/a.yaml]\n",
        ]) { root in
            let full = root.appending("r.yaml")
            let errors = Support.errors { _ = try Support.loader(in: root).load(full) }
            #expect(
                errors.contains("layers/a.yaml:2:1: The key \"foo\" is not known.") && !errors.contains(root.string))
        }
    }

    @Test func `the options of Xen come from the keys first`() throws {
        var recipe = Recipe()
        recipe.dom0.memory = ByteSize(bytes: 2 << 30)
        recipe.power.timerSlop = 100_000
        recipe.hypervisor.options = ["console=vga"]
        #expect(
            recipe.xenOptions == [
                "dom0_mem=2048M,max:2048M", "dom0_max_vcpus=2", "sched=credit2", "timer_slop=100000", "console=vga",
            ])
    }
}
