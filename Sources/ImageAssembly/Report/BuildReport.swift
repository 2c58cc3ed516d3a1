// SPDX-License-Identifier: Apache-2.0

import BuildEngine
import LapwingCore

/// The build report, `NAME.html`: one file that loads nothing from elsewhere and holds no script.
public struct BuildReport: Sendable {
    /// What was built.
    public var manifest: Manifest
    /// How long it took.
    public var timings: BuildTimings
    /// The bytes of the root by directory, for example from `FileList.sizes`; nil to leave that picture out.
    public var directories: SizeNode?

    /// Describes a report.
    public init(manifest: Manifest, timings: BuildTimings, directories: SizeNode? = nil) {
        self.manifest = manifest
        self.timings = timings
        self.directories = directories
    }

    /// The page.
    public func html() -> String {
        let title = "\(manifest.recipe.name): build report"
        // Nothing may be loaded or run, whatever a package's name or version says.
        let head: [Markup] = [
            .void("meta", ["charset": "utf-8"]),
            .void(
                "meta",
                [
                    "http-equiv": "Content-Security-Policy",
                    "content": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
                ]),
            .void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
            .element("title", [:], .text(title)),
            .element("style", [:], .trusted(ReportStyle.sheet)),
        ]
        let sections = [seconds, bytes, outputs, packages, origin]
        let page = Markup.element(
            "html", ["lang": "en"], .element("head", [:], .join(head)),
            .element("body", [:], header, .element("main", [:], .join([tiles] + sections)), footer))
        return "<!DOCTYPE html>\n" + page.source + "\n"
    }

    private var header: Markup {
        let version = manifest.recipe.version.map { " \($0)" } ?? ""
        return .element(
            "header", ["class": "top"], .element("h1", [:], .text(manifest.recipe.name + version)),
            .element(
                "p", ["class": "sub"],
                .text(
                    "\(manifest.architecture) · packages as of \(Figure.day(manifest.sourceDateEpoch)) · build report"))
        )
    }

    private var tiles: Markup {
        let run = timings.run
        let count = { (outcome: RunReport.Outcome) in run.steps.count { $0.outcome == outcome } }
        let root = rootPackages
        let processor = run.ownUserSeconds + run.ownSystemSeconds + run.childUserSeconds + run.childSystemSeconds
        let installed = rootBytes
        var tiles: [(String, String, String)] = [
            ("Build time", Seconds.text(timings.seconds), "\(Seconds.text(processor)) of processor time"),
            ("Steps run", "\(count(.built))", "\(count(.cached)) cached, \(count(.shared)) by another build"),
            ("Peak memory", Figure.bytes(max(run.ownPeakBytes, run.childPeakBytes)), "largest single process"),
            ("Packages", "\(root.count)", "in the root"),
        ]
        if installed > 0 { tiles.append(("Root", Figure.bytes(installed), "before compression")) }
        if let largest = manifest.outputs.max(by: { $0.size < $1.size }) {
            tiles.append(("Outputs", "\(manifest.outputs.count)", "largest \(Figure.bytes(largest.size))"))
        }
        return .element(
            "dl", ["class": "tiles"],
            tiles.map { name, value, note in
                .element(
                    "div", [:], .element("dt", [:], .text(name)),
                    .element("dd", [:], .text(value), .element("small", [:], .text(note))))
            })
    }

    private var rootBytes: Int64 {
        let counted = rootPackages.reduce(Int64(0)) { $0 + ($1.installedBytes ?? 0) }
        return directories?.bytes ?? counted
    }

    // MARK: Seconds

