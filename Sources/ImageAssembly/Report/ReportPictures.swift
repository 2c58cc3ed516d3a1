// SPDX-License-Identifier: Apache-2.0

import BuildEngine

/// The pictures of the report, as SVG without scripts. Each has a title and a description for those who do not see it,
/// and the report has the same numbers as a table.
enum ReportPictures {
    private static let width = 1060.0

    private static func at(_ value: Double) -> String { Figure.coordinate(value) }

    private static func rectangle(_ box: Box, _ style: String, radius: Double = 0) -> Markup {
        .void(
            "rect",
            [
                "x": at(box.x), "y": at(box.y), "width": at(box.width), "height": at(box.height), "rx": at(radius),
                "class": style,
            ])
    }

    private static func label(_ text: String, _ x: Double, _ y: Double, _ style: String = "", anchor: String = "start")
        -> Markup
    {
        .element("text", ["x": at(x), "y": at(y), "class": style, "text-anchor": anchor], .text(text))
    }

    private static func picture(_ height: Double, _ title: String, _ about: String, _ parts: [Markup]) -> Markup {
        .element(
            "svg",
            ["viewBox": "0 0 \(at(width)) \(at(height))", "role": "img", "aria-label": "\(title). \(about)"],
            [.element("desc", [:], .text(about))] + parts)
    }

    /// The text cut to what fits in `room` pixels at twelve pixels' height; empty when hardly a letter does.
    static func fitted(_ text: String, _ room: Double, bold: Bool = false) -> String {
        let letters = Int(room / (bold ? 7.6 : 6.7))
        if text.count <= letters { return text }
        return letters < 4 ? "" : text.prefix(letters - 1) + "…"
    }

    /// The text when it fits as it is, and nothing otherwise.
    private static func whole(_ text: String, _ room: Double) -> String {
        fitted(text, room) == text ? text : ""
    }

    // MARK: Seconds

    /// One bar of phases, one after the other.
    static func phases(_ phases: [BuildTimings.Phase]) -> Markup {
        let total = phases.reduce(0) { $0 + $1.seconds }
        guard total > 0 else { return .empty }
        var x = 0.0
        var parts: [Markup] = []
        for (index, phase) in phases.enumerated() {
            let long = width * phase.seconds / total
            let words = "\(phase.name): \(Seconds.text(phase.seconds)), \(Figure.percent(phase.seconds, of: total))"
            parts.append(
                .element(
                    "g", [:], .element("title", [:], .text(words)),
                    rectangle(Box(x: x, y: 0, width: long, height: 30), "box c\(index % 7)"),
                    label(whole("\(phase.name) \(Seconds.text(phase.seconds))", long - 14), x + 8, 19)))
            x += long
        }
        return picture(30, "Phases", "The phases of the build in their order, as long as they took.", parts)
    }

    /// The steps over time; cached ones have a dashed outline as long as the work would have taken.
    static func gantt(_ run: RunReport) -> Markup {
        let left = 190.0
        let row = 24.0
        let top = 26.0
        let right = 70.0
        let ends = run.steps.map { ($0.start ?? 0) + ($0.seconds ?? 0) + ($0.commitSeconds ?? 0) }
        let built = run.steps.contains { $0.outcome == .built }
        let longest = max(built ? run.seconds : 0, ends.max() ?? 0, 0.001)
        let scale = (width - left - right) / longest
        let height = top + row * Double(run.steps.count) + 6
        var parts: [Markup] = []
        let step = tick(longest)
        var time = 0.0
        while time <= longest * 1.0001 {
            let x = left + time * scale
            parts.append(
                .void("line", ["x1": at(x), "x2": at(x), "y1": at(top - 4), "y2": at(height), "class": "grid"]))
            parts.append(label("\(Figure.coordinate(time)) s", x, top - 10, "soft", anchor: "middle"))
            time += step
        }
        for (index, report) in run.steps.enumerated() {
            let y = top + row * Double(index)
            let seconds = report.seconds ?? 0
            let start = left + (report.start ?? 0) * scale
            let long = max(2, seconds * scale)
            let bar = Box(x: start, y: y + 5, width: long, height: row - 10)
            var shapes: [Markup] = []
            if index % 2 == 0 { shapes.append(rectangle(Box(x: 0, y: y, width: width, height: row), "band")) }
            shapes.append(.element("title", [:], .text(words(report))))
            var end = start + long
            switch report.outcome {
            case .built:
                if let commit = report.commitSeconds, commit * scale > 0.5 {
                    shapes.append(
                        rectangle(
                            Box(x: start + long - 1, y: y + 8, width: commit * scale + 1, height: row - 16), "commit"))
                    end += commit * scale
                }
                shapes.append(rectangle(bar, "built", radius: 2))
            case .shared: shapes.append(rectangle(bar, "shared", radius: 2))
            case .cached: shapes.append(rectangle(bar, "cached", radius: 2))
            case .unneeded: break
            }
            shapes.append(label(fitted(report.step.name, left - 16), 6, y + 16))
            let note =
                switch report.outcome {
                case .cached: "cached"
                case .unneeded: "not needed"
                default: Seconds.text(seconds)
                }
            shapes.append(label(note, report.outcome == .unneeded ? left : end + 6, y + 16, "soft"))
            parts.append(.element("g", [:], shapes))
        }
        return picture(
            height, "Steps over time",
            "Each step is a bar from its begin to its end; dashed bars are cached steps and show what their making took.",
            parts)
    }

