// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A domain's share of CPU time, as `xl sched-credit2` lists it.
struct DomainShare: Hashable {
    /// Its two numbers.
    struct Values: Hashable {
        var weight: Int
        var cap: Int

        init(weight: Int, cap: Int) {
            self.weight = weight
            self.cap = cap
        }

        init?(_ text: String) {
            guard let pairs = Pairs(text), let weight = pairs["weight"], let cap = pairs["cap"] else { return nil }
            self.init(weight: weight, cap: cap)
        }

        var text: String { "weight=\(weight) cap=\(cap)" }
    }

    /// The control domain's name in Xen.
    static let dom0 = "Domain-0"

    var name: String
    var id: Int
    var values: Values

    private static let tool = "xl sched-credit2"

    /// Reads the list (Xen 4.20, tools/xl/xl_sched.c): a line `Cpupool NAME: ...` for each pool, a heading, then name,
    /// number, weight and cap. A name may hold blanks, so lines are read from their end.
    static func list(_ text: String) throws(LapwingError) -> [DomainShare] {
        guard text.utf8.count <= ToolText.limit else { throw ToolText.bad(tool, "more than \(ToolText.limit) bytes") }
        var shares: [DomainShare] = []
        var ids: Set<Int> = []
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("Cpupool ") && (line.hasSuffix("us") || line.hasSuffix("]")) { continue }
            let words = line.split(separator: " ")
            if words.suffix(4) == ["Name", "ID", "Weight", "Cap"] { continue }
            guard words.count >= 4, let cap = Digits.number(words[words.count - 1]),
                let weight = Digits.number(words[words.count - 2]), let id = Digits.number(words[words.count - 3]),
                id < 32768, ids.insert(id).inserted
            else { throw ToolText.bad(tool, String(line)) }
            shares.append(
                DomainShare(
                    name: words.dropLast(3).joined(separator: " "), id: id, values: .init(weight: weight, cap: cap)))
        }
        return shares
    }
}

/// The CPUs of `xl info -n`.
struct Processors: Hashable {
    /// The architecture by Linux's name, `x86_64` or `aarch64`; empty when it does not say.
    var machine = ""
    /// How many run.
    var count: Int
    /// The highest number there is.
    var highest: Int
    /// Threads of a core.
    var threads: Int
    /// The package and core of each that runs; of one that is switched off Xen does not know it.
    var cores: [Int: String]

    private static let tool = "xl info -n"

    /// Reads it (Xen 4.20, tools/xl/xl_info.c).
    static func info(_ text: String) throws(LapwingError) -> Processors {
        var result = Processors(count: 0, highest: -1, threads: 1, cores: [:])
        var topology = false
        for line in try ToolText.lines(text, of: tool) {
            switch line.name {
            case "machine": result.machine = String(line.value.prefix(32))
            case "nr_cpus": result.count = Digits.number(line.value) ?? 0
            case "max_cpu_id": result.highest = Digits.number(line.value) ?? -1
            case "threads_per_core": result.threads = Digits.number(line.value) ?? 1
            case "cpu_topology": topology = true
            case "device topology", "numa_info": topology = false
            default:
                guard topology, let cpu = Digits.number(line.name) else { continue }
                let words = line.value.split(separator: " ")
                guard words.count == 3, let core = Digits.number(words[0]), let package = Digits.number(words[1]),
                    cpu < ToolText.cpus, result.cores.updateValue("\(package):\(core)", forKey: cpu) == nil
                else { throw ToolText.bad(tool, "CPU \(line.name)") }
            }
        }
        guard (0..<ToolText.cpus).contains(result.highest), result.cores[0] != nil,
            result.cores.keys.allSatisfy({ $0 <= result.highest })
        else { throw ToolText.bad(tool, "no CPUs") }
        return result
    }

    /// The CPUs that a virtual CPU is tied to, of all virtual CPUs that are tied to some (Xen 4.20,
    /// tools/xl/xl_vcpu.c): the word before ` / ` at a line's end, `all` or `0-3,6`. When the last of them is switched
    /// off, Xen unties the virtual CPU for good.
    static func tied(_ text: String) throws(LapwingError) -> Set<Int> {
        let tool = "xl vcpu-list"
        guard text.utf8.count <= ToolText.limit else { throw ToolText.bad(tool, "more than \(ToolText.limit) bytes") }
        var result: Set<Int> = []
        for line in text.split(whereSeparator: \.isNewline).dropFirst() {
            let words = line.split(separator: " ")
            guard words.count >= 6, words[words.count - 2] == "/" else { throw ToolText.bad(tool, String(line)) }
            let hard = words[words.count - 3]
            if hard == "all" || hard == "none" { continue }
            for part in hard.split(separator: ",") {
                let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Digits.number($0) }
                guard ends.count <= 2, let first = ends[0], let last = ends.count == 2 ? ends[1] : first,
                    first <= last, last < ToolText.cpus
                else { throw ToolText.bad(tool, String(line)) }
                result.formUnion(first...last)
            }
        }
        return result
    }
}

/// The scheduler's parameters, as `xenhypfs cat /params/sched-lapwing` prints them.
enum SchedulerParameters {
    /// The text, when it is one: `mode=balanced,slice=8000,...`.
    static func parse(_ text: String) throws(LapwingError) -> String {
        let line = ToolText.trimmed(Substring(text.split(whereSeparator: \.isNewline).first ?? ""))
        let good = line.utf8.allSatisfy {
            (48...57).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ",")
        }
        guard good, line.hasPrefix("mode="), line.utf8.count <= 256 else {
            throw ToolText.bad("xenhypfs cat /params/sched-lapwing", line)
        }
        return line
    }
}