    private var seconds: Markup {
        let run = timings.run
        var parts: [Markup] = [.element("h2", [:], .text("Where the seconds went"))]
        let outcome =
            run.steps.contains { $0.outcome == .built }
            ? "\(Seconds.text(timings.seconds)) in all, up to \(run.jobs) steps at once on \(timings.processors) processors"
            : "Everything was in the cache; dashed bars show what the making took"
        parts.append(.element("p", ["class": "sub"], .text(outcome)))
        if !timings.phases.isEmpty {
            parts.append(ReportPictures.phases(timings.phases))
            parts.append(
                .element(
                    "ul", ["class": "legend"],
                    timings.phases.enumerated().map { index, phase in
                        .element(
                            "li", [:], ReportPictures.key("c\(index % 7)"),
                            .text("\(phase.name) \(Seconds.text(phase.seconds))"))
                    }))
        }
        if !run.steps.isEmpty {
            parts.append(.element("h3", [:], .text("Steps")))
            parts.append(ReportPictures.gantt(run))
            let legend = [
                ("built", "ran"), ("commit", "digesting the result, while others go on"),
                ("cached", "cached: what it took when it was made"), ("shared", "made by another build"),
            ]
            parts.append(
                .element(
                    "ul", ["class": "legend"],
                    legend.map { .element("li", [:], ReportPictures.key($0.0), .text($0.1)) }))
            parts.append(details("The steps as a table", stepTable))
        }
        return .element("section", ["id": "seconds"], parts)
    }

    private var stepTable: Markup {
        table(
            "Steps in the order of the plan",
            [
                ("Step", false), ("Outcome", false), ("Began", true), ("Took", true), ("Result", true),
                ("Why and with what", false),
            ],
            timings.run.steps.map { step in
                let programs = Dictionary(grouping: step.commands, by: \.program)
                    .mapValues { $0.reduce(0) { $0 + $1.seconds } }
                    .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
                    .prefix(6).map { "\($0.key) \(Seconds.text($0.value))" }
                let metrics = step.metrics.sorted { $0.key < $1.key }.map { "\($0.key) \(Figure.coordinate($0.value))" }
                let words = [step.reason].compactMap { $0 } + programs + metrics
                return [
                    step.step.name, step.outcome.rawValue, step.start.map(Seconds.text) ?? "",
                    step.seconds.map(Seconds.text) ?? "", step.bytes.map(Figure.bytes) ?? "",
                    words.joined(separator: " · "),
                ]
            })
    }

    // MARK: Bytes

    private var bytes: Markup {
        let sized = rootPackages.filter { ($0.installedBytes ?? 0) > 0 }
        if sized.isEmpty && directories == nil { return .empty }
        var parts: [Markup] = [
            .element("h2", [:], .text("Where the bytes went")),
            .element(
                "p", ["class": "sub"], .text("The root file system before compression, \(Figure.bytes(rootBytes))")),
        ]
        if !sized.isEmpty {
            let total = sized.reduce(Int64(0)) { $0 + ($1.installedBytes ?? 0) }
            let node = SizeNode(
                "packages", bytes: total, children: sized.map { SizeNode($0.name, bytes: $0.installedBytes ?? 0) })
            parts.append(.element("h3", [:], .text("By package")))
            parts.append(ReportPictures.treemap(node.gathered(share: 0.004, limit: 45), "Bytes by package"))
        }
        if let directories = directories?.opened() {
            parts.append(.element("h3", [:], .text("By directory")))
            parts.append(ReportPictures.treemap(directories.gathered(share: 0.004, limit: 14), "Bytes by directory"))
            let rows = directories.children.flatMap { top in
                [(top.name, top.bytes)] + top.children.prefix(8).map { (top.name + "/" + $0.name, $0.bytes) }
            }
            parts.append(
                details(
                    "The directories as a table",
                    table(
                        "Bytes by directory", [("Directory", false), ("Bytes", true), ("Share", true)],
                        rows.map {
                            [
                                "/" + $0.0, Figure.bytes($0.1),
                                Figure.percent(Double($0.1), of: Double(directories.bytes)),
                            ]
                        })))
        }
        return .element("section", ["id": "bytes"], parts)
    }

    // MARK: Lists

    private var outputs: Markup {
        .element(
            "section", ["id": "outputs"], .element("h2", [:], .text("Outputs")),
            table(
                "Files and their SHA-256", [("File", false), ("Size", true), ("SHA-256", false)],
                manifest.outputs.map { [$0.name, Figure.bytes($0.size), $0.sha256.hex] }, digests: [2]))
    }