    private static func words(_ report: RunReport.StepReport) -> String {
        let seconds = report.seconds.map(Seconds.text) ?? ""
        switch report.outcome {
        case .built: return "\(report.step): \(report.title), \(seconds) (\(report.reason ?? "built"))"
        case .shared: return "\(report.step): \(report.title), made by another build"
        case .cached: return "\(report.step): \(report.title), cached; took \(seconds) when it was made"
        case .unneeded: return "\(report.step): \(report.title), not needed"
        }
    }

    /// A round distance of the lines so that there are four to ten.
    static func tick(_ longest: Double) -> Double {
        var unit = 0.001
        while unit < 1e9 {
            for factor in [1.0, 2, 5] where longest / (unit * factor) <= 10 { return unit * factor }
            unit *= 10
        }
        return unit
    }

    static func key(_ style: String) -> Markup {
        .element(
            "svg", ["viewBox": "0 0 14 12", "aria-hidden": "true"],
            rectangle(Box(x: 1, y: 1, width: 12, height: 10), style, radius: 2))
    }

    // MARK: Bytes

    /// Boxes as large as their bytes, with those of their parts inside.
    static func treemap(_ root: SizeNode, _ title: String) -> Markup {
        let height = 430.0
        let area = Box(x: 0, y: 0, width: width, height: height)
        var parts: [Markup] = []
        let boxes = Treemap.layout(root.children.map { Double($0.bytes) }, in: area)
        for (index, (node, box)) in zip(root.children, boxes).enumerated() {
            let rest = node.name.hasSuffix(" others") && index == root.children.count - 1
            parts.append(
                group(node, box, root.bytes, path: node.name, style: rest ? "box rest" : "box c\(index % 7)", level: 0))
        }
        return picture(
            height, title, "The area of each box is its share of \(Figure.bytes(root.bytes)).", parts)
    }

    private static func group(
        _ node: SizeNode, _ box: Box, _ whole: Int64, path: String, style: String, level: Int
    ) -> Markup {
        var parts: [Markup] = [
            .element(
                "title", [:],
                .text("\(path): \(Figure.bytes(node.bytes)), \(Figure.percent(Double(node.bytes), of: Double(whole)))")),
            rectangle(box, style),
        ]
        let size = Figure.bytes(node.bytes)
        let room = box.width - 12
        let nested = !node.children.isEmpty && box.width > 70 && box.height > 50
        if box.height >= 20 {
            let both = "\(node.name)  \(size)"
            let oneLine = nested || box.height < 38 || level > 0
            let bold = level == 0 ? "bold" : ""
            if oneLine {
                parts.append(
                    label(
                        fitted(both.count * 8 <= Int(room) ? both : node.name, room, bold: level == 0), box.x + 6,
                        box.y + 15, bold))
            } else {
                parts.append(label(fitted(node.name, room, bold: level == 0), box.x + 6, box.y + 16, bold))
                let small = fitted(size, room)
                if small == size { parts.append(label(size, box.x + 6, box.y + 31, "soft")) }
            }
        }
        if nested {
            let inside = box.inset(4, top: 21)
            let boxes = Treemap.layout(node.children.map { Double($0.bytes) }, in: inside)
            for (child, place) in zip(node.children, boxes) {
                parts.append(
                    group(child, place, whole, path: path + "/" + child.name, style: "inner", level: level + 1))
            }
        }
        return .element("g", [:], parts)
    }
}
