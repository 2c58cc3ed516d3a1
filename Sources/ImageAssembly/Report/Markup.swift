// SPDX-License-Identifier: Apache-2.0

import LapwingCore

/// A piece of HTML or SVG; text gets in only by being escaped.
struct Markup: Sendable {
    private(set) var source: String

    private init(source: String) { self.source = source }

    static let empty = Markup(source: "")

    /// Text, escaped for elements and attributes alike; characters that could reorder it are spelt out.
    static func text(_ text: String) -> Markup {
        var result = ""
        for character in SafeText.printable(text) {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.append(character)
            }
        }
        return Markup(source: result)
    }

    /// An element; attributes in the order given.
    static func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], _ content: Markup...
    )
        -> Markup
    {
        element(name, attributes, content)
    }

    static func element(
        _ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:], _ content: [Markup]
    ) -> Markup {
        let written = attributes.map { " \($0.key)=\"\(text($0.value).source)\"" }.joined()
        let inner = content.map(\.source).joined()
        return Markup(source: "<\(name)\(written)>\(inner)</\(name)>")
    }

    /// An element without content, in the form that both HTML and SVG take.
    static func void(_ name: StaticString, _ attributes: KeyValuePairs<StaticString, String> = [:]) -> Markup {
        Markup(source: "<\(name)" + attributes.map { " \($0.key)=\"\(text($0.value).source)\"" }.joined() + "/>")
    }

    /// A part of the program itself, such as the style sheet.
    static func trusted(_ text: StaticString) -> Markup { Markup(source: "\(text)") }

    static func + (a: Markup, b: Markup) -> Markup { Markup(source: a.source + b.source) }

    static func join(_ parts: [Markup], _ separator: StaticString = "\n") -> Markup {
        Markup(source: parts.map(\.source).joined(separator: "\(separator)"))
    }
}

/// Numbers as the report writes them.
enum Figure {
    /// A coordinate with two decimals at most.
    static func coordinate(_ value: Double) -> String {
        let hundredths = Int((value.isFinite ? value : 0) * 100 + (value < 0 ? -0.5 : 0.5))
        let (whole, part) = (abs(hundredths) / 100, abs(hundredths) % 100)
        let fraction = part == 0 ? "" : part % 10 == 0 ? ".\(part / 10)" : part < 10 ? ".0\(part)" : ".\(part)"
        return (hundredths < 0 ? "-" : "") + "\(whole)\(fraction)"
    }

    static func bytes(_ bytes: Int64) -> String { ByteSize(bytes: UInt64(clamping: bytes)).description }

    static func percent(_ part: Double, of whole: Double) -> String {
        guard whole > 0 else { return "0 %" }
        let tenths = Int((part * 1000 / whole).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }

    /// A day, from seconds since 1970 (days to civil date by Howard Hinnant's algorithm).
    static func day(_ seconds: Int64) -> String {
        let days = (seconds >= 0 ? seconds : seconds - 86399) / 86400 + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let ofEra = days - era * 146_097
        let year = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * year + year / 4 - year / 100)
        let shifted = (5 * ofYear + 2) / 153
        let day = ofYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(year + era * 400 + (month <= 2 ? 1 : 0))-\(two(month))-\(two(day))"
    }
}