    /// The packages whose files are in the root; the tools' and the sysroot's are not.
    private var rootPackages: [Manifest.Package] { manifest.packages.filter { $0.sets.contains("root") } }

    private var packages: Markup {
        .element(
            "section", ["id": "packages"], .element("h2", [:], .text("Packages")),
            details(
                "\(manifest.packages.count) packages",
                table(
                    "Packages, by name",
                    [
                        ("Package", false), ("Version", false), ("Architecture", false), ("In", false),
                        ("Source", false), ("Files", true),
                    ],
                    manifest.packages.map { package in
                        [
                            package.name, package.version, package.architecture, package.sets.joined(separator: ", "),
                            package.source ?? "", package.installedBytes.map(Figure.bytes) ?? "",
                        ]
                    }), open: manifest.packages.count <= 40))
    }

    private var origin: Markup {
        var facts: [(String, String)] = [
            ("Recipe digest", manifest.recipe.digest.hex), ("Lock digest", manifest.lock.hex),
        ]
        if let root = manifest.verityRootHash { facts.append(("Verity root hash", root)) }
        facts.append(("Source date", "\(manifest.sourceDateEpoch) (\(Figure.day(manifest.sourceDateEpoch)))"))
        if let hypervisor = manifest.hypervisor {
            let how = hypervisor.origin == "build" ? "built from source" : hypervisor.package
            facts.append(("Hypervisor", "\(hypervisor.version), \(how), scheduler \(hypervisor.scheduler)"))
            if let config = hypervisor.config { facts.append(("Hypervisor configuration", config.hex)) }
            if let compiler = hypervisor.compiler { facts.append(("Hypervisor compiler", compiler)) }
            for source in hypervisor.sources ?? [] { facts.append((source.path, source.sha256.hex)) }
        }
        if let compiler = manifest.compiler { facts.append(("Compiler", compiler)) }
        var parts: [Markup] = [
            .element("h2", [:], .text("Where it comes from")),
            .element(
                "dl", ["class": "facts"],
                facts.flatMap { name, value -> [Markup] in
                    [.element("dt", [:], .text(name)), .element("dd", ["class": "h"], .text(value))]
                }),
        ]
        if !manifest.programs.isEmpty {
            parts.append(.element("h3", [:], .text("Device programs")))
            parts.append(
                table(
                    "Programs built for this image", [("Path", false), ("Size", true), ("SHA-256", false)],
                    manifest.programs.map { ["/" + $0.path, Figure.bytes($0.size), $0.sha256.hex] }, digests: [2]))
        }
        if !manifest.tools.isEmpty {
            parts.append(
                details(
                    "Tools",
                    table(
                        "Tools that built it", [("Tool", false), ("Version", false)],
                        manifest.tools.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })))
        }
        return .element("section", ["id": "origin"], parts)
    }

    private var footer: Markup {
        .element(
            "footer", [:],
            .text(
                "This page shows times and so differs from build to build; it stands outside the digests of the image.")
        )
    }

    private func details(_ summary: String, _ content: Markup, open: Bool = false) -> Markup {
        let inside: [Markup] = [.element("summary", [:], .text(summary)), content]
        return open ? .element("details", ["open": "open"], inside) : .element("details", [:], inside)
    }

    /// A table with headings in both directions: the first cell of a row names it.
    private func table(
        _ caption: String, _ columns: [(title: String, number: Bool)], _ rows: [[String]], digests: Set<Int> = []
    ) -> Markup {
        let headings = columns.map { column in
            Markup.element("th", ["scope": "col", "class": column.number ? "n" : ""], .text(column.title))
        }
        let body = rows.map { row in
            Markup.element(
                "tr", [:],
                row.enumerated().map { index, cell in
                    if index == 0 { return .element("th", ["scope": "row"], .text(cell)) }
                    let style = columns[index].number ? "n" : digests.contains(index) ? "h" : ""
                    return .element("td", ["class": style], .text(cell))
                })
        }
        return .element(
            "div", ["class": "scroll"],
            .element(
                "table", [:], .element("caption", [:], .text(caption)),
                .element("thead", [:], .element("tr", [:], headings)), .element("tbody", [:], .join(body))))
    }
}
