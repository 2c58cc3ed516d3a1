// SPDX-License-Identifier: Apache-2.0

/// The text of a YAML file by lines and columns, for what must be seen before or after the parser.
struct TextLines {
    private var scalars: [Unicode.Scalar]
    private var starts: [Int] = [0]

    /// Splits at the line breaks of YAML 1.1, which the parser counts.
    init(_ text: String) {
        scalars = Array(text.unicodeScalars)
        for (index, scalar) in scalars.enumerated() {
            let isBreak: Bool =
                switch scalar {
                case "\r": index + 1 == scalars.count || scalars[index + 1] != "\n"
                case "\n", "\u{85}", "\u{2028}", "\u{2029}": true
                default: false
                }
            if isBreak { starts.append(index + 1) }
        }
    }

    /// The whole text.
    var text: String {
        var text = ""
        text.unicodeScalars.append(contentsOf: scalars)
        return text
    }

    private func line(_ number: Int) -> ArraySlice<Unicode.Scalar> {
        guard number >= 1, number <= starts.count else { return [] }
        return scalars[starts[number - 1]..<(number < starts.count ? starts[number] : scalars.count)]
    }

    /// Gives the key at a place a name nobody else has; false when no letter stands there.
    mutating func rename(_ line: Int, _ column: Int, _ number: Int) -> Bool {
        guard line >= 1, line <= starts.count, column >= 1 else { return false }
        var index = starts[line - 1] + column - 1
        guard index < scalars.count, let name = Unicode.Scalar(UInt32(0xE000 + number)) else { return false }
        if scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard index < scalars.count, scalars[index].properties.isAlphabetic || ("0"..."9").contains(scalars[index])
        else { return false }
        scalars[index] = name
        return true
    }

    /// A tab in the indentation of a line or the one after it.
    func tab(near number: Int) -> (line: Int, column: Int)? {
        for candidate in [number, number - 1, number + 1] {
            let indentation = line(candidate).prefix { $0 == " " || $0 == "\t" }
            if let index = indentation.firstIndex(of: "\t") { return (candidate, index - indentation.startIndex + 1) }
        }
        return nil
    }

    /// The first control character that YAML does not allow.
    var control: (line: Int, column: Int)? {
        place { scalar in
            switch scalar.value {
            case 9, 10, 13, 0x85, 0x20...0x7e, 0xa0...0xd7ff, 0xe000...0xfffd, 0x10000...0x10ffff: false
            default: true
            }
        }.map { ($0.line, $0.column) }
    }

    /// The first character that can make a file look other than it is: byte order marks, zero-width and
    /// bidirectional controls, private use.
    var invisible: (line: Int, column: Int, scalar: Unicode.Scalar)? {
        place { scalar in
            switch scalar.value {
            case 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x2069, 0xe000...0xf8ff, 0xfeff: true
            default: false
            }
        }
    }

    private func place(_ match: (Unicode.Scalar) -> Bool) -> (line: Int, column: Int, scalar: Unicode.Scalar)? {
        guard let index = scalars.firstIndex(where: match) else { return nil }
        let line = starts.lastIndex { $0 <= index } ?? 0
        return (line + 1, index - starts[line] + 1, scalars[index])
    }

    /// The place of the first anchor, when the text has so many anchors and aliases that a parser that follows them
    /// could run for hours: 29 aliases stand for at most 3^10 values.
    var aliasBomb: (line: Int, column: Int)? {
        var anchors: [Int] = []
        var aliases = 0
        for index in scalars.indices where scalars[index] == "&" || scalars[index] == "*" {
            let before = index == 0 ? " " : scalars[index - 1]
            let after = index + 1 < scalars.count ? scalars[index + 1] : " "
            guard " \t\n\r[{,:?-".unicodeScalars.contains(before),
                after.properties.isAlphabetic || "0123456789_-".unicodeScalars.contains(after)
            else { continue }
            if scalars[index] == "&" { anchors.append(index) } else { aliases += 1 }
        }
        guard anchors.count >= 2, aliases >= 30 else { return nil }
        let line = starts.lastIndex { $0 <= anchors[0] } ?? 0
        return (line + 1, anchors[0] - starts[line] + 1)
    }
}
