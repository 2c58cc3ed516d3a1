// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// Decimal digits without a sign.
enum Digits {
    /// The number; nil for anything that is not 1 to 15 digits.
    static func number(_ text: some StringProtocol) -> Int? {
        let count = text.utf8.count
        guard (1...15).contains(count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int(text)
    }
}

/// What the tools of Xen print, in lines `name : value`. Numbers stand in brackets: `max [2400000] min [400000]`.
struct ToolText {
    /// A line; the name is empty where a line goes on with the one before.
    struct Line {
        var name: String
        var value: String

        /// The number in the brackets behind a label; nil when it does not stand there.
        func number(_ label: String) -> Int? {
            guard let place = value.firstRange(of: label + " [") else { return nil }
            let rest = value[place.upperBound...].drop { $0 == " " }
            return Digits.number(rest.prefix { ("0"..."9").contains($0) })
        }
    }

    /// The most bytes of an answer that are looked at; more is no answer.
    static let limit = 4 << 20
    /// The most CPUs; Xen's own limit (NR_CPUS) is 4095 at the most.
    static let cpus = 4096

    /// The lines, without empty ones. One that has no colon has no name.
    static func lines(_ text: String, of tool: String) throws(LapwingError) -> [Line] {
        guard text.utf8.count <= limit else { throw bad(tool, "more than \(limit) bytes") }
        var lines: [Line] = []
        for line in text.split(whereSeparator: \.isNewline) {
            guard let colon = line.firstIndex(of: ":") else {
                let value = trimmed(line)
                if !value.isEmpty { lines.append(Line(name: "", value: value)) }
                continue
            }
            lines.append(Line(name: trimmed(line[..<colon]), value: trimmed(line[line.index(after: colon)...])))
        }
        return lines
    }

    /// A CPU's number as a line of its own gives it.
    static func cpu(_ value: String, of tool: String) throws(LapwingError) -> Int {
        guard let cpu = Digits.number(value), cpu < cpus else { throw bad(tool, "CPU \(value)") }
        return cpu
    }

    static func trimmed(_ text: Substring) -> String {
        let from = text.drop { $0 == " " || $0 == "\t" }
        guard let last = from.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
        return String(from[...last])
    }

    /// The error of an answer that is none.
    static func bad(_ tool: String, _ what: String) -> LapwingError {
        LapwingError(
            "power.bad-answer", "The answer of a tool could not be understood.", subject: tool,
            cause: SafeText.printable(String(what.prefix(200))))
    }
}
