// SPDX-License-Identifier: Apache-2.0

/// Plots as SVG text.
public enum Plot {
    private static let colours = ["#8a8f98", "#2b7a4b", "#c98a1b", "#3566a8", "#8b4f9f", "#a33b3b"]
    private static let bar = 9.0

    private static func escaped(_ text: String) -> String {
        var out = ""
        for c in text {
            switch c {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.append(c)
            }
        }
        return out
    }

    private static func text(_ x: Double, _ y: Double, _ words: String, anchor: String = "start", size: Int = 11)
        -> String
    {
        "<text x=\"\(f(x))\" y=\"\(f(y))\" font-size=\"\(size)\" text-anchor=\"\(anchor)\">\(escaped(words))</text>\n"
    }

    private static func f(_ value: Double) -> String { Comparison.fixed(value, 1) }

    private static func page(_ width: Double, _ height: Double, _ body: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="\(f(width))" height="\(f(height))" \
        viewBox="0 0 \(f(width)) \(f(height))" font-family="sans-serif" fill="#222">
        <rect width="100%" height="100%" fill="white"/>
        \(body)</svg>

        """
    }

    /// One value of every scheduler on every machine and workload as bars, 100 % being the first scheduler; bounds as
    /// marks across the bars.
    ///
    /// - Parameters:
    ///   - title: above the plot.
    ///   - value: a row's value against the first scheduler, 1 is equal.
    public static func bars(
        _ comparison: Comparison, title: String, bounds: Bool, value: (Comparison.Row) -> Double
    ) -> String {
        let rows = comparison.rows
        let most = min(2.5, max(1.2, rows.map(value).max() ?? 1))
        let left = 190.0
        let width = 560.0
        let pageWidth = left + width + 60
        var y = 48.0
        var body = text(12, 22, title, size: 15)
        var schedulers: [String] = []
        for row in rows where !schedulers.contains(row.run.scheduler) { schedulers.append(row.run.scheduler) }
        var x = left
        // Names that do not fit go on another line.
        func place(_ name: String) {
            guard x > left, x + 13 + 6.6 * Double(name.count) > pageWidth else { return }
            x = left
            y += 14
        }
        for (index, scheduler) in schedulers.enumerated() {
            place(scheduler)
            body +=
                "<rect x=\"\(f(x))\" y=\"\(f(y - 16))\" width=\"9\" height=\"9\" fill=\"\(colours[index % colours.count])\"/>\n"
            body += text(x + 13, y - 7.5, scheduler)
            x += 30 + 6.6 * Double(scheduler.count)
        }
        if bounds {
            place("| oracle")
            body += text(x, y - 7.5, "| oracle")
        }
        let top = y
        var machine = ""
        var workload = ""
        for row in rows {
            if row.run.machine != machine {
                machine = row.run.machine
                workload = ""
                y += 16
                body += text(12, y + 4, machine, size: 12)
                y += 8
            }
            if row.run.workload != workload {
                workload = row.run.workload
                y += 6
                body += text(left - 8, y + bar * Double(schedulers.count) / 2 + 4, workload, anchor: "end")
                if bounds,
                    let oracle = comparison.bounds.first(where: {
                        $0.machine == machine && $0.workload == workload && $0.name == "oracle"
                    })
                {
                    let at = left + min(most, comparison.ratio(oracle)) / most * width
                    body += "<line x1=\"\(f(at))\" x2=\"\(f(at))\" y1=\"\(f(y - 2))\" "
                    body += "y2=\"\(f(y + bar * Double(schedulers.count) + 2))\" stroke=\"#222\" stroke-width=\"2\"/>\n"
                }
            }
            let index = schedulers.firstIndex(of: row.run.scheduler) ?? 0
            let length = min(most, value(row)) / most * width
            body += "<rect x=\"\(f(left))\" y=\"\(f(y))\" width=\"\(f(length))\" height=\"\(f(bar - 1))\" "
            body += "fill=\"\(colours[index % colours.count])\" fill-opacity=\"0.85\"/>\n"
            body += text(left + length + 4, y + bar - 1.5, "\(Comparison.fixed(value(row) * 100, 0))%", size: 9)
            y += bar
        }
        let one = left + width / most
        body +=
            "<line x1=\"\(f(one))\" x2=\"\(f(one))\" y1=\"\(f(top))\" y2=\"\(f(y))\" stroke=\"#bbb\" stroke-dasharray=\"3 3\"/>\n"
        return page(pageWidth, y + 16, body)
    }

    /// Where the cores and the shared power spent their time, one strip for each, deep states dark.
    public static func residency(_ runs: [RunResult], order: [String: [String]], title: String) -> String {
        var body = text(12, 22, title, size: 15)
        var y = 34.0
        let left = 110.0
        let width = 560.0
        for run in runs {
            y += 16
            body += text(12, y, "\(run.scheduler)  \(Comparison.fixed(run.joules, 1)) J", size: 12)
            y += 6
            for strip in run.cores + run.groups {
                var x = left
                let states = order[strip.name] ?? ["active"] + strip.percent.keys.filter { $0 != "active" }.sorted()
                for (index, state) in states.enumerated() {
                    let part = (strip.percent[state] ?? 0) / 100 * width
                    guard part > 0 else { continue }
                    let fill =
                        index == 0
                        ? "#d9822b" : "hsl(214, 45%, \(max(22, 86 - 64 * index / max(1, states.count - 1)))%)"
                    body += "<rect x=\"\(f(x))\" y=\"\(f(y))\" width=\"\(f(part))\" height=\"9\" fill=\"\(fill)\">"
                    body += "<title>\(escaped(state)) \(f(strip.percent[state] ?? 0)) %</title></rect>\n"
                    x += part
                }
                body += text(left - 6, y + 8, strip.name, anchor: "end", size: 10)
                y += 11
            }
        }
        body += text(left, y + 14, "orange: active; blue, light to dark: idle states, shallow to deep", size: 10)
        return page(left + width + 20, y + 26, body)
    }
}

extension Machine {
    /// The states of each strip of a residency plot, shallow to deep.
    public var stripOrder: [String: [String]] {
        var order: [String: [String]] = [:]
        for (index, core) in cores.enumerated() {
            order["\(core.type)\(index)"] = ["active"] + (coreTypes[core.type]?.idleStates.map(\.name) ?? [])
        }
        for group in groups { order[group.name] = ["active"] + group.states.map(\.name) }
        return order
    }
}
