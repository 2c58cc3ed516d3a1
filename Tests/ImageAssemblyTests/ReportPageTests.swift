// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import FoundationEssentials
import Hashing
import LapwingCore
import SystemPackage
import Testing

@testable import ImageAssembly

@Suite struct ReportPageTests {
    private func page(_ manifest: Manifest = sampleManifest(), title: String = "unpack") async throws -> String {
        let place = try ReportPlace()
        let run = try await sampleRun(place, title: title)
        let timings = BuildTimings(
            recipe: "laptop", seconds: run.seconds + 1,
            phases: [
                .init("resolve", seconds: 0.4), .init("fetch", seconds: 0.6), .init("steps", seconds: run.seconds),
            ],
            run: run, processors: 2)
        let directories = SizeNode.tree(
            [("usr/lib/a", 400), ("usr/lib/b", 200), ("usr/bin/c", 100), ("etc/d", 1)], depth: 3)
        return BuildReport(manifest: manifest, timings: timings, directories: directories).html()
    }

    /// Runs a page through an XML parser; it is written so that it is XML but for the first line.
    private func parse(_ html: String) async throws -> CommandResult {
        let program = "import sys,xml.dom.minidom;xml.dom.minidom.parseString(sys.stdin.buffer.read())"
        return try await SubprocessRunner().run(
            Command("python3", ["-c", program], input: .bytes(Array(html.dropFirst("<!DOCTYPE html>\n".count).utf8))))
    }

    @Test func `the page has every part and is well formed`() async throws {
        let html = try await page()
        for id in ["seconds", "bytes", "outputs", "packages", "origin"] { #expect(html.contains("id=\"\(id)\"")) }
        for text in ["root.base", "xen-utils-4.20", "4.20.2-1", Digest.of("raw").hex, "2025-11-09", "2.0 GiB"] {
            #expect(html.contains(text), "\(text)")
        }
        if (try? await SubprocessRunner().run(Command("python3", ["--version"]))) != nil {
            let parsed = try await parse(html)
            #expect(parsed.succeeded, "\(parsed.errorText)")
        }
    }

    @Test func `the page loads nothing from elsewhere and holds no script`() async throws {
        let html = try await page()
        for part in ["<script", "http://", "https://", "<link", "@import", "url(", "<img", "<iframe"] {
            #expect(!html.contains(part), "\(part)")
        }
        #expect(html.contains("default-src &#39;none&#39;"))
    }

    @Test func `hostile text does not get out of its place`() async throws {
        let hostile = "</title><script>alert('\"&')</script>\u{202e}\u{1b}[31m"
        let manifest = sampleManifest { packages, outputs in
            packages[0].name = hostile
            packages[0].version = hostile
            outputs[0].name = hostile
        }
        let html = try await page(manifest, title: hostile)
        #expect(!html.contains("<script") && !html.contains("\u{202e}") && !html.contains("\u{1b}"))
        #expect(html.contains("&lt;script&gt;"))
        if (try? await SubprocessRunner().run(Command("python3", ["--version"]))) != nil {
            #expect(try await parse(html).succeeded)
        }
    }

    @Test func `an empty build gives a page too`() async throws {
        let place = try ReportPlace()
        var run = try await sampleRun(place)
        run.steps = []
        let manifest = Manifest(
            recipe: .init(name: "x", digest: .of("")), architecture: "arm64", lock: .of(""), sourceDateEpoch: 0,
            verityRootHash: nil, outputs: [], packages: [])
        let html = BuildReport(
            manifest: manifest, timings: BuildTimings(recipe: "x", seconds: 0, phases: [], run: run, processors: 1)
        ).html()
        #expect(html.contains("1970-01-01") && !html.contains("id=\"bytes\"") && !html.contains("nan"))
    }

    @Test func `timings are written and read back`() async throws {
        let place = try ReportPlace()
        let run = try await sampleRun(place)
        let timings = BuildTimings(
            recipe: "laptop", seconds: 2, phases: [.init("plan", seconds: 0.5)], run: run, processors: 2)
        let file = place.path.appending("x.timings.json")
        try Files.write(timings.json(), to: file)
        let back = try BuildTimings.load(file)
        #expect(back.run.steps == run.steps && back.phases == timings.phases)
        #expect(try back.run.output(of: "disk") == run.output(of: "disk"))
    }
}

@Suite struct TreemapTests {
    @Test(arguments: [[6.0, 6, 4, 3, 2, 2, 1], [1], [5, 0, 3], Array(repeating: 1, count: 50), [1e9, 1, 1]])
    func `boxes have the areas asked for, stay inside and do not overlap`(weights: [Double]) {
        let area = Box(x: 10, y: 20, width: 600, height: 400)
        let boxes = Treemap.layout(weights, in: area)
        let total = weights.reduce(0, +)
        #expect(boxes.count == weights.count)
        for (weight, box) in zip(weights, boxes) {
            #expect(abs(box.area - weight / total * area.area) < 0.01)
            #expect(box.x >= 9.99 && box.y >= 19.99 && box.x + box.width <= 610.01 && box.y + box.height <= 420.01)
        }
        for (index, a) in boxes.enumerated() {
            for b in boxes[(index + 1)...] {
                let across = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
                let down = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
                #expect(across < 0.001 || down < 0.001)
            }
        }
    }

    @Test func `nothing to show gives empty boxes`() {
        let area = Box(x: 0, y: 0, width: 10, height: 10)
        #expect(Treemap.layout([], in: area).isEmpty)
        #expect(Treemap.layout([0, -1], in: area).allSatisfy { $0.area == 0 })
    }

    @Test func `sizes add up by directory and small parts are gathered`() {
        let node = SizeNode.tree([("a/b/c/d", 50), ("a/b/e", 30), ("a/f", 5), ("g", 15)], depth: 2)
        #expect(node.bytes == 100)
        #expect(node.children.map(\.name) == ["a", "g"] && node.children.map(\.bytes) == [85, 15])
        #expect(node.children[0].children.map(\.name) == ["b", "f"])
        #expect(node.children[0].children[0].children.isEmpty)
        let gathered = node.gathered(share: 0.1, limit: 9)
        #expect(gathered.children[0].children.map(\.name) == ["b", "1 others"])
        #expect(gathered.children[0].children.map(\.bytes) == [80, 5])
    }

    @Test func `a part that is most of the whole is opened`() {
        let node = SizeNode.tree([("usr/lib/a", 50), ("usr/bin/b", 30), ("etc/c", 20)], depth: 3).opened()
        #expect(node.children.map(\.name) == ["usr/lib", "usr/bin", "etc"] && node.bytes == 100)
    }

    @Test(arguments: [(0.0, "0"), (1.005, "1"), (12.5, "12.5"), (-3.25, "-3.25"), (7.049, "7.05"), (.infinity, "0")])
    func `coordinates are short`(value: Double, text: String) { #expect(Figure.coordinate(value) == text) }

    @Test(arguments: [
        (Int64(0), "1970-01-01"), (951_782_400, "2000-02-29"), (1_762_646_400, "2025-11-09"), (-86400, "1969-12-31"),
    ])
    func `days are right`(seconds: Int64, day: String) { #expect(Figure.day(seconds) == day) }

    @Test(arguments: [(0.0, "0.0 s"), (4.06, "4.1 s"), (99.96, "1 min 40 s"), (185, "3 min 5 s")])
    func `durations are readable`(seconds: Double, text: String) { #expect(Seconds.text(seconds) == text) }
}
